"""Read a file of YAML that a user wrote, and say what is wrong with it where it cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from tomopy_edge.errors import RecipeError, did_you_mean
from tomopy_edge.yaml_text import LARGEST, load_yaml

SUFFIXES = {".yaml", ".yml", ".json"}
"""Of files that may be meant where one is named that is not there."""


def read_yaml(path: Path, known: Mapping[str, Path] = MappingProxyType({})) -> Any:
    """Return what a file holds, as plain data with the sweeps in it.

    Parameters
    ----------
    known : name -> file that it stands for, where there is none of that name itself

    Raises
    ------
    RecipeError : where it cannot be read, or is no YAML
    """
    try:
        file = path if path.exists() else known.get(str(path), path)
        with file.open(encoding="utf-8") as opened:
            # No more than tells that it is too long: it may be a scan.
            return load_yaml(opened.read(LARGEST + 1))
    except FileNotFoundError as error:
        raise RecipeError(str(path), [f"cannot be read: {error.strerror}{_meant(path, known)}"]) from None
    except OSError as error:
        raise RecipeError(str(path), [f"cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise RecipeError(str(path), ["is not text, as YAML is; a recipe is named before the scan"]) from None
    except yaml.YAMLError as error:
        raise RecipeError(str(path), [f"not YAML: {' '.join(str(error).split())}"]) from None


def _meant(path: Path, known: Iterable[str]) -> str:
    """Return a question after a file of a name like that of one that is not there, or "" where there is none."""
    beside = {child.stem: child.name for child in path.parent.glob("*") if child.suffix in SUFFIXES}
    return did_you_mean(path.stem, [*beside, *known], called=beside)
