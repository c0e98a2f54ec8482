"""What is available is what the machine and the control groups have left."""

import pytest

from wrmf.numerics import control_groups, memory
from wrmf.numerics.memory import available_memory, check_memory

GIB = 2**30
MACHINE = "MemTotal: 33554432 kB\nMemAvailable: 16777216 kB\nSwapFree: 1048576 kB\nHugePages: 0\n"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A function that fakes a machine with files of the system and of control groups."""

    def fake(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setattr(memory, "MACHINE", tmp_path / "meminfo")
        monkeypatch.setattr(control_groups, "PROCESS_GROUPS", tmp_path / "proc")
        monkeypatch.setattr(control_groups, "GROUPS", tmp_path / "sys")

    return fake


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({}, 17 * GIB, id="no control groups"),
        pytest.param({"sys/memory.max": "max", "sys/memory.current": "5"}, 17 * GIB, id="no limit"),
        pytest.param(
            {
                "sys/memory.max": str(8 * GIB),
                "sys/memory.current": str(3 * GIB),
                "sys/memory.stat": f"anon 1\ninactive_file {GIB}\n",
            },
            6 * GIB,
            id="version 2, with cached files",
        ),
        pytest.param(
            {
                "proc": "0::/job/part",
                "sys/memory.max": "max",
                "sys/job/memory.max": str(4 * GIB),
                "sys/job/memory.current": str(GIB),
                "sys/job/part/memory.max": str(8 * GIB),
                "sys/job/part/memory.current": str(GIB),
            },
            3 * GIB,
            id="version 2, the smallest of several",
        ),
        pytest.param(
            {
                "proc": "4:memory:/job\n3:cpu:/other",
                "sys/memory/memory.limit_in_bytes": str(2**63 - 4096),
                "sys/memory/memory.usage_in_bytes": "0",
                "sys/memory/job/memory.limit_in_bytes": str(2 * GIB),
                "sys/memory/job/memory.usage_in_bytes": str(GIB),
                "sys/memory/job/memory.stat": f"total_inactive_file {GIB // 2}\n",
            },
            GIB + GIB // 2,
            id="version 1",
        ),
        pytest.param(
            {"sys/memory.max": str(GIB), "sys/memory.current": str(2 * GIB)}, 0, id="used up"
        ),
        pytest.param(
            {"sys/memory.max": "many", "sys/memory.current": "?"}, 17 * GIB, id="no sizes"
        ),
    ],
)
def test_the_smallest_of_all_limits_counts(machine, files, expected):
    machine({"meminfo": MACHINE, **files})
    assert available_memory() == expected


def test_without_the_file_of_linux_the_size_of_the_memory_counts(machine):
    machine({})
    size = available_memory()
    assert size is None or size > 2**28


def test_what_does_not_fit_is_refused_with_both_figures(machine):
    machine({"meminfo": "MemAvailable: 2000000 kB\n"})
    check_memory(2e9, "rows", "use fewer")
    with pytest.raises(
        MemoryError, match=r"^rows take 2\.1 GB, and 2\.0 GB are available: use fewer$"
    ):
        check_memory(2.1e9, "rows", "use fewer")


def test_nothing_is_refused_where_the_system_does_not_say(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: None)
    check_memory(1e30, "rows", "use fewer")


def test_small_arrays_are_not_checked(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 0)
    check_memory(memory.LEAST - 1, "rows", "use fewer")
    with pytest.raises(MemoryError):
        check_memory(memory.LEAST, "rows", "use fewer")
