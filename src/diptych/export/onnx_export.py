"""A model as an ONNX file, proved on real pairs before it is kept."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from diptych.config import recipe_from
from diptych.data.fitting import fit_to_look
from diptych.data.layouts import find_pairs
from diptych.data.pairs import evenly_spread
from diptych.data.prepare import prepared
from diptych.errors import DiptychError
from diptych.evaluation.scores import default_scorer
from diptych.evaluation.summary import means
from diptych.evaluation.units import score_in_domain
from diptych.export.onnx_graph import OPSET, SOURCE, build_graph, let_look_be_left_out
from diptych.export.onnx_precision import Precision, in_precision
from diptych.export.parity import LEAST_PSNR, Parity, Translate, compare, report_beside
from diptych.images.encoding import decode, encode
from diptych.images.padding import pad_to_multiple
from diptych.model_file import Header
from diptych.networks import at_test_time
from diptych.translation.network_translator import NetworkTranslator
from diptych.translation.onnx_translator import OnnxTranslator, open_session
from diptych.whole_file import write_whole

if TYPE_CHECKING:
    from onnx import ModelProto

PICTURES = 16  # validation pairs that the proof is made on
CALIBRATION = 64  # training pairs that say which ranges 8 bits have to hold
LARGEST = 2**31 - 1  # bytes of a protobuf, and so of a model in one file

Pair = tuple[np.ndarray, np.ndarray]  # source and target, arrays of their domains


def export_onnx(  # noqa: PLR0913 - what, whereto, and in which form
    translator: NetworkTranslator,
    path: Path,
    data: Path,
    *,
    precision: Precision = "fp32",
    opset: int = OPSET,
    bare: bool = False,
    least_psnr: float | None = None,
    look_is_said: bool = False,
    on_step: Callable[[str], None] = lambda _: None,
) -> Parity:
    """Write the model as `path`, and beside it `path` with `.parity.json`, what was measured.

    The exported file is run over validation pairs of `data` at their own size, and once at an odd
    one, and held against the model; where it does not reach `least_psnr` dB (by default what its
    precision should), it is not kept and DiptychError raised. `bare`: the network alone, for
    programs that encode and pad themselves; it is proved with that done around it. A look may be
    left out, except where `look_is_said`, for runtimes that know no such inputs; then it is said by
    NaN that nobody says one.
    """
    header = translator.header
    proof, calibration = proof_pairs(translator, data, precision)
    on_step("exporting")
    model = build_graph(translator.generator, without_noise(translator), bare=bare, opset=opset)
    if precision != "fp32":
        on_step(f"to {precision}")
        sources = (source[None] for source, _ in calibration)
        inputs = (_encoded(batch, header).numpy() for batch in sources) if bare else sources
        model = in_precision(model, precision, inputs)
    if not look_is_said:
        let_look_be_left_out(model)
    content = in_one_file(model, path)
    on_step("running it beside the model")
    if bare:
        ways = [_bare_ways(content, translator)]
    else:
        both = OnnxTranslator(path, translator.threads, content), translator
        ways = [(both[0].translate, both[1].translate)]
        if header.look is not None:
            look = np.array(header.look.examples[0])
            ways.append((both[0].told(look=look).translate, both[1].told(look=look).translate))
    parity = prove(ways, translator, proof, path, precision, least_psnr)
    return keep(path, content, parity)


def without_noise(translator: NetworkTranslator) -> Header:
    """Put the generator into the way in which it is exported; the header of that."""
    at_test_time(translator.generator, noisy=False)
    test = translator.header.test.model_copy(update={"dropout": False})
    return translator.header.model_copy(update={"test": test})


def in_one_file(model: "ModelProto", path: Path) -> bytes:
    """A graph as the content of a file; raises DiptychError where none can hold it."""
    if model.ByteSize() > LARGEST:
        raise DiptychError(f"{path}: {model.ByteSize() / 1e9:.1f} GB: one file holds 2 GB at most")
    content: bytes = model.SerializeToString()
    return content


def keep(path: Path, content: bytes, parity: Parity) -> Parity:
    """Write an exported file and the report beside it; raises DiptychError as `check_parity`."""
    check_parity(path, parity)
    return write_kept(path, content, parity)


def check_parity(path: Path, parity: Parity) -> None:
    """Raise DiptychError where an exported file is not close enough to its model."""
    if not parity.holds:
        raise DiptychError(
            f"{path}: not kept: {parity.psnr:.1f} dB from the model's own results, below "
            f"{parity.least_psnr:g}; --least-psnr sets another limit"
        )


def write_kept(
    path: Path,
    content: bytes,
    parity: Parity,
    beside: Mapping[Path, bytes] = MappingProxyType({}),
) -> Parity:
    """Write an exported file, those that belong to it, and the report, with the size of all."""
    whole = len(content) + sum(map(len, beside.values()))
    parity = parity.model_copy(update={"megabytes": round(whole / 1e6, 3)})
    for file, part in (*beside.items(), (path, content)):
        write_whole(file, part)
    # By Python's own writer: names of files need not be Unicode.
    write_whole(report_beside(path), json.dumps(parity.model_dump(), indent=2) + "\n")
    return parity


def proof_pairs(
    translator: NetworkTranslator, data: Path, precision: Precision
) -> tuple[list[Pair], list[Pair]]:
    """Pairs to prove it on, and to calibrate it with."""
    header = translator.header
    recipe = recipe_from(header.recipe, "the model's recipe")
    paired = find_pairs(data, recipe)
    domains = header.source, header.target
    native = recipe.data.fit == "patches"
    fit = None if native else fit_to_look(recipe.data, recipe.data.crop)

    def some(split: str, most: int) -> list[Pair]:
        pairs = paired.splits[split]
        chosen = evenly_spread(pairs, most)
        same = recipe.data.shapes == "same"
        return [prepared(p, domains, fit, recipe.derive, same_shape=same) for p in chosen]

    proof = some("val", PICTURES) or some("test", PICTURES) or some("train", PICTURES)
    if not proof:
        raise DiptychError(f"{data}: no pairs to prove the export on")
    return proof, some("train", CALIBRATION) or proof if precision == "int8" else []


def _encoded(pictures: np.ndarray, header: Header) -> Tensor:
    """Pictures as the network alone takes them."""
    batch = encode(torch.from_numpy(pictures), header.source)
    return pad_to_multiple(batch, header.size_multiple)


def _bare_ways(content: bytes, translator: NetworkTranslator) -> tuple[Translate, Translate]:
    """The exported network and the model's, both with all that a picture needs around them.

    Padding counts for the statistics of both, as it does where another program pads.
    """
    header, session = translator.header, open_session(content, translator.threads)

    def around(network: Callable[[Tensor], Tensor]) -> Translate:
        @torch.inference_mode()
        def translate(pictures: np.ndarray) -> np.ndarray:
            height, width = (header.scale * side for side in pictures.shape[1:3])
            outputs = network(_encoded(pictures, header))[..., :height, :width]
            return decode(outputs, header.target, torch.from_numpy(pictures), header.source)

        return translate

    return (
        around(lambda batch: torch.from_numpy(session.run(None, {SOURCE: batch.numpy()})[0])),
        around(translator.generator),
    )


def prove(
    ways: Sequence[tuple[Translate, Translate]],
    translator: NetworkTranslator,
    proof: Sequence[Pair],
    path: Path,
    precision: Precision,
    least_psnr: float | None,
    any_size: bool = True,
) -> Parity:
    """Run both of every two `ways` over pairs, and where they take `any_size` over an odd one.

    Scores are those of the first two.
    """
    header = translator.header
    sources = [source for source, _ in proof]
    height, width = sources[0].shape[:2]
    odd = [sources[0][: max(1, height * 7 // 8 - 1), : max(1, width * 3 // 4 - 1)]] * any_size
    differences, ours, theirs = compare(*ways[0], [*sources, *odd], header.target)
    for each in ways[1:]:
        others, _, _ = compare(*each, [sources[0], *odd], header.target)
        differences |= {
            name: worse(differences[name], others[name])
            for name, worse in (("max_difference", max), ("mean_difference", max), ("psnr", min))
        }
    scores = [scores_of(results, proof, header) for results in (ours, theirs)]
    return Parity(
        file=path.name,
        precision=precision,
        megabytes=0,
        model_megabytes=round(
            sum(p.numel() * p.element_size() for p in translator.generator.parameters()) / 1e6, 3
        ),
        pictures=len(ours),
        sizes=list(dict.fromkeys(f"{s.shape[0]}x{s.shape[1]}" for s in [*sources, *odd])),
        least_psnr=LEAST_PSNR[precision] if least_psnr is None else least_psnr,
        threads=translator.threads,
        scores=scores[0],
        model_scores=scores[1],
        **differences,
    )


def scores_of(
    results: Sequence[np.ndarray], proof: Sequence[Pair], header: Header
) -> dict[str, float]:
    """Means over the pairs, of results that may be more; none where sides differ in shape."""
    if header.target_size is not None:
        return {}
    scorer = default_scorer(border=header.scale)
    return means(
        [
            score_in_domain(scorer, result[None], target[None], header.target)[0]
            for result, (_, target) in zip(results, proof, strict=False)
        ]
    )
