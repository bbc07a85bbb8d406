"""Which options go together; what an export is, is tested with `translation`."""

from pathlib import Path

import pytest

from diptych.commands.export_command import export
from diptych.errors import DiptychError


@pytest.mark.parametrize(
    ("out", "options", "said"),
    [
        (
            "page",
            {},
            "page: --to onnx or web or .* ncnn or junyanz, or name a .onnx or .param or .pth",
        ),
        ("page", {"to": "web", "bare": True}, "--bare: for --to onnx, not web"),
        ("page", {"to": "web", "opset": 21}, "--opset: for --to onnx, not web"),
        ("some.onnx", {"cdn": True}, "--cdn: for --to web, not onnx"),
        ("some.onnx", {"samples": [Path("pairs")]}, "--samples: for --to web, not onnx"),
        ("page", {"to": "web"}, "--data is missing"),
        ("some.onnx", {"size": "256"}, "--size: for --to plain or qgis, not onnx"),
        ("some.onnx", {"to": "plain", "anyway": True}, "--anyway: for --to qgis, not plain"),
        (
            "some.onnx",
            {"to": "qgis", "license_id": "MIT"},
            "--license: for --to bioimage, not qgis",
        ),
        ("some.onnx", {"to": "plain", "size": "a", "data": "x"}, "--size 'a': one side, or height"),
        ("some.zip", {"to": "bioimage", "data": "x"}, "--to bioimage: say --license"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_read(out, options, said):
    with pytest.raises(DiptychError, match=said):
        export(Path("no-model"), Path(out), **options)
