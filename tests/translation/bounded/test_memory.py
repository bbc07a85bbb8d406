from pathlib import Path

import pytest
import torch

from diptych.errors import DiptychError
from diptych.translation.bounded import memory
from diptych.translation.bounded.memory import may_be_taken, parse_bytes, tensors_at_most

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2GB", 2_000_000_000),
        ("1.5 gb", 1_500_000_000),
        ("800M", 800_000_000),
        ("3t", 3 * 10**12),
        ("4096", 4096),
    ],
)
def test_memory_in_words(text, expected):
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "GB", "2 apples", "-1GB", "1.2.3GB", "2GiBs"])
def test_what_is_no_memory_is_refused(text):
    with pytest.raises(DiptychError, match="give it as 2GB or 800MB"):
        parse_bytes(text)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with 10 GB free, in whose groups limits can be set."""
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "GROUPS", tmp_path / "groups")
    write(tmp_path / "proc" / "meminfo", "MemTotal: 99 kB\nMemAvailable:   10000000 kB\n")
    write(tmp_path / "proc" / "self" / "status", "VmHWM:  9 kB\nVmRSS:  1000000 kB\n")
    write(tmp_path / "proc" / "self" / "cgroup", "0::/outer/inner\n")
    return tmp_path / "groups"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_share_of_what_is_free_or_as_much_as_is_allowed(machine):
    free, held = 10_240_000_000, 1_024_000_000
    assert may_be_taken(None, CPU) == int(0.8 * free)
    assert may_be_taken(5_000_000_000, CPU) == 5_000_000_000 - held
    assert may_be_taken(10**15, CPU) == free
    assert may_be_taken(10**6, CPU) < 0


def test_control_groups_count_with_all_above_them(machine):
    def limit(group: str, most: str, used: int, files: int) -> None:
        write(machine / group / "memory.max", f"{most}\n")
        write(machine / group / "memory.current", f"{used}\n")
        write(machine / group / "memory.stat", f"anon 1\ninactive_file {files}\n")

    limit("outer/inner", "max", 10**9, 0)
    assert may_be_taken(10**15, CPU) == 10_240_000_000
    limit("outer", str(3 * 10**9), 2 * 10**9, 5 * 10**8)
    assert may_be_taken(10**15, CPU) == 1_500_000_000, "files in memory are given up when needed"
    limit("outer/inner", str(10**9), 2 * 10**9, 0)
    assert may_be_taken(10**15, CPU) == 0


def test_a_control_group_of_version_1(machine):
    write(machine / "memory" / "memory.limit_in_bytes", "2000000000\n")
    write(machine / "memory" / "memory.usage_in_bytes", "1500000000\n")
    write(machine / "memory" / "memory.stat", "cache 9\ntotal_inactive_file 100000000\n")
    assert may_be_taken(10**15, CPU) == 600_000_000


def test_where_the_system_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "PROC", tmp_path)
    assert may_be_taken(None, CPU) > 10**8


def test_tensors_alive_together_are_counted_once():
    def action() -> None:
        a = torch.ones(1000)  # 4000 bytes
        b = a.view(10, 100) + 1  # 8000 with the view, which has none of its own
        del a
        c = b * 2 + torch.rand(10, 100)  # b, b * 2, the random numbers, and the sum
        del b, c
        torch.zeros(10)

    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    assert tensors_at_most(action) == 16_000
    assert torch.equal(torch.rand(1), expected), "and random numbers go on as if it had not been"
