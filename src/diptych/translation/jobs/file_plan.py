"""Files and folders through a translator: which goes where, decided before anything is done."""

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TypeVar

from diptych.errors import DiptychError
from diptych.images.domain import Domain
from diptych.images.files import PICTURES, VIDEO_SUFFIXES, find_files, find_images
from diptych.images.mux import WRITABLE
from diptych.model_file import Header
from diptych.translation.jobs.file_names import Names

FORMATS = ("png", "jpg", "webp", "tif", "npy")
AnyPath = TypeVar("AnyPath", bound=PurePath)
SIDES = ("source", "left", "right")


@dataclass
class Plan:
    """Every picture and every video with its output, and what was found beside them."""

    jobs: list[tuple[Path, Path]] = field(default_factory=list)
    videos: list[tuple[Path, Path]] = field(default_factory=list)
    not_pictures: list[Path] = field(default_factory=list)
    # Of a model that takes several sources: the files of each picture.
    together: dict[Path, list[Path]] = field(default_factory=dict)

    def files_of(self, path: Path) -> list[Path]:
        """A file for each source of the model."""
        return self.together.get(path, [path])


def default_format(target: Domain) -> str:
    """The format of results where none is asked for: PNG, unless it has no room for them."""
    return formats_of(target)[0]


def formats_of(target: Domain) -> tuple[str, ...]:
    """Those of `FORMATS` that results are kept in: for classes and values, what changes none."""
    if target.is_picture:
        return FORMATS
    fits = target.channels in (1, 3, 4) and target.dtype in {"uint8", "uint16"}
    return ("png", "tif", "npy") if target.kind == "labels" or fits else ("tif", "npy")


def check_format(form: str, target: Domain, option: str = "--format") -> None:
    """Raise DiptychError where results cannot be kept in a format, naming those that keep them."""
    right = formats_of(target)
    if form not in FORMATS:
        raise DiptychError(f"{option} {form!r}: one of {', '.join(right)}")
    if form not in right:
        what = "classes" if target.kind == "labels" else f"{target.dtype} values"
        raise DiptychError(
            f"{option} {form}: it would change the {what} of {target.name}, or has no room for "
            f"them: {', '.join(right)} keep them"
        )


def written(output: AnyPath, samples: int = 0) -> list[AnyPath]:
    """The files that the result at `output` is written to, the last one last."""
    if not samples:
        return [output]
    spread = output.with_stem(f"{output.stem}_spread")
    numbered = [output.with_stem(f"{output.stem}_{i}") for i in range(1, samples + 1)]
    return [*numbered, spread.with_suffix(".png") if output.suffix == ".npy" else spread]


def plan_files(inputs: Iterable[str], out: Path, form: str = "png", samples: int = 0) -> Plan:
    """Where each picture and video of `inputs` (files, folders, patterns) is written.

    A folder's subfolders are mirrored in `out`; for a single picture or video `out` may name the
    file. With `samples` each picture gives so many. Raises DiptychError where an input is missing,
    where two would give one file, or where one would replace an input: names that differ in
    capitals alone, or in the form of Unicode, are one where the file system takes them for one.
    Results of an earlier run that lie inside an input folder are no inputs.
    """
    if form not in FORMATS:
        raise DiptychError(f"--format {form!r}: one of {', '.join(FORMATS)}")
    plan = Plan()
    names = Names(out)
    names_video, names_picture = _names_video(out), form_of(out) is not None
    found = list(_named(inputs, out, plan))
    if names_picture and (len(found) > 1 or any(_is_video(path) for path, _ in found)):
        raise DiptychError(f"--out {out}: names one picture, for {_counted(found)}: name a folder")
    for path, relative in found:
        file = names_video or names_picture
        output = out if file else out / result_name(relative, form)
        for place in written(output, 0 if _is_video(path) else samples):
            other = names.take(place, path)
            if other is not None:
                raise DiptychError(
                    f"{other} and {path} would both give {place}: translate them to two folders"
                )
        (plan.videos if _is_video(path) else plan.jobs).append((path, output))
    both = plan.jobs + plan.videos
    replaced = names.taken_by(path for path, _ in both)
    if replaced is not None:
        raise DiptychError(f"{replaced} would replace an input: give another --out")
    if not both:
        raise DiptychError(f"no pictures or videos in {', '.join(inputs)}")
    if names_video and plan.jobs:
        raise DiptychError(f"--out {out}: a picture does not become a video; name a folder")
    return plan


