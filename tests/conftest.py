import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path, PurePosixPath

import fsspec
import numpy as np
import pytest
from PIL import Image

from diptych.commands import app as cli

APART = {"test_docs", "test_bounded_translation", "test_tasks", "test_any_image"}
TOGETHER = {"doctor", "export", "serving"}
# What takes ten seconds and more to make; tests that use it are slow.
LONG_TO_MAKE = {"page_folder", "proved", "whole_openmoji"}


@pytest.hookimpl(tryfirst=True)  # before those that are slow are left out
def pytest_collection_modifyitems(items):
    for item in items:
        if LONG_TO_MAKE & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config, log):
    """Tests of a file, or of a folder, run in one process, which makes what they share once.

    Those that share nothing go wherever there is room.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = PurePosixPath(nodeid.partition("::")[0])
            if path.stem in APART:
                return nodeid
            return next((name for name in path.parts if name in TOGETHER), str(path))

    return Together(config, log)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pairs and metric weights beside the checkout."""
    beside = Path(__file__).parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("DIPTYCH_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip("needs the real pairs in ../shared/data, absent here")
    return folder


@pytest.fixture(autouse=True)
def own_places(tmp_path_factory, monkeypatch):
    """Tests neither read nor write a person's cache and weights; what commands set, they unset."""
    monkeypatch.setenv("DIPTYCH_MAX_PIXELS", "0")  # so that the next line is undone afterwards
    monkeypatch.delenv("DIPTYCH_MAX_PIXELS")
    folder = tmp_path_factory.mktemp("places")
    monkeypatch.setenv("DIPTYCH_CACHE", str(folder / "cache"))
    (folder / "weights").mkdir()
    monkeypatch.setenv("DIPTYCH_WEIGHTS", str(folder / "weights"))


@pytest.fixture(scope="session", autouse=True)
def no_hub(tmp_path_factory):
    """The hub's library, which looks at these when it is imported, keeps and asks nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hub")))
        patch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        yield


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command in this process; gives its exit status, output and errors."""

    def command(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["diptych", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        output = capsys.readouterr()
        return int(stop.value.code or 0), output.out, output.err

    return command


@pytest.fixture(scope="session")
def drawn_pairs(tmp_path_factory) -> Path:
    """Twelve made-up pairs side by side, 96x48: shapes right, their outlines left. Do not touch."""
    folder = tmp_path_factory.mktemp("drawn") / "pairs"
    (folder / "train").mkdir(parents=True)
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:48, :48]
    for i in range(12):
        x, y, radius = random.integers(14, 34), random.integers(14, 34), random.integers(6, 13)
        distance = np.hypot(rows - y, columns - x) - radius
        target = np.full((48, 48, 3), 255, np.uint8)
        target[distance < 0] = random.integers(0, 200, 3)
        source = np.where(np.abs(distance) < 1.5, 0, 255).astype(np.uint8)
        pair = np.concatenate([source[..., None].repeat(3, 2), target], 1)
        Image.fromarray(pair).save(folder / "train" / f"{i:02}.png")
    return folder


@pytest.fixture
def made_pairs(drawn_pairs, tmp_path) -> Path:
    """A copy of them."""
    return shutil.copytree(drawn_pairs, tmp_path / "pairs")


@pytest.fixture(scope="session")
def graphs_built_once() -> Iterator[None]:
    """One network is exported in many ways: its graph, which takes seconds, is built once."""
    onnx = pytest.importorskip("onnx", reason="needs pip install 'diptych[export]'")
    from diptych.export import onnx_export

    build, graphs = onnx_export.build_graph, {}

    def built(network, header, **options):
        digest = hashlib.sha256(repr((header, network.training, options)).encode())
        for name, tensor in network.state_dict().items():
            digest.update(name.encode() + tensor.cpu().numpy().tobytes())
        key = digest.hexdigest()
        if key not in graphs:
            graphs[key] = build(network, header, **options).SerializeToString()
        return onnx.load_from_string(graphs[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_export, "build_graph", built)
        yield


@pytest.fixture
def make_clip() -> Callable[..., Path]:
    """Writes a video of pictures `(N, H, W, 3)`, with a tone of 440 Hz as long as they are."""
    av = pytest.importorskip("av", reason="needs PyAV: pip install 'diptych[video]'")

    def make(
        path: Path,
        pictures: np.ndarray,
        times: Sequence[int] | None = None,  # in units of the time base; default: 25 a second
        *,
        time_base: Fraction = Fraction(1, 1000),
        codec: str = "libx264",
        audio: str = "aac",  # its codec, or none
        colours: tuple[int, int] = (1, 1),  # FFmpeg's numbers for matrix and range
        **settings,  # of the stream of pictures
    ) -> Path:
        times = [40 * i for i in range(len(pictures))] if times is None else list(times)
        last = times[-1] + (times[-1] - times[-2] if len(times) > 1 else 40)
        matrix, levels = colours
        with av.open(str(path), "w") as output:
            video = output.add_stream(codec, 25, options={"crf": "8"})
            video.height, video.width = pictures.shape[1:3]
            video.pix_fmt = settings.pop("pix_fmt", "yuv420p")
            video.time_base = video.codec_context.time_base = time_base
            video.codec_context.colorspace, video.codec_context.color_range = colours
            rotation = settings.pop("rotation", None)
            if rotation is not None:
                video.set_display_rotation(*rotation)
            for name, value in settings.items():
                setattr(video.codec_context, name, value)
            track = output.add_stream(audio, 48000, layout="mono") if audio else None
            for picture, time, until in zip(pictures, times, [*times[1:], last], strict=True):
                frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(
                    format=video.pix_fmt,
                    dst_colorspace={1: 1, 6: 5, 9: 9}.get(matrix),
                    dst_color_range=levels,
                )
                frame.pts, frame.duration, frame.time_base = time, until - time, time_base
                output.mux(video.encode(frame))
            output.mux(video.encode(None))
            if track is not None:
                count = round(48000 * last * time_base)
                wave = 0.3 * np.sin(2 * np.pi * 440 / 48000 * np.arange(count, dtype=np.float32))
                sound = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
                sound.sample_rate, sound.pts, sound.time_base = 48000, 0, Fraction(1, 48000)
                output.mux(track.encode(sound))
                output.mux(track.encode(None))
        return path

    return make


BROWSER_SWITCHES = """
    --headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    --use-fake-device-for-media-stream --use-fake-ui-for-media-stream
"""


@pytest.fixture(scope="module")  # while it is open, an event loop runs that others must not meet
def browser():
    """Chromium without a window; its pages ask no host but those that a test serves."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs a browser: chromium")
    with playwright.sync_playwright() as play:
        launched = play.chromium.launch(executable_path=program, args=BROWSER_SWITCHES.split())
        yield launched
        launched.close()


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A folder with room for half a megabyte, where one may be made."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder]
    if (
        sys.platform != "linux"
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def memory():
    """A file system in memory, empty before and after."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]
