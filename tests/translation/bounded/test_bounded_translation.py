"""By windows as whole: the same result, within bounded memory, with nothing left behind."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from tests.translation.test_wished_look import known_looks
from torch import Tensor, nn

from diptych import model_file
from diptych.errors import DiptychError
from diptych.fast.doubling import MergedDouble, MergedFinish
from diptych.fast.quick_twin import twin_in_parts
from diptych.images import tiff_windows
from diptych.images.encoding import to_unit_range
from diptych.images.padding import pad_to_multiple
from diptych.images.rgb import read_image
from diptych.images.windows import ArrayPicture
from diptych.images.writing import save_image
from diptych.model_file import Dataset, Domain, Header, Network
from diptych.networks import GENERATORS, build_generator
from diptych.networks.padded import translate_padded
from diptych.networks.told_look import looks_in
from diptych.translation import network_translator
from diptych.translation.bounded import bounded_translation as bounded
from diptych.translation.bounded import windowed, workspace
from diptych.translation.bounded.workspace import Block, Workspace
from diptych.translation.jobs.file_plan import plan_files
from diptych.translation.jobs.large_files import translate_large
from diptych.translation.jobs.pipeline import translate_files
from diptych.translation.network_translator import NetworkTranslator

TINY = 200_000  # bytes for a window, where the picture takes some tens of megabytes whole
SIZES = [(320, 192), (151, 261), (1, 1), (7, 900)]
UNET = {"base_channels": 8, "levels": 5}
NETWORKS = {
    "unet": ("unet", UNET),
    "unet, the paper's depth": ("unet", {"base_channels": 8, "levels": 8}),
    "unet without skips": ("unet", {**UNET, "skips": False}),
    "unet with noise as an input": ("unet", {**UNET, "noise_channels": 2}),
    "unet of a peer": ("unet", {**UNET, "statistics": "instance"}),
    "unet with stored statistics": ("unet", {**UNET, "stored_statistics": True}),
    "resnet": ("resnet", {"base_channels": 8, "blocks": 2}),
    "compact": ("compact", {"base_channels": 8}),
    "compact that takes a look": ("compact", {"base_channels": 8, "look_numbers": 6}),
    "resunet": ("resunet", {"base_channels": 4, "blocks": 1}),
    "resunet that takes a look": ("resunet", {"base_channels": 4, "blocks": 1, "look_numbers": 6}),
    "resunet with frozen maps": ("resunet", {"base_channels": 4, "blocks": 1, "frozen_maps": 1}),
    "residual": ("residual", {"base_channels": 8, "blocks": 3}),
    "residual, 4 times as large": ("residual", {"base_channels": 4, "blocks": 1, "scale": 4}),
}
LARGER = pytest.param("residual, 4 times as large", marks=pytest.mark.slow)
GRAY = Domain(name="gray", channels=1, kind="lightness")
COLOUR = Domain(name="colour", channels=2, kind="chroma")
HOLES = Domain(name="hole", channels=4, kind="rgba")


def make(name: str, options: dict, noisy: bool = False, **changes) -> NetworkTranslator:
    """A translator by a random network whose answers differ clearly from pixel to pixel."""
    torch.manual_seed(0)
    network = build_generator(name, **options)
    last = getattr(network, "generator", network).out
    nn.init.normal_(getattr(last, "conv", last).weight, 0, 0.5)
    for _, look in looks_in(network):
        nn.init.normal_(look.foretelling)
    header = Header(
        generator=Network(name=name, options=options),
        size_multiple=getattr(network, "size_multiple", 1),
        scale=options.get("scale", 1),
        crop_size=(32, 32),
        source=Domain(name="drawing"),
        target=Domain(name="colour"),
        test=model_file.TestTime(dropout=noisy),
        look=known_looks() if "look_numbers" in options else None,
        dataset=Dataset(fingerprint="", pairs={}),
        recipe={},
    )
    return NetworkTranslator(header.model_copy(update=changes), network)


def pixels(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)


@torch.inference_mode()
def whole_outputs(made: NetworkTranslator, picture: np.ndarray) -> Tensor:
    batch = pad_to_multiple(
        to_unit_range(torch.from_numpy(picture)[None]), made.header.size_multiple
    )
    return translate_padded(made.generator, batch, picture.shape[:2], made.header.scale)


@torch.inference_mode()
def bounded_outputs(
    made: NetworkTranslator, picture: np.ndarray, room: Workspace
) -> tuple[Tensor, int]:
    """All of the outputs, and in how many windows."""
    generator = twin_in_parts(made.generator)
    map_ = bounded.outputs(generator, made.header, ArrayPicture(picture), room)
    outputs, windows = torch.empty(map_.shape), list(map_.windows())
    for rows, columns in windows:
        outputs[..., slice(*rows), slice(*columns)] = map_.compute((rows, columns))
    return outputs, len(windows)


def room_for(made: NetworkTranslator, picture: np.ndarray) -> int:
    """Bytes for small windows: where a pixel is seen from far away the smallest takes more.

    As much as without a look, which is foretold by windows of maps that are kept later on.
    """
    network = made.header.generator
    if "look_numbers" in network.options:
        made = make(network.name, {k: v for k, v in network.options.items() if k != "look_numbers"})
    generator = twin_in_parts(made.generator)
    map_ = bounded.outputs(
        generator, made.header, ArrayPicture(picture), Workspace(10**9, 0, dry=True)
    )
    return max(TINY, int(1.1 * map_.cost(windowed._centred(8, 8, map_))))


class Little:
    """So little memory that pictures are translated by windows, all maps in files."""

    def __init__(self, monkeypatch) -> None:
        self.room, self.notes = 2_000_000, []
        monkeypatch.setattr(network_translator, "may_be_taken", lambda *_: self.room)
        monkeypatch.setattr(bounded, "may_be_taken", lambda *_: 0)
        monkeypatch.setattr(bounded, "BESIDE", 0)
        self.set_window = lambda size: monkeypatch.setattr(bounded, "WINDOW", (size, size))
        self.set_window(TINY)

    def __call__(self, made: NetworkTranslator) -> NetworkTranslator:
        made.notice = self.notes.append
        return made


@pytest.fixture
def little(monkeypatch) -> Little:
    return Little(monkeypatch)


def test_every_generator_is_among_them():
    assert {name for name, _ in NETWORKS.values()} == set(GENERATORS)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [*list(NETWORKS)[:-1], LARGER])
def test_the_outputs_are_those_of_the_whole_picture(name, size):
    made, picture = make(*NETWORKS[name]), pixels(*size)
    expected = whole_outputs(made, picture)
    for keep in (0, TINY, 10**9):
        room = Workspace(room_for(made, picture), keep)
        outputs, count = bounded_outputs(made, picture, room)
        small = size == (1, 1) or "frozen" in name
        assert count > 1 or small, "its widest maps take as much as a small picture"
        assert (outputs - expected).abs().mean() < 2e-6
        assert (outputs - expected).abs().max() < 2e-4
        assert (room.kept, room.on_disk) == (0, 0)


@pytest.mark.parametrize(("high", "wide"), [(16, 517), (301, 24), (9, 31), (64, 64)])
def test_windows_of_any_shape_give_the_same(high, wide, monkeypatch):
    """Also where they do not divide the picture, and lie across the edge of the padding."""
    made, picture = make(*NETWORKS["unet"]), pixels(301, 517)

    def windows(self: windowed.Windowed) -> list:
        return [
            ((top, min(top + high, self.height)), (left, min(left + wide, self.width)))
            for top in range(0, self.height, high)
            for left in range(0, self.width, wide)
        ]

    monkeypatch.setattr(windowed.Windowed, "windows", windows)
    outputs, count = bounded_outputs(made, picture, Workspace(10**9, 0))
    assert count > 10
    assert (outputs - whole_outputs(made, picture)).abs().max() < 1e-4


@pytest.mark.slow
def test_2048_by_2048_both_ways_and_exactly():
    """As close to the whole picture's result as that is to one computed in float64."""
    made, picture = make("unet", {"base_channels": 4, "levels": 8}), pixels(2048, 2048)
    whole = whole_outputs(made, picture)
    outputs, count = bounded_outputs(made, picture, Workspace(8_000_000, 0))
    assert count > 10
    with torch.inference_mode():
        batch = to_unit_range(torch.from_numpy(picture)[None]).double()
        true = made.generator.double()(batch)
    assert true.std() > 0.3
    for result in (whole, outputs):
        assert (result - true).abs().max() < 1e-4
        assert (result - true).abs().mean() < 5e-6
    assert (outputs - whole).abs().max() < 1e-4


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_picture_is_that_of_the_whole(name, size, little):
    made, picture = make(*NETWORKS[name]), pixels(*size)
    expected = made._whole(picture[None])[0]
    window = room_for(made, picture)
    little.set_window(window)
    little.room = max(window, 4 * expected.size)
    found = np.asarray(little(made)(picture))
    assert len(little.notes) == (size != (1, 1))
    assert_level_apart(found, expected)


