"""What goes out as a checkpoint, and what cannot."""

from pathlib import Path

import pytest
import torch

from diptych import model_file
from diptych.errors import DiptychError
from diptych.exchange.exporting import export_checkpoint
from diptych.exchange.importing import import_checkpoint
from diptych.images.domain import Domain, plain
from diptych.model_file import Dataset, Header, Network, write_model
from diptych.networks import at_test_time, build_generator

RGB = plain("a")
X = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1


def written(path: Path, name: str, source: Domain = RGB, **options) -> torch.nn.Module:
    """A model file of random weights, and its generator."""
    torch.manual_seed(0)
    network = build_generator(name, **options)
    header = Header(
        generator=Network(name=name, options=options),
        size_multiple=network.size_multiple,
        crop_size=(64, 64),
        source=source,
        target=plain("b"),
        test=model_file.TestTime(),
        dataset=Dataset(fingerprint="", pairs={}),
        recipe={},
    )
    write_model(path, network.state_dict(), header)
    return at_test_time(network, noisy=False)


@pytest.mark.parametrize("statistics", ["batch", "image", "instance", "none"])
@pytest.mark.parametrize(
    ("name", "options"),
    [("unet", {"levels": 6, "dropout": 0.0}), ("resnet", {"blocks": 2, "dropout": 0.5})],
)
@torch.no_grad()
def test_a_model_trained_here_runs_there(name, options, statistics, theirs, tmp_path):
    """Loaded by their names into their network, it gives what it gives here."""
    model = tmp_path / "m.safetensors"
    network = written(model, name, base_channels=4, statistics=statistics, **options)
    notes = export_checkpoint(model, tmp_path / "m.pth")
    norm = {"image": "batch"}.get(statistics, statistics)
    size = {key: options[key] for key in ("levels", "blocks") if key in options}
    their = theirs(name, norm, bool(options["dropout"]), **size)
    their.load_state_dict(torch.load(tmp_path / "m.pth", weights_only=True), strict=True)
    for module in their.modules():
        module.training = isinstance(module, torch.nn.BatchNorm2d)
    torch.testing.assert_close(their(X), network(X), atol=1e-5, rtol=0)
    assert f"--ngf 4 --norm {norm} --input_nc 3 --output_nc 3" in notes[0]
    assert ("--no_dropout" in notes[0]) == (not options["dropout"])
    assert any("without --eval" in note for note in notes) == (norm == "batch")


def test_what_it_says(tmp_path):
    model, out = tmp_path / "m.safetensors", tmp_path / "m.pth"
    for options, netg in (
        ({"levels": 8}, "--netG unet_256 "),
        ({"levels": 7}, "--netG unet_128 "),
        ({"levels": 5}, "num_downs=5"),
    ):
        written(model, "unet", base_channels=1, **options)
        notes = export_checkpoint(model, out)
        assert netg in notes[0]
        assert any("one layer further up" in note for note in notes), "where the paper has it"
    for blocks, netg in ((9, "resnet_9blocks "), (6, "resnet_6blocks "), (4, "n_blocks=4")):
        written(model, "resnet", base_channels=1, blocks=blocks)
        assert netg in export_checkpoint(model, out)[0]
    labels = Domain(name="a", kind="labels", channels=3)
    written(model, "resnet", labels, base_channels=1, blocks=1)
    assert "does not make labels pictures, as the sources are" in export_checkpoint(model, out)[-1]


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("residual", {"blocks": 1}, "generator residual"),
        ("unet", {"levels": 5, "skips": False}, "a U-Net without skips"),
        ("unet", {"levels": 5, "noise_channels": 2}, "noise beside the source"),
        ("unet", {"levels": 4}, "a U-Net of 4 levels"),
    ],
)
def test_what_cannot_go_out_is_one_line(name, options, says, tmp_path):
    model = tmp_path / "m.safetensors"
    written(model, name, base_channels=1, **options)
    with pytest.raises(DiptychError, match=f"{says}: .* has no such network") as caught:
        export_checkpoint(model, tmp_path / "m.pth")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "m.pth").exists()


def test_the_generator_goes_out_alone(saved, tmp_path):
    generator, judge = saved("resnet", "batch", False), saved("patches", "batch")
    model, out = tmp_path / "m.safetensors", tmp_path / "m.pth"
    import_checkpoint(generator, model, discriminator=judge)
    export_checkpoint(model, out)
    assert list(torch.load(out, weights_only=True)) == list(
        torch.load(generator, weights_only=True)
    )
