"""Networks in .keras files: the one place that reads them, and says which file it is that cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tomopy_edge.errors import ModelError


def load_network(path: Path) -> Any:
    """Return the Keras model in a .keras file, not compiled.

    Raises
    ------
    ModelError : where Keras cannot load it
    """
    import keras

    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # noqa: BLE001 - a ruined file fails in Keras in as many ways as there are bytes
        raise ModelError(f"{path}: Keras cannot load it: {error}") from None
