import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from diptych.data.shards import find_shards
from diptych.datasets.unpack import unpack_tar
from diptych.errors import DiptychError


def png(value: int = 0) -> bytes:
    file = io.BytesIO()
    Image.new("L", (4, 4), value).save(file, "PNG")
    return file.getvalue()


def write(path: Path, members: dict[str, bytes | tarfile.TarInfo]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def examples(location: Path | str) -> list[dict]:
    found = find_shards(str(location))
    assert found is not None
    return [example for part in found.parts("") for example in part.after(0, None)]


def test_members_of_one_name_are_an_example(tmp_path):
    path = write(
        tmp_path / "a.tar",
        {
            "0001.photo.png": png(1),
            "0001.labels.v2.PNG": png(2),
            "0001.json": b"{}",
            "deep/0002.json": b"{}",
            "deep/0002.photo.png": png(3),
            "deep/0002.labels.v2.png": png(4),
            "deep/._0002.photo.png": b"of another system",
            "README": b"text",
        },
    )
    assert examples(path) == [
        {"photo": png(1), "labels.v2": png(2), "split": "train", "name": "0001"},
        {"photo": png(3), "labels.v2": png(4), "split": "train", "name": "deep/0002"},
    ]


def test_an_ending_alone_is_a_domain(tmp_path):
    path = write(tmp_path / "a.tar", {"1.jpg": png(1), "1.PNG": png(2), "1.npy": b"3"})
    (example,) = examples(path)
    assert example == {"jpg": png(1), "png": png(2), "npy": b"3", "split": "train", "name": "1"}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-000.tar", "train"),
        ("mine_validation_000.tar", "val"),
        ("Val-000.tar", "val"),
        ("test.tar", "test"),
        ("test/000.tar", "test"),
        ("valid/shard000.tar", "val"),
        ("test/train-000.tar", "train"),
        ("contest-000.tar", "train"),
    ],
)
def test_names_and_folders_say_the_split(name, split, tmp_path):
    write(tmp_path / "test" / name, {"1.a.png": png()})
    assert [example["split"] for example in examples(tmp_path / "test")] == [split]


@pytest.mark.parametrize(
    "pattern", ["s-{000..002}.tar", "s-*.tar", "s-00?.tar", "", "./s-{0..0}0{0..2}.tar"]
)
def test_patterns_and_folders_give_the_same_shards(pattern, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i in range(3):
        write(tmp_path / f"s-00{i}.tar", {"0.a.png": png(i), "1.a.png": png(i)})
    expected = [f"s-00{i}/{j}" for i in range(3) for j in range(2)]
    for before in (".", tmp_path):
        found = examples(f"{before}/{pattern}".rstrip("/"))
        assert [example["name"] for example in found] == expected


def test_a_pattern_with_folders(tmp_path):
    for split in ("train", "val"):
        write(tmp_path / split / "0.tar", {"0.a.png": png()})
    found = examples(tmp_path / "*" / "*.tar")
    assert [(e["split"], e["name"]) for e in found] == [("train", "train/0/0"), ("val", "val/0/0")]


def test_folders_of_pictures_are_no_shards(tmp_path):
    write(tmp_path / "a.tar", {"0.a.png": png()})
    assert find_shards(str(tmp_path)) is not None
    (tmp_path / "1.png").write_bytes(png())
    assert find_shards(str(tmp_path)) is None
    assert find_shards(str(tmp_path / "none")) is None
    assert find_shards(str(tmp_path / "pairs.csv")) is None


def test_what_a_pattern_does_not_find_is_named(tmp_path):
    write(tmp_path / "s-0.tar", {"0.a.png": png()})
    with pytest.raises(DiptychError, match=r"no such file: .*s-1\.tar$"):
        find_shards(f"{tmp_path}/s-{{0..2}}.tar")
    with pytest.raises(DiptychError, match=r"no such file: .*t-\*\.tar$"):
        find_shards(f"{tmp_path}/t-*.tar")


def test_the_identity_follows_the_files(tmp_path):
    path = write(tmp_path / "a.tar", {"0.a.png": png(1)})
    before = find_shards(str(path)).identity
    assert find_shards(str(tmp_path)).identity == before
    write(path, {"0.a.png": png(2)})
    assert find_shards(str(path)).identity != before


def special(kind: bytes, name: str = "1.a.png", link: str = "/etc/passwd") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "member",
    [
        special(kind)
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
    ],
    ids=["symlink", "link", "device", "pipe"],
)
def test_links_and_devices_are_refused(member, tmp_path):
    path = write(tmp_path / "a.tar", {"0.a.png": png(), "1.a.png": member})
    with pytest.raises(DiptychError, match=r"a\.tar: '1\.a\.png' is no plain file"):
        examples(path)


def test_members_too_large_and_given_twice_are_refused(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tar", {"0.a.png": png(), "0.a.jpg": png()})
    with pytest.raises(DiptychError, match=r"a\.tar: 0 has a twice"):
        examples(path)
    monkeypatch.setenv("DIPTYCH_MAX_PIXELS", "20")
    write(path, {"0.json": bytes(80), "0.a.png": png() + bytes(80)})
    with pytest.raises(DiptychError, match=r"a\.tar: '0\.a\.png' has more than 80 bytes"):
        examples(path)


def test_wherever_a_tar_is_cut_or_hurt_it_is_said(tmp_path):
    path = write(tmp_path / "a.tar", {f"{i}.a.png": png(i) for i in range(3)})
    whole = path.read_bytes()
    end = 6 * tarfile.BLOCKSIZE
    assert len(examples(path)) == 3
    for length in (0, 100, *range(512, end + 1, 256)):
        path.write_bytes(whole[:length])
        with pytest.raises(DiptychError, match=r"a\.tar: (not a whole tar file|damaged)"):
            examples(path)
    for header in range(0, end, 2 * tarfile.BLOCKSIZE):
        path.write_bytes(whole[:header] + b"\xff" * 200 + whole[header + 200 :])
        with pytest.raises(DiptychError, match=r"a\.tar: (not a whole tar file|damaged)"):
            examples(path)
    path.write_bytes(b"no tar" * 1000)
    with pytest.raises(DiptychError, match=r"a\.tar: not a whole tar file"):
        examples(path)


@pytest.mark.parametrize("name", ["a.tar", "a-{0..0}.tar"])
def test_a_pipe_is_never_waited_for(name, tmp_path):
    os.mkfifo(tmp_path / name.replace("{0..0}", "0"))
    with pytest.raises(DiptychError, match="a pipe, where a file was expected"):
        examples(tmp_path if name == "a.tar" else tmp_path / name)


@pytest.mark.parametrize("said", ["map=a,b", "size=abc", "major=1"])
def test_numbers_of_a_header_that_are_none_are_a_line(said, tmp_path):
    """Each was a traceback."""
    name, _, value = said.partition("=")
    info = tarfile.TarInfo("1.labels.png")
    info.pax_headers = {f"GNU.sparse.{name}": value}
    if name == "major":
        info.pax_headers["GNU.sparse.minor"] = "0"
    content = png()
    info.size = len(content)
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info, io.BytesIO(content))
    with pytest.raises(DiptychError, match=r"a\.tar: (not a whole tar file|.*no plain file)"):
        examples(tmp_path / "a.tar")
    with (tmp_path / "a.tar").open("rb") as plain, gzip.open(tmp_path / "a.tar.gz", "wb") as packed:
        packed.write(plain.read())
    with pytest.raises(DiptychError, match=r"a\.tar\.gz: "):
        unpack_tar(tmp_path / "a.tar.gz", tmp_path / "out", 10**6, 10)
