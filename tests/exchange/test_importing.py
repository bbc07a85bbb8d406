"""Checkpoints of pytorch-CycleGAN-and-pix2pix: its outputs are ours, its tensors go out again."""

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import diptych
from diptych.errors import DiptychError
from diptych.exchange.exporting import export_checkpoint
from diptych.exchange.foreign_checkpoint import read_checkpoint
from diptych.exchange.importing import import_checkpoint, import_notes, to_ours
from diptych.exchange.layout import COUNT
from diptych.exchange.recognise import recognise_discriminator
from diptych.model_file import Network, read_discriminator, read_header, read_model
from diptych.networks import build_discriminator, normalize_by_stored

PEERS = (
    "unet_256_batch",
    "unet_128_instance_nodropout",
    "resnet_9blocks_instance_nodropout",
    "resnet_6blocks_batch_gray_to_rgb",
)
CLOSE = {"atol": 1e-4, "rtol": 0.0}


def tensors(path: Path) -> dict[str, Tensor]:
    return torch.load(path, weights_only=True)


@torch.inference_mode()
def ours(model: Path, x: Tensor, normalization: str = "image", **given) -> Tensor:
    generator = diptych.load(model, normalization=normalization, **given).generator
    generator.to(memory_format=torch.contiguous_format)  # in whose order noise is drawn
    torch.manual_seed(3)
    return torch.cat([generator(each[None]) for each in x])


@pytest.mark.parametrize("name", PEERS)
def test_real_checkpoints_give_their_own_outputs_and_go_out_again(name, shared_data, tmp_path):
    folder = shared_data / "peer" / name
    given = folder / "latest_net_G.pth"
    model = tmp_path / "model.safetensors"
    header = import_checkpoint(given, model)
    known = {key: torch.from_numpy(values) for key, values in np.load(folder / "io.npz").items()}
    torch.testing.assert_close(
        ours(model, known["x"]), known["y_train_mode_without_dropout"], **CLOSE
    )
    stored = "stored" if "batch" in name else "image"
    torch.testing.assert_close(ours(model, known["x"], stored), known["y_eval"], **CLOSE)

    again = tmp_path / "again.pth"
    export_checkpoint(model, again)
    before, after = tensors(given), tensors(again)
    assert list(after) == list(before)
    assert [t.shape for t in after.values()] == [t.shape for t in before.values()]
    assert [t.dtype for t in after.values()] == [t.dtype for t in before.values()]
    lost = {key for key, tensor in before.items() if not torch.equal(after[key], tensor)}
    # A counter, and biases that instance normalisation takes away again.
    assert all(key.endswith((COUNT, ".bias")) and not after[key].any() for key in lost)
    assert "bias" not in "".join(lost) or header.generator.options["statistics"] == "instance"
    second = tmp_path / "second.safetensors"
    assert import_checkpoint(again, second).generator == header.generator
    assert torch.equal(ours(second, known["x"]), ours(model, known["x"]))


def judge_of(network: Network, weights: dict[str, Tensor]) -> nn.Module:
    judge = build_discriminator(network.name, **network.options)
    judge.load_state_dict(weights)
    return judge.eval()


@torch.no_grad()
def test_a_real_discriminator_gives_its_own_logits(shared_data, tmp_path):
    folder = shared_data / "peer" / "unet_256_batch"
    model = tmp_path / "model.safetensors"
    header = import_checkpoint(
        folder / "latest_net_G.pth", model, discriminator=folder / "latest_net_D.pth"
    )
    known = {key: torch.from_numpy(values) for key, values in np.load(folder / "io.npz").items()}
    judge = judge_of(header.discriminator, read_discriminator(model))
    assert normalize_by_stored(judge)
    logits = judge(torch.cat([known["x"], known["target"]], 1))
    torch.testing.assert_close(logits, known["d_eval"], **CLOSE)
    assert not any(name.startswith("discriminator") for name in read_model(model)[1])
    assert header.discriminator.options["receptive_field"] == 70


