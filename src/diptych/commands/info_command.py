"""`diptych info`: what is in a model file."""

from pathlib import Path
from typing import TYPE_CHECKING

from diptych.commands.terminal.options import Model

if TYPE_CHECKING:
    from diptych.images.domain import Domain
    from diptych.model_file import Header, Network
    from diptych.translation.plain_form import PlainForm


def info(model: Model) -> None:
    """Say what is in a model file."""
    from diptych.model_place import model_path
    from diptych.translation.loading import read_about

    path = model_path(model)
    show_header(path, *read_about(path))


def show_header(path: Path, header: "Header", form: "PlainForm | None" = None) -> None:
    """A model file in words."""
    from diptych.commands.terminal.console import show_rows
    from diptych.commands.terminal.score_table import scores_in_words
    from diptych.evaluation.words import duration

    by = header.test.normalization
    dropout = "on: results vary" if header.test.dropout else "off: results repeat"
    show_rows(
        {
            "file": f"{path}, {path.stat().st_size / 1e6:.1f} MB, format {header.format}",
            "translates": f"{header.source.name} -> {header.target.name}",
            "generator": network_in_words(header.generator),
            "discriminator": network_in_words(header.discriminator)
            if header.discriminator
            else "not in the file",
            "sizes": f"{sizes_in_words(form)}; trained at {header.crop_size[1]}x"
            f"{header.crop_size[0]}, padded to multiples of {header.size_multiple} within",
            **({} if form is None else {"takes": form_in_words(form)}),
            "source": domain_in_words(header.source),
            "target": f"{domain_in_words(header.target)}, scale {header.scale}",
            "dropout": f"{dropout} (when translating)",
            "normalises by": "each image, and holds stored statistics"
            if by == "image" and header.generator.options.get("stored_statistics")
            else {"image": "each image", "stored": "stored statistics"}[by],
            "trained": f"{header.step:,} steps, {duration(header.seconds)}"
            if header.step
            else "elsewhere",
            "on": f"{header.dataset.pairs.get('train', 0)} pairs ({header.dataset.fingerprint})"
            if header.dataset.pairs
            else "unknown",
            "scores": scores_in_words(header.scores) or "none",
            "made by": f"diptych {header.version}",
        }
    )


def sizes_in_words(form: "PlainForm | None") -> str:
    """Which pictures a file takes, width first."""
    if form is None or form.size is None:
        return "any"
    if form.overlap is not None:
        return f"any, in tiles of {form.size[1]}x{form.size[0]} that overlap by {form.overlap}"
    return f"{form.size[1]}x{form.size[0]} alone"


def form_in_words(form: "PlainForm") -> str:
    """How other programs give pictures to an exported file."""
    values = "all numbers divided by 255" if form.divided else "colours in [0, 1]"
    apart = ", each map an output of its own" if form.apart else ""
    return f"floats (1, C, H, W), {values}{apart}"


def network_in_words(network: "Network") -> str:
    """As `unet (base_channels 64, levels 8)`."""
    options = ", ".join(f"{name} {value}" for name, value in network.options.items())
    return f"{network.name} ({options})"


def domain_in_words(domain: "Domain") -> str:
    """What the pictures of one side are."""
    if domain.parts:
        return "; ".join(f"{part.name}: {domain_in_words(part)}" for part in domain.parts)
    nodata = "" if domain.nodata is None else f", {domain.nodata:g} where there is no data"
    if domain.kind == "labels":
        return f"labels of {domain.channels} classes{nodata}"
    channels = "one channel" if domain.channels == 1 else f"{domain.channels} channels"
    if domain.kind != "values":
        return f"{domain.kind}, {channels} of 8 bits"
    low, high = min(low for low, _ in domain.range), max(high for _, high in domain.range)
    return f"{channels} of {domain.dtype}, {low:g} to {high:g}{nodata}"
