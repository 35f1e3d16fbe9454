"""What is tried: some files and words of a command line, which can be kept as JSON."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """One trial.

    Attributes
    ----------
    files : name -> content; the first is what is opened
    words : beside it, such as overrides of a recipe
    """

    files: dict[str, bytes]
    words: tuple[str, ...] = ()

    def write(self, folder: Path) -> Path:
        """Write the files into `folder`, and return the path of the first."""
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return folder / next(iter(self.files))

    def keep(self, path: Path, told: str) -> None:
        """Write the case as JSON, with what became of it when it was found."""
        plain = {"told": told, "words": list(self.words), "files": {k: _packed(v) for k, v in self.files.items()}}
        path.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def kept(cls, path: Path) -> Case:
        """Return the case that `keep` wrote."""
        plain = json.loads(path.read_text(encoding="utf-8"))
        return cls({k: _unpacked(v) for k, v in plain["files"].items()}, tuple(plain["words"]))


def _packed(content: bytes) -> dict[str, str]:
    # Text is kept so that it can be read.
    if len(content) < 2000 and content.isascii():
        return {"text": content.decode()}
    return {"zlib": base64.b85encode(zlib.compress(content, 9)).decode()}


def _unpacked(kept: dict[str, str]) -> bytes:
    return kept["text"].encode() if "text" in kept else zlib.decompress(base64.b85decode(kept["zlib"]))
