"""How TomoPy is found, where it is installed, and told from other packages of its name."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from tomopy_edge.errors import PluginError

FAMILIAR = ("recon", "remove_outlier", "remove_stripe_fw")
"""What TomoPy has had in all its versions and no other package of the name has."""


def expect_tomopy() -> None:
    """Check that TomoPy is installed, without importing it, which takes seconds.

    Raises
    ------
    PluginError : where it is not
    """
    try:
        spec = find_spec("tomopy")
    except ValueError:  # it is loaded, and was put there by something else than an import
        return
    # A folder that only has the name, such as one of the user's own where Python starts, has no origin.
    if spec is None or spec.origin is None:
        raise PluginError(
            "TomoPy was asked for and is not installed; it is on conda-forge only: conda install -c conda-forge tomopy"
        )


def require_tomopy() -> ModuleType:
    """Return the module `tomopy`.

    Raises
    ------
    PluginError : where TomoPy is not installed, does not import, or another package goes by its name
    """
    expect_tomopy()
    try:
        tomopy = import_module("tomopy")
    except Exception as error:
        raise PluginError(f"TomoPy is installed but cannot be imported ({error}); mend its environment") from error
    if missing := [name for name in FAMILIAR if not callable(getattr(tomopy, name, None))]:
        raise PluginError(
            f"the package tomopy at {getattr(tomopy, '__file__', None)} is not TomoPy: it has no {missing[0]}(); "
            "remove it and install TomoPy with: conda install -c conda-forge tomopy"
        )
    return tomopy
