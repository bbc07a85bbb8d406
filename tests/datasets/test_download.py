"""Downloads from a real server on this machine that misbehaves as told."""

import errno
import gzip
import hashlib
import importlib
import io
import json
import os
import random
import socket
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from diptych.config import load_recipe
from diptych.data.layouts import find_pairs
from diptych.datasets import transfer
from diptych.datasets.catalogue import find_dataset
from diptych.datasets.download import FetchedDataset, get_dataset
from diptych.datasets.transfer import download
from diptych.datasets.unpack import DamagedError, unpack_parquet, unpack_tar
from diptych.errors import DiptychError


@dataclass
class Served:
    """What the server gives, how badly, and what it was asked."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etag: str | None = '"first"'
    ranges: bool = True
    drops: list[int] = field(default_factory=list)  # bytes of a reply's body, then it hangs up
    tells_length: bool = True
    asked: list[str | None] = field(default_factory=list)  # the Range of each request


@pytest.fixture
def served() -> Iterator[Served]:
    state = Served()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            whole = state.files.get(urlsplit(self.path).path)
            asked = self.headers.get("Range")
            state.asked.append(asked)
            if whole is None:
                self.send_error(404)
                return
            first = 0
            if asked and state.ranges and self.headers.get("If-Range") == state.etag:
                first = int(asked.removeprefix("bytes=").rstrip("-"))
            if first >= len(whole):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(whole)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = whole[first:]
            self.send_response(206 if first else 200)
            if first:
                last = len(whole) - 1
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(whole)}")
            if state.etag:
                self.send_header("ETag", state.etag)
            if state.tells_length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.drops.pop(0)] if state.drops else body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.address = f"http://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_PAUSE", 0.0)


def jpeg(number: int) -> bytes:
    content = io.BytesIO()
    half = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
    both = np.concatenate([half, 255 - half], 1)  # of one thing, or they are no pair
    Image.fromarray(both.repeat(4, 0).repeat(4, 1)).save(content, "JPEG")
    return content.getvalue()


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


def plain(name: str, content: bytes = b"") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


def facades() -> bytes:
    counts = {"train": 4, "val": 2, "test": 3}
    return archive(
        *(
            plain(f"./facades/{split}/{i}.jpg", jpeg(i))
            for split, count in counts.items()
            for i in range(1, count + 1)
        )
    )


def get(served: Served, root: Path, name: str = "facades", **more: object) -> FetchedDataset:
    return get_dataset(name, root, mirror=served.address, **more)  # type: ignore[arg-type]


CONTENT = random.Random(0).randbytes(3_000_000)


# One file over HTTP


def test_a_broken_connection_goes_on_where_it_broke(served: Served, tmp_path: Path) -> None:
    served.files["/file"] = CONTENT
    served.drops = [1_500_000, 700_000]
    progress: list[tuple[int, int]] = []
    download(f"{served.address}/file", tmp_path / "file", lambda *told: progress.append(told))
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert served.asked == [None, "bytes=1500000-", "bytes=2200000-"]
    assert [*tmp_path.iterdir()] == [tmp_path / "file"]
    assert [done for done, _ in progress] == sorted(done for done, _ in progress)
    assert progress[-1] == (3_000_000, 3_000_000)
    assert {total for _, total in progress} == {3_000_000}


def test_a_later_call_goes_on_from_what_came(served: Served, tmp_path: Path) -> None:
    served.files["/file"] = CONTENT
    served.drops = [2_000_000, 0, 0, 0, 0, 0]
    with pytest.raises(DiptychError, match=r"/file: cannot be downloaded: .*same again goes on"):
        download(f"{served.address}/file", tmp_path / "file")
    assert not (tmp_path / "file").exists()
    assert (tmp_path / "file.part").stat().st_size == 2_000_000

    served.asked.clear()
    download(f"{served.address}/file", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert served.asked == ["bytes=2000000-"]


def test_another_file_at_the_address_begins_anew(served: Served, tmp_path: Path) -> None:
    served.files["/file"] = CONTENT
    served.drops = [2_000_000, 0, 0, 0, 0, 0]
    with pytest.raises(DiptychError):
        download(f"{served.address}/file", tmp_path / "file")
    served.files["/file"], served.etag = CONTENT[::-1], '"second"'
    download(f"{served.address}/file", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT[::-1]


def test_the_part_of_another_address_is_not_gone_on_with(served: Served, tmp_path: Path) -> None:
    served.files = {"/file": CONTENT, "/other": CONTENT[::-1]}
    served.drops = [2_000_000, 0, 0, 0, 0, 0]
    with pytest.raises(DiptychError):
        download(f"{served.address}/file", tmp_path / "file")
    download(f"{served.address}/other", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_promise_of_the_same_bytes_it_begins_anew(
    served: Served, tmp_path: Path, etag: str | None
) -> None:
    served.files["/file"], served.etag = CONTENT, etag
    served.drops = [1_500_000]
    download(f"{served.address}/file", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert served.asked == [None, None]


def test_a_server_that_ignores_ranges_begins_anew(served: Served, tmp_path: Path) -> None:
    served.files["/file"], served.ranges = CONTENT, False
    served.drops = [1_500_000]
    download(f"{served.address}/file", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert served.asked == [None, "bytes=1500000-"]


def test_gives_up_on_a_server_that_never_gets_further(served: Served, tmp_path: Path) -> None:
    served.files["/file"], served.ranges = CONTENT, False
    served.drops = [1_500_000] * 100
    with pytest.raises(DiptychError, match="broke at 1,500,000 of 3,000,000 bytes"):
        download(f"{served.address}/file", tmp_path / "file")
    assert len(served.asked) < 10


def test_a_whole_part_needs_no_more_than_its_name(served: Served, tmp_path: Path) -> None:
    served.files["/file"] = CONTENT
    url = f"{served.address}/file"
    (tmp_path / "file.part").write_bytes(CONTENT)
    stamp = {"url": url, "validator": served.etag}
    (tmp_path / "file.part.json").write_text(json.dumps(stamp))
    download(url, tmp_path / "file")
    assert served.asked == ["bytes=3000000-"]
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert [*tmp_path.iterdir()] == [tmp_path / "file"]


def test_a_part_longer_than_the_file_is_thrown_away(served: Served, tmp_path: Path) -> None:
    served.files["/file"] = CONTENT
    url = f"{served.address}/file"
    (tmp_path / "file.part").write_bytes(CONTENT + b"more")
    stamp = {"url": url, "validator": served.etag}
    (tmp_path / "file.part.json").write_text(json.dumps(stamp))
    with pytest.raises(DiptychError, match="no part of the server's file"):
        download(url, tmp_path / "file")
    download(url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_need_not_tell_the_length(served: Served, tmp_path: Path) -> None:
    served.files["/file"], served.tells_length = CONTENT, False
    totals = set()
    download(f"{served.address}/file", tmp_path / "file", lambda _, total: totals.add(total))
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert totals == {0}


def test_says_that_the_server_has_no_such_file(served: Served, tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match=r"^http://127.*/file: the server says 404 Not Found$"):
        download(f"{served.address}/file", tmp_path / "file")
    assert served.asked == [None]
    assert not [*tmp_path.iterdir()]


def test_says_that_nobody_answers(tmp_path: Path) -> None:
    with socket.socket() as bound:  # and not listening, so that connections are refused
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/file"
        with pytest.raises(DiptychError, match=f"^{url}: cannot be downloaded: .*refused"):
            download(url, tmp_path / "file")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/file", "host/file"])
def test_takes_addresses_of_the_web_only(url: str, tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match="not an address that starts with http"):
        download(url, tmp_path / "file")


@pytest.mark.parametrize("url", ["http://[half/file", "http://a b/file", "http:///file"])
def test_names_an_address_that_is_none(url: str, tmp_path: Path) -> None:
    with pytest.raises(DiptychError) as error:
        download(url, tmp_path / "file")
    assert str(error.value).startswith(f"{url}: cannot be downloaded: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full device")
def test_says_that_the_disk_is_full(served: Served, tmp_path: Path) -> None:
    served.files["/file"] = CONTENT
    (tmp_path / "file.part").symlink_to("/dev/full")
    with pytest.raises(DiptychError, match=r"file\.part: cannot be written: No space left"):
        download(f"{served.address}/file", tmp_path / "file")


@pytest.mark.parametrize("digits", [8, 64])
def test_a_file_is_the_published_one_also_where_it_was_gone_on_with(
    served: Served, tmp_path: Path, digits: int
) -> None:
    served.files["/file"] = CONTENT
    served.drops = [1_500_000]
    published = hashlib.sha256(CONTENT).hexdigest()[:digits]
    download(f"{served.address}/file", tmp_path / "file", sha256=published)
    assert served.asked == [None, "bytes=1500000-"]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_another_file_than_the_published_one_is_not_kept(served: Served, tmp_path: Path) -> None:
    served.files["/file"] = CONTENT
    (tmp_path / "file").write_bytes(b"before")
    with pytest.raises(DiptychError, match=r"/file: .*its checksum differs"):
        download(f"{served.address}/file", tmp_path / "file", sha256="00000000")
    assert [*tmp_path.iterdir()] == [tmp_path / "file"]
    assert (tmp_path / "file").read_bytes() == b"before"


def test_a_part_of_somebody_else_is_left_alone(served: Served, tmp_path: Path) -> None:
    served.files["/file"] = CONTENT
    (tmp_path / "file.part").write_bytes(b"of a browser")
    with pytest.raises(DiptychError, match=r"file\.part: does not come from this program"):
        download(f"{served.address}/file", tmp_path / "file")
    assert not served.asked
    assert (tmp_path / "file.part").read_bytes() == b"of a browser"


# A stranger's archive


def link(name: str, to: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member, b""


def device(name: str) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.devmajor, member.devminor = tarfile.CHRTYPE, 1, 3
    return member, b""


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (plain("../evil.jpg"), "outside"),
        (plain("facades/../../evil.jpg"), "outside"),
        (plain("facades\\..\\..\\evil.jpg"), "outside"),
        (plain("/evil.jpg"), "outside"),
        (plain("C:/evil.jpg"), "outside"),
        (link("facades/out", "/etc", tarfile.SYMTYPE), "neither a plain file"),
        (link("facades/out", "train", tarfile.SYMTYPE), "neither a plain file"),
        (link("facades/out", "/etc/passwd", tarfile.LNKTYPE), "neither a plain file"),
        (device("facades/null"), "neither a plain file"),
        (link("facades/pipe", "", tarfile.FIFOTYPE), "neither a plain file"),
    ],
    ids=lambda value: value[0].name if isinstance(value, tuple) else value,
)
def test_takes_nothing_but_files_that_stay_inside(
    served: Served, tmp_path: Path, member: tuple[tarfile.TarInfo, bytes], said: str
) -> None:
    served.files["/facades.tar.gz"] = archive(plain("facades/train/1.jpg", jpeg(1)), member)
    root = tmp_path / "deep" / "root"
    with pytest.raises(DiptychError, match=f"facades.tar.gz: .*{said}") as error:
        get(served, root)
    assert "\n" not in str(error.value)
    assert [*tmp_path.rglob("*")] == [tmp_path / "deep", root]


def test_files_get_this_machines_modes(tmp_path: Path) -> None:
    member, content = plain("set/run", b"#!/bin/sh")
    member.mode = 0o6777
    (tmp_path / "set.tar.gz").write_bytes(archive((member, content)))
    unpack_tar(tmp_path / "set.tar.gz", tmp_path / "out", 10**6, 10)
    (tmp_path / "new").touch()
    assert (tmp_path / "out/set/run").stat().st_mode == (tmp_path / "new").stat().st_mode


def test_does_not_fill_the_disk(tmp_path: Path) -> None:
    bomb = archive(plain("facades/train/1.jpg", bytes(50_000_000)))
    assert len(bomb) < 100_000
    (tmp_path / "bomb.tar.gz").write_bytes(bomb)
    with pytest.raises(DamagedError, match=r"bomb.tar.gz: unpacks to more than 1,000,000 bytes"):
        unpack_tar(tmp_path / "bomb.tar.gz", tmp_path / "out", 1_000_000, 10)
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.jpg")) <= 1_000_000


def test_does_not_take_a_sparse_file_at_its_word(tmp_path: Path) -> None:
    member, _ = plain("facades/train/1.jpg")
    member.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1"}
    member.pax_headers |= {"GNU.sparse.map": "0,0", "GNU.sparse.size": "99999999999999"}
    (tmp_path / "sparse.tar.gz").write_bytes(archive((member, b"")))
    with pytest.raises(DamagedError, match="neither a plain file"):
        unpack_tar(tmp_path / "sparse.tar.gz", tmp_path / "out", 1_000_000, 10)


def test_does_not_write_files_without_end(tmp_path: Path) -> None:
    (tmp_path / "many.tar.gz").write_bytes(archive(*(plain(f"{i}") for i in range(12))))
    with pytest.raises(DamagedError, match=r"many.tar.gz: holds more than 10 files"):
        unpack_tar(tmp_path / "many.tar.gz", tmp_path / "out", 10**6, 10)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-5],  # within the checksum
        lambda whole: b"<html>not here</html>",
        lambda whole: b"",
        lambda whole: gzip.compress(random.Random(1).randbytes(5000)),
        lambda whole: whole[:200] + bytes([whole[200] ^ 255]) + whole[201:],
    ],
    ids=["half", "without its end", "a page", "empty", "not tar", "a byte changed"],
)
def test_a_damaged_archive_is_said_and_downloaded_anew(
    served: Served, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    served.files["/facades.tar.gz"] = spoil(facades())
    with pytest.raises(DiptychError, match=r"facades\.tar\.gz: ") as error:
        get(served, tmp_path)
    assert "\n" not in str(error.value)
    assert not [*tmp_path.iterdir()]

    served.files["/facades.tar.gz"] = facades()
    assert get(served, tmp_path).pairs == {"train": 4, "val": 2, "test": 3}


# A dataset


def test_gets_a_dataset_whole(served: Served, tmp_path: Path) -> None:
    served.files["/facades.tar.gz"] = facades()
    fetched = get(served, tmp_path / "data")
    assert fetched.folder == tmp_path / "data" / "facades"
    assert fetched.pairs == {"train": 4, "val": 2, "test": 3}
    assert not fetched.kept
    assert [*(tmp_path / "data").iterdir()] == [fetched.folder]
    assert find_dataset("facades").terms in (fetched.folder / "TERMS.txt").read_text("utf-8")
    assert find_pairs(fetched.folder, load_recipe()).layout == "side by side, 2 panels"


def test_keeps_a_dataset_that_is_there(served: Served, tmp_path: Path) -> None:
    served.files["/facades.tar.gz"] = facades()
    get(served, tmp_path)
    (tmp_path / "facades" / "train" / "1.jpg").unlink()
    served.asked.clear()
    fetched = get(served, tmp_path)
    assert fetched.kept
    assert fetched.pairs == {"train": 3, "val": 2, "test": 3}
    assert not served.asked


def test_leaves_a_folder_that_is_something_else(served: Served, tmp_path: Path) -> None:
    (tmp_path / "facades").mkdir()
    (tmp_path / "facades" / "notes.txt").touch()
    with pytest.raises(DiptychError, match=r"facades: exists, but holds no pictures.*move it"):
        get(served, tmp_path)
    assert not served.asked


def test_takes_an_archive_that_lies_there(served: Served, tmp_path: Path) -> None:
    (tmp_path / "facades.tar.gz").write_bytes(facades())
    assert get(served, tmp_path).pairs["train"] == 4
    assert not served.asked


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (archive(plain("facades/train/1.jpg", bytes(100_000_000))), "unpacks to more than"),
        (archive(*(plain(f"{i}") for i in range(3000))), "holds more than 2,212 files"),
        (archive(plain("../evil.jpg")), "outside"),
        (archive(plain("facades/train/1.jpg", jpeg(1)))[:-9], "damaged, or cut short"),
        (archive(plain("facades/notes.txt")), "holds no pictures"),
        (facades(), None),
    ],
    ids=["too large", "too many", "outside", "damaged", "no pictures", "sound"],
)
def test_ones_own_archive_is_kept_whatever_comes_of_it(
    served: Served, tmp_path: Path, content: bytes, message: str | None
) -> None:
    own = tmp_path / "facades.tar.gz"
    own.write_bytes(content)
    if message is None:
        assert get(served, tmp_path).own_archive == own
    else:
        with pytest.raises(DiptychError, match=rf"facades\.tar\.gz: .*{message}") as error:
            get(served, tmp_path)
        assert "downloads it anew" not in str(error.value)
        assert "\n" not in str(error.value)
        assert [*tmp_path.iterdir()] == [own]
    assert own.read_bytes() == content
    assert not served.asked


def test_an_archive_of_something_else_is_no_dataset(served: Served, tmp_path: Path) -> None:
    served.files["/facades.tar.gz"] = archive(plain("facades/notes.txt", b"hello"))
    with pytest.raises(DiptychError, match=r"holds no pictures in train.*is it facades\?"):
        get(served, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_goes_on_with_half_a_dataset(served: Served, tmp_path: Path) -> None:
    whole = facades()
    served.files["/facades.tar.gz"] = whole
    served.drops = [len(whole) // 2] + [0] * 5
    with pytest.raises(DiptychError, match="same again goes on"):
        get(served, tmp_path)
    assert not (tmp_path / "facades").exists()
    assert get(served, tmp_path).pairs["train"] == 4
    assert served.asked[-1] == f"bytes={len(whole) // 2}-"


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_no_room_to_unpack_keeps_the_download(served: Served, tmp_path: Path) -> None:
    import resource

    photo = bytes(2_000_000)
    served.files["/facades.tar.gz"] = archive(plain("facades/train/1.jpg", photo))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(DiptychError, match=os.strerror(errno.EFBIG)):
            get(served, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [*tmp_path.iterdir()] == [tmp_path / "facades.tar.gz"]
    assert get(served, tmp_path).pairs["train"] == 1


def test_says_where_else_a_dataset_may_be(served: Served, tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match=r"maps\.tar\.gz: the server says 404.*--from hub"):
        get(served, tmp_path, name="maps")
    assert not [*tmp_path.iterdir()]


def test_a_root_that_is_a_file(served: Served, tmp_path: Path) -> None:
    (tmp_path / "root").touch()
    with pytest.raises(DiptychError, match=r"root/facades: cannot be written"):
        get(served, tmp_path / "root")


def test_says_which_sources_there_are(served: Served, tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match="--from moon: give host or hub"):
        get(served, tmp_path, source="moon")


# The hub


def parquet(rows: list[dict[str, object]], path: Path) -> Path:
    """What the hub has: pictures as structs of bytes and path."""
    writer = pytest.importorskip("pyarrow.parquet", reason="needs the `hub` extra")
    writer.write_table(importlib.import_module("pyarrow").Table.from_pylist(rows), path)
    return path


def png(number: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (4, 4), (number, 0, 0)).save(content, "PNG")
    return content.getvalue()


def rows(count: int, start: int = 0) -> list[dict[str, object]]:
    return [
        {
            "imageA": {"bytes": jpeg(i), "path": None},
            "imageB": {"bytes": png(i), "path": f"{i}.png"},
        }
        for i in range(start, start + count)
    ]


ENOUGH = 10**6, 100  # bytes and pairs


def test_parquet_that_holds_more_than_it_may(tmp_path: Path) -> None:
    """One picture is stored once, however often it comes."""
    big = bytes([0xFF, 0xD8, 0xFF]) + bytes(100_000)
    row: dict[str, object] = {side: {"bytes": big, "path": None} for side in ("imageA", "imageB")}
    path = parquet([row] * 40, tmp_path / "set.parquet")
    assert path.stat().st_size < 20_000
    for bound in ((10**6, 100), (10**8, 30)):
        with pytest.raises(DamagedError, match=r"set.parquet: holds more than .*, too much for"):
            unpack_parquet(path, tmp_path / "out", "train", *bound)
    written = sum(file.stat().st_size for file in (tmp_path / "out").rglob("*.jpg"))
    assert written <= 10**6


def test_parquet_becomes_two_folders_with_the_stored_bytes(tmp_path: Path) -> None:
    many = parquet(rows(70), tmp_path / "many.parquet")
    more = parquet(rows(2, 70), tmp_path / "more.parquet")
    folder = tmp_path / "set"
    following = unpack_parquet(many, folder, "train", *ENOUGH)
    assert unpack_parquet(more, folder, "train", *ENOUGH, following) == 72
    assert (folder / "A/train/000069.jpg").read_bytes() == jpeg(69)
    assert (folder / "B/train/000071.png").read_bytes() == png(71)
    pairs = find_pairs(folder, load_recipe())
    assert pairs.layout == "two folders, A and B, in splits"
    assert sum(map(len, pairs.splits.values())) == 72


@pytest.mark.parametrize(
    "row",
    [
        {"imageA": {"bytes": b"GIF89a", "path": None}, "imageB": {"bytes": b"", "path": None}},
        {"imageA": {"bytes": None, "path": "1.jpg"}, "imageB": {"bytes": None, "path": "1.jpg"}},
        {"imageA": None, "imageB": None},
        {"image": {"bytes": b"", "path": None}},
        {"imageA": 1, "imageB": 2},
    ],
    ids=["gif", "no bytes", "null", "one picture", "numbers"],
)
def test_parquet_of_something_else(tmp_path: Path, row: dict[str, object]) -> None:
    path = parquet([row], tmp_path / "set.parquet")
    with pytest.raises(DamagedError, match=r"set.parquet: not a whole parquet file of pictures"):
        unpack_parquet(path, tmp_path / "out", "train", *ENOUGH)


@pytest.mark.parametrize("keep", [0, 100, -200])
def test_parquet_cut_short(tmp_path: Path, keep: int) -> None:
    path = parquet(rows(5), tmp_path / "set.parquet")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedError, match=r"set.parquet: not a whole parquet file"):
        unpack_parquet(path, tmp_path / "out", "train", *ENOUGH)


def test_gets_a_dataset_from_the_hub(served: Served, tmp_path: Path) -> None:
    files = {
        "data/train-00000-of-00002.parquet": rows(5),
        "data/train-00001-of-00002.parquet": rows(3, 5),
        "data/validation-00000-of-00001.parquet": rows(2, 8),
    }
    listing = [{"type": "directory", "path": "data", "size": 0}]
    for name, content in files.items():
        stored = parquet(content, tmp_path / "stored").read_bytes()
        served.files[f"/datasets/huggan/facades/resolve/main/{name}"] = stored
        listing.append({"type": "file", "path": name, "size": len(stored)})
    listing.append({"type": "file", "path": "README.md", "size": 10})
    served.files["/api/datasets/huggan/facades/tree/main"] = json.dumps(listing).encode()
    progress: list[tuple[int, int]] = []
    root = tmp_path / "data"
    fetched = get(served, root, source="hub", on_progress=lambda *told: progress.append(told))
    assert fetched.pairs == {"train": 8, "val": 2, "test": 0}
    assert [*root.iterdir()] == [root / "facades"]
    assert (root / "facades/A/train/000007.jpg").read_bytes() == jpeg(7)
    assert (root / "facades/B/val/000000.png").read_bytes() == png(8)
    total = sum(entry["size"] for entry in listing) - 10
    assert progress[-1] == (total, total)
    assert progress == sorted(progress)

    assert get(served, root, source="hub").kept


@pytest.mark.parametrize(
    ("listing", "said"),
    [
        (b"<html>", "not a listing"),
        (b'{"error": "gone"}', "not a listing"),
        (b'[{"path": "README.md", "size": 1}]', "lists no parquet files"),
        (b'[{"path": "data/train-..\\\\..\\\\x.parquet", "size": 1}]', "lists no parquet files"),
    ],
)
def test_another_listing_than_the_hubs(
    served: Served, tmp_path: Path, listing: bytes, said: str
) -> None:
    pytest.importorskip("pyarrow", reason="needs the `hub` extra")
    served.files["/api/datasets/huggan/facades/tree/main"] = listing
    with pytest.raises(DiptychError, match=said):
        get(served, tmp_path, source="hub")
    assert not [*tmp_path.iterdir()]


def test_a_damaged_file_of_the_hub_is_downloaded_anew(served: Served, tmp_path: Path) -> None:
    whole = parquet(rows(5), tmp_path / "stored").read_bytes()
    path = "data/train-00000-of-00001.parquet"
    listing = [{"path": path, "size": len(whole)}]
    served.files["/api/datasets/huggan/facades/tree/main"] = json.dumps(listing).encode()
    address = f"/datasets/huggan/facades/resolve/main/{path}"
    served.files[address] = whole[:-100]
    with pytest.raises(DiptychError, match="not a whole parquet file"):
        get(served, tmp_path / "data", source="hub")
    served.files[address] = whole
    assert get(served, tmp_path / "data", source="hub").pairs["train"] == 5


def test_files_of_the_hub_are_those_it_lists_and_others_are_left_alone(
    served: Served, tmp_path: Path
) -> None:
    whole = parquet(rows(5), tmp_path / "stored").read_bytes()
    path = "data/train-00000-of-00001.parquet"
    stored = {"oid": hashlib.sha256(whole).hexdigest(), "size": len(whole)}
    listing = [{"path": path, "size": len(whole), "lfs": stored}]
    served.files["/api/datasets/huggan/facades/tree/main"] = json.dumps(listing).encode()
    address = f"/datasets/huggan/facades/resolve/main/{path}"
    served.files[address] = whole[:-1] + b"?"
    root = tmp_path / "data"
    with pytest.raises(DiptychError, match="its checksum differs"):
        get(served, root, source="hub")
    (root / ".facades-hub" / "notes.txt").touch()
    served.files[address] = whole
    assert get(served, root, source="hub").pairs["train"] == 5
    assert [*(root / ".facades-hub").iterdir()] == [root / ".facades-hub" / "notes.txt"]


def test_says_how_to_read_the_hubs_files(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(DiptychError, match=r"pip install 'diptych\[hub\]'"):
        get(served, tmp_path, source="hub")
    assert not served.asked
