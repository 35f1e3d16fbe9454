"""Where the models and recipes lie that come with the package: inside it once installed, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def shipped(what: Literal["models", "recipes"]) -> Path:
    """Return the folder of what is shipped."""
    package = Path(__file__).parent
    installed = package / "_shipped" / what
    return installed if installed.is_dir() else package.parent / what
