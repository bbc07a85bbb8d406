"""Names that others gave, as paths that Windows holds, by its own rules for paths."""

from pathlib import PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.portable_name import portable


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("0001", "0001"),
        ("photos/0001.left", "photos/0001.left"),
        ("photos\\0001", "photos/0001"),
        ("Ärger ✓ (1)", "Ärger ✓ (1)"),
        ("12:30?", "12%3A30%3F"),
        ("100% wool", "100% wool"),
        ("C:\\photos\\1", "C%3A/photos/1"),
        ("\\\\server\\share\\1", "server/share/1"),
        ("file:///etc/passwd", "file%3A/etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("../../x", ".%2E/.%2E/x"),
        ("a/./b", "a/%2E/b"),
        ("end.", "end%2E"),
        ("end ", "end%20"),
        ("con", "_con"),
        ("AUX.png", "_AUX.png"),
        ("nul .tar.gz", "_nul .tar.gz"),
        ("Lpt¹", "_Lpt¹"),
        ("con/prn", "_con/_prn"),
        ("constant", "constant"),
        ("com10", "com10"),
        ("", "_"),
        ("//", "_"),
    ],
)
def test_a_name_becomes_a_path(name, path):
    assert portable(name).as_posix() == path


@pytest.mark.filterwarnings("ignore:.*is_reserved:DeprecationWarning")
@given(st.text(st.sampled_from('aC.: \\/%<*?|\x00\x1f"nul1¹con'), max_size=12))
def test_any_name_is_held_and_leads_nowhere_else(name):
    path = portable(name)
    held = PureWindowsPath(path)
    assert held.as_posix() == path.as_posix()
    assert not held.anchor
    assert ".." not in held.parts
    assert not held.is_reserved()
    for part in path.parts:
        assert part == part.rstrip(". ")
        assert not set(part) & set('<>:"|?*\\\x00\x1f')


def test_two_names_stay_two():
    names = ["a:b", "a?b", "a_b", "a.", "a", "a ", "a/b", "a/.b"]
    assert len({portable(name) for name in names}) == len(names)
