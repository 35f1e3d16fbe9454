"""Where the system keeps the files that tell of the machine, and how they are read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/")
"""Where the system is. Tests hand over a folder that looks like another machine's."""


def text_of(path: Path) -> str:
    """Return what a file of the system says, or "" where it is not there or not to be read."""
    try:
        return path.read_bytes().decode("utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""
