"""What is installed in Python's folders, and which version of it, told without importing any of it."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True)
class Installed:
    """Python's folders.

    Attributes
    ----------
    folders : where packages are looked for; None takes those of this Python
    """

    folders: tuple[str, ...] | None = None

    def version(self, distribution: str) -> str:
        """Return the version of a distribution, "" where it is not installed."""
        folders = sys.path if self.folders is None else list(self.folders)
        for found in distributions(name=distribution, path=folders):
            # What is left of a broken installation has no version; where importlib_metadata was imported, it raises.
            with suppress(FileNotFoundError):
                if version := found.metadata["Version"]:
                    return str(version)
        return ""

    def place(self, module: str) -> Path | None:
        """Return the folder of a package, or the file of a module; None where there is none of that name.

        Folders that have the name and nothing that makes them a package are left out: any may lie where Python starts.
        """
        try:
            spec = find_spec(module) if self.folders is None else PathFinder.find_spec(module, list(self.folders))
        except (ImportError, ValueError):
            return None
        if spec is None or spec.origin is None:
            return None
        return Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)
