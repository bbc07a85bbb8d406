"""`diptych push`: a model shared on the hub, with its card."""

from pathlib import Path
from typing import Annotated

import typer

from diptych.commands.terminal.options import Device, Model, Threads


def push(
    model: Model,
    address: Annotated[str, typer.Argument(help="where to, as hf://user/name")],
    *,
    samples: Annotated[
        str | None,
        typer.Option(metavar="PAIRS", help="score their validation pairs, and publish a few"),
    ] = None,
    license_id: Annotated[
        str | None, typer.Option("--license", help="of the model, as mit or cc-by-sa-4.0")
    ] = None,
    data_terms: Annotated[
        str | None, typer.Option(help="on what terms the pairs may be used, in your words")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="a new repository that only you can see")
    ] = False,
    to_folder: Annotated[
        Path | None, typer.Option(help="write what would be pushed here, and push nothing")
    ] = None,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Share a model on the hub, with a card that says what it is, and on what terms."""
    from diptych.commands.terminal.console import Counter, console, say_note, show_rows
    from diptych.datasets.hub_client import parse_address
    from diptych.errors import DiptychError
    from diptych.model_place import model_path
    from diptych.sharing.card import SHEET, check_license, write_card
    from diptych.sharing.pushing import push_files, write_folder
    from diptych.translation.loading import load, read_about

    place = parse_address(address)
    if place.revision is not None:
        raise DiptychError(f"{address}: pushes go to the main branch: leave @REVISION out")
    if license_id is None:
        say_note("no --license: the card says that none is stated")
    else:
        check_license(license_id)
    path = model_path(model)
    name = f"model{path.suffix.lower()}"
    published = None
    if samples is not None:
        from diptych.sharing.samples import make_samples

        translator = load(path, device=device, threads=threads)
        with Counter("scoring val") as counted:
            published = make_samples(translator, samples, counted)
        names = ", ".join(published.names)
        say_note(f"the card shows pictures of {samples}, for anybody who sees it: {names}")
        if not published.same_pairs:
            say_note(f"{samples}: not the pairs that the model was trained on; the card says so")
    header, _ = read_about(path)
    card = write_card(
        header,
        place,
        onnx=name == "model.onnx",
        license_id=license_id,
        data_terms=data_terms,
        samples=published,
    )
    files: dict[str, Path | bytes] = {name: path, "README.md": card.encode()}
    if published is not None:
        files[SHEET] = published.png
    if to_folder is not None:
        write_folder(to_folder, files)
        console.print(f"{', '.join(files)} in {to_folder}; nothing was pushed")
        return
    page = push_files(place, files, f"{header.source.name} -> {header.target.name}", private)
    show_rows({"page": page, "use": f"diptych translate {place} PICTURES --out translated"})
