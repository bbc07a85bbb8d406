import numpy as np

from diptych.data.store.buckets import FILE_BYTES, MOST, PART_BYTES, buckets, most_at


def names(count: int) -> list[str]:
    return [f"/data/train/{number:06}.jpg" for number in range(count)]


def parted(places: list[str], most: int = MOST) -> set[frozenset[str]]:
    found = buckets(places, [1] * len(places), most, FILE_BYTES)
    assert sorted(number for bucket in found for number in bucket) == list(range(len(places)))
    return {frozenset(places[number] for number in bucket) for bucket in found}


def test_a_part_has_one_to_four_thousand_pictures():
    assert [len(bucket) for bucket in parted(names(4000))] == [4000]
    sizes = [len(bucket) for bucket in parted(names(100_000))]
    assert 1000 <= min(sizes) <= max(sizes) <= 4000
    assert len(sizes) == 32


def test_neither_their_order_nor_what_is_beside_matters():
    places = names(3000)
    shuffled = np.random.default_rng(0).permutation(places).tolist()
    assert parted(places, 100) == parted(shuffled, 100)


def test_one_that_comes_or_goes_touches_two_parts_at_most():
    places = names(2000)
    before = parted(places, 100)
    for number in range(20):
        more = parted([*places, f"/data/train/new {number}.jpg"], 100)
        assert len(before - more) == 1
        assert len(more - before) <= 2
        fewer = parted(places[:number] + places[number + 1 :], 100)
        assert len(before - fewer) <= 2
        assert len(fewer - before) == 1


def test_those_of_one_file_stay_together_and_nothing_is_no_part():
    assert buckets(["a"] * 9, [1] * 9, 2, FILE_BYTES) == [list(range(9))]
    assert buckets([], [], 2, FILE_BYTES) == []


def test_large_pictures_are_fewer_in_a_part():
    assert most_at(286 * 286 * 3) == MOST
    assert most_at(1024 * 1024 * 3) == PART_BYTES // (1024 * 1024 * 3)
    assert most_at(PART_BYTES * 2) == 1
    found = buckets(names(64), [FILE_BYTES // 8] * 64, MOST, FILE_BYTES)
    assert max(map(len, found)) <= 8


def test_names_that_are_no_unicode():
    assert buckets(["caf\udce9", "b"], [1, 1], 1, 9) in ([[0], [1]], [[1], [0]])
