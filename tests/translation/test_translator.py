from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from diptych import model_file
from diptych.errors import DiptychError
from diptych.images.encoding import to_pictures, to_unit_range
from diptych.images.lab import rgb_to_lab
from diptych.images.padding import pad_to_multiple
from diptych.model_file import Dataset, Domain, Header, Network, write_model
from diptych.networks import build_generator
from diptych.networks.padded import normalize_by_picture, own_part, translate_padded
from diptych.pix2pix import UNetGenerator
from diptych.translation.loading import load
from diptych.translation.network_translator import NetworkTranslator

OPTIONS = {"base_channels": 4, "levels": 5}


def tiny(**options) -> UNetGenerator:
    """A generator whose answers differ clearly from pixel to pixel."""
    torch.manual_seed(0)
    generator = UNetGenerator(**{**OPTIONS, **options})
    nn.init.normal_(generator.out.weight, 0, 0.5)
    return generator


def header(size_multiple: int = 32, noisy: bool = False, **options) -> Header:
    return Header(
        generator=Network(name="unet", options={**OPTIONS, **options}),
        size_multiple=size_multiple,
        crop_size=(32, 32),
        source=Domain(name="drawing"),
        target=Domain(name="colour"),
        test=model_file.TestTime(dropout=noisy),
        dataset=Dataset(fingerprint="0" * 16, pairs={"train": 1}),
        recipe={},
    )


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "run" / "model.safetensors"
    write_model(path, tiny().state_dict(), header())
    return path


def pixels(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


class Echo(nn.Module):
    """Answers with what it is given, and remembers the sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[tuple[tuple[int, ...], tuple[int, int]]] = []

    def forward(self, source: torch.Tensor) -> torch.Tensor:
        self.given.append((tuple(source.shape), tuple(own_part(source).shape[-2:])))
        assert source.min() >= -1
        assert source.max() <= 1
        return source


SIZES = [(1, 1), (5, 300), (31, 33), (32, 32), (64, 96), (517, 301)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_any_size_in_and_the_same_out(height, width):
    """Nothing is moved, rounded twice or resized on the way through the padding."""
    echo, picture = Echo(), pixels(height, width)
    translated = NetworkTranslator(header(), echo)(picture)
    assert np.array_equal(np.asarray(translated), picture)
    padded = tuple(-(-side // 32) * 32 for side in (height, width))
    assert echo.given[-1] == ((1, 3, *padded), (height, width))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_generator_takes_any_size(height, width):
    translator = NetworkTranslator(header(), tiny())
    translated = np.asarray(translator(pixels(height, width)))
    assert translated.shape == (height, width, 3)
    assert translated.std() > 5 or height == width == 1
    assert np.array_equal(translated, np.asarray(translator(pixels(height, width))))


def test_the_papers_depth_takes_a_single_pixel():
    translator = NetworkTranslator(header(256, levels=8), tiny(levels=8, base_channels=2))
    assert translator(pixels(1, 1)).size == (1, 1)


@pytest.mark.parametrize("size", [(32, 32), (33, 45)])
def test_a_batch_equals_one_at_a_time(size):
    """Statistics are each picture's own: a dark or flat neighbour changes nothing."""
    translator = NetworkTranslator(header(), tiny(statistics="batch"))
    pictures = np.stack([pixels(*size), pixels(*size, seed=1) // 8, np.full((*size, 3), 200)])
    pictures = pictures.astype(np.uint8)
    together = translator.translate(pictures)
    singly = np.stack([translator.translate(picture[None])[0] for picture in pictures])
    assert np.abs(together.astype(int) - singly).max() <= 1, "at most a rounding apart"
    assert all((together[i] != together[i - 1]).mean() > 0.5 for i in range(3))


def test_noise_is_by_dropout_alone_and_follows_the_seed():
    quiet, noisy = (
        NetworkTranslator(header(), tiny(), dropout=dropout) for dropout in (False, True)
    )
    picture = pixels(40, 40)

    def translate(translator: NetworkTranslator, seed: int) -> np.ndarray:
        translator.seed(seed)
        return np.asarray(translator(picture))

    assert np.array_equal(translate(quiet, 0), translate(quiet, 1))
    assert np.array_equal(translate(noisy, 0), translate(noisy, 0))
    assert not np.array_equal(translate(noisy, 0), translate(noisy, 1))
    assert not np.array_equal(np.asarray(noisy(picture)), np.asarray(noisy(picture)))


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("said", [None, False, True])
def test_dropout_is_as_stored_unless_said_otherwise(stored, said, tmp_path):
    path = tmp_path / "model.safetensors"
    write_model(path, tiny().state_dict(), header(noisy=stored))
    translator = load(path, device="cpu", dropout=said)
    first, second = (np.asarray(translator(pixels(32, 32))) for _ in range(2))
    assert np.array_equal(first, second) != (stored if said is None else said)


def test_a_picture_may_come_in_many_forms(tmp_path):
    picture = pixels(20, 30)
    path = tmp_path / "a.png"
    Image.fromarray(picture).save(path)
    translator = NetworkTranslator(header(), tiny())
    expected = np.asarray(translator(picture))
    for form in (str(path), path, Image.fromarray(picture)):
        translated = translator(form)
        assert translated.mode == "RGB"
        assert np.array_equal(np.asarray(translated), expected)


@pytest.mark.parametrize(
    "picture",
    [
        Image.fromarray(np.linspace(0, 65535, 600).astype(np.uint16).reshape(20, 30)),
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 4), np.uint8)),
        Image.fromarray(pixels(20, 30)).quantize(9),
    ],
    ids=lambda picture: picture.mode,
)
def test_a_picture_in_memory_means_what_its_file_means(picture, tmp_path):
    picture.save(tmp_path / "a.png")
    translator = NetworkTranslator(header(), Echo())
    assert np.array_equal(
        np.asarray(translator(picture)), np.asarray(translator(tmp_path / "a.png"))
    )


