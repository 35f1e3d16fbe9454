"""Where what was found out or built for this machine is kept from one run to the next."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """Return the package's folder in the user's cache, by the XDG base directory specification; it need not exist.

    Raises
    ------
    RuntimeError : where the user has no home, and nothing else is named
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The specification has a relative one ignored.
    return (named if named.is_absolute() else Path.home() / ".cache") / "tomopy-edge"


def keep(path: Path, content: bytes) -> None:
    """Write a file of the cache, whole or not at all, or raise an `OSError`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as inner:
        whole = Path(inner) / path.name
        whole.write_bytes(content)
        whole.replace(path)
