import pytest

from diptych.data.fitting import Fit


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("patches", (123, 457), (123, 457)),
        ("resize", (123, 457), (286, 286)),
        ("shorter", (768, 1024), (286, 381)),
        ("shorter", (1024, 768), (381, 286)),
        ("shorter", (256, 256), (286, 286)),
        ("shorter", (1, 5000), (286, 1_430_000)),
        ("shorter", (600, 601), (286, 286)),
    ],
)
def test_the_size_that_a_picture_is_brought_to(kind, given, expected):
    assert Fit(kind, (286, 286)).of(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [((300, 400), (300, 400)), ((100, 100), (400, 400)), ((90, 400), (300, 1333))],
)
def test_what_is_no_square_is_covered(given, expected):
    assert Fit("shorter", (300, 400)).of(given) == expected
