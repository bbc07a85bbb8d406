"""The card says what the header knows, and that the rest is not known."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from diptych.datasets.catalogue import find_dataset
from diptych.datasets.hub_client import Address
from diptych.errors import DiptychError
from diptych.model_file import Dataset
from diptych.sharing.card import check_license, known_dataset, write_card
from diptych.sharing.samples import make_samples
from diptych.translation.loading import load

HERE = Address("me/facades")


def front_matter(card: str) -> dict:
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(card.split("---\n")[1])


def test_nothing_is_known_but_the_header(header):
    card = write_card(header, HERE)
    facts = front_matter(card)
    assert facts["library_name"] == "diptych"
    assert facts["pipeline_tag"] == "image-to-image"
    assert "pix2pix" in facts["tags"]
    assert "license" not in facts
    for expected in (
        "labels → photo",
        "10 train, 1 val, 1 test",
        "| L1 (lower is better) | 0.123 |",
        "Trained at 32×32 pixels on 10 pairs,\n  1,234 steps in 1 min 40 s",
        "No baseline was measured",
        "on what terms they may be used, is not stated",
        "No licence is stated for the model.",
        "diptych translate hf://me/facades pictures --out translated",
    ):
        assert expected in card, card
    assert "samples.png" not in card
    assert "\n\n\n" not in card


def test_licence_and_terms_are_said_as_given(header):
    card = write_card(header, HERE, license_id="cc-by-sa-4.0", data_terms="Mine: do as you like.")
    assert front_matter(card)["license"] == "cc-by-sa-4.0"
    assert "Licence of the model: `cc-by-sa-4.0`." in card
    assert "as the author of this model states them: Mine: do as you like." in card
    assert "not stated" not in card
    assert "diptych[hub,onnx]" in write_card(header, HERE, onnx=True)
    with pytest.raises(DiptychError, match="--license 'CC: BY'"):
        check_license("CC: BY")


def test_an_imported_model_does_not_know_its_pairs_nor_later_metrics(header):
    imported = header.model_copy(
        update={"dataset": Dataset(fingerprint="", pairs={}), "scores": {"later": 0.5}}
    )
    card = write_card(imported, HERE)
    assert "Pairs: unknown." in card
    assert "on unknown pairs," in card


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("facades", (400, 100, 106)),
        ("maps", (987, 1098, 109)),
        ("maps", (1096, 1098, 1098)),
        ("edges2shoes", (49325, 200, 500)),
        ("edges2shoes", (44843, 200, 4982)),  # as it was held out once
    ],
)
def test_a_published_set_is_known_by_its_numbers(header, name, counts):
    pairs = dict(zip(("train", "val", "test"), counts, strict=True))
    trained = header.model_copy(update={"dataset": Dataset(fingerprint="0", pairs=pairs)})
    assert known_dataset(trained) == find_dataset(name)
    assert find_dataset(name).terms in write_card(trained, HERE).replace("\n", " ")
    trained.dataset.pairs["train"] -= 1
    assert known_dataset(trained) is None


def test_the_library_reads_the_card(header):
    library = pytest.importorskip("huggingface_hub")
    data = library.ModelCard(write_card(header, HERE, license_id="mit")).data
    assert (data.license, data.pipeline_tag) == ("mit", "image-to-image")


def test_the_python_of_the_card_runs(header, model, tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", write_card(header, HERE), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 24)).save("picture.png")
    exec(code.replace("hf://me/facades", str(model)), {})
    with Image.open("translated.png") as made:
        assert made.size == (40, 24)


def test_samples_are_scored_beside_baselines_and_drawn(header, model, made_pairs):
    samples = make_samples(load(model), made_pairs)
    card = write_card(header, HERE, samples=samples)
    assert "![labels, translated, photo](samples.png)" in card
    assert "| bare labels | nearest training pair |" in card
    assert "closer to" in card or "far" in card
    assert "of another set than\nthe model was trained on" in card
    with Image.open(io.BytesIO(samples.png)) as drawn:
        sheet = np.asarray(drawn)
    (name,) = samples.names
    with Image.open(made_pairs / "train" / f"{name}.png") as pair:
        halves = [pair.crop((x, 0, x + 48, 48)).resize((32, 32)) for x in (0, 48)]
    shown = [sheet[-38:-6, x : x + 32].astype(float) for x in (6, 44, 82)]
    # The run's pairs are target | source by its recipe, and so those of the sheet.
    assert np.abs(shown[0] - np.asarray(halves[1])).mean() < 8
    assert np.abs(shown[2] - np.asarray(halves[0])).mean() < 8
    assert np.array_equal(shown[1], load(model).apply(shown[0].astype(np.uint8)))
