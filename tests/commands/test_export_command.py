"""Which options go together; what an export is, is tested with `translation`."""

from pathlib import Path

import pytest

from diptych.commands.export_command import export
from diptych.errors import DiptychError


@pytest.mark.parametrize(
    ("out", "options", "said"),
    [
        ("page", {}, "page: --to onnx or junyanz or web, or name a .onnx or .pth"),
        ("page", {"to": "web", "bare": True}, "--bare: for --to onnx, not web"),
        ("page", {"to": "web", "opset": 21}, "--opset: for --to onnx, not web"),
        ("some.onnx", {"cdn": True}, "--cdn: for --to web, not onnx"),
        ("some.onnx", {"samples": [Path("pairs")]}, "--samples: for --to web, not onnx"),
        ("page", {"to": "web"}, "--data is missing"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_read(out, options, said):
    with pytest.raises(DiptychError, match=said):
        export(Path("no-model"), Path(out), **options)
