"""Every generator as ONNX beside the model itself: how far apart, how large, how fast.

    python benchmarks/export.py [--models RUN=DATA ...] [--json FILE]

Each generator of the table at its default width, weights at random, on noise of 256x256 and of
300x517 pixels, in ONNX Runtime and in torch, in turns. `--models` are trained models with their
pairs, exported in every precision: size, time and scores.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

from diptych.export.onnx_export import export_onnx
from diptych.export.onnx_graph import build_graph
from diptych.export.onnx_precision import PRECISIONS
from diptych.export.parity import compare
from diptych.images.domain import plain
from diptych.model_file import Dataset, Header, Network, TestTime
from diptych.networks import GENERATORS, build_generator
from diptych.translation.network_translator import NetworkTranslator, load_network
from diptych.translation.onnx_translator import OnnxTranslator

SIZES = ((256, 256), (300, 517))
ROUNDS = 5


def random_model(name: str) -> NetworkTranslator:
    """A generator of the table, its outputs spread over [-1, 1]."""
    torch.manual_seed(0)
    generator = build_generator(name)
    for key, parameter in generator.named_parameters():
        if key.endswith("out.weight"):
            nn.init.normal_(parameter, 0, 0.1)
    header = Header(
        generator=Network(name=name, options={}),
        size_multiple=generator.size_multiple,
        crop_size=(256, 256),
        source=plain("source"),
        target=plain("target"),
        test=TestTime(),
        dataset=Dataset(fingerprint="", pairs={}),
        recipe={},
    )
    return NetworkTranslator(header, generator)


def main() -> None:
    """Export, run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", nargs="*", default=[])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    generators: dict[str, object] = {}
    for name in GENERATORS:
        model = random_model(name)
        content = build_graph(model.generator, model.header).SerializeToString()
        exported = OnnxTranslator(Path(name), model.threads, content)
        found: dict[str, object] = {"megabytes": round(len(content) / 1e6, 1)}
        for size in SIZES:
            random = np.random.default_rng(0)
            pictures = [random.integers(0, 256, (*size, 3), np.uint8) for _ in range(ROUNDS)]
            measured, *_ = compare(
                exported.translate, model.translate, pictures, model.header.target
            )
            found[f"{size[0]}x{size[1]}"] = {k: float(f"{v:.4g}") for k, v in measured.items()}
        generators[name] = found
        print(name, json.dumps(found, indent=2), flush=True)
    models: dict[str, object] = {}
    for text in given.models:
        run, _, data = text.partition("=")
        for precision in PRECISIONS:
            with tempfile.TemporaryDirectory() as folder:
                parity = export_onnx(
                    load_network(Path(run) / "model.safetensors", device="cpu", dropout=False),
                    Path(folder) / "model.onnx",
                    Path(data),
                    precision=precision,
                )
            models[f"{Path(run).name} {precision}"] = parity.model_dump(exclude={"file"})
            print(Path(run).name, parity.model_dump_json(indent=2), flush=True)
    if given.json:
        content = {
            "benchmark": "export",
            "hardware": torch.cpu.get_capabilities().get("cpu_name", "CPU"),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "onnxruntime": onnxruntime.__version__,
            "generators": generators,
            "models": models,
        }
        given.json.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
