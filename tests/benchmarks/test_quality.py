import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from diptych.errors import DiptychError

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import quality
from quality import ARMS, SETS, Job

JOB = Job("facades", "classic", ARMS["classic"], 8, 128, 0, "fp32", 0)


def result(lpips: float, kid: float | None = None, **more: object) -> dict[str, object]:
    scores = {"lpips_alex": {"mean": lpips}} | ({} if kid is None else {"kid_x1000": {"mean": kid}})
    return {"scores": scores, "steps": 10, "recipe": {"train.batch_size": 4}, **more}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_has_a_recipe_for_every_set(name, arm):
    recipe = quality.settled(replace(JOB, set=name, arm=arm, changes=ARMS[arm], seed=3))
    assert (recipe.train.minutes, recipe.train.seed, recipe.train.precision) == (8, 3, "fp32")
    assert recipe.data.crop == (128, 128)


def test_the_plain_arm_is_the_papers():
    recipe = quality.settled(replace(JOB, arm="plain", changes=ARMS["plain"]))
    train = recipe.train
    assert (train.batch_size, train.learning_rate, train.ema) == (1, 2e-4, 0)
    assert (recipe.generator.name, recipe.generator.base_channels, recipe.loss.l1) == (
        "unet", 64, 100,
    )  # fmt: skip
    assert recipe.data.load == (143, 143)


def test_ablations_differ_from_the_default_in_their_own_keys_alone():
    default = quality.stated(quality.settled(replace(JOB, changes=ARMS["default"])))
    for arm, (method, changes) in ARMS.items():
        if method == "diptych":
            own = quality.stated(quality.settled(replace(JOB, changes=ARMS[arm])))
            keys = default.keys() | own.keys()
            differing = {key for key in keys if default.get(key) != own.get(key)}
            tables = {key.partition(".")[0] for key in changes if key.endswith(".name")}
            assert {key for key in differing if key.partition(".")[0] not in tables} <= set(changes)
            assert differing or not changes, arm


def test_runs_that_differ_have_names_that_differ():
    others = [
        replace(JOB, set="maps"),
        replace(JOB, arm="plain"),
        replace(JOB, minutes=0.5),
        replace(JOB, size=64),
        replace(JOB, pairs=100),
        replace(JOB, precision="auto"),
        replace(JOB, seed=1),
    ]
    assert len({JOB.key, *(job.key for job in others)}) == len(others) + 1


def test_results_are_added_to_those_in_the_file(tmp_path):
    file = tmp_path / "results" / "quality.json"
    assert quality.kept(file) == {}
    quality.keep(file, {"b": {"steps": 1}, "c": {"steps": 2}})
    quality.keep(file, {"a": {"steps": 3}, "c": {"steps": 4}})
    assert quality.kept(file) == {"a": {"steps": 3}, "b": {"steps": 1}, "c": {"steps": 4}}
    assert json.loads(file.read_text("utf-8"))["benchmark"] == "quality"
    assert [path.name for path in file.parent.iterdir()] == ["quality.json"]


def test_a_tried_arm_is_like_another_but_for_some_keys():
    arms = quality.arms_of(["classic"], [["mine", "patchgan", "loss.l1=50", "generator.name=unet"]])
    method, changes = arms["mine"]
    assert (list(arms), method) == (["classic", "mine"], "diptych")
    assert changes == {**ARMS["patchgan"][1], "loss.l1": 50, "generator.name": "unet"}
    for wrong in (["classic", "default"], ["mine", "nothing"], ["mine", "default", "loss.l1"]):
        with pytest.raises(DiptychError, match="--try takes"):
            quality.arms_of([], [wrong])


def test_the_first_pairs_are_linked_to_and_other_splits_are_whole(tmp_path):
    data = tmp_path / "data"
    for split, count in (("train", 5), ("val", 3)):
        (data / split).mkdir(parents=True)
        for i in range(count):
            (data / split / f"{i}.png").write_bytes(b"")
    few = quality.few_pairs(data, 2, tmp_path / "few")
    assert sorted(p.name for p in (few / "train").iterdir()) == ["0.png", "1.png"]
    assert len(list((few / "val").iterdir())) == 3
    with pytest.raises(DiptychError, match="5 pictures, fewer than 6"):
        quality.few_pairs(data, 6, tmp_path / "more")


def test_the_first_pairs_of_two_folders_are_those_of_each(tmp_path):
    for side in ("satellite", "map"):
        (tmp_path / "data" / "train" / side).mkdir(parents=True)
        for name in ("a", "b", "c"):
            (tmp_path / "data" / "train" / side / f"{name}.png").write_bytes(b"")
    few = quality.few_pairs(tmp_path / "data", 2, tmp_path / "few") / "train"
    found = sorted(path.relative_to(few).as_posix() for path in few.rglob("*.png"))
    assert found == ["map/a.png", "map/b.png", "satellite/a.png", "satellite/b.png"]


def test_shares_of_the_base_are_of_the_means_over_seeds():
    arms = {"classic": [result(0.5, 200), result(0.7, 300)], "default": [result(0.3, 50)]}
    assert quality.ratios(arms, "classic") == [
        "default / classic: LPIPS-Alex 0.50, KID x1000 0.20",
    ]
    assert quality.ratios(arms, "plain") == []


def test_bicubic_is_a_rival_where_it_was_scored():
    arms = {"default": [result(0.2, bicubic=result(0.4)["scores"])]}
    quality.with_bicubic(arms)
    assert quality.ratios(arms, "bicubic") == ["default / bicubic: LPIPS-Alex 0.50"]
    assert "| bicubic | 0.400 |" in quality.table("restore", 8, arms)


def test_the_time_to_a_score_is_the_shortest_budget_that_reached_it(capsys):
    assert quality.first_to_reach({1: 0.47, 2: 0.44, 4: 0.45}, 0.45) == 2
    assert quality.first_to_reach({1: 0.47}, 0.45) is None
    results = []
    for arm, scores in (("classic", {1: 0.6, 8: 0.5}), ("default", {1: 0.52, 2: 0.49, 8: 0.4})):
        for minutes, lpips in scores.items():
            results.append(result(lpips, set="facades", arm=arm, minutes=minutes))
    quality.tell(results, "classic")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "facades: LPIPS of classic after 8 min: default after 2 min or less"


def test_tables_hold_what_is_kept_of_other_minutes_and_arms_whose_recipe_is_the_same():
    def kept(recipe_of: str = "", **changes: object) -> dict[str, object]:
        job = replace(JOB, **changes)
        recipe = quality.settled(replace(job, changes=ARMS[recipe_of or job.arm]))
        about = {key: value for key, value in vars(job).items() if key != "changes"}
        return about | {"recipe": quality.stated(recipe)}

    same = [kept(minutes=1), kept(arm="plain"), kept(arm="default"), kept(minutes=40)]
    other = [kept(seed=7), kept(size=64), kept(set="maps"), kept(pairs=9), kept(precision="auto")]
    stale = [kept(arm="no-d", recipe_of="default"), kept() | {"arm": "nobody"}]
    assert quality.alike([*other, *same, *stale], [JOB], ARMS) == same