X = torch.rand(2, 3, 64, 128, generator=torch.Generator().manual_seed(1)) * 2 - 1
MADE = [
    *[("unet", norm, dropout, {}) for norm in ("batch", "instance") for dropout in (True, False)],
    ("unet", "none", True, {}),
    ("unet", "batch", False, {"levels": 5, "cin": 1, "cout": 5, "width": 2}),
    *[("resnet", norm, dropout, {}) for norm in ("batch", "none") for dropout in (True, False)],
    ("resnet", "instance", True, {"blocks": 3, "cin": 4, "cout": 1}),
    ("resnet", "instance", False, {"blocks": 1}),
]


@pytest.mark.parametrize(("kind", "norm", "dropout", "options"), MADE)
@torch.no_grad()
def test_any_generator_is_recognised_by_its_tensors(
    kind, norm, dropout, options, theirs, saved, tmp_path
):
    network = theirs(kind, norm, dropout, **options)
    told = dropout if kind == "unet" else None
    model = tmp_path / "model.safetensors"
    header = import_checkpoint(saved(kind, norm, dropout, **options), model, dropout=told)
    found = header.generator.options
    assert (header.generator.name, found["statistics"]) == (kind, norm)
    assert found["dropout"] == (0.5 if dropout else 0)
    x = X[:, : options["cin"]] if options.get("cin", 3) < 3 else X
    x = torch.cat([x, x], 1)[:, : options.get("cin", 3)]
    stored = "stored" if norm == "batch" else "image"
    torch.testing.assert_close(ours(model, x, stored), network.eval()(x), atol=1e-5, rtol=0)
    for module in network.modules():
        module.training = isinstance(module, nn.BatchNorm2d)
    expected = torch.cat([network(each[None]) for each in x])
    torch.testing.assert_close(ours(model, x), expected, atol=1e-5, rtol=0)
    if not dropout:
        return
    network.train()  # the same noise, drawn in the same places
    torch.manual_seed(3)
    expected = torch.cat([network(each[None]) for each in x])
    noisy = ours(model, x, dropout=True)
    torch.testing.assert_close(noisy, expected, atol=1e-5, rtol=0)
    assert not torch.allclose(noisy, ours(model, x), atol=1e-3)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize(("kind", "strided", "field"), [
    ("patches", 1, 16), ("patches", 2, 34), ("patches", 3, 70), ("patches", 5, 286),
    ("pixels", 0, 1),
])  # fmt: skip
@torch.no_grad()
def test_any_discriminator_is_recognised_by_its_tensors(kind, strided, field, norm, theirs, saved):
    options = {"strided": strided} if strided else {}
    network = theirs(kind, norm, **options).eval()
    path = saved(kind, norm, **options)
    state = read_checkpoint(path)
    found = recognise_discriminator(state, path)
    assert found.options["receptive_field"] == field
    judge = judge_of(found, to_ours(found, state))
    assert normalize_by_stored(judge) == (norm == "batch")
    pairs = torch.cat([X, X.flip(1)], 1).repeat(1, 1, 4, 4)
    expected = torch.cat([network(pair[None]) for pair in pairs])
    torch.testing.assert_close(judge(pairs), expected, atol=1e-5, rtol=1e-5)


def test_other_ways_to_save_it(theirs, saved, tmp_path):
    path = saved("resnet", "batch", False)
    import_checkpoint(path, tmp_path / "a.safetensors")
    expected = ours(tmp_path / "a.safetensors", X)
    state = theirs("resnet", "batch", False).state_dict()
    assert state._metadata  # which DataParallel and optimised copies keep
    ways = {
        "parallel": {f"module.{name}": tensor for name, tensor in state.items()},
        "parameters": OrderedDict((n, nn.Parameter(t) if t.ndim else t) for n, t in state.items()),
        "before counters": {n: t for n, t in state.items() if not n.endswith(COUNT)},
    }
    for way, tensors in ways.items():
        for zipped in (True, False):
            torch.save(tensors, path, _use_new_zipfile_serialization=zipped)
            import_checkpoint(path, tmp_path / "b.safetensors")
            assert torch.equal(ours(tmp_path / "b.safetensors", X), expected), way
    torch.save({n: t.half() if t.is_floating_point() else t for n, t in state.items()}, path)
    import_checkpoint(path, tmp_path / "b.safetensors")
    halved = ours(tmp_path / "b.safetensors", X) - expected
    assert 0 < halved.abs().max() < 0.05


