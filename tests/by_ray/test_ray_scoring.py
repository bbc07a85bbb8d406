"""Pairs of any place are scored by actors of Ray: to the scores of the plain command."""

import json
import pickle
import uuid
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.by_ray.on_ray import RAY, actors_of
from tests.translation.jobs.of_files import end, kill, make_model, make_pairs, start, until

from diptych.brought_folder import brought
from diptych.by_ray.ray_rows import EndsAllError
from diptych.by_ray.ray_scoring import passing_of, rows_of, without_pairs
from diptych.by_ray.scoring_actor import Scored, Scoring, ScoringWork
from diptych.evaluation.evaluate import evaluate, joined
from diptych.evaluation.results import results_of
from diptych.images.limits import max_pixels
from diptych.places import Place
from diptych.translation.loading import load
from diptych.translation.settings import Settings

COUNT = 70  # two groups and a few


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "model.safetensors")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    return make_pairs(tmp_path_factory.mktemp("scored") / "pairs", COUNT)


@pytest.fixture
def memory(memory, pairs):
    """The same pairs in a file system in memory."""
    for path in pairs.rglob("*.png"):
        memory.pipe(f"/pairs/{path.relative_to(pairs).as_posix()}", path.read_bytes())
    return memory


class Here(Scoring):
    """An actor in this process."""

    def shared(self):
        return self.common


@contextmanager
def asked(translated, *urls: str, size: int | None = 64):
    """What a driver asks of actors that score by a translator, or the results in another place."""
    with ExitStack() as opened:
        files = [opened.enter_context(brought(Place(url))) for url in urls]
        results = results_of(translated or files[-1].root, files[0].root, size=size)
        work = ScoringWork(
            ending=".safetensors",
            settings=Settings(device="cpu", precision="fp32"),
            results=without_pairs(results),
            split="test",
            training=results.beside,
            places=[(each.place, each.root) for each in files],
            seed=0,
            max_pixels=max_pixels(),
        )
        rows = [*rows_of(results), *(passing_of(results) if translated else [])]
    # As elsewhere, where those folders are not.
    yield pickle.loads(pickle.dumps((work, rows)))  # noqa: S301 - our own


def done_by_actor(model: Path | None, work: ScoringWork, rows: list) -> list[Scored]:
    actor = Here(work, (model and model.read_bytes(), None))
    with actor._open:
        scored = [actor.done(row) for row in rows]
        # Nothing that was copied stays but what the baselines may be asked for again.
        kept = [path for folder in actor.folders for path in folder._brought]
        assert not [path for path in kept if "/train/" not in str(path)]
    return scored


def test_an_actor_scores_as_one_process_does(model, pairs, memory):
    translator = load(model, device="cpu")
    with asked(translator, "memory://pairs") as (work, rows):
        *groups, passing = done_by_actor(model, work, rows)
    assert not any(each.failures for each in groups)
    together = joined([each.evaluation for each in groups])
    whole = evaluate(translator, pairs, size=64)
    assert [*together.images.items()] == [*whole.images.items()]
    assert together.scores == whole.scores
    assert together.baselines == whole.baselines
    assert together.gains == whole.gains
    assert passing.failures == []


def test_results_in_files_are_scored_too(pairs, memory):
    for number in range(COUNT):
        memory.pipe(f"/made/{number:03}.png", (pairs / f"test/A/{number:03}.png").read_bytes())
    with asked(None, "memory://pairs", "memory://made", size=None) as (work, rows):
        groups = done_by_actor(None, work, rows)
    together = joined([each.evaluation for each in groups])
    whole = evaluate(pairs / "test" / "A", pairs)
    assert together.scores == whole.scores
    assert together.baselines == whole.baselines


def test_what_cannot_be_read_is_named_and_the_rest_is_scored(model, pairs, memory):
    memory.pipe("/pairs/test/B/040.png", b"no picture")
    with asked(load(model, device="cpu"), "memory://pairs") as (work, rows):
        memory.rm("/pairs/test/A/050.png")
        *groups, _ = done_by_actor(model, work, rows)
    failures = [line for each in groups for line in each.failures]
    assert [line.partition(": ")[0] for line in failures] == ["040", "050"]
    assert failures[0] == "040: memory://pairs/test/B/040.png: not a picture that can be read"
    assert "memory://pairs/test/A/050.png" in failures[1]
    together = joined([each.evaluation for each in groups])
    whole = evaluate(load(model, device="cpu"), pairs, size=64)
    rest = {name: scores for name, scores in whole.images.items() if name not in {"040", "050"}}
    assert [*together.images] == [*rest]
    for name, scores in rest.items():  # by themselves, and not in a batch: to a rounding
        assert together.images[name] == pytest.approx(scores, rel=1e-3)


