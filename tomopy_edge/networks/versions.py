"""Which version of a package is installed, also where its distribution has an unusual name."""

from __future__ import annotations

from importlib.metadata import packages_distributions

from tomopy_edge.installed import Installed

UNKNOWN = "of unknown version"
"""Said where no distribution is known to hold the package."""


def version_of(module: str, distribution: str) -> str:
    """Return the version of an importable package, or `UNKNOWN`.

    Parameters
    ----------
    module : its name in an import, such as "ai_edge_litert"
    distribution : what is usually installed to have it, such as "ai-edge-litert"; nightly builds have other names
    """
    installed = Installed()
    if found := installed.version(distribution):
        return found
    # Reads the list of files of everything that is installed.
    others = packages_distributions().get(module, ())
    return next(filter(None, map(installed.version, others)), UNKNOWN)