@pytest.mark.parametrize(
    "picture",
    [np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros(3, np.uint8)],
)
def test_another_array_is_refused(picture):
    with pytest.raises(DiptychError, match=r"uint8 arrays \(N, H, W, 3\); these are"):
        NetworkTranslator(header(), Echo())(picture)


@torch.inference_mode()
def test_what_is_loaded_is_what_was_stored(model):
    picture = pixels(32, 64)
    expected = to_pictures(tiny().eval()(to_unit_range(torch.from_numpy(picture))[None]))[0]
    for place in (model, str(model), model.parent):
        translator = load(place, device="cpu")
        assert translator.header == header()
        assert np.abs(np.asarray(translator(picture)).astype(int) - expected).max() <= 1
    odd = pixels(33, 20)
    padded = pad_to_multiple(to_unit_range(torch.from_numpy(odd))[None], 32)
    network = tiny().eval()
    normalize_by_picture(network)
    expected = to_pictures(translate_padded(network, padded, (33, 20)))[0]
    assert np.abs(np.asarray(translator(odd)).astype(int) - expected).max() <= 1


def test_weights_of_half_precision_are_taken(model):
    halves = {name: weight.half() for name, weight in tiny().state_dict().items()}
    whole = np.asarray(load(model, device="cpu")(pixels(32, 32)))
    write_model(model, halves, header())
    half = np.asarray(load(model, device="cpu")(pixels(32, 32)))
    assert 0 < np.abs(whole.astype(int) - half).mean() < 2


def one_line(path: Path, **options) -> str:
    with pytest.raises(DiptychError) as caught:
        load(path, **{"device": "cpu", **options})
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda weights: weights.pop("out.bias"), "out.bias is missing, expected (3,)"),
        (
            lambda weights: weights.update({"extra": torch.zeros(2)}),
            "extra is (2,), expected nothing",
        ),
        (
            lambda weights: weights.update({"out.bias": torch.zeros(4)}),
            "out.bias is (4,), expected (3,)",
        ),
        (lambda weights: weights.clear(), "down.0.conv.weight is missing"),
    ],
)
def test_weights_that_do_not_fit_are_named(change, part, tmp_path):
    weights = tiny().state_dict()
    change(weights)
    path = tmp_path / "model.safetensors"
    write_model(path, weights, header())
    message = one_line(path)
    assert message.startswith(f"{path}: does not fit its own header: ")
    assert part in message


@pytest.mark.parametrize(
    "options",
    [
        {"base_channels": 8},
        {"base_channels": -4},
        {"base_channels": 2.5},
        {"base_channels": 10**12},  # more memory than there is
        {"levels": 6},
        {"levels": 0},
        {"levels": "5"},
        {"levels": None},
        {"dropout": 5},
        {"in_channels": [3]},
        {"skips": False},
        {"unheard_of": 1},
    ],
    ids=str,
)
def test_options_that_do_not_fit_are_named(options, tmp_path):
    path = tmp_path / "model.safetensors"
    write_model(path, tiny().state_dict(), header(**options))
    message = one_line(path)
    assert message.startswith(f"{path}: ")
    assert any(part in message for part in (*map(str, options), "does not fit its own header"))


def test_a_generator_of_another_diptych_is_named(tmp_path):
    path = tmp_path / "model.safetensors"
    other = header().model_copy(update={"generator": Network(name="later", options={})})
    write_model(path, tiny().state_dict(), other)
    known = "one of unet, residual, resnet, resunet, compact"
    assert one_line(path) == f"{path}: generator.name 'later' is not known: {known}"