def test_a_first_pair_that_cannot_be_read_is_no_more_than_another(model, memory):
    memory.pipe("/pairs/test/B/000.png", b"no picture")
    with asked(load(model, device="cpu"), "memory://pairs") as (work, rows):
        groups = done_by_actor(model, work, rows)
    assert [len(each.evaluation.images) for each in groups] == [31, 32, COUNT - 64]
    assert [len(each.failures) for each in groups] == [1, 0, 0]


def test_a_training_pair_that_cannot_be_read_ends_all(model, memory):
    memory.pipe("/pairs/train/A/000.png", b"no picture")
    with (
        asked(load(model, device="cpu"), "memory://pairs") as (work, rows),
        pytest.raises(EndsAllError, match=r"^memory://pairs/train/A/000\.png: not a picture"),
    ):
        done_by_actor(model, work, rows)


def test_a_group_that_processes_are_lost_on_is_named(model, memory):
    with asked(load(model, device="cpu"), "memory://pairs") as (work, rows):
        actor = Here(work, (model.read_bytes(), None))
        with actor._open:
            lost = actor.given_up(rows[-2], "4 processes were lost on it or its neighbours")
    assert lost.evaluation is None
    assert lost.failures == [
        f"{number:03}: 4 processes were lost on it or its neighbours" for number in range(64, COUNT)
    ]


def test_other_places_are_for_ray_alone(run, model, pairs, tmp_path):
    for words in (["--data", "s3://bucket/x"], ["--data", pairs, "--translated", "gs://made"]):
        given = [] if "--translated" in words else [model]
        status, _, errors = run("evaluate", *given, *words)
        assert status == 2
        assert "--ray" in errors
    status, _, errors = run("train", "--data", "s3://bucket/x", "--out", tmp_path / "run")
    assert (status, errors.count("\n")) == (2, 1)
    assert "s3://bucket/x: pairs are read from folders" in errors


def scores_in(file: Path) -> dict:
    facts = json.loads(file.read_text())
    del facts["data"]
    return facts


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the server's and the client's libraries
def test_from_s3_though_a_process_is_killed(model, bucket, tmp_path):
    pytest.importorskip("ray", reason="needs Ray: pip install 'diptych[ray]'")
    folder = make_pairs(tmp_path / "pairs", 400)
    alone, by_ray = tmp_path / "alone.json", tmp_path / "ray.json"
    words = {"command": "evaluate"}
    said = end(start(model, "--data", folder, "--json", alone, **words))[1]
    bucket.upload(folder, "pairs")
    mark = uuid.uuid4().hex
    facts = RAY | bucket.facts | {"DIPTYCH_TEST_MARK": mark}
    asked = (model, "--data", "s3://bucket/pairs", "--ray", "--devices=2", "--json", by_ray)
    process = start(*asked, **words, **facts)
    until(lambda: len(actors_of(mark)) == 2)
    actor = actors_of(mark)[0]
    until(lambda: cpu_seconds(actor) > 14)  # loaded, and in the midst of pairs
    kill(actor)
    status, words_said, errors = end(process)
    assert (status, errors) == (0, "")
    assert words_said.startswith(said)
    assert "400 scored in " in words_said.removeprefix(said)
    assert scores_in(by_ray) == scores_in(alone)
    # A file that is none is named with its address, and all others are scored.
    bucket.client.put_object(Bucket="bucket", Key="pairs/test/A/007.png", Body=b"no picture")
    status, words_said, errors = end(start(*asked, command="evaluate", **facts))
    assert (status, errors) == (1, "")
    line = "failed: 007: s3://bucket/pairs/test/A/007.png: not a picture that can be read\n"
    assert words_said.endswith(line)
    assert scores_in(by_ray)["not_scored"] == [line.removeprefix("failed: ").rstrip()]
    assert len(scores_in(by_ray)["images"]) == 399


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_table_and_results_in_s3(model, bucket, tmp_path):
    pytest.importorskip("ray", reason="needs Ray: pip install 'diptych[ray]'")
    folder = make_pairs(tmp_path / "pairs", 40)
    lines = [f"test/A/{n:03}.png,test/B/{n:03}.png,test,{n:03}" for n in range(40)]
    (folder / "pairs.csv").write_text("\n".join(["source,target,split,name", *lines]) + "\n")
    alone, by_ray = tmp_path / "alone.json", tmp_path / "ray.json"
    made = folder / "test" / "A"
    end(
        start(
            *("--data", folder / "pairs.csv", "--translated", made, "--json", alone),
            command="evaluate",
        )
    )
    bucket.upload(folder, "pairs")
    asked = ["--data", "s3://bucket/pairs/pairs.csv", "--translated", "s3://bucket/pairs/test/A"]
    status, _, errors = end(
        start(*asked, "--ray", "--json", by_ray, command="evaluate", **RAY, **bucket.facts)
    )
    assert (status, errors) == (0, "")
    one, two = scores_in(by_ray), scores_in(alone)
    assert one.pop("model") == "s3://bucket/pairs/test/A"
    del two["model"]
    assert one == two


def cpu_seconds(process: int) -> float:
    """What a process has taken of the processor so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
