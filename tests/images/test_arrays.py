import numpy as np
import pytest
import torch
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.arrays import read_array, resized
from diptych.images.display import colours, displayed
from diptych.images.domain import Domain, plain
from diptych.images.encoding import data_mask, decode, encode
from diptych.images.writing import write_values

DEPTH = Domain(name="depth", kind="values", channels=1, dtype="uint16", range=((0, 10000),))
BANDS = Domain(
    name="bands", kind="values", channels=3, dtype="float32", range=((0, 1), (-5, 5), (0, 900))
)
PALETTE = ("#000000", "#ff0000", "#00ff80", "#0000ff")
LABELS = Domain(name="labels", kind="labels", channels=4, palette=PALETTE)


def random(shape: tuple[int, ...], high: float = 1.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, np.float32) * high


def test_values_are_read_in_their_units(tmp_path):
    values = (random((9, 7, 1)) * 9999).astype(np.uint16)
    write_values(tmp_path / "a.png", values)
    found = read_array(tmp_path / "a.png", DEPTH)
    assert found.dtype == np.float32
    assert np.array_equal(found, values)


@pytest.mark.parametrize("values", [np.zeros((4, 4, 1), np.uint8), np.zeros((4, 4, 3), np.uint16)])
def test_other_numbers_than_the_domains_are_refused(values, tmp_path):
    write_values(tmp_path / "a.png", values)
    with pytest.raises(DiptychError, match="but depth has 1 channels of uint16") as caught:
        read_array(tmp_path / "a.png", DEPTH)
    assert str(caught.value).startswith(f"{tmp_path / 'a.png'}: {values.shape[2]} channels of ")


@pytest.mark.parametrize("domain", [DEPTH, BANDS])
def test_values_come_back_through_the_network_range(domain):
    highs = np.array([high - low for low, high in domain.range], np.float32)
    lows = np.array([low for low, _ in domain.range], np.float32)
    values = random((2, 5, 6, domain.channels)) * highs + lows
    coded = encode(torch.from_numpy(values), domain)
    assert coded.shape == (2, domain.channels, 5, 6)
    assert -1 <= coded.min() <= coded.max() <= 1
    back = decode(coded, domain, torch.from_numpy(values))
    assert back.dtype == domain.dtype
    step = 0.5 if domain is DEPTH else 1e-3
    assert np.abs(back - values).max() <= step


def test_what_is_out_of_range_is_cut_and_what_is_empty_is_in_the_middle():
    domain = DEPTH.model_copy(update={"nodata": 77.0})
    values = torch.tensor([-5.0, 0, 77, 10000, 12000]).view(1, 1, 5, 1)
    assert encode(values, domain).flatten().tolist() == [-1, -1, 0, 1, 1]
    assert data_mask(values, domain).flatten().tolist() == [True, True, False, True, True]
    assert data_mask(values, DEPTH) is None
    floats = torch.tensor([0.5, float("nan")]).view(1, 1, 2, 1).expand(-1, -1, -1, 3)
    assert data_mask(floats, BANDS)[..., 0].flatten().tolist() == [True, False]
    assert encode(floats, BANDS)[0, :, 0, 1].tolist() == [0, 0, 0]


def test_integers_are_rounded_and_held_within_their_type():
    domain = Domain(
        name="d", kind="values", channels=1, dtype="int16", range=((-40000.0, 40000.0),)
    )
    outputs = torch.tensor([-1, 1, 0.00001]).view(1, 1, 1, 3)
    assert decode(outputs, domain, outputs).flatten().tolist() == [-32768, 32767, 0]


def test_labels_are_one_hot_and_come_back(tmp_path):
    indices = np.random.default_rng(0).integers(0, 4, (6, 5, 1), np.uint8)
    coded = encode(torch.from_numpy(indices[None]), LABELS)
    assert coded.shape == (1, 4, 6, 5)
    assert torch.equal(coded.sum(1), torch.full((1, 6, 5), -2.0))
    assert np.array_equal(decode(coded, LABELS, coded)[0], indices)


