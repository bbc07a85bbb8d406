"""Pictures per second from files to files: `diptych translate` beside the plain loop.

    python benchmarks/translate.py [--model RUN] [--student RUN] [--data FOLDER] [--count 500]
        [--size 256] [--rounds 5] [--json FILE]

Arms take turns, each in a process of its own. `plain` is `plain_loop.translate`: fp32, one picture
after the other; where `--model` names no U-Net of the paper's, the model's own network in that
loop. `fp32` and `auto` are what `diptych translate` does at these precisions, `student` what it
does with a small model of the task, as `diptych distill` makes them. Without `--model` the network
is the paper's U-Net, 64 base channels and 8 levels for 256x256, with weights drawn at random. The
sources are the first `--count` pictures below `--data`, the right half of those twice as wide as
high, brought to `--size`; without it made-up labels. `alone` says what each part of the work takes
by itself, in milliseconds for a picture.
"""

import functools
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import side_by_side
from bounded import make_model
from diptych.images.files import find_images
from diptych.images.rgb import read_image
from diptych.images.writing import save_image
from diptych.model_place import model_path
from diptych.translation.jobs.file_plan import plan_files
from diptych.translation.jobs.pipeline import translate_files
from diptych.translation.loading import load
from diptych.translation.network_translator import NetworkTranslator


def make_sources(data: Path | None, folder: Path, count: int, size: int) -> None:
    """Sources of one size, JPEG as the datasets of the paper are."""
    folder.mkdir()
    if data is None:
        random = np.random.default_rng(0)
        for i in range(count):
            picture = np.zeros((size, size, 3), np.uint8)
            for _ in range(40):
                top, left = random.integers(0, size, 2)
                high, wide = random.integers(4, size // 3, 2)
                picture[top : top + high, left : left + wide] = random.integers(0, 256, 3)
            Image.fromarray(picture).save(folder / f"{i:05}.jpg", quality=95)
        return
    for i, path in enumerate(find_images(data)[:count]):
        picture = read_image(path)
        if picture.width == 2 * picture.height:
            picture = picture.crop((picture.width // 2, 0, picture.width, picture.height))
        picture.resize((size, size)).save(folder / f"{i:05}.jpg", quality=95)


def plain(folder: Path) -> side_by_side.Round:
    """The loop of `plain_loop`, with the model's own network."""
    import plain_loop

    translator = load(folder / "model.safetensors", device="cpu")
    assert isinstance(translator, NetworkTranslator)  # noqa: S101 - a model file is
    options = translator.header.generator.options
    classic = translator.header.generator.name == "unet" and not options.get("noise_channels")
    network: torch.nn.Module = translator.generator.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    if classic:
        base, levels = options.get("base_channels", 64), options.get("levels", 8)
        network = plain_loop.at_test_time(plain_loop.generator(base, levels))
    files, out = sorted((folder / "sources").iterdir()), folder / "plain"
    out.mkdir()

    def work() -> float:
        begun = time.perf_counter()
        plain_loop.translate(network, files, out)
        return len(files) / (time.perf_counter() - begun)

    return work


def ours(folder: Path, model: str, precision: str) -> side_by_side.Round:
    """What the command does."""
    translator = load(folder / f"{model}.safetensors", device="cpu", precision=precision)
    translator.notice = print

    def work() -> float:
        begun = time.perf_counter()
        outcome = translate_files(
            translator,
            plan_files([str(folder / "sources")], folder / f"{model} {precision}"),
            overwrite=True,
        )
        assert not outcome.failures, outcome.failures  # noqa: S101
        return outcome.translated / (time.perf_counter() - begun)

    return work


def alone(model: Path, count: int = 32) -> dict[str, float]:
    """Milliseconds for a picture of each part of the work, by itself."""
    translator = load(model, device="cpu", precision="auto")
    files = sorted((model.parent / "sources").iterdir())[:count]
    found = {}

    def timed(name: str, action: object, times: int) -> None:
        assert callable(action)  # noqa: S101
        begun = time.perf_counter()
        action()
        found[name] = round((time.perf_counter() - begun) / times * 1e3, 2)

    sources = np.stack([translator.read(path) for path in files])
    together = translator.together(*sources.shape[1:3])
    results = translator.apply_all(sources[:together])
    timed("decode", lambda: [translator.read(path) for path in files], len(files))
    timed("network, one", lambda: [translator.apply(s) for s in sources[:together]], together)
    timed(f"network, {together}", lambda: translator.apply_all(sources[:together]), together)
    made = [Image.fromarray(result) for result in results]
    timed("encode", lambda: [save_image(m, model.parent / "made.png") for m in made], len(made))
    return found


def main() -> None:
    """Time the arms in turns and print medians and ratios."""
    parser = side_by_side.parser(__doc__)
    parser.add_argument("--model", type=Path, help="a model file or run of any generator")
    parser.add_argument("--generator", default="unet", help="unet or resunet, without --model")
    parser.add_argument("--student", type=Path, help="a small model of the same task, beside it")
    parser.add_argument("--data", type=Path, help="folder of pictures")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--size", type=int, default=256)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "model.safetensors"
        if given.model is None:
            make_model(model, given.size, spread=0.02, name=given.generator)
        else:
            shutil.copy(model_path(given.model), model)
        make_sources(given.data, folder / "sources", given.count, given.size)
        arms = {
            "plain": functools.partial(plain, folder),
            "fp32": functools.partial(ours, folder, "model", "fp32"),
            "auto": functools.partial(ours, folder, "model", "auto"),
        }
        if given.student is not None:
            shutil.copy(model_path(given.student), folder / "student.safetensors")
            arms["student"] = functools.partial(ours, folder, "student", "auto")
        names = [path.stem for path in sorted(folder.glob("*.safetensors"))]
        rates = side_by_side.run(arms, given.rounds)
        result = {
            "pictures": f"{given.count} of {given.size}x{given.size}, "
            + ("made up" if given.data is None else "of files"),
            "pictures_per_second": side_by_side.summary(rates),
            "times_plain": side_by_side.ratios(rates, "plain"),
            "alone": {name: alone(folder / f"{name}.safetensors") for name in names},
        }
    side_by_side.tell("translate", result, given.json)


if __name__ == "__main__":
    main()