def test_running_statistics_that_early_instance_normalisation_left(theirs, saved, tmp_path):
    path = saved("unet", "instance", False)
    state = theirs("unet", "instance", False).state_dict()
    for name in ("model.model.1.model.2", "model.model.1.model.6"):
        state |= {f"{name}.running_mean": torch.ones(8), f"{name}.running_var": torch.ones(8)}
    torch.save(state, path)
    header = import_checkpoint(path, tmp_path / "m.safetensors")
    assert header.generator.options["statistics"] == "instance"


def test_what_the_header_says(saved, tmp_path):
    model = tmp_path / "m.safetensors"
    path = saved("unet", "batch", True)
    header = import_checkpoint(
        path, model, names=("labels", "photo"), direction="b_to_a", mode="eval"
    )
    assert header == read_header(model)
    assert (header.source.name, header.target.name) == ("labels", "photo")
    assert (header.strip.panels, header.strip.source, header.strip.target) == (2, 1, 0)
    assert header.crop_size == (64, 64)
    assert header.size_multiple == 64
    assert header.recipe["data"]["load_size"] == 71
    assert header.recipe["data"]["direction"] == "b_to_a"
    assert header.test.normalization == "stored"
    assert torch.equal(ours(model, X, None), ours(model, X, "stored"))
    assert not torch.allclose(ours(model, X, None), ours(model, X))
    assert "--eval" in import_notes(header, guessed=False)[0]
    header = import_checkpoint(saved("resnet", "instance", False, cin=1), model, mode="eval")
    assert header.test.normalization == "image", "which is the same there"
    assert (header.source.kind, header.source.channels) == ("values", 1)
    assert header.crop_size == (256, 256)
    assert header.size_multiple == 4


def test_gray_pictures_are_seen_as_there(saved, theirs, tmp_path):
    """0 to 255 as -1 to 1."""
    model = tmp_path / "m.safetensors"
    import_checkpoint(saved("resnet", "instance", False, cin=1), model)
    gray = np.random.default_rng(0).integers(0, 256, (32, 36, 1), np.uint8)
    with torch.no_grad():
        seen = torch.from_numpy(gray).permute(2, 0, 1)[None] / 127.5 - 1
        expected = (theirs("resnet", "instance", False, cin=1)(seen)[0] + 1) * 127.5
    found = diptych.load(model).translate(gray[None])[0]
    assert np.abs(found - expected.permute(1, 2, 0).numpy()).max() <= 0.51


@pytest.mark.parametrize(
    ("kind", "norm", "said"),
    [
        ("unet", "batch", "to have dropout"),
        ("unet", "instance", "to have no"),
        ("resnet", "batch", None),
    ],
)
def test_what_was_guessed_is_said(kind, norm, said, saved, tmp_path):
    header = import_checkpoint(saved(kind, norm, norm == "batch"), tmp_path / "m.safetensors")
    notes = import_notes(header, guessed=True)
    assert any("taken" in note for note in notes) == (said is not None)
    assert said is None or any(said in note for note in notes)
    assert not any("taken" in note for note in import_notes(header, guessed=False))


# What is no such checkpoint.


class Harm:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def one_line(path: Path, out: Path | None = None, **given) -> str:
    with pytest.raises(DiptychError) as caught:
        import_checkpoint(path, out or path.with_name("out.safetensors"), **given)
    message = str(caught.value)
    assert "\n" not in message
    assert not path.with_name("out.safetensors").exists()
    return message


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("beside", ["alone", "among tensors"])
def test_code_in_a_file_is_not_executed(beside, zipped, saved, tmp_path):
    path, harm = saved("resnet", "batch", False), tmp_path / "harm"
    state = dict(tensors(path))
    content = Harm(harm) if beside == "alone" else state | {"model.1.weight": Harm(harm)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    message = one_line(path)
    assert message.startswith(f"{path}: holds code beside tensors, which is not executed")
    assert not harm.exists()
    path.write_bytes(pickle.dumps(Harm(harm)))
    assert one_line(path).startswith(f"{path}: ")
    assert not harm.exists()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kept", [0, 1, 100, 2000, -3000, -1])
def test_a_truncated_file(kept, zipped, saved):
    path = saved("unet", "batch", True)
    torch.save(tensors(path), path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:kept])
    assert "not a whole checkpoint" in one_line(path)


