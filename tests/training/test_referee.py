"""What the referee says of a run that goes wrong, and that it is silent on one that does not."""

import numpy as np
import pytest
from tests.training.small import write_pair

from diptych.errors import DiptychError
from diptych.images.rgb import read_image, resize
from diptych.training.picture_faults import Finding, grid_energy, pair_faults, picture_faults
from diptych.training.referee import Referee

RANDOM = np.random.default_rng(0)
SHAPE = 8, 64, 64, 3
GOOD = {"features": 0.5}


def smooth(count: int = 8, seed: int = 0) -> np.ndarray:
    """Pictures of a few colours, as photos have them."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3))
    return coarse.repeat(8, axis=1).repeat(8, axis=2).astype(np.uint8)


def named(sources: np.ndarray, translated: np.ndarray, targets: np.ndarray) -> list[str]:
    return [finding.name for finding in picture_faults(sources, translated, targets)]


def near(targets: np.ndarray, levels: float = 20.0) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, levels, targets.shape)
    return (targets + noise).clip(0, 255).astype(np.uint8)


def test_pictures_that_are_right_or_half_right_are_not_mentioned():
    sources, targets = smooth(seed=1), smooth()
    for translated in (targets, near(targets), near(targets, 60), smooth(seed=2)):
        assert named(sources, translated, targets) == []
    white = np.full(SHAPE, 255, np.uint8)  # targets that are so themselves
    assert named(sources, white, white) == []
    assert named(sources[:3], sources[:3], targets[:3]) == [], "too few to tell"


def test_each_fault_is_seen():
    sources, targets = smooth(seed=1), smooth()
    assert named(sources, targets[:1].repeat(8, axis=0), targets) == ["constant"]
    assert "saturated" in named(sources, np.where(targets > 127, 255, 0).astype(np.uint8), targets)
    assert named(sources, near(sources, 3), targets) == ["copies"]
    gray = targets.mean(axis=3, keepdims=True).repeat(3, axis=3).astype(np.uint8)
    assert named(sources, gray, targets) == ["gray"]
    grid = targets.astype(int)
    grid[:, ::2, ::2] += 24
    assert named(sources, grid.clip(0, 255).astype(np.uint8), targets) == ["checkerboard"]


def test_a_grid_has_energy_and_noise_has_none():
    noise = RANDOM.integers(0, 256, (16, 64, 64, 3)).astype(np.float32)
    assert grid_energy(noise) < 3
    noise[:, ::2] += 60
    assert grid_energy(noise) > 10
    assert grid_energy(noise[:, :16, :16]) == 1, "too small to tell"


def test_it_is_said_once_and_only_when_it_lasts():
    referee, targets = Referee(), smooth()
    bad = targets[:1].repeat(8, axis=0)
    seen = [bad, bad, targets, bad, bad, bad, bad]
    said = [referee.look(smooth(seed=1), each, targets, GOOD, {}) for each in seen]
    assert [len(each) for each in said] == [0, 0, 0, 0, 0, 1, 0]


def late() -> Referee:
    referee = Referee()
    referee.stepped(100, 0.5, 10.0)
    return referee


def looked(referee: Referee, score: float, taken: dict[str, float] | None = None, **losses: float):
    referee.log({"step": 1, **losses})
    return referee.look(smooth(seed=1), smooth(), smooth(), {"features": score}, taken or {})


def test_a_discriminator_that_has_won_is_told():
    referee = late()
    said = [looked(referee, 0.5, g_l1=0.2, d_real=0.01, d_translated=0.02) for _ in range(3)]
    (finding,) = said[-1]
    assert "losses 0.010 and 0.020" in finding.words
    assert not finding.grave
    others = {"target": 0.4, "translated": 0.3}
    judged = late()
    said = [looked(judged, 0.5, others, g_l1=0.2, d_real=0.01, d_translated=0.02) for _ in range(3)]
    assert "it takes 40% of the targets for real, and 30% of the results" in said[-1][0].words
    even = late()
    assert not any(looked(even, 0.5, g_l1=0.2, d_real=0.5, d_translated=0.1) for _ in range(6))


def test_pairs_learned_by_heart_are_told():
    referee = late()
    said = [looked(referee, 0.5, g_l1=0.2)]
    said += [looked(referee, 0.5 + 0.02 * i, g_l1=0.2 - 0.02 * i) for i in range(1, 8)]
    (finding,) = [one for each in said for one in each]
    assert finding.name == "by-heart"
    both_better, both_worse = late(), late()
    for i in range(8):
        assert not looked(both_better, 0.5 - 0.02 * i, g_l1=0.2 - 0.02 * i)
        assert not looked(both_worse, 0.5 + 0.02 * i, g_l1=0.2)


def test_where_it_is_strict_a_grave_finding_ends_the_run():
    bad = smooth()[:1].repeat(8, axis=0)
    findings = [*picture_faults(smooth(seed=1), bad, smooth())]
    Referee().end_where_grave(findings, 10)
    with pytest.raises(DiptychError, match="--strict ends the run at step 10: results are all the"):
        Referee(strict=True).end_where_grave(findings, 10)


def test_a_run_made_to_fail_is_ended_and_a_healthy_one_is_not(learn, tmp_path):
    for split, first in (("train", 0), ("val", 8)):
        for number in range(first, first + 8):
            picture = smooth(1, number)[0]
            write_pair(tmp_path / "pairs" / split, f"{number}", 255 - picture, picture)
    changes = {"train.epochs": 6, "train.validate_epochs": 1, "loss.adversarial": "none"}
    options = {"data": tmp_path / "pairs", "out": tmp_path / "run"}
    with pytest.raises(DiptychError, match=r"--strict ends the run at step \d+: results are"):
        learn(changes=changes | {"train.learning_rate": 1.0}, strict=True, **options)
    calm = options | {"out": tmp_path / "calm"}
    assert learn(changes=changes, strict=True, **calm).finished


def test_early_only_what_is_grave_is_said():
    sources, targets = smooth(seed=1), smooth()
    referee, gray = Referee(), targets.mean(axis=3, keepdims=True).repeat(3, axis=3)
    for _ in range(5):
        assert not referee.look(sources, gray.astype(np.uint8), targets, GOOD, {})
    referee.stepped(1, 0.3, 1.0)
    said = [referee.look(sources, gray.astype(np.uint8), targets, GOOD, {}) for _ in range(3)]
    assert [finding.name for finding in said[-1]] == ["gray"]


def run_of(referee: Referee, scores: list[float], judging_from: float = 0.0) -> list[Finding]:
    """What is said over a run of so many validations, evenly spread."""
    said = []
    for i, score in enumerate(scores, start=1):
        progress = i / len(scores)
        referee.stepped(100 * i, progress, 1.0)
        taken = {"target": 0.6, "translated": 0.4} if progress > judging_from else {}
        said += looked(referee, score, taken, g_l1=0.2)
    return said


def test_no_more_progress_is_told_with_what_it_was_measured_by():
    flat = [0.5, 0.4, *[0.41] * 8]
    (finding,) = run_of(Referee(), flat)
    assert finding.name == "no-progress"
    assert "not become better since step 200, for 60% of the run" in finding.words
    assert not finding.grave
    assert run_of(Referee(), [0.5 - 0.01 * i for i in range(10)]) == []
    late_gain = [0.5, 0.4, 0.41, 0.41, 0.39, 0.4, 0.4, 0.38, 0.39, 0.37]
    assert run_of(Referee(), late_gain) == []


def test_scores_from_before_the_discriminator_began_are_no_yardstick():
    """It makes pictures sharper, which no distance rewards in full."""
    assert run_of(Referee(), [0.3] * 5 + [0.5 - 0.02 * i for i in range(5)], 0.5) == []


def test_a_run_without_an_end_in_sight_is_spoken_of_from_some_steps_on():
    sources, targets = smooth(seed=1), smooth()
    gray = targets.mean(axis=3, keepdims=True).repeat(3, axis=3).astype(np.uint8)
    for step, count in ((1400, 0), (1600, 1)):
        referee = Referee()
        referee.stepped(step, 0.0, 1.0)
        said = [one for _ in range(3) for one in referee.look(sources, gray, targets, GOOD, {})]
        assert len(said) == count


def detailed(count: int = 12) -> np.ndarray:
    """Pictures with edges all over."""
    coarse = np.random.default_rng(3).integers(0, 256, (count, 12, 12, 3))
    return coarse.repeat(8, axis=1).repeat(8, axis=2).astype(np.uint8)


def shifted(pictures: np.ndarray, way: str) -> np.ndarray:
    """All by the same, or each by its own."""
    moves = np.random.default_rng(0).integers(-9, 10, (len(pictures), 2))
    if way == "all alike":
        moves[:] = (0, 6)
    return np.stack(
        [np.roll(one, tuple(by), (0, 1)) for one, by in zip(pictures, moves, strict=True)]
    )


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("all alike", "the target lies off the source, 6 px right"),
        ("each by its own", "by another shift in each pair"),
    ],
)
def test_pairs_that_look_misaligned_are_told_at_once_and_once(way, words):
    sources = detailed()
    targets = 255 - shifted(sources, way)
    referee = Referee()
    (finding,) = referee.look(sources, targets, targets, GOOD, {})
    assert finding.name == "misaligned"
    assert words in finding.words
    assert referee.look(sources, targets, targets, GOOD, {}) == []
    aligned = 255 - sources
    assert Referee().look(sources, aligned, aligned, GOOD, {}) == []
    assert Referee().look(sources[:4], targets[:4], targets[:4], GOOD, {}) == [], "too few to tell"


def test_published_pairs_do_not_look_misaligned_until_they_are_shifted(shared_data):
    for name in ("facades", "maps", "edges2shoes"):
        sides = []
        for path in sorted((shared_data / name).rglob("*.jpg"))[:16]:
            whole = read_image(path)
            halves = [
                whole.crop((x, 0, x + whole.width // 2, whole.height))
                for x in (0, whole.width // 2)
            ]
            sides.append([np.asarray(resize(half, (128, 128))) for half in halves])
        sources, targets = (np.stack(side) for side in zip(*sides, strict=True))
        assert [*pair_faults(sources, targets)] == [], name
        assert [one.name for one in pair_faults(sources, shifted(targets, "all alike"))] == [
            "misaligned"
        ], name


CALM = {  # of 120 steps, which learn to turn colours round
    "data.load_size": 64,
    "data.crop_size": 64,
    "generator.base_channels": 16,
    "train.batch_size": 4,
    "train.learning_rate": 2e-3,
    "train.ema": 0.8,
    "train.epochs": 20,
    "train.validate_epochs": 2,
}
PROJECTED = {"discriminator.name": "projected", "discriminator.receptive_field": 70}


def write_set(folder, sources, targets) -> None:
    for number, pair in enumerate(zip(sources, targets, strict=True)):
        write_pair(folder / ("val" if number % 2 else "train"), f"{number}", *pair)


def test_a_run_on_misaligned_pairs_says_so_in_its_log_and_its_report(learn, listener, tmp_path):
    sources = detailed(24)
    write_set(tmp_path / "pairs", sources, 255 - shifted(sources, "all alike"))
    changes = {
        "data.load_size": 96,
        "data.crop_size": 96,
        "train.epochs": 1,
        "train.validate_epochs": 1,
    }
    run = learn(listener, data=tmp_path / "pairs", changes=changes)
    (note,) = listener.said("referee: pairs look misaligned")
    (words,) = [entry["findings"] for entry in listener.entries if "findings" in entry]
    assert note == f"referee: {words[0]}"
    assert "pairs look misaligned" in (run.path / "report.html").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"loss.adversarial": "none"},
        {},
        {"discriminator.receptive_field": 1},
        {"generator.name": "resunet", "generator.blocks": 2},
        PROJECTED | {"loss.features": 20, "loss.adversarial_from": 0.5},
    ],
    ids=["L1 alone", "PatchGAN", "PixelGAN", "resunet", "projected"],
)
def test_it_is_silent_on_healthy_runs(learn, listener, tmp_path, changes):
    sources = detailed(48)[:, :64, :64]
    write_set(tmp_path / "pairs", sources, 255 - sources)
    assert learn(listener, data=tmp_path / "pairs", changes=CALM | changes).finished
    scores = [entry["scores"]["features"] for entry in listener.entries if "scores" in entry]
    assert scores[-1] < 0.6 * scores[0], "it did learn"
    assert listener.said("referee") == []


SOURCES = detailed(48)[:, :64, :64]
TURNED = 255 - SOURCES


def copied() -> np.ndarray:
    """Training pairs that are the same on both sides, though others are not."""
    targets = TURNED.copy()
    targets[::2] = SOURCES[::2]
    return targets


def memorable() -> np.ndarray:
    """The same with noise of their own on eight of them."""
    noise = np.random.default_rng(1).integers(-120, 121, TURNED.shape)
    return (TURNED[:24] + noise[:24] * (np.arange(24) < 8)[:, None, None, None]).clip(0, 255)


NOISE = (np.random.default_rng(1).integers(0, 2, SOURCES.shape) * 255).astype(np.uint8)
NO_MATCH = {  # for the discriminator
    "train.epochs": 50,
    "train.validate_epochs": 5,
    "train.batch_size": 2,
    "train.decay": 0.2,
    "generator.base_channels": 4,
    "generator.dropout": 0.0,
    "discriminator.base_channels": 16,
}
ALONE = {"loss.adversarial": "none"}
BY_HEART = {
    "train.epochs": 200,
    "train.validate_epochs": 16,
    "generator.base_channels": 32,
    "generator.dropout": 0.0,
    "augment.mirror": False,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sources", "targets", "training", "changes", "words"),
    [
        (
            np.full_like(SOURCES, 255),
            smooth(48, 3),
            lambda number: number % 2 == 0,
            ALONE | {"generator.dropout": 0.0},
            ["results are all the same", "hardly any colour"],
        ),
        (
            SOURCES,
            copied(),
            lambda number: number % 2 == 0,
            ALONE,
            ["results are their sources"],
        ),
        (
            SOURCES,
            TURNED,
            lambda number: number % 2 == 0,
            ALONE | {"train.learning_rate": 1e-7},
            ["a grid of pixels", "not become better since"],
        ),
        (
            SOURCES,
            TURNED,
            lambda number: number % 2 == 0,
            ALONE | {"train.learning_rate": 1.0},
            ["of their values lie at an end of the range"],
        ),
        (
            SOURCES,
            NOISE,
            lambda number: number % 2 == 0,
            NO_MATCH,
            ["tells every result from a target"],
        ),
        (
            SOURCES[:24],
            memorable().astype(np.uint8),
            lambda number: number < 8,
            ALONE | BY_HEART,
            ["learns them by heart"],
        ),
    ],
    ids=[
        "sources that say nothing",
        "pairs that are the same",
        "no rate",
        "too high a rate",
        "noise",
        "few noisy pairs",
    ],
)
def test_runs_made_to_fail_are_told(
    learn, listener, tmp_path, sources, targets, training, changes, words
):
    for number, pair in enumerate(zip(sources, targets, strict=True)):
        write_pair(
            tmp_path / "pairs" / ("train" if training(number) else "val"), f"{number}", *pair
        )
    learn(listener, data=tmp_path / "pairs", changes=CALM | changes)
    for each in words:
        assert len(listener.said(each)) == 1, each
