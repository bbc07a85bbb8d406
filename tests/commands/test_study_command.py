"""`diptych study`, run as a person runs it."""

import http.client
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def results(shared_data, tmp_path) -> tuple[Path, Path]:
    """Real facades, and a folder of "results": the label pictures themselves."""
    pairs = shared_data / "facades"
    (tmp_path / "results").mkdir()
    for path in sorted((pairs / "test").glob("*.jpg")):
        with Image.open(path) as pair:
            width, height = pair.size
            labels = pair.crop((width // 2, 0, width, height)).resize((64, 64))
            labels.save(tmp_path / "results" / f"{path.stem}.png")
    return pairs, tmp_path / "results"


@pytest.mark.slow
def test_a_study_of_a_folder_of_results_until_ctrl_c(results, run):
    pairs, folder = results
    words = ["study", folder, "--data", pairs, "--set", "data.direction=b_to_a", "--port", "0"]
    few = [*words, "--practice", "1", "--trials"]
    process = subprocess.Popen(
        [sys.executable, "-m", "diptych", *map(str, few), "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        port = int(re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

        def post(path: str, content: object) -> dict:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(content), headers)
            return json.loads(connection.getresponse().read())

        said = post("/begin", {})
        for number in (1, 2):
            answer = {"rater": said["rater"], "trial": number, "left": True, "seconds": 1}
            assert "error" not in post("/answer", answer)
        connection.close()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=90)
    finally:
        process.kill()
    assert (process.returncode, errors) == (0, "")
    assert f"rater {said['rater']} has finished" in output
    assert "% of 1 trials" in output
    status, said_again, _ = run("study", folder, "--results")
    assert status == 0
    assert said_again.strip() in output
    status, _, error = run(*few, "2")
    assert status == 2
    assert "holds a study with trials 1, not 2" in error


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["study", "RESULTS"], "--data is missing"),
        (["study", "none.safetensors", "--data", "PAIRS"], "--out is missing"),
        (["study", "none", "--data", "PAIRS", "--out", "x"], "none: no such model"),
        (["study", "RESULTS", "--results"], "results/study: holds no study"),
        (["study", "RESULTS", "--data", "PAIRS", "--trials", "99"], "106 pairs for 109 trials"),
        (["study", "RESULTS", "--data", "PAIRS", "--split", "nope"], "--split 'nope'"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(run, results, tmp_path, monkeypatch, words, expected):
    monkeypatch.chdir(tmp_path)
    places = dict(zip(("PAIRS", "RESULTS"), map(str, results), strict=True))
    status, _, errors = run(*(places.get(word, word) for word in words))
    assert status == 2
    assert expected in errors
    assert len(errors.strip().splitlines()) == 1
    assert not (tmp_path / "results" / "study").exists()
