"""A student from its teacher: what it is, that it goes on, and what is refused."""

import json
import shutil

import pytest
from safetensors import safe_open

from diptych.model_file import read_header

SMALL = {
    "data.load_size": 36,
    "data.crop_size": 32,
    "generator.base_channels": 8,
    "discriminator.base_channels": 4,
    "train.batch_size": 4,
    "train.steps": 2,
}


def sets(**more) -> list[str]:
    keys = SMALL | {key.replace("__", "."): value for key, value in more.items()}
    return [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture
def teacher(run, made_pairs, tmp_path):
    status, _, said = run(
        "train", "--data", made_pairs, "--out", tmp_path / "teacher", "--set",
        'data.direction="b_to_a"', *sets(),
    )  # fmt: skip
    assert status == 0, said
    return tmp_path / "teacher"


@pytest.mark.slow
def test_a_residual_u_net_teaches_and_is_taught(run, made_pairs, tmp_path, teacher):
    """By the same losses as it learned from, its discriminator's among them from half-way on."""
    data = ("--data", made_pairs)
    command = (
        "distill",
        teacher,
        *data,
        "--out",
        tmp_path / "taught",
        "--set",
        "train.log_steps=1",
    )
    assert run(*command, *sets())[0] == 0
    log = (tmp_path / "taught" / "log.jsonl").read_text("utf-8").splitlines()
    losses = [entry for entry in map(json.loads, log) if "g_features" in entry]
    assert ["d_real" in entry for entry in losses] == [False, True]
    status, _, said = run("train", "pix2pix", *data, "--out", tmp_path / "unet", *sets())
    assert status == 0, said
    command = ("distill", tmp_path / "unet", *data, "--out", tmp_path / "student", *sets())
    status, printed, said = run(*command, "--set", "generator.name=resunet")
    assert status == 0, said
    assert "teacher unet" in printed + said
    header = read_header(tmp_path / "student" / "model.safetensors")
    assert header.generator.name == "resunet"


@pytest.mark.slow
def test_a_student_learns_goes_on_and_translates(run, made_pairs, tmp_path, teacher):
    out = tmp_path / "student"
    command = ("distill", teacher, "--data", made_pairs, "--out", out)
    status, printed, said = run(*command, *sets())
    assert status == 0, said
    assert "teacher resunet" in printed + said
    header = read_header(out / "model.safetensors")
    assert header.generator.name == "compact"
    assert header.recipe["data"]["direction"] == "b_to_a", "the teacher's recipe"
    with safe_open(out / "model.safetensors", "pt") as file:
        assert not [name for name in file.keys() if "teacher" in name]  # noqa: SIM118 - no dict
    kept = json.loads((out / "taught_by.json").read_text("utf-8"))
    assert kept["model"] == str(teacher)

    assert run(*command, *sets(train__steps=3))[0] == 0
    log = [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]
    assert log[-1]["step"] == 3
    status, _, said = run("train", "--data", made_pairs, "--out", out, *sets())
    assert status == 2
    assert "with the teacher" in said

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    shutil.copy(made_pairs / "train" / "00.png", pictures)
    assert run("translate", out, pictures, "--out", tmp_path / "translated")[0] == 0
    assert (tmp_path / "translated" / "00.png").is_file()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"data__crop_size": 48, "data__load_size": 48, "generator__name": "residual"},
            "which needs multiples of 32",
        ),
        ({"generator__name": "compactor"}, "'compactor' is not known"),
        ({"distill__output": -1}, "distill.output = -1"),
    ],
)
def test_what_does_not_go_together_is_said(run, made_pairs, tmp_path, teacher, changes, message):
    out = tmp_path / "student"
    status, _, said = run("distill", teacher, "--data", made_pairs, "--out", out, *sets(**changes))
    assert (status, out.exists()) == (2, False)
    assert message in said.replace("\n", " ")


def test_a_teacher_of_other_pictures_is_refused(run, made_pairs, tmp_path, teacher):
    out = tmp_path / "student"
    labels = ("--set", "domain.target.kind=labels", "--set", "domain.target.classes=2")
    status, _, said = run("distill", teacher, "--data", made_pairs, "--out", out, *sets(), *labels)
    assert (status, out.exists()) == (2, False)
    assert said
