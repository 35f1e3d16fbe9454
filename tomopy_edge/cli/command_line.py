"""What the user typed, as the files say that a command makes."""

from __future__ import annotations

import shlex
import sys


def command_line(without: str | None = None) -> str:
    """Return the command as the user gave it, for the files that it makes.

    Parameters
    ----------
    without : flag of one value to leave out, with its values
    """
    words = iter(sys.argv[1:])
    kept: list[str] = []
    for word in words:
        if without is not None and word == without:
            next(words, None)
        elif without is None or not word.startswith(f"{without}="):
            kept.append(word)
    return shlex.join(["tomopy-edge", *kept])
