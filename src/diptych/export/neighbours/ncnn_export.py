"""A model for ncnn, on phones and small boards: `.param` is what is computed, `.bin` the weights.

Converted by pnnx, ncnn's own tool, from the traced network; run beside the model by ncnn itself.
"""

import copy
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from diptych.data.fitting import Size
from diptych.errors import DiptychError
from diptych.export.neighbours.mosaics import mosaics
from diptych.export.neighbours.plain_export import as_plain
from diptych.export.onnx_export import check_parity, proof_pairs, prove, write_kept
from diptych.export.onnx_precision import Precision
from diptych.export.parity import Parity
from diptych.images.domain import Domain
from diptych.networks.padded import PictureNormalization
from diptych.networks.stored_statistics import normalizations
from diptych.translation.network_translator import NetworkTranslator
from diptych.translation.plain_form import PlainForm

NEEDS = "--to ncnn: needs ncnn and pnnx: pip install 'diptych[ncnn]'"
INPUT, OUTPUT = "in0", "out0"  # as pnnx calls them
COLOURS = {"rgb", "gray"}


class Colours(nn.Module):
    """From colours `(1, C, H, W)` in [0, 1] to those of the target, for a generator's [-1, 1]."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, pictures: Tensor) -> Tensor:
        """Translate pictures whose sides are multiples of the generator's."""
        outputs: Tensor = self.generator(2 * pictures - 1)
        return ((outputs + 1) / 2).clamp(0, 1)


def export_ncnn(
    translator: NetworkTranslator,
    path: Path,
    data: Path,
    *,
    precision: Precision = "fp32",
    least_psnr: float | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Parity:
    """Write the model as `path`, a `.param` with its `.bin`, and its proof beside them.

    It takes pictures whose sides are multiples of the model's; their look is the one that was told,
    else the mean of the training targets. Raises DiptychError as `export_plain`, for what are no
    colours, and where ncnn or its tool are missing or do not know what the model computes.
    """
    if path.suffix != ".param":
        raise DiptychError(f"{path}: --to ncnn: name it .param; its weights go beside it, as .bin")
    if precision == "int8":
        raise DiptychError("--precision int8: for --to ncnn fp32 or fp16; ncnn has a tool for int8")
    plain = as_plain(translator, "ncnn", in_tiles=True)
    header = plain.header
    _check_colours(header.source, header.target)
    multiple = header.size_multiple
    proof, _ = proof_pairs(plain.by_itself, data, precision)
    size = _whole(proof[0][0].shape[:2], multiple)
    on_step("converting")
    network = Colours(as_ncnn_knows_it(plain.generator))
    with TemporaryDirectory() as folder:
        param, weights = _converted(network, header.source.array_channels, size, precision, folder)
        on_step("running it beside the model")
        run = runner(param, weights, translator.threads)
        form, target = PlainForm(), header.target

        def translate(pictures: np.ndarray) -> np.ndarray:
            made = [run(floats) for floats in form.floats(pictures, header.source)]
            return form.arrays(np.stack(made), target)

        ways = [(translate, plain.translator.translate)]
        laid = list(mosaics(proof, size, header.scale))
        parity = prove(ways, plain.translator, laid, path, precision, least_psnr, any_size=False)
        check_parity(path, parity)
        beside = {path.with_suffix(".bin"): weights.read_bytes()}
        return write_kept(path, param.read_bytes(), parity, beside)


def as_ncnn_knows_it(generator: nn.Module) -> nn.Module:
    """A copy whose normalisations are torch's own layers, which its tool takes for one each."""
    generator = copy.deepcopy(generator).to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    for parent, name, layer in normalizations(generator):
        assert isinstance(layer, PictureNormalization)  # noqa: S101 - it is there to translate
        channels = len(layer.weight)
        norm: Any = nn.InstanceNorm2d(channels, layer.eps, affine=True)
        if layer.stored:
            norm = nn.BatchNorm2d(channels, layer.eps)
            norm.running_mean, norm.running_var = layer.mean, layer.variance
        norm.weight, norm.bias = layer.weight, layer.bias
        setattr(parent, name, norm.eval())
    return generator


def runner(param: Path, weights: Path, threads: int) -> Callable[[np.ndarray], np.ndarray]:
    """A network in ncnn, from `(C, H, W)` float32 to the same of the target, in full precision."""
    import ncnn

    network = ncnn.Net()
    network.opt.num_threads = threads
    for halves in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(network.opt, f"use_{halves}", False)
    if network.load_param(str(param)) or network.load_model(str(weights)):
        raise DiptychError("--to ncnn: ncnn does not read what its tool wrote")

    def run(floats: np.ndarray) -> np.ndarray:
        extractor, given = network.create_extractor(), np.ascontiguousarray(floats)
        extractor.input(INPUT, ncnn.Mat(given).clone())  # a Mat itself keeps no hold of the array
        failed, result = extractor.extract(OUTPUT)
        if failed:
            raise DiptychError(f"--to ncnn: ncnn could not run it: status {failed}")
        return np.array(result)

    return run


def _converted(
    network: nn.Module, channels: int, size: Size, precision: Precision, folder: str
) -> tuple[Path, Path]:
    """A traced network as ncnn's two files, in `folder`."""
    try:
        import ncnn  # noqa: F401
        import pnnx
    except ImportError:
        raise DiptychError(NEEDS) from None
    example, traced = torch.zeros(1, channels, *size), Path(folder) / "model.pt"
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # sizes stand in the trace as numbers, multiples stay so
        torch.jit.trace(network, example, check_trace=False).save(traced)  # type: ignore[no-untyped-call]
    shape = ",".join(map(str, example.shape))
    halves = int(precision == "fp16")
    said = subprocess.run(  # noqa: S603 - a tool of a package that was asked for
        [pnnx.EXEC_PATH, traced.name, f"inputshape=[{shape}]", f"fp16={halves}"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    param, weights = (traced.with_name(f"model.ncnn.{end}") for end in ("param", "bin"))
    if said.returncode or not (param.is_file() and weights.is_file()):
        last = said.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise DiptychError(f"--to ncnn: pnnx did not convert it: {' '.join(last)}")
    layers = {line.split()[0] for line in param.read_text("utf-8").splitlines() if line}
    unknown = sorted(layer for layer in layers if layer.startswith(("aten::", "torch.", "F.")))
    if unknown:
        raise DiptychError(
            f"--to ncnn: it does not know what this model computes, {', '.join(unknown)}: "
            "--to plain takes the model"
        )
    return param, weights


def _whole(size: Size, multiple: int) -> Size:
    """The largest multiples within a size, one at least."""
    height, width = (max(side // multiple, 1) * multiple for side in size)
    return height, width


def _check_colours(source: Domain, target: Domain) -> None:
    """Raise DiptychError where one of both is something else than colours."""
    for domain in (*(source.parts or (source,)), target):
        if domain.kind not in COLOURS:
            raise DiptychError(
                f"--to ncnn: {domain.name} is {domain.kind}, and this is for colours and gray "
                "alone: --to plain takes the model"
            )
