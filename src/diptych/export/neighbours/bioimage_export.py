"""A model as a package of the BioImage Model Zoo, for Fiji, QuPath, ilastik, napari and others.

Written and tested by the zoo's own libraries (https://bioimage.io, format 0.5).
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError

from diptych.errors import DiptychError
from diptych.export.neighbours.plain_export import Plain, as_plain, proved_graph
from diptych.export.neighbours.zoo_description import Attribution, describe
from diptych.export.onnx_export import check_parity, proof_pairs, write_kept
from diptych.export.onnx_precision import Precision
from diptych.export.parity import Parity
from diptych.tensor_file import first_fault
from diptych.translation.bounded.reach import reach_of
from diptych.translation.network_translator import NetworkTranslator
from diptych.translation.plain_form import PlainForm

NEEDS = "--to bioimage: needs bioimageio.core: pip install 'diptych[bioimage]'"
WARNING = 30  # what the zoo's libraries say below that is for information


def export_bioimage(
    translator: NetworkTranslator,
    path: Path,
    data: Path,
    attribution: Attribution,
    *,
    tiles: bool = False,
    precision: Precision = "fp32",
    least_psnr: float | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> tuple[Parity, list[str]]:
    """Write the package `path`, a zip, and its proof beside it; what the zoo's own test remarks.

    `tiles`: for pictures larger than memory; what a program cuts off around each is what the model
    sees. Else programs give it whole pictures. Raises DiptychError as `export_plain`, where the
    zoo's libraries are missing or do not take the attribution, and where their test fails.
    """
    with quietly():
        try:
            import bioimageio.core  # noqa: F401
        except ImportError:
            raise DiptychError(NEEDS) from None
        attribution.check()
    plain = as_plain(translator, "bioimage", in_tiles=tiles)
    header = plain.header
    halo = halo_of(plain) if tiles else 0
    form = PlainForm()
    content, parity, exported = proved_graph(
        plain, path, data, form, precision, least_psnr, on_step
    )
    check_parity(path, parity)
    proof = proof_pairs(translator, data, precision)[0]
    on_step("the zoo's own test")
    with TemporaryDirectory() as folder, quietly():
        package = Path(folder) / "package.zip"
        try:
            description = describe(
                Path(folder), content, exported, header, proof, attribution, parity, halo
            )
            remarks = _save_and_test(description, package)
        except ValidationError as error:
            raise DiptychError(f"{path}: {first_fault(error)}") from None
        return write_kept(path, package.read_bytes(), parity), remarks


def halo_of(plain: Plain) -> int:
    """What is cut off around a tile, in pixels of the source: a multiple of the generator's."""
    reach = reach_of(plain.generator, plain.header)
    if reach is None:
        raise DiptychError(
            "--tiles: this model takes statistics of the whole picture, and tiles have others; "
            "without it programs give it whole pictures"
        )
    multiple = plain.header.size_multiple
    return max(1, -(-reach // multiple)) * multiple


def _save_and_test(description: Any, package: Path) -> list[str]:
    """Write the package, and have the zoo's library test what is in it; what that remarks."""
    from bioimageio.core import test_model
    from bioimageio.spec import save_bioimageio_package

    save_bioimageio_package(description, output_path=package)
    summary = test_model(package)
    errors = [error for detail in summary.details for error in detail.errors]
    if summary.status != "passed":
        said = "; ".join(f"{'.'.join(map(str, e.loc))}: {e.msg}" for e in errors)
        raise DiptychError(f"bioimageio.core does not pass it: {said or summary.status}")
    return [
        f"{'.'.join(map(str, each.loc))}: {each.msg}"
        for detail in summary.details
        for each in detail.warnings
        if each.severity >= WARNING
    ]


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """The zoo's libraries tell every step."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        switched = contextlib.ExitStack()
        with contextlib.suppress(ImportError):
            from loguru import logger

            logger.disable("bioimageio")
            switched.callback(logger.enable, "bioimageio")
        level = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(level)
            switched.close()
