"""The house is in order: a name stands for one module."""

from collections import defaultdict
from pathlib import Path

import diptych

PACKAGE = Path(diptych.__file__).parent


def test_no_two_modules_share_a_name():
    places = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        if path.stem != "__init__":
            places[path.stem].append(path.relative_to(PACKAGE).as_posix())
    assert len(places) > 200
    assert [paths for paths in places.values() if len(paths) > 1] == []
