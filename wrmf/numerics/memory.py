"""Whether arrays fit the memory that is free, so that what cannot fit is refused at once.

Systems promise more memory than they have, and end a process that uses it. So it is too late when
an allocation fails.
"""

from __future__ import annotations

import os
from pathlib import Path

from wrmf.numerics.control_groups import group_folders

__all__ = ["available_memory", "check_memory"]

# Where Linux tells the memory of the machine.
MACHINE = Path("/proc/meminfo")
# Less than this is not checked, as it takes longer than to allocate it.
LEAST = 2**28
# The file of version 1 or 2 with the limit of a control group, that with what is used, and the
# entry of memory.stat of the cached files, which make room.
GROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def available_memory() -> int | None:
    """Return how many bytes this process may still take, None where the system does not say.

    It is the smallest of the memory that is free or holds copies of files, with the swap space, and
    of what the control groups of the process (version 1 or 2) have left. On systems without
    ``/proc/meminfo`` it is the size of the memory.

    Examples
    --------
    >>> free = available_memory()
    >>> free is None or free > 0
    True
    """
    of_groups = (_left_of_group(folder) for folder in group_folders("memory"))
    limits = [limit for limit in (_of_machine(), *of_groups) if limit is not None]
    return min(limits, default=None)


def check_memory(n_bytes: float, what: str, advice: str) -> None:
    """Refuse what takes more memory than is available.

    Parameters
    ----------
    n_bytes : float
    what : str
        What takes it, in the plural.
    advice : str
        What to do instead.

    Raises
    ------
    MemoryError

    Examples
    --------
    >>> check_memory(1e18, "factors", "use fewer")
    Traceback (most recent call last):
        ...
    MemoryError: factors take 1000000000.0 GB, and ... GB are available: use fewer
    """
    if n_bytes < LEAST:
        return
    available = available_memory()
    if available is not None and n_bytes > available:
        raise MemoryError(
            f"{what} take {n_bytes / 1e9:.1f} GB, and {available / 1e9:.1f} GB are available: "
            f"{advice}"
        )


def _of_machine() -> int | None:
    """Return the bytes of memory and swap space that are free or hold copies of files."""
    entries = _entries(MACHINE)
    if "MemAvailable:" in entries:
        return 1024 * (entries["MemAvailable:"] + entries.get("SwapFree:", 0))
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _left_of_group(folder: Path) -> int | None:
    """Return what a control group may still take; None if it has no limit."""
    for limit, used, cached in GROUP_FILES:
        try:
            left = int((folder / limit).read_text()) - int((folder / used).read_text())
        except (OSError, ValueError):
            # There is no such file, or it says "max".
            continue
        return max(0, left + _entries(folder / "memory.stat").get(cached, 0))
    return None


def _entries(path: Path) -> dict[str, int]:
    """Return the numbers of a file with a name and a number in each line."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {words[0]: int(words[1]) for words in lines if words[1:] and words[1].isdecimal()}
