"""Files of JSON with a hash of all that is in them, so that what a disk or a hand has changed is not believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from tomopy_edge.writers.durable import put_text

SUM = "sha256"
"""The key of the hash of all other keys."""


def put_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file that is there whole, or not at all."""
    # At one moment: threads of a run that is ending may still be changing it.
    plain = json.loads(json.dumps(content))
    put_text(path, json.dumps({**plain, SUM: _sum(plain)}, indent=2) + "\n")


def read_sealed(path: Path) -> dict[str, Any]:
    """Return what was written, as plain data.

    Raises
    ------
    OSError : where the file cannot be read
    ValueError : where it is not what was written
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and content.pop(SUM, None) == _sum(content):
            return content
    except RecursionError as error:
        raise ValueError(str(error)) from None
    raise ValueError("it is damaged")


def _sum(plain: Mapping[str, Any]) -> str:
    return sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