def test_a_file_that_unpacks_to_more_than_it_holds(saved, tmp_path):
    path = saved("unet", "batch", True)
    packed = path.with_name("packed.pth")
    with zipfile.ZipFile(path) as parts, zipfile.ZipFile(packed, "w") as out:
        for part in parts.infolist():
            content = parts.read(part)
            out.writestr(part.filename, bytes(len(content) * 50), zipfile.ZIP_DEFLATED)
    assert "unpacks to more" in one_line(packed)
    torch.save({"model.1.weight": torch.zeros(1).expand(10**6, 10**6)}, path)
    assert "larger than the file" in one_line(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({}, "holds no tensors"),
        ([torch.zeros(3)], "holds no tensors"),
        (torch.zeros(3), "holds no tensors"),
        ({"epoch": 3, "state_dict": {"a": torch.zeros(1)}}, "'epoch' is no plain tensor"),
        ({3: torch.zeros(3)}, "'3' is no plain tensor"),
        ({"a": torch.zeros(3).to_sparse()}, "'a' is no plain tensor"),
        ({"conv1.weight": torch.zeros(3), "fc.bias": torch.zeros(1)}, "another model"),
        ({"model.model.0.weight": torch.zeros(3)}, "another model"),
        ({"model.model.1.model.1.weight": torch.zeros(3)}, "another model"),
        ({"model.10.conv_block.1.weight": torch.zeros(3)}, "another model"),
    ],
)
def test_what_is_another_model_says_so(content, says, tmp_path):
    path = tmp_path / "x.pth"
    torch.save(content, path)
    assert says in one_line(path)


def test_one_tensor_that_does_not_fit_is_named(theirs, saved):
    path = saved("unet", "batch", True)
    name = "model.model.1.model.3.model.1.weight"
    state = theirs("unet", "batch", True).state_dict()
    for changed, says in (
        (state | {name: torch.zeros(1, 2, 3, 4)}, f"{name} is (1, 2, 3, 4), expected"),
        ({key: tensor for key, tensor in state.items() if key != name}, f"{name} is missing"),
        (state | {"model.more": torch.zeros(3)}, "model.more is (3,), expected nothing"),
        (state | {"model.model.0.weight": torch.zeros(4, 0, 4, 4)}, "no plain tensor"),
    ):
        torch.save(changed, path)
        assert says in one_line(path)


def test_networks_in_each_others_place(saved, tmp_path):
    judge, generator = saved("patches", "batch"), saved("resnet", "batch", False)
    assert "a discriminator: give the generator" in one_line(judge)
    message = one_line(generator, discriminator=generator)
    assert message.startswith(f"{generator}: ")
    torch.save({"a": torch.zeros(3)}, judge)
    assert "latest_net_D.pth" in one_line(generator, discriminator=judge)
    assert "strided layers; 1 to 5" in one_line(
        generator, discriminator=saved("patches", "batch", strided=6)
    )


def test_wrong_options_are_one_line(saved, tmp_path):
    path = saved("resnet", "batch", False)
    assert "--mode 'train': one of test, eval" in one_line(path, mode="train")
    assert "--direction 'left'" in one_line(path, direction="left")
    assert "tell that it has no dropout" in one_line(path, dropout=True)
    assert "something.safetensors" in one_line(path, tmp_path / "out.pth")
    assert "no such file" in one_line(tmp_path / "none.pth")


@pytest.mark.parametrize(
    ("options", "says"), [({"cin": 600}, "channels: Input should be"), ({"levels": 11}, "multiple")]
)
def test_what_no_model_file_can_hold_is_one_line(options, says, saved, tmp_path):
    checkpoint = saved("unet", "batch", dropout=False, width=1, **options)
    with pytest.raises(DiptychError, match=says) as caught:
        import_checkpoint(checkpoint, tmp_path / "m.safetensors")
    assert str(caught.value).startswith(f"{checkpoint}: ")
    assert "\n" not in str(caught.value)