def check_videos(plan: Plan, target: Domain, samples: int, side: str | None) -> None:
    """Raise DiptychError where there is a video, and an option or results for pictures alone."""
    if plan.videos and not target.is_picture:
        raise no_video(plan.videos[0][0], target)
    for option in (samples and "--samples", side and "--side"):
        if option and plan.videos:
            raise DiptychError(f"{option} is for pictures, and {plan.videos[0][0]} is a video")


def no_video(path: Path, target: Domain) -> DiptychError:
    """The error for a video whose results are numbers, which a video would change."""
    return DiptychError(
        f"{path}: a video would change the {target.kind} of {target.name}: give its frames as "
        f"pictures, whose results are kept as {', '.join(formats_of(target))}"
    )


def plan_sources(
    options: Sequence[str], source: Domain, out: Path, form: str, samples: int = 0
) -> Plan:
    """What `--source NAME=FOLDER` means: a plan for the first, and what goes with each picture.

    Raises DiptychError where the names are not those of the model's sources, or where a folder
    lacks what another has.
    """
    folders = dict(text.partition("=")[::2] for text in options)
    names = [part.name for part in source.parts]
    if sorted(folders) != sorted(names):
        raise DiptychError(
            f"--source {', '.join(folders)}: this model takes {', '.join(names) or 'one source'}: "
            "--source NAME=FOLDER for each"
        )
    if form_of(out) is not None:
        raise DiptychError(f"--out {out}: name a folder, for the pictures of {folders[names[0]]}")
    plan = plan_files([folders[names[0]]], out, form, samples)
    plan.together = {path: [path] for path, _ in plan.jobs}
    for name in names[1:]:
        folder = Path(folders[name])
        partners = {p.relative_to(folder).with_suffix(""): p for p in find_images(folder)}
        for path, output in plan.jobs:
            partner = partners.get(output.relative_to(out).with_suffix(""))
            if partner is None:
                raise DiptychError(f"{path}: nothing of that name in {folder}")
            plan.together[path].append(partner)
    return plan


def check_side(side: str | None, header: Header) -> tuple[int, int] | None:
    """Which panel of how many `side` means; None for whole pictures."""
    if side is None:
        return None
    if side == "source":
        if header.strip is None:
            raise DiptychError(
                "--side source: this model was not trained on side-by-side pictures; "
                "give --side left or --side right"
            )
        return header.strip.source, header.strip.panels
    if side in SIDES:
        return SIDES.index(side) - 1, 2
    raise DiptychError(f"--side {side!r}: one of {', '.join(SIDES)}")


def _named(inputs: Iterable[str], out: Path, plan: Plan) -> Iterable[tuple[Path, Path]]:
    """Every picture and video, and its path relative to the input that brought it."""
    for text in inputs:
        matches = [text] if Path(text).exists() else sorted(glob.glob(text, recursive=True))  # noqa: PTH207
        if not matches:
            raise DiptychError(f"{text}: no such file or folder, and no pattern that matches any")
        for match in map(Path, matches):
            if not match.is_dir():
                yield match, Path(match.name)
                continue
            results = out.resolve()
            inside = match.resolve() in results.parents
            for path in find_files(match):
                if inside and path.resolve().is_relative_to(results):
                    continue
                if path.suffix.lower() in PICTURES or _is_video(path):
                    yield path, path.relative_to(match)
                else:
                    plan.not_pictures.append(path)


def form_of(out: Path) -> str | None:
    """The format of the picture that `out` names; None where it names no picture."""
    suffix = out.suffix.lower().removeprefix(".")
    form = {"jpeg": "jpg", "tiff": "tif"}.get(suffix, suffix)
    return form if form in FORMATS and not out.is_dir() else None


def _counted(found: Sequence[tuple[Path, Path]]) -> str:
    return f"{len(found)} inputs" if len(found) > 1 else "a video"


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def _names_video(out: Path) -> bool:
    """Whether `out` is the file of a video, no folder; raises DiptychError for other formats."""
    if not _is_video(out) or out.is_dir():
        return False
    if out.suffix.lower() not in WRITABLE:
        raise DiptychError(f"--out {out}: videos are written as {', '.join(WRITABLE)}")
    return True


def result_name(name: AnyPath, form: str) -> AnyPath:
    """Of a picture or video; the ending of a video stays where it can be written."""
    ending = name.suffix.lower()
    if ending not in VIDEO_SUFFIXES:
        return name.with_suffix(f".{form}")
    return name.with_suffix(ending if ending in WRITABLE else ".mp4")