def test_what_is_no_model_is_named(tmp_path):
    assert "no such model" in one_line(tmp_path / "none")
    assert "a folder without model.safetensors" in one_line(tmp_path)
    (tmp_path / "a.png").write_bytes(b"a picture")
    assert one_line(tmp_path / "a.png").startswith(f"{tmp_path / 'a.png'}: not a whole")


@pytest.mark.parametrize("device", ["gpu", "", "cuda:0", "cuda"])
def test_a_device_that_is_not_there_names_those_that_are(device, model, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert one_line(model, device=device) == (
        f"--device {device!r}: not to be had on this machine; usable: auto, cpu"
    )
    assert load(model).device == torch.device("cpu"), "what auto then means"


def test_threads_are_those_asked_for(model, monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    load(model, device="cpu")
    load(model, device="cpu", threads=3)
    assert asked == [3]


def test_memory_is_given_in_bytes_or_in_words(model):
    assert load(model, memory="2GB").memory == load(model, memory=2 * 10**9).memory == 2 * 10**9
    assert load(model).memory is None
    assert one_line(model, memory="lots") == "memory 'lots': give it as 2GB or 800MB"


# --- tasks: enlarging, colouring, filling holes, sides of two shapes, noise as an input ---


def task(name: str, options: dict, noise_seed: int = 0, **changes) -> NetworkTranslator:
    """A translator by a random network."""
    torch.manual_seed(noise_seed)
    network = build_generator(name, **options)
    nn.init.normal_(getattr(network, "generator", network).out.weight, 0, 0.5)
    about = header(getattr(network, "size_multiple", 1)).model_copy(
        update={"generator": Network(name=name, options=options), **changes}
    )
    return NetworkTranslator(about, network)


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize(("height", "width"), [(17, 31), (1, 1), (40, 8)])
def test_so_many_times_as_large(scale, height, width):
    options = {"base_channels": 4, "blocks": 1, "scale": scale}
    translator = task("residual", options, scale=scale)
    made = translator(pixels(height, width))
    assert made.size == (scale * width, scale * height)
    batch = translator.translate(pixels(height, width)[None])
    assert np.array_equal(batch[0], np.asarray(made))


def test_a_padded_source_is_cut_back_to_its_scale():
    """Were a generator to need a multiple, and enlarge as well."""

    class Larger(Echo):
        def forward(self, source: torch.Tensor) -> torch.Tensor:
            return super().forward(source).repeat_interleave(4, -1).repeat_interleave(4, -2)

    echo, picture = Larger(), pixels(17, 31)
    about = header().model_copy(update={"scale": 4})
    made = np.asarray(NetworkTranslator(about, echo)(picture))
    assert np.array_equal(made, picture.repeat(4, 0).repeat(4, 1))
    assert echo.given == [((1, 3, 32, 32), (17, 31))]


LAB = {
    "source": Domain(name="gray", channels=1, kind="lightness"),
    "target": Domain(name="colour", channels=2, kind="chroma"),
}


@pytest.mark.parametrize("seed", range(3))
def test_colouring_leaves_the_lightness_as_it_is(seed):
    translator = task("unet", {**OPTIONS, "in_channels": 1, "out_channels": 2}, seed, **LAB)
    for picture in (pixels(33, 45), pixels(33, 45)[..., :1].repeat(3, -1)):
        made = np.asarray(translator(picture))
        was, now = (
            rgb_to_lab(torch.tensor(side).movedim(-1, 0) / 255)[0] for side in (picture, made)
        )
        torch.testing.assert_close(was, now, atol=0.5, rtol=0)
        assert np.ptp(made.astype(int), axis=2).mean() > 5, "it is coloured"
    gray = Image.fromarray(picture).convert("L")
    assert translator(gray).mode == "RGB"


HOLES = {"source": Domain(name="hole", channels=4, kind="rgba")}


@pytest.mark.parametrize("name", ["unet", "residual"])
def test_what_is_known_is_kept_exactly(name, tmp_path):
    options = {"in_channels": 4, **(OPTIONS if name == "unet" else {"base_channels": 4})}
    translator = task(name, options, **HOLES)
    given = np.concatenate([pixels(33, 45), np.full((33, 45, 1), 255, np.uint8)], 2)
    given[5:20, 9:30, 3] = 0
    made = np.asarray(translator(given))
    known = given[..., 3] == 255
    assert made.shape == (33, 45, 3)
    assert np.array_equal(made[known], given[..., :3][known])
    assert (made[~known] != given[..., :3][~known]).mean() > 0.9
    # Whatever lies under the hole, and from a file as from memory.
    given[..., :3][~known] = 99
    Image.fromarray(given).save(tmp_path / "a.png")
    for form in (given, Image.fromarray(given), tmp_path / "a.png"):
        assert np.array_equal(np.asarray(translator(form)), made)
    whole = Image.fromarray(given[..., :3])
    assert translator(whole).tobytes() == whole.tobytes(), "nothing is missing"
    with pytest.raises(DiptychError, match=r"uint8 arrays \(N, H, W, 4\); these are"):
        translator(given[..., :3])


def test_results_of_another_shape_have_the_targets_size():
    echo = Echo()
    about = header().model_copy(update={"target_size": (40, 50)})
    made = NetworkTranslator(about, echo)(pixels(20, 110))
    assert made.size == (40, 50)
    assert echo.given == [((1, 3, 32, 32), (32, 32))], "squeezed as in training"
    square = Image.fromarray(pixels(20, 110)).resize((32, 32), Image.Resampling.BICUBIC)
    expected = square.resize((40, 50), Image.Resampling.BICUBIC)
    assert np.array_equal(np.asarray(made), np.asarray(expected))


def at_scale(picture_size: tuple[int, int] | None = None, fit: str = "shorter") -> Header:
    """Of a model that learned from whole pictures."""
    recipe = {"data": {"fit": fit}}
    return header().model_copy(update={"recipe": recipe, "picture_size": picture_size})


@pytest.mark.parametrize(
    ("about", "within"),
    [
        (at_scale(), (32, 55)),
        (at_scale((300, 300), "resize"), (32, 55)),
        (at_scale((64, 110), "resize"), (32, 32)),  # squeezed as those were
    ],
)
def test_at_the_scale_of_the_training_and_back(about, within):
    echo = Echo()
    plain_way = NetworkTranslator(about, echo)
    scaled = plain_way.scaled()
    picture = pixels(64, 110)
    made = np.asarray(scaled(picture))
    padded = tuple(side + -side % 32 for side in within)
    assert echo.given == [((1, 3, *padded), within)]
    small = Image.fromarray(picture).resize(within[::-1], Image.Resampling.BICUBIC)
    assert np.array_equal(made, np.asarray(small.resize((110, 64), Image.Resampling.BICUBIC)))
    assert np.array_equal(np.asarray(plain_way(picture)), picture), "that one as before"
    assert scaled.together(64, 110) == plain_way.together(*within)


def test_what_is_at_the_scale_of_the_training_is_left_as_it_is():
    scaled = NetworkTranslator(at_scale((300, 300)), Echo()).scaled()
    assert np.array_equal(np.asarray(scaled(pixels(32, 50))), pixels(32, 50))


@pytest.mark.parametrize(
    ("about", "words"),
    [
        (at_scale(fit="patches"), "learned from parts of pictures as they are"),
        (header(), "learned from parts of pictures as they are"),
        (
            at_scale().model_copy(update={"source": Domain(name="holes", kind="rgba", channels=4)}),
            "keeps what it is given",
        ),
    ],
)
def test_not_every_model_has_a_scale_to_go_to(about, words):
    with pytest.raises(DiptychError, match=f"--at-trained-scale: this model {words}"):
        NetworkTranslator(about, Echo()).scaled()


def test_a_scale_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setenv("DIPTYCH_MAX_PIXELS", "10000")
    with pytest.raises(DiptychError, match="102400x32: more than the limit of 10,000 pixels"):
        NetworkTranslator(at_scale(), Echo()).scaled()(pixels(1, 3200))


def test_noise_beside_the_source_is_on_only_where_wanted(tmp_path):
    options = {**OPTIONS, "dropout": 0.0, "noise_channels": 2}
    quiet = task("unet", options)
    path = tmp_path / "model.safetensors"
    write_model(path, quiet.generator.state_dict(), quiet.header)
    picture = pixels(33, 40)
    assert np.array_equal(np.asarray(quiet(picture)), np.asarray(load(path, device="cpu")(picture)))
    noisy = load(path, device="cpu", dropout=True)
    noisy.seed(0)
    first, second = (np.asarray(noisy(picture)) for _ in range(2))
    assert not np.array_equal(first, second)
    noisy.seed(0)
    assert np.array_equal(np.asarray(noisy(picture)), first)


def test_a_model_without_noise_has_none_to_vary(tmp_path):
    path = tmp_path / "model.safetensors"
    write_model(path, tiny(dropout=0.0).state_dict(), header(dropout=0.0))
    message = one_line(path, dropout=True)
    assert message == "--dropout, --samples: this model has no noise to vary"
    load(path, device="cpu", dropout=False)
