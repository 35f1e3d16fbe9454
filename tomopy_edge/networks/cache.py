"""Where what was found out or built for this machine is kept from one run to the next."""

from __future__ import annotations

import os
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
