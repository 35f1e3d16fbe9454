"""How the script of a child process begins: it finds the modules that its parent finds."""

from __future__ import annotations

import sys


def beginning() -> str:
    """Return the first line of a script for `python -c`, which looks for modules in the folder it is run in first.

    That is the user's, where any file may have the name of a module. A child looks where its parent does, and in that
    folder last, if at all.
    """
    places = sorted(map(str, sys.path), key="".__eq__)
    return f"import sys; sys.path[:] = {places!r}\n"
