"""Sources are kept once, whatever comes between: every pair is there, and there once."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path
from threading import Thread

import pytest
from PIL import Image

from diptych.data.examples import ExampleSource
from diptych.data.kept import block, kept_room
from diptych.data.kept.keeping import Keeping, keep
from diptych.data.shards import find_shards
from diptych.data.sources import at_hand, source_of
from diptych.errors import DiptychError, DiskFullError

SHARDS, IN_SHARD = 3, 25
# Keeps a source, and dies at the example that it is told; says which examples it was given.
PROGRAM = """
import os, signal, sys
from diptych.data.kept import block
from diptych.data.sources import at_hand
block.MOST = 10
location, dies_at = sys.argv[1], int(sys.argv[2])
given = 0

def one_more(done, total):
    global given
    given += not total
    if given == dies_at:
        print(given, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

print(given, at_hand(location, one_more))
print(given)
"""


def png(value: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (value, value, value)).save(file, "PNG")
    return file.getvalue()


def write_shards(folder: Path, count: int = SHARDS, in_shard: int = IN_SHARD) -> Path:
    """Pairs whose sources are all their numbers, from 0 on."""
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(count):
        with tarfile.open(folder / f"train-{shard:03}.tar", "w") as tar:
            for i in range(shard * in_shard, (shard + 1) * in_shard):
                for side, content in (("a", png(i)), ("b", png(200))):
                    info = tarfile.TarInfo(f"{i:04}.{side}.png")
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
    return folder


def write_dataset(folder: Path) -> str:
    datasets = pytest.importorskip("datasets", reason="needs pip install 'diptych[hub]'")
    kinds = datasets.Features({"a": datasets.Image(), "b": datasets.Image()})
    for file in range(SHARDS):
        numbers = range(file * IN_SHARD, (file + 1) * IN_SHARD)
        cells = [{"bytes": png(i), "path": None} for i in numbers]
        others = [{"bytes": png(200), "path": None} for _ in numbers]
        rows = datasets.Dataset.from_dict({"a": cells, "b": others}, kinds)
        rows.to_parquet(folder / f"train-{file:05}-of-{SHARDS:05}.parquet", batch_size=7)
    return f"hf://{folder}?stream=1"


def numbers_in(table: Path) -> list[int]:
    """Of the pairs of a table, in its order, by what their sources show; names are apart."""
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    assert len({(row["split"], row["name"]) for row in rows}) == len(rows)
    return [Image.open(table.parent / row["a"]).getpixel((0, 0))[0] for row in rows]


ALL = list(range(SHARDS * IN_SHARD))


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(block, "MOST", 10)


class Own:
    """Examples with an identity, which fail when `fails` of them were given."""

    identity = location = "own"

    def __init__(self, fails: int = 0) -> None:
        self.fails, self.given = fails, 0

    def __iter__(self):
        for i in ALL:
            if self.fails and i == self.fails:
                raise ConnectionError("the network has gone")
            self.given += 1
            yield {"a": png(i), "b": png(200)}


@pytest.mark.parametrize("kind", ["shards", pytest.param("stream", marks=pytest.mark.slow)])
def test_killed_in_the_midst_it_goes_on_from_there(kind, tmp_path):
    """Three times; what a block that was begun held is given again, and nothing else."""
    where = tmp_path / "data"
    location = str(write_shards(where)) if kind == "shards" else write_dataset(where)
    given = []
    for dies_at in (27, 8, 19, 0):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, location, str(dies_at)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == (-signal.SIGKILL if dies_at else 0), done.stderr
        *_, last = done.stdout.split()
        given.append(int(last))
    assert given[:3] == [27, 8, 19]
    # 25 (10, 10 and 5) are kept of the first 27; then none of 8, and 10 of 19.
    assert given[3] == len(ALL) - 25 - 0 - 10
    assert numbers_in(at_hand(location)) == ALL


def test_what_fails_goes_on_where_it_failed(small_blocks):
    with pytest.raises(ConnectionError):
        keep(Own(fails=34))
    own = Own()
    assert numbers_in(keep(own)) == ALL
    seen: list[int] = []
    assert keep(own, lambda done, _: seen.append(done)) == keep(own)
    assert seen == []


def test_a_source_that_is_gone_on_with_is_that_of_the_beginning(small_blocks):
    """What a hub has by then is another version."""

    class Versioned(ExampleSource):
        identity, location = "versioned", "a hub"
        now, fails = "one", 15

        def version(self):
            return self.now

        def parts(self, version):
            self.asked = version
            own = Own(self.fails)
            return source_of(own).parts("")

    source = Versioned()
    with pytest.raises(ConnectionError):
        keep(source)
    source.now, source.fails = "two", 0
    assert numbers_in(keep(source)) == ALL
    assert source.asked == "one"


@pytest.mark.parametrize("processes", [2, 5])
def test_parts_brought_apart_are_those_brought_by_one(
    processes, small_blocks, tmp_path, monkeypatch
):
    shards = find_shards(str(write_shards(tmp_path / "data")))
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "one"))
    alone = keep(shards)
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "many"))
    lacking = Keeping(shards).begin()
    assert lacking == [0, 1, 2]
    for number in range(processes):
        Keeping(shards).bring(lacking[number::processes], processes=processes)
    last = Keeping(shards)
    assert last.begin() == []
    last.join()
    assert last.table.read_text() == alone.read_text()
    assert numbers_in(last.table) == ALL


def test_programs_beside_each_other_keep_every_pair_once(small_blocks, tmp_path):
    location = str(write_shards(tmp_path / "data"))
    tables: list[Path] = []
    threads = [Thread(target=lambda: tables.append(at_hand(location))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tables) == 4
    assert len(set(tables)) == 1
    assert numbers_in(tables[0]) == ALL
    assert not [*kept_room.kept_folder().glob(".*")]


def test_folders_that_are_not_shared_are_a_line(small_blocks, tmp_path, monkeypatch):
    shards = find_shards(str(write_shards(tmp_path / "data")))
    here = Keeping(shards)
    here.begin()
    here.bring([0])
    with pytest.raises(DiptychError, match="2 of its 3 parts, which other processes kept, are"):
        here.join()
    assert not here.whole


def test_examples_of_one_part_that_differ_are_a_line(small_blocks, tmp_path):
    folder = write_shards(tmp_path / "data", 1)
    with tarfile.open(folder / "train-001.tar", "w") as tar:
        info = tarfile.TarInfo("0.c.png")
        info.size = len(png(0))
        tar.addfile(info, io.BytesIO(png(0)))
    with pytest.raises(DiptychError, match=r"part 2, example 1: has c; the first has a and b"):
        at_hand(folder)
    keeping = Keeping(find_shards(str(folder)))
    keeping.begin()
    with pytest.MonkeyPatch.context() as patch:  # as another process that began before the first
        patch.setattr("diptych.data.kept.keeping._first_domains", lambda _: set())
        keeping.bring([1])
    with pytest.raises(DiptychError, match=r"part 2: has c; the first has a and b"):
        keeping.join()


def test_a_source_that_does_not_fit_is_a_line_before_anything_is_kept(monkeypatch, tmp_path):
    folder = write_shards(tmp_path / "data")
    size = sum(path.stat().st_size for path in folder.iterdir())
    monkeypatch.setenv("DIPTYCH_KEPT_LIMIT", str((size - 1) / 1e9))
    with pytest.raises(DiskFullError) as caught:
        at_hand(folder)
    assert str(caught.value) == (
        f"{folder}: its pictures take about 0.2 MB more, and DIPTYCH_KEPT_LIMIT leaves 0.2 MB: "
        "see `diptych cache`, let DIPTYCH_CACHE name a folder on a larger disk, or set "
        "DIPTYCH_KEPT_LIMIT"
    )
    assert not kept_room.kept_folder().exists()
    monkeypatch.setenv("DIPTYCH_KEPT_LIMIT", str((size + 1) / 1e9))
    assert numbers_in(at_hand(folder)) == ALL
    # What is kept counts, and by what it takes.
    monkeypatch.setenv("DIPTYCH_KEPT_LIMIT", str((size + 1) / 1e9))
    with pytest.raises(DiskFullError):
        at_hand(write_shards(tmp_path / "more"))


def test_a_source_of_unknown_size_ends_at_the_bound_and_stays(small_blocks, monkeypatch):
    own, each = Own(), len(png(0)) + len(png(200))
    monkeypatch.setenv("DIPTYCH_KEPT_LIMIT", str(25 * each / 1e9))
    with pytest.raises(DiskFullError, match=r"own: 0\.0 MB of its pictures were brought"):
        keep(own)
    assert own.given == 30
    monkeypatch.delenv("DIPTYCH_KEPT_LIMIT")
    assert numbers_in(keep(own)) == ALL


def test_the_disk_that_others_need_is_left(monkeypatch, tmp_path):
    folder = write_shards(tmp_path / "data")
    usage = type("Usage", (), {"free": 200_000})
    monkeypatch.setattr(kept_room.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFullError, match=r"and 0\.2 MB are free in .*, of which some stays so"):
        at_hand(folder)


def test_a_full_disk_is_a_line_and_no_half_block(small_blocks, monkeypatch, tmp_path):
    folder, write = write_shards(tmp_path / "data"), Path.write_bytes
    left = [33]  # files

    def fills_up(path: Path, content: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", fills_up)
    with pytest.raises(DiskFullError, match="cannot be written: No space left on device"):
        at_hand(folder)
    home = kept_room.kept_folder()
    assert Counter(path.suffix for path in home.rglob("*.*")) == {".png": 20, ".json": 2}
    assert not [*home.glob(".*")]
    left[0] = 10**6
    assert numbers_in(at_hand(folder)) == ALL


def test_what_died_writing_is_swept_when_it_is_old(tmp_path):
    home = kept_room.kept_folder()
    for name, hours in ((".block-old", 2), (".block-new", 0)):
        (home / name).mkdir(parents=True)
        then = (home / name).stat().st_mtime - hours * 3600
        os.utime(home / name, (then, then))
    at_hand(write_shards(tmp_path / "data"))
    assert [path.name for path in home.glob(".*")] == [".block-new"]


def test_a_damaged_record_is_named(small_blocks, tmp_path):
    keeping = Keeping(find_shards(str(write_shards(tmp_path / "data"))))
    keeping.bring(keeping.begin())
    (keeping.folder / "00001" / "00002" / block.RECORD).write_text("{")
    with pytest.raises(DiptychError, match=r"00001/00002/block\.json: damaged; remove"):
        keeping.join()
    assert kept_room.remove_kept() > 0
    assert not keeping.folder.exists()
