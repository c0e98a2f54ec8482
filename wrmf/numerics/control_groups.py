"""The control groups that limit this process, on Linux."""

from __future__ import annotations

from pathlib import Path

__all__ = ["group_folders"]

# Where a process finds its control groups, and where their limits are.
PROCESS_GROUPS = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")
# The folders that version 1 may mount a controller at.
MOUNTS = {"cpu": ("cpu", "cpu,cpuacct"), "memory": ("memory",)}


def group_folders(controller: str) -> list[Path]:
    """Return the folders of the control groups that limit this process, up to the root.

    A container often sees its own group as the root although ``PROCESS_GROUPS`` names the group by
    its path on the host, so a folder may not exist, and the root always counts.

    Parameters
    ----------
    controller : {"cpu", "memory"}
    """
    roots = {"": GROUPS, **{name: GROUPS / name for name in MOUNTS[controller]}}
    folders = dict.fromkeys(roots.values())
    try:
        lines = PROCESS_GROUPS.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        # The line of version 2 names no controllers.
        if controllers and controller not in controllers.split(","):
            continue
        root = roots.get(controllers, GROUPS / controllers)
        parts = [part for part in path.split("/") if part not in ("", "..")]
        folders.update(
            dict.fromkeys(root.joinpath(*parts[:depth]) for depth in range(len(parts) + 1))
        )
    return list(folders)
