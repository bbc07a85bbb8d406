"""What Pillow opens is a picture, whatever it is called; what starts or opens more is none."""

import io
import tarfile

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, IptcImagePlugin

from diptych.config import load_recipe
from diptych.data.kept.keeping import keep
from diptych.data.shards import find_shards
from diptych.data.tables import read_table
from diptych.errors import DiptychError
from diptych.images.files import FORMATS, SUFFIXES, ending_of, find_images
from diptych.images.opening import picture_of
from diptych.images.rgb import read_image
from diptych.images.values import probe, read_values

PHOTO = Image.new("RGB", (32, 24), (200, 40, 90))
WRITABLE = ("AVIF", "BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "QOI", "TGA")


def saved(form: str, image: Image.Image = PHOTO, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def psd() -> bytes:
    """The one format that Pillow only reads: its header, three empty sections, raw channels."""
    header = b"8BPS\0\1" + bytes(6) + b"\0\3" + (24).to_bytes(4) + (32).to_bytes(4) + b"\0\x08\0\3"
    planes = b"".join(bytes([level]) * (24 * 32) for level in (200, 40, 90))
    return header + bytes(12) + b"\0\0" + planes


FILES = {
    **{form: saved(form) for form in (*WRITABLE, "TIFF", "WEBP") if form in FORMATS},
    "PSD": psd(),
    "MPO": saved("MPO", save_all=True, append_images=[PHOTO]),
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_is_read_by_what_it_holds(name, tmp_path):
    ending = ending_of(FILES[name])
    assert ending in SUFFIXES
    for called in (f"a{ending}", f"b{ending.upper()}", "c.png", "d.tif", "e"):
        path = tmp_path / called
        path.write_bytes(FILES[name])
        if name == "TGA" and called == "d.tif":
            continue  # which says nothing of itself at its beginning
        said, image = probe(path), read_image(path)
        assert read_values(path).shape == (said.height, said.width, said.channels)
        assert image.size == (said.width, said.height)
        assert said.height / 24 == said.width / 32
        if name != "GIF":
            assert np.abs(np.asarray(image).astype(int) - (200, 40, 90)).max() <= 6


def test_every_ending_of_a_format_is_found(tmp_path):
    names = [
        "a.jfif", "b.jpe", "c.avif", "d.pnm", "e.pbm", "f.jp2", "g.j2k", "h.tga", "i.dib",
        "j.mpo", "k.apng", "l.qoi", "m.ico", "n.psd", "o.pfm",
    ]  # fmt: skip
    for name in [*names, "p.eps", "q.pdf", "r.svg", "s.heic"]:
        (tmp_path / name).touch()
    assert [path.name for path in find_images(tmp_path)] == names


@pytest.mark.parametrize("called", ["a.eps", "a.png", "a.jpg", "a.tif", "a"])
@pytest.mark.parametrize("kind", ["EPS", "WMF", "IPTC", "PDF"])
def test_what_starts_programs_or_opens_more_is_no_picture(kind, called, tmp_path, monkeypatch):
    for plugin in (EpsImagePlugin.EpsImageFile, IptcImagePlugin.IptcImageFile):
        monkeypatch.setattr(plugin, "_open", lambda _: pytest.fail("opened"))
    stored = {
        "EPS": saved("EPS"),
        "WMF": b"\xd7\xcd\xc6\x9a\0\0" + bytes(500),
        "IPTC": b"\x1c\x03\x3c\0\x01\x01" * 20,
        "PDF": saved("PDF"),
    }[kind]
    path = tmp_path / called
    path.write_bytes(stored)
    for read in (probe, read_values, read_image):
        with pytest.raises(DiptychError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(DiptychError, match="not a picture of a known format"):
        ending_of(stored)
    with pytest.raises(OSError, match="cannot identify"):
        picture_of(stored)


def test_a_zip_file_of_something_else_is_no_array(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.png", "w") as archive:
        archive.writestr("mimetype", "image/openraster")
    with pytest.raises(DiptychError, match=r"a\.png: not a picture that can be read"):
        probe(tmp_path / "a.png")


@pytest.mark.parametrize("name", [name for name in FILES if name not in {"DIB", "ICO"}])
def test_shards_and_examples_hold_them_too(name, tmp_path, monkeypatch):
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    ending = ending_of(FILES[name])
    with tarfile.open(tmp_path / "train.tar", "w") as tar:
        for domain in "ab":
            member = tarfile.TarInfo(f"0001.{domain}{ending}")
            member.size = len(FILES[name])
            tar.addfile(member, io.BytesIO(FILES[name]))
    table = keep(find_shards(str(tmp_path / "train.tar")))
    (pair,) = read_table(table, load_recipe("pix2pix")).splits["train"]
    assert pair.source.read().shape == (24, 32, 3)
    assert pair.source.path.suffix == ending
    again = keep([{"a": FILES[name], "b": Image.open(io.BytesIO(FILES[name]))}])
    (pair,) = read_table(again, load_recipe("pix2pix")).splits["train"]
    assert np.array_equal(pair.source.read(), pair.target.read())
