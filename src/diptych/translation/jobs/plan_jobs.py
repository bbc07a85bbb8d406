"""All that a plan holds: pictures, then videos."""

from diptych.translation.jobs.file_plan import Plan
from diptych.translation.jobs.pipeline import Outcome, translate_files
from diptych.translation.jobs.video_jobs import Counting, translate_videos
from diptych.translation.translator import Translator


def translate_plan(
    translator: Translator,
    plan: Plan,
    *,
    counting: Counting,
    panel: tuple[int, int] | None = None,
    seed: int = 0,
    overwrite: bool = False,
    samples: int = 0,
    steady: bool = True,
) -> Outcome:
    """Translate every picture and video; `counting` is asked for what is told of the progress.

    See `translate_files` and `translate_videos`.
    """
    with counting("translating") as counted:
        outcome = translate_files(
            translator,
            plan,
            seed=seed,
            panel=panel,
            overwrite=overwrite,
            samples=samples,
            on_progress=counted,
        )
    translate_videos(
        translator,
        plan.videos,
        outcome,
        steady=steady,
        seed=seed,
        overwrite=overwrite,
        counting=counting,
    )
    return outcome
