import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pairs and metric weights beside the checkout."""
    beside = Path(__file__).parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("DIPTYCH_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip("needs the real pairs in ../shared/data, absent here")
    return folder
