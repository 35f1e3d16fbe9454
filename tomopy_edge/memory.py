"""How much memory this process may still take: what the machine has free, within the limits that are set for it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tomopy_edge.system_files import ROOT, text_of

UNTOLD = 2**30
"""Bytes that are taken to be free where the system does not say."""

SHARE = 0.25
"""Of the memory that is free, what each of those may take that take most: the rows worked on at once, the buffers of
FBP, a network. The rest is for what stages make of the rows."""

PLENTY = 2**31
"""Free bytes from which on memory need not be spared."""

M_MMAP_THRESHOLD, LARGE = -3, 2**20
"""What glibc's `malloc.h` calls the size from which on a block is given back as soon as it is freed, and that size."""

LIMITS = {"Max data size": "VmData", "Max address space": "VmSize"}
"""Limits of a process (`ulimit -d`, `ulimit -v`), as /proc names them -> what it says is taken of each."""


def free_memory(root: Path = ROOT) -> int:
    """Return the bytes that this process may still take.

    That is what the machine could hand out without swapping, or what is left below a limit of the process or of one of
    its control groups, whichever is least.

    Parameters
    ----------
    root : where `proc` and `sys` are
    """
    told = _lines(root / "proc/meminfo").get("MemAvailable")
    left = [limit - taken for limit, taken in _limits(root)]
    left += [group.limit - group.taken for group in _groups(root)]
    return max(min(left if told is None else [told, *left], default=UNTOLD), 0)


def spare_memory(free: int | None = None) -> None:
    """Where little memory is free, have the C library give back what is freed.

    By default glibc keeps freed arrays of up to 32 MB, a slice of 2800 x 2800 pixels, for the next ones, and what is
    too small for those is lost: a quarter of what a run took. Given back at once, memory has to be cleared again when
    it is next taken, so that this is not worth it where there is enough. Other C libraries are left as they are.

    Parameters
    ----------
    free : bytes; None asks the machine
    """
    if (free_memory() if free is None else free) >= PLENTY:
        return
    try:
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)
    except (AttributeError, OSError, TypeError):  # no glibc
        return


def memory_limit(root: Path = ROOT) -> int | None:
    """Return the memory that limits allow this process in all, bytes; None where there are none.

    Its own limits count, and those of every control group above it, in either version of control groups: containers,
    batch systems and systemd set them.
    """
    limits = [limit for limit, _ in _limits(root)] + [group.limit for group in _groups(root)]
    return min(limits, default=None)


def _limits(root: Path) -> Iterator[tuple[int, int]]:
    """Yield the process's own limits and what is taken of each, bytes."""
    taken = _lines(root / "proc/self/status")
    for line in text_of(root / "proc/self/limits").splitlines():
        for name, used in LIMITS.items():
            # "Max data size  <soft>  <hard>  bytes", where no limit is "unlimited".
            soft = line.removeprefix(name).split()[:1] if line.startswith(name) else []
            if soft and soft[0].isdecimal():
                yield int(soft[0]), taken.get(used, 0)


@dataclass(frozen=True)
class _Group:
    """A control group that has a limit.

    Attributes
    ----------
    limit : bytes that it allows
    taken : bytes that it has and cannot give back at once
    """

    limit: int
    taken: int


def _groups(root: Path) -> Iterator[_Group]:
    mount = root / "sys/fs/cgroup"
    for line in text_of(root / "proc/self/cgroup").splitlines():
        _, controllers, group = ([*line.split(":", 2), "", "", ""])[:3]
        if "memory" in controllers.split(","):
            yield from _upwards(mount / "memory", group, "memory.limit_in_bytes", "memory.usage_in_bytes")
        elif not controllers:
            yield from _upwards(mount, group, "memory.max", "memory.current")


def _upwards(mount: Path, group: str, limit: str, usage: str) -> Iterator[_Group]:
    # Inside a container the group's own path need not be there, but what is mounted is the container's.
    own = mount / group.strip("/")
    for folder in (own, *(parent for parent in own.parents if parent == mount or mount in parent.parents)):
        allowed, used = _number(folder / limit), _number(folder / usage)
        if allowed is not None:
            # File pages that were not used lately make room for whoever asks.
            told = _fields(folder / "memory.stat")
            # In version 1 it is those with "total" that count the groups below too, as the usage does.
            spare = told.get("total_inactive_file", told.get("inactive_file", 0))
            yield _Group(allowed, max((used or 0) - spare, 0))


def _number(path: Path) -> int | None:
    told = text_of(path)
    # "max" is how version 2 says that there is no limit; version 1 gives a number beyond all memory.
    return int(told) if told.isdecimal() else None


def _fields(path: Path) -> dict[str, int]:
    """Return what a file of lines "name number" says."""
    pairs = (line.split() for line in text_of(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}  # noqa: PLR2004 - a pair


def _lines(path: Path) -> dict[str, int]:
    """Return what a file of lines "name: number kB" says, bytes."""
    found = {}
    for line in text_of(path).splitlines():
        name, _, said = line.partition(":")
        number, *unit = said.split() or [""]
        if number.isdecimal() and unit == ["kB"]:
            found[name] = int(number) * 1024
    return found