def assert_level_apart(found: np.ndarray, expected: np.ndarray) -> None:
    """By no more than a rounding, and hardly anywhere."""
    assert found.shape == expected.shape
    apart = np.abs(found.astype(int) - expected)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 2e-3


def test_colour_and_holes(little):
    options = {**UNET, "in_channels": 1, "out_channels": 2}
    made, picture = make("unet", options, source=GRAY, target=COLOUR), pixels(301, 217)
    assert_level_apart(little(made).translate(picture[None])[0], made._whole(picture[None])[0])
    made, picture = make("unet", {**UNET, "in_channels": 4}, source=HOLES), pixels(301, 217, 4)
    picture[..., 3] = 255 * (picture[..., 3] > 99)
    assert_level_apart(little(made).translate(picture[None])[0], made._whole(picture[None])[0])
    assert len(little.notes) == 2


def test_a_batch_that_does_not_fit_is_translated_one_by_one(little):
    made, pictures = make(*NETWORKS["residual"]), np.stack([pixels(70, 90), pixels(70, 90) // 2])
    found = little(made).translate(pictures)
    for picture, expected in zip(found, made._whole(pictures), strict=True):
        assert_level_apart(picture, expected)


def test_a_word_says_why_and_how_much_scratch(little, monkeypatch):
    made = little(make(*NETWORKS["unet"]))
    taken, take = [0], Workspace.take

    def counted(self: Workspace, size: int, in_memory: bool) -> None:
        take(self, size, in_memory)
        if not self.dry:
            taken.append(self.on_disk)

    monkeypatch.setattr(Workspace, "take", counted)
    made(pixels(301, 517))
    (note,) = little.notes
    assert note.startswith("517x301 takes ")
    assert "translated in parts, to the same result, with " in note
    assert note.endswith(f"MB of scratch in {tempfile.gettempdir()}")
    assert f" {max(taken) / 1e6:.0f} MB of scratch" in note, "known before it begins"


@pytest.mark.parametrize("name", ["resunet", "unet"])
def test_without_statistics_of_the_picture_nothing_is_kept_but_the_result(name):
    made, picture = make(*NETWORKS[name]), pixels(301, 517)
    room = Workspace(room_for(made, picture), 0, dry=True)
    bounded.translate(made.generator, made.header, ArrayPicture(picture), room)
    assert (room.most_on_disk == picture.size) == (name == "resunet")


def test_a_residual_u_net_doubles_by_merged_layers_there_and_stays_as_it_is():
    network = make(*NETWORKS["resunet"]).generator
    twin = twin_in_parts(network)
    merged = [isinstance(layer, MergedDouble | MergedFinish) for layer in twin.modules()]
    assert sum(merged) == 5
    assert not any(isinstance(each, MergedDouble | MergedFinish) for each in network.modules())
    for ours, theirs in zip(twin.parameters(), network.parameters(), strict=True):
        assert ours is theirs


def test_a_residual_u_nets_windows_overlap_by_what_a_pixel_sees():
    made, picture = make(*NETWORKS["resunet"]), pixels(520, 560)
    map_ = bounded.outputs(made.generator, made.header, ArrayPicture(picture), Workspace(1, 0))
    wanted, window = map_.wanted(((250, 282), (270, 300))), ((250, 282), (270, 300))
    (held,) = (reached for node, reached in wanted.items() if not node.inputs)
    away, sides = 95 + 64, (520, 560)
    for (start, stop), (first, last), side in zip(held, window, sides, strict=True):
        assert 0 < start <= first - away + 32, "less than 32 where the window begins between"
        assert last + away - 32 <= stop < side
        assert first - start <= away
        assert stop - last <= away


def test_one_row_of_any_length_is_bounded_too():
    made = make("residual", {"base_channels": 2, "blocks": 1})
    room = Workspace(TINY, 0)
    outputs, count = bounded_outputs(made, pixels(1, 300_000), room)
    assert count > 10
    assert (outputs - whole_outputs(made, pixels(1, 300_000))).abs().max() < 1e-5


# What cannot be done is said before it is begun.


def refused(made: NetworkTranslator, height: int = 301, width: int = 517) -> str:
    with pytest.raises(DiptychError) as caught:
        made(pixels(height, width))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_noise_is_refused(little):
    """It is drawn for the whole at once: by windows, a seed would depend on their size."""
    assert "with noise it cannot" in refused(little(make(*NETWORKS["unet"], noisy=True)))
    made = make("unet", {**UNET, "dropout": 0.0, "noise_channels": 1}, noisy=True)
    assert "--no-dropout" in refused(little(made))


def test_too_little_memory_is_refused(little, monkeypatch):
    monkeypatch.setattr(bounded, "BESIDE", 1_900_000)
    message = refused(little(make(*NETWORKS["unet"])))
    assert "; in parts it takes 2 MB beside the program and the model: raise --memory" in message


def test_too_little_room_on_the_disk_is_refused(little, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(workspace.shutil, "disk_usage", lambda _: usage)
    message = refused(little(make(*NETWORKS["unet"])))
    assert message.startswith(f"{tempfile.gettempdir()}: 0 MB free, and ")
    assert message.endswith("TMPDIR names another folder")


def test_a_result_too_large_for_memory_is_refused(little):
    options = {"base_channels": 2, "blocks": 1, "scale": 8}
    message = refused(little(make("residual", options)), 90, 90)
    assert not little.notes, "before anything is done"
    assert message.startswith("a result of 720x720 is too large for memory: ")


# Scratch.


@pytest.fixture
def scratch(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("fails", [False, True])
def test_no_scratch_is_left_behind(fails, scratch, little, monkeypatch):
    made, written = little(make(*NETWORKS["unet"])), []
    write = Block.write

    def watched(self: Block, *given) -> None:
        write(self, *given)
        written.append(self.file)
        if fails and len(written) > 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(Block, "write", watched)
    if fails:
        with pytest.raises(KeyboardInterrupt):
            made(pixels(301, 517))
    else:
        made(pixels(301, 517))
    files = [file for file in written if file is not None]
    assert len(files) > 10
    assert all(file.closed for file in files)
    assert not [path for path in scratch.rglob("*") if path.is_file()]  # torch makes folders there


def test_a_disk_that_fills_up_is_named(scratch):
    block = Block((4, 4, 1), np.uint8, Workspace(0, 0))
    values = np.zeros((2, 4, 1), np.uint8)
    block.file.close()
    block.file = Path("/dev/full")
    if not block.file.exists():
        pytest.skip("needs /dev/full, a disk that is always full")
    block.file = block.file.open("wb", buffering=0)
    with pytest.raises(DiptychError) as caught:
        block.write(((0, 2), (0, 4)), values)
    block.file.close()
    assert str(caught.value).startswith(f"{scratch}: no scratch to be had: No space left")


@pytest.mark.parametrize("keep", [0, 10**9])
def test_what_a_block_is_given_it_gives_back(keep):
    block, expected = Block((30, 20, 3), np.float32, Workspace(0, keep)), np.zeros((30, 20, 3))
    random = np.random.default_rng(0)
    for window in [((0, 30), (0, 20)), ((3, 9), (0, 20)), ((29, 30), (19, 20)), ((0, 30), (4, 5))]:
        (top, bottom), (left, right) = window
        values = random.random((right - left, bottom - top, 3), np.float32).transpose(1, 0, 2)
        block.write(window, values)
        expected[top:bottom, left:right] = values
        for rows, columns in (window, ((0, 30), (0, 20)), ((5, 7), (3, 20))):
            part = expected[slice(*rows), slice(*columns)]
            assert np.array_equal(block.read((rows, columns)), part.astype(np.float32))


# Files.


def translate_file(made: NetworkTranslator, path: Path, out: Path, form: str) -> Image.Image:
    outcome = translate_files(made, plan_files([str(path)], out, form))
    assert outcome.failures == []
    assert outcome.translated == 1
    return read_image(out / path.with_suffix(f".{form}").name)


@pytest.mark.parametrize("form", ["tif", "png"])
@pytest.mark.parametrize("ending", ["tif", "png"])
@pytest.mark.parametrize("name", ["unet", LARGER])
def test_from_file_to_file(name, ending, form, little, tmp_path):
    scale = NETWORKS[name][1].get("scale", 1)
    made, picture = make(*NETWORKS[name]), pixels(180, 210)
    little.room *= scale
    expected = made._whole(picture[None])[0]
    save_image(Image.fromarray(picture), tmp_path / f"a.{ending}")
    found = translate_file(little(made), tmp_path / f"a.{ending}", tmp_path / "out", form)
    assert len(little.notes) == 1
    assert_level_apart(np.asarray(found), expected)


def test_a_small_file_goes_the_ordinary_way(tmp_path):
    made, picture = make(*NETWORKS["unet"]), pixels(40, 50)
    made.notice = pytest.fail
    save_image(Image.fromarray(picture), tmp_path / "a.tif")
    found = translate_file(made, tmp_path / "a.tif", tmp_path / "out", "tif")
    assert np.array_equal(np.asarray(found), made._whole(picture[None])[0])


def test_a_tiff_file_may_have_more_pixels_than_are_read_at_once(tmp_path, monkeypatch):
    made, picture = make(*NETWORKS["residual"]), pixels(40, 50)
    save_image(Image.fromarray(picture), tmp_path / "a.tif")
    monkeypatch.setenv("DIPTYCH_MAX_PIXELS", "1999")
    path, output = tmp_path / "a.tif", tmp_path / "b.tif"
    with pytest.raises(DiptychError, match="more than the limit of 1,999 pixels"):
        made(path)
    assert translate_large(made, [path], output)
    monkeypatch.undo()
    assert_level_apart(np.asarray(read_image(output)), made._whole(picture[None])[0])


def test_what_reading_holds_is_taken_into_account(little, tmp_path, monkeypatch):
    """A compressed strip is decoded whole; here the only one, of all the picture."""
    made, picture = little(make(*NETWORKS["unet"])), pixels(301, 517)
    for rows, compression in ((301, "deflate"), (301, None), (16, "deflate")):
        path = tmp_path / f"{rows} {compression}.tif"
        tifffile.imwrite(
            path, picture, photometric="rgb", rowsperstrip=rows, compression=compression
        )
    little.room = TINY + 400_000
    with pytest.raises(DiptychError, match="in parts it takes 1 MB beside the program"):
        translate_large(made, [tmp_path / "301 deflate.tif"], tmp_path / "out.tif")
    assert translate_large(made, [tmp_path / "301 None.tif"], tmp_path / "out.tif")
    monkeypatch.setattr(tiff_windows, "CACHED", 100_000)
    assert translate_large(made, [tmp_path / "16 deflate.tif"], tmp_path / "out.tif")


# Memory.

PROGRAM = """
import sys
import numpy as np
sys.path.insert(0, FOLDER)
from diptych.images.windows import ArrayPicture
from diptych.translation.bounded import memory
from test_bounded_translation import make

def line(key):
    return memory._line(memory.PROC / "self" / "status", key) * 1024

made = make("unet", {"base_channels": 32, "levels": 8})
made(np.zeros((257, 257, 3), np.uint8))
held = line("VmRSS:")
(memory.PROC / "self" / "clear_refs").write_text("5")
made.memory = held + 320_000_000
notes = []
made.notice = notes.append
picture = np.random.default_rng(0).integers(0, 256, (1600, 2048, 3), np.uint8)
result = made.by_windows(ArrayPicture(picture))
print(notes[0], "|", line("VmHWM:") - held, made._cost(1, 1600, 2048))
"""


@pytest.mark.slow
def test_memory_stays_within_its_bound():
    """A picture that takes 700 MB whole, in a process of its own that may take 320 MB more."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("needs /proc to tell what a process takes")
    code = PROGRAM.replace("FOLDER", repr(str(Path(__file__).parent)))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    note, _, figures = done.stdout.partition(" | ")
    taken, whole = map(int, figures.split())
    assert "GB of scratch" in note
    assert whole > 600_000_000
    assert taken < 320_000_000


def test_values_and_places_without_data(little):
    """Two bands in, one of 16 bits out; a place that holds nothing stays so."""
    options = UNET | {"in_channels": 2, "out_channels": 1}
    bands = Domain(name="bands", kind="values", channels=2, dtype="float32", range=((0, 1),))
    depth = Domain(
        name="depth", kind="values", channels=1, dtype="uint16", range=((10, 9000),), nodata=0
    )
    made = make("unet", options, source=bands, target=depth)
    picture = np.random.default_rng(0).random((200, 170, 2), np.float32)
    picture[:30] = np.nan
    expected = made._whole(picture[None])[0]
    found = little(made).apply(picture)
    assert len(little.notes) == 1
    assert found.dtype == np.uint16
    assert (found[:30] == 0).all()
    assert (found[30:] >= 10).all()
    assert np.abs(found.astype(int) - expected).max() <= 1
