import pytest

from diptych.evaluation.summary import differences, summarise
from diptych.evaluation.words import by_other_scores, verdict


def scored(*values, metric="lpips", times=4):
    """Of so many pairs that anything can be said: each value several times, hardly changed."""
    return [{metric: value + i / 1e6} for i in range(times) for value in values]


def said(ours, bare):
    return verdict(
        summarise(ours), {"bicubic": summarise(bare)}, {"bicubic": differences(ours, bare)}, "photo"
    )


def test_pairs_are_compared_one_by_one_though_they_differ_much_among_themselves():
    """The intervals of the two means overlap widely; every pair is better all the same."""
    ours, bare = scored(0.1, 0.5, 0.9), scored(0.2, 0.61, 0.99)
    assert summarise(ours)["lpips"].high > summarise(bare)["lpips"].low
    assert said(ours, bare) == (
        "By LPIPS the translated pictures are closer to the photo than the baseline, bicubic: "
        "0.500 against 0.600 over 12 pairs (lower is better)."
    )


@pytest.mark.parametrize(
    ("ours", "bare", "how"),
    [
        (scored(0.2, 0.61, 0.99), scored(0.1, 0.5, 0.9), "farther from the photo than"),
        (scored(0.2, 0.5, 0.99), scored(0.1, 0.6, 0.9), "about as far from the photo as"),
        (scored(0.2, 0.61, metric="ssim"), scored(0.1, 0.5, metric="ssim"), "closer to"),
        (scored(0.1, 0.5, metric="ssim"), scored(0.2, 0.61, metric="ssim"), "farther from"),
    ],
)
def test_either_way(ours, bare, how):
    assert how in said(ours, bare)


def test_of_few_pairs_nothing_is_said():
    """One pair has no spread: its difference would pass for certain."""
    one = said(scored(0.1, times=1), scored(0.2, times=1))
    assert one == (
        "1 pair is too few to say whether the translated pictures are closer to the photo than the "
        "baseline, bicubic: LPIPS 0.100 against 0.200 (lower is better)."
    )
    seven, eight = scored(*[0.1] * 7, times=1), scored(*[0.1] * 8, times=1)
    assert said(seven, scored(*[0.2] * 7, times=1)).startswith("7 pairs are too few")
    assert "are closer to the photo" in said(eight, scored(*[0.2] * 8, times=1))


def test_the_best_baseline_is_the_one_to_beat():
    ours = scored(0.3, 0.31)
    others = {"weak": scored(0.8, 0.9), "strong": scored(0.4, 0.45)}
    sentence = verdict(
        summarise(ours),
        {name: summarise(given) for name, given in others.items()},
        {name: differences(ours, given) for name, given in others.items()},
        "photo",
    )
    assert "baseline, strong: 0.305 against 0.425" in sentence
    assert "LPIPS 0.305" in verdict(summarise(ours), {}, {}, "photo")


def others(ours, bare):
    return by_other_scores(
        summarise(ours), {"bicubic": summarise(bare)}, {"bicubic": differences(ours, bare)}
    )


def of(times=8, **scores):
    """Of so many pairs, each hardly another."""
    return [{name: value + i / 1e6 for name, value in scores.items()} for i in range(times)]


def test_what_is_better_and_what_is_worse_is_said():
    bare = of(lpips=0.5, l1=0.2, psnr=12.0, ssim=0.4)
    assert others(of(lpips=0.3, l1=0.1, psnr=14.0, ssim=0.3), bare) == (
        "By L1 and PSNR they are closer too; by SSIM the baseline is."
    )
    assert others(of(lpips=0.6, l1=0.1, psnr=12.0, ssim=0.3), bare) == (
        "By L1 they are closer; by SSIM the baseline is too."
    )
    assert others(of(lpips=0.3), of(lpips=0.5)) == ""
    assert others(of(7, lpips=0.3, l1=0.1), of(7, lpips=0.5, l1=0.2)) == "", "too few"
    assert by_other_scores(summarise(bare), {}, {}) == ""
