"""What a file that outlives its command was made from, so that none is gone on from with other things."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tomopy_edge.errors import OutputError

Origin = Mapping[str, str | int]
"""What it was made from, by name."""


def origin_of(pairs: Path, **more: str | int) -> Origin:
    """Return the origin of what is made from a file of pairs, and from `more`.

    Pairs are told apart by path and size, for their files are too large to be hashed each time.
    """
    return {"pairs": str(pairs.resolve()), "bytes": pairs.stat().st_size, **more}


def differences(was: Mapping[str, object], now: Origin) -> str:
    """Return in words where an origin is another than `now`; "" where it is the same."""
    told = (f"{name}: {was.get(name, 'none')} then, {one} now" for name, one in now.items() if was.get(name) != one)
    return "; ".join(told)


def is_kept(path: Path, now: Origin) -> bool:
    """Return whether an earlier call left an HDF5 file whose attributes tell the origin `now`.

    Raises
    ------
    OutputError : where there is a file that is of another origin
    """
    import h5py

    if not path.exists():
        return False
    try:
        with h5py.File(path, "r") as file:
            other = differences(file.attrs, now)
    except OSError as error:
        other = f"it cannot be read: {error}"
    if other:
        raise OutputError(
            f"{path}: was left by an earlier command and is not what is asked for now ({other}); remove it"
        )
    return True
