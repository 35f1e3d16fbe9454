"""What a control group allows this process: containers, batch systems and systemd set limits there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def memory_limit(root: Path = Path("/")) -> int | None:
    """Return the memory that the control groups of this process allow it, bytes; None where they set no limit.

    Every group above it counts too, in either version of control groups.

    Parameters
    ----------
    root : where `proc` and `sys` are
    """
    limits = [limit for path in _files(root) if (limit := _number(path)) is not None]
    return min(limits, default=None)


def _files(root: Path) -> Iterator[Path]:
    mount = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    for line in lines:
        _, controllers, group = ([*line.split(":", 2), "", "", ""])[:3]
        if "memory" in controllers.split(","):
            yield from _upwards(mount / "memory", group, "memory.limit_in_bytes")
        elif not controllers:
            yield from _upwards(mount, group, "memory.max")


def _upwards(mount: Path, group: str, file: str) -> Iterator[Path]:
    # Inside a container the group's own path need not be there, but what is mounted is the container's.
    folder = mount / group.strip("/")
    yield folder / file
    yield from (parent / file for parent in folder.parents if parent == mount or mount in parent.parents)


def _number(path: Path) -> int | None:
    try:
        told = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    # "max" is how version 2 says that there is no limit; version 1 gives a number beyond all memory.
    return int(told) if told.isdecimal() else None
