"""How TomoPy is found, where it is installed, and told from other packages of its name."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from tomopy_edge.errors import PluginError

FAMILIAR = ("recon", "remove_outlier", "remove_stripe_fw")
"""What TomoPy has had in all its versions and no other package of the name has."""


def require_tomopy() -> ModuleType:
    """Return the module `tomopy`.

    Raises
    ------
    PluginError : where TomoPy is not installed, does not import, or another package goes by its name
    """
    try:
        tomopy = import_module("tomopy")
    except ModuleNotFoundError as error:
        if error.name != "tomopy":
            raise PluginError(f"TomoPy is installed but cannot be imported ({error}); mend its environment") from error
        raise PluginError(
            "TomoPy was asked for and is not installed; it is on conda-forge only: conda install -c conda-forge tomopy"
        ) from error
    except Exception as error:
        raise PluginError(f"TomoPy is installed but cannot be imported ({error}); mend its environment") from error
    if missing := [name for name in FAMILIAR if not callable(getattr(tomopy, name, None))]:
        raise PluginError(
            f"the package tomopy at {getattr(tomopy, '__file__', None)} is not TomoPy: it has no {missing[0]}(); "
            "remove it and install TomoPy with: conda install -c conda-forge tomopy"
        )
    return tomopy
