"""How various the colours of a set are."""

import numpy as np

from diptych.evaluation.colour_spread import spread


def plain(*colours: tuple[int, int, int]) -> list[np.ndarray]:
    return [np.full((4, 5, 3), colour, np.uint8) for colour in colours]


def test_the_spread_is_a_share_of_the_targets():
    targets = plain((40, 20, 90), (140, 60, 30))
    assert spread(targets, targets) == {"luma": 1, "red-green": 1, "blue-yellow": 1}
    alike = plain((90, 40, 60), (90, 40, 60))
    assert spread(alike, targets) == {"luma": 0, "red-green": 0, "blue-yellow": 0}
    # Red minus green: 60 apart in the targets, 30 here; blue: 130 and 15; luma: here not at all.
    half = plain((80, 40, 60), (100, 30, 50))
    assert spread(half, targets) == {"luma": 0, "red-green": 0.5, "blue-yellow": 0.115}


def test_paper_is_left_out_where_the_target_is_white():
    targets = plain((255, 255, 255), (255, 255, 255), (255, 255, 255))
    results = plain((0, 0, 0), (200, 200, 200), (90, 90, 90))
    for i, (theirs, ours) in enumerate(((40, 60), (100, 90))):
        targets[i][1:3, 1:3], results[i][1:3, 1:3] = theirs, ours
    assert spread(results, targets, on_paper=True)["luma"] == 0.5
    assert spread(results, targets)["luma"] > 2  # paper and all


def test_targets_without_spread_give_no_number():
    assert np.isnan(spread(plain((1, 2, 3)), plain((4, 5, 6)))["luma"])
