"""A file never names another, and what is no file is never waited for."""

import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.images import crafted

from diptych.errors import DiptychError
from diptych.images.domain import plain
from diptych.images.geo import geo_tags
from diptych.images.rgb import read_image
from diptych.images.tiff_windows import open_tiff
from diptych.images.values import probe, read_values
from diptych.images.video_frames import open_clip

OWN, PRIVATE = (np.full((16, 16), level, np.uint8) for level in (7, 99))
WAYS = (probe, read_values, read_image, geo_tags)


def ome(companion: Path) -> bytes:
    """Whose only plane lies in another file."""
    words = f"""<?xml version="1.0"?>
        <OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">
        <Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8"
        SizeX="16" SizeY="16" SizeC="1" SizeZ="1" SizeT="1">
        <TiffData FirstC="0" FirstZ="0" FirstT="0" IFD="0" PlaneCount="1">
        <UUID FileName="{companion}">urn:uuid:2</UUID></TiffData></Pixels></Image></OME>"""
    return crafted.tiff(OWN.tobytes(), {crafted.DESCRIPTION: words.encode() + b"\0"})


def micromanager() -> bytes:
    """The first of two planes, the other of which lies in a file of the same beginning."""
    summary = json.dumps({"MicroManagerVersion": "2", "Frames": 2, "Prefix": "a"}).encode()
    index = 8 + 32 + len(summary)  # behind these eight numbers and the summary
    head = struct.pack("<8I", 54773648, index, 0, 0, 0, 0, 2355492, len(summary)) + summary
    head += struct.pack("<7I", 3453623, 1, 0, 0, 0, 0, 8)  # one plane, and where it lies
    return crafted.tiff(OWN.tobytes(), {crafted.MICROMANAGER: b"{}\0"}, head)


def ndtiff() -> bytes:
    summary = b'{"a": 1}'
    head = struct.pack("<4I", 483729, 2, 2355492, len(summary)) + summary
    return crafted.tiff(OWN.tobytes(), {crafted.MICROMANAGER: b"{}\0"}, head)


def write_private(path: Path) -> Path:
    tifffile.imwrite(path, PRIVATE, photometric="minisblack")
    return path


def test_values_of_another_file_never_come_back(tmp_path):
    private = write_private(tmp_path / "private.tif")
    path = tmp_path / "sent" / "picture.tif"
    path.parent.mkdir()
    for name in (str(private), "../private.tif", "PICTURE.TIF"):
        path.write_bytes(ome(Path(name)))
        np.testing.assert_array_equal(read_values(path)[..., 0], OWN)
        np.testing.assert_array_equal(np.asarray(read_image(path))[..., 0], OWN)
        picture = open_tiff(path, plain("a", "gray"))
        assert picture is not None
        np.testing.assert_array_equal(picture.read(((0, 16), (0, 16)))[..., 0], OWN)
        picture.close()


READ = """
import sys
from pathlib import Path
from diptych.images.values import read_values
for path in map(Path, sys.argv[1:]):
    print((read_values(path) == 7).all())
"""


def test_no_companion_is_opened(tmp_path):
    """Pipes stand in the places of the companions: who opens one waits for ever."""
    files = {"a_MMStack_1.tif": micromanager(), "nd.tif": ndtiff(), "o.tif": ome(tmp_path / "o")}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for name in ("a_MMStack_2.tif", "NDTiff.index", "o"):
        os.mkfifo(tmp_path / name)
    places = [str(tmp_path / name) for name in files]
    done = subprocess.run(
        [sys.executable, "-c", READ, *places],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == 3 * ["True"]


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Paths to what is no regular file, and what it is called."""
    folder = tmp_path_factory.mktemp("others")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
        yield {"a pipe": folder / "pipe", "a socket": folder / "socket", "a device": "/dev/zero"}


@pytest.mark.parametrize("kind", ["a pipe", "a socket", "a device"])
@pytest.mark.parametrize("ending", [".png", ".tif", ".npy", ".npz", ".mp4"])
def test_what_is_no_file_is_refused_at_once(kind, ending, others, tmp_path):
    path = tmp_path / f"a{ending}"
    path.symlink_to(others[kind])
    for way in (open_clip,) if ending == ".mp4" else WAYS:
        with pytest.raises(DiptychError) as caught:
            way(path)
        assert str(caught.value) == f"{path}: {kind}, where a file was expected"
    assert open_tiff(path, plain("a")) is None


def test_a_folder_is_said_to_be_one(tmp_path):
    for way in (*WAYS, open_clip):
        with pytest.raises(DiptychError, match="Is a directory"):
            way(tmp_path)