def test_labels_from_indices_from_colours_and_from_a_palette(tmp_path):
    indices = np.random.default_rng(0).integers(0, 4, (6, 5, 1), np.uint8)
    write_values(tmp_path / "indices.png", indices)
    write_values(tmp_path / "wide.png", indices.astype(np.uint16))
    write_values(tmp_path / "palette.png", indices, palette=PALETTE)
    Image.fromarray(colours(LABELS)[indices[..., 0]]).save(tmp_path / "colours.png")
    for name in ("indices", "wide", "palette", "colours"):
        found = read_array(tmp_path / f"{name}.png", LABELS)
        assert found.dtype == np.uint8
        assert np.array_equal(found, indices), name


def test_a_label_outside_its_range_is_named_with_its_file(tmp_path):
    indices = np.zeros((4, 4, 1), np.uint8)
    indices[1, 2] = 7
    path = tmp_path / "a.png"
    write_values(path, indices)
    with pytest.raises(DiptychError) as caught:
        read_array(path, LABELS)
    assert str(caught.value) == (
        f"{path}: label 7 in 1 pixels, but labels has 4 classes, 0 to 3, "
        "and #070707 is not in its palette"
    )
    Image.new("RGB", (3, 3), "#0000fe").save(path)
    with pytest.raises(DiptychError, match=r"colour #0000fe in 9 pixels is not in the palette"):
        read_array(path, LABELS)
    bare = LABELS.model_copy(update={"palette": ()})
    with pytest.raises(DiptychError, match="labels has no palette"):
        read_array(path, bare)
    np.save(tmp_path / "a.npy", np.zeros((4, 4, 2), np.uint8))
    with pytest.raises(DiptychError, match="2 channels: neither labels nor colours"):
        read_array(tmp_path / "a.npy", LABELS)
    np.save(tmp_path / "a.npy", np.array([[0, np.nan]]))
    with pytest.raises(DiptychError, match="label nan in 1 pixels"):
        read_array(tmp_path / "a.npy", LABELS)


def test_classes_and_empty_pixels_are_never_mixed():
    indices = np.random.default_rng(0).integers(0, 4, (37, 41, 1), np.uint8)
    for size in ((10, 10), (80, 90), (37, 41), (1, 1)):
        small = resized(indices, size, LABELS)
        assert small.shape == (*size, 1)
        assert set(np.unique(small)) <= set(np.unique(indices))
    holed = np.where(random((30, 30, 1)) > 0.5, 5000, 0).astype(np.float32)
    found = resized(holed, (20, 20), DEPTH.model_copy(update={"nodata": 0}))
    assert set(np.unique(found)) == {0, 5000}


@pytest.mark.parametrize("domain", [DEPTH, BANDS, plain("photo")])
def test_smooth_pictures_stay_so_at_another_size(domain):
    rows, columns = np.mgrid[:40, :60]
    ramp = (rows + columns)[..., None].repeat(domain.array_channels, -1)
    small = resized(ramp.astype(domain.array_dtype), (20, 30), domain)
    assert small.dtype == domain.array_dtype
    expected = (2 * rows[:20, :30] + 2 * columns[:20, :30] + 1)[..., None]
    assert np.abs(small.astype(float) - expected)[2:-2, 2:-2].max() <= 1


def test_what_a_person_is_shown():
    values = np.array([0, 5000, 10000, 77], np.float32).reshape(1, 4, 1)
    domain = DEPTH.model_copy(update={"nodata": 77.0})
    assert displayed(values, domain)[0].tolist() == [[0] * 3, [128] * 3, [255] * 3, [0] * 3]
    bands = np.full((2, 3, 12), 0.5, np.float32)
    twelve = Domain(name="b", kind="values", channels=12, dtype="float32", range=((0, 1),))
    assert displayed(bands, twelve).shape == (2, 3, 3)
    indices = np.array([[[1], [2]]], np.uint8)
    assert displayed(indices, LABELS).tolist() == [[[255, 0, 0], [0, 255, 128]]]
    many = Domain(name="many", kind="labels", channels=30)
    assert len({tuple(colour) for colour in colours(many).tolist()}) == 30
    photo = random((4, 4, 3), 255).astype(np.uint8)
    assert displayed(photo, plain("photo")) is photo
