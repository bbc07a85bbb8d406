"""Videos through a translator, frame by frame."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from diptych.data.pairs import evenly_spread
from diptych.data.scale import far_in_words
from diptych.errors import DiptychError, in_words_of, loses_all
from diptych.images.display import displayed
from diptych.images.mux import write_video
from diptych.images.rgb import as_array, in_colours
from diptych.images.video_frames import Frame, open_clip
from diptych.translation.jobs.file_plan import no_video
from diptych.translation.jobs.pipeline import Outcome
from diptych.translation.translator import Progress, Translator

LOOKED_AT = 8  # frames that the steady mode gathers its statistics from

Counting = Callable[[str], AbstractContextManager[Progress]]


def translate_videos(
    translator: Translator,
    jobs: Sequence[tuple[Path, Path]],
    outcome: Outcome,
    *,
    counting: Counting,
    steady: bool = True,
    seed: int = 0,
    overwrite: bool = False,
) -> None:
    """Translate every video into the file beside it; what became of it is added to `outcome`.

    One that fails is named there and the rest done.
    """
    for path, output in jobs:
        if output.exists() and not overwrite:
            outcome.kept += 1
            continue
        try:
            outcome.about_videos += translate_video(
                translator, path, output, steady=steady, seed=seed, counting=counting
            )
            outcome.translated += 1
        except Exception as error:
            if loses_all(error):
                raise
            words = in_words_of(error)
            named = str(path) in words or str(output) in words
            outcome.failures.append(words if named else f"{path}: {words}")


def translate_video(
    translator: Translator,
    path: Path,
    output: Path,
    *,
    counting: Counting,
    steady: bool = True,
    seed: int = 0,
) -> list[str]:
    """Translate a video frame by frame into the file `output`, with its times and its audio.

    With `steady` the noise, where it is on, is the same for every frame, and normalisation goes by
    statistics gathered over frames spread over the whole video, instead of by each frame's own.
    `counting` gives what is told how many frames are done, of how many. Returns a line for
    everything a person should know of. Raises DiptychError where the video cannot be read or
    translated; then there is no `output`.
    """
    header = translator.header
    source, target = header.source, header.target
    if source.kind == "rgba":
        raise DiptychError(f"{path}: this model fills the holes of pictures, and videos have none")
    if not source.is_picture:
        raise DiptychError(f"{path}: this model takes values, and videos hold colours")
    if not target.is_picture:
        raise no_video(path, target)
    clip = open_clip(path)
    translator.seed(seed)
    sizes: set[tuple[int, int]] = set()  # of the frames: one

    def translated(pixels: np.ndarray) -> np.ndarray:
        sizes.add((pixels.shape[0], pixels.shape[1]))
        if steady:
            translator.seed(seed)
        picture = in_colours(Image.fromarray(pixels), source.kind)
        return displayed(translator.apply(as_array(picture)), target)

    with ExitStack() as stack:
        if steady:
            places = set(evenly_spread(range(clip.count), LOOKED_AT))
            looked_at = (frame.pixels for i, frame in enumerate(clip.frames()) if i in places)
            counted = stack.enter_context(counting(f"{path.name}: statistics of layers"))
            stack.enter_context(translator.held_statistics(looked_at, translated, counted))
        counted = stack.enter_context(counting(f"{path.name}: frames"))

        def frames() -> Iterator[Frame]:
            for number, frame in enumerate(clip.frames(), 1):
                yield replace(frame, pixels=translated(frame.pixels))
                counted(number, clip.count)

        notes = write_video(output, frames(), like=clip, threads=translator.threads)
    far = None if translator.at_trained_scale else far_in_words(header, sizes.pop())
    return [*notes, *([f"{path}: {far}"] if far else [])]
