"""One file in the readers of other programs: how far each is from the model, and how fast.

    python benchmarks/neighbours.py RUN=DATA ... [--rounds 5] [--json FILE]

Every model is exported with `--to plain`, for the size of its training, and run on one thread by
ONNX Runtime, OpenCV and OpenVINO, in turns, over the pairs that it is proved on. OpenVINO is run
twice: in float32, and as it does by itself, in 16 bits where the processor has these. Differences
are the largest, in levels of 255 (of labels: the share of pixels in another class, times 255) from
what `translate` makes.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import openvino

import side_by_side
from diptych.export.neighbours.plain_export import as_plain, export_plain
from diptych.export.onnx_export import proof_pairs
from diptych.export.parity import difference
from diptych.translation.network_translator import load_network
from diptych.translation.onnx_translator import open_session
from diptych.translation.plain_form import PlainForm

Reader = Callable[[np.ndarray], np.ndarray]
HEAD = ("model", "MB", "reader", "largest difference", "ms a picture", "times as fast as the first")


def readers(path: Path) -> dict[str, Reader]:
    """What runs a file on one thread, by name and version."""
    session = open_session(str(path), 1)
    cv2.setNumThreads(1)
    network = cv2.dnn.readNetFromONNX(str(path))
    core = openvino.Core()

    def by_opencv(floats: np.ndarray) -> np.ndarray:
        network.setInput(floats)
        return np.asarray(network.forward())

    def by_openvino(**settings: str) -> Reader:
        compiled = core.compile_model(str(path), "CPU", {"INFERENCE_NUM_THREADS": 1, **settings})
        return lambda floats: np.asarray(compiled(floats)[0])

    version = openvino.__version__.partition("-")[0]
    return {
        f"ONNX Runtime {onnxruntime.__version__}": lambda x: session.run(None, {"source": x})[0],
        f"OpenCV {cv2.__version__}": by_opencv,
        f"OpenVINO {version}, float32": by_openvino(INFERENCE_PRECISION_HINT="f32"),
        f"OpenVINO {version}": by_openvino(),
    }


def measured(run: Path, data: Path, rounds: int) -> tuple[float, dict[str, dict[str, float]]]:
    """Megabytes, and of every reader its largest difference and milliseconds."""
    translator = load_network(run / "model.safetensors", device="cpu", threads=1, dropout=False)
    plain = as_plain(translator, "plain", in_tiles=False)
    source, target = plain.header.source, plain.header.target
    pairs = proof_pairs(translator, data, "fp32")[0][:4]
    size = pairs[0][0].shape[0], pairs[0][0].shape[1]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plain.onnx"
        parity = export_plain(translator, path, data, size=size)
        form, ways = PlainForm(size=size), readers(path)
        spent: dict[str, list[float]] = {name: [] for name in ways}
        apart = dict.fromkeys(ways, 0.0)
        for number in range(-1, rounds):
            for name, way in ways.items():
                for picture, _ in pairs:
                    floats = form.floats(picture[None], source)
                    begun = time.perf_counter()
                    result = way(floats)
                    spent[name] += [time.perf_counter() - begun] * (number >= 0)
                    expected = plain.translator.translate(picture[None])
                    other = difference(form.arrays(result, target), expected, target)
                    apart[name] = max(apart[name], 255 * float(other.max()))
    return parity.megabytes, {
        name: {"difference": apart[name], "ms": 1000 * statistics.median(spent[name])}
        for name in ways
    }


def main() -> None:
    """Export, run and print."""
    options = side_by_side.parser(__doc__)
    options.add_argument("models", nargs="+", metavar="RUN=DATA")
    given = options.parse_args()
    results, rows = {}, []
    for text in given.models:
        run, _, data = text.partition("=")
        megabytes, found = measured(Path(run), Path(data), given.rounds)
        results[Path(run).name] = {"megabytes": megabytes, "readers": found}
        first = next(iter(found.values()))["ms"]
        for name, own in found.items():
            figures = f"{own['difference']:.3g}", f"{own['ms']:.0f}", f"{first / own['ms']:.2f}"
            rows.append((Path(run).name, f"{megabytes:.1f}", name, *figures))
    print(side_by_side.markdown(HEAD, rows))
    side_by_side.tell("neighbours", {"models": results}, given.json)


if __name__ == "__main__":
    main()
