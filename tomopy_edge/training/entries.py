"""What the entries of a manifest's JSON say of its files: which it names, and which were made of which."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

BLOCKS = ("denoise", "fine_tune")
KINDS = ("networks", "onnx", "compiled")


def digest(content: bytes) -> str:
    """Return the sha256 of a file's bytes, as a manifest writes it."""
    return hashlib.sha256(content).hexdigest()


def named_files(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and the sha256 of every file that a manifest names."""
    for block in BLOCKS:
        for kind in KINDS:
            for entry in (manifest.get(block) or {}).get(kind, ()):
                yield entry["file"], entry["sha256"]
    yield from manifest.get("files", {}).items()


def without_stale(manifest: dict[str, Any], old: Mapping[str, str]) -> None:
    """Take out of a manifest the compiled files whose .tflite file is not what it was.

    Parameters
    ----------
    manifest : as it will be written
    old : name -> sha256 of what it named before
    """
    now = dict(named_files(manifest))
    for block in BLOCKS:
        if compiled := (manifest.get(block) or {}).pop("compiled", None):
            sources = ((one, one["compiled_from"]) for one in compiled)
            kept = [one for one, source in sources if source in now and now[source] == old.get(source)]
            manifest[block] |= {"compiled": kept} if kept else {}
