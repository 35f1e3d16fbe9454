"""A model folder while it is written: which files stay true when a network in it changes, and which have to go."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tomopy_edge.errors import ModelError
from tomopy_edge.networks.manifest import MANIFEST
from tomopy_edge.training.architectures import ARCHITECTURES, Architecture
from tomopy_edge.training.chain import chain
from tomopy_edge.training.surgery import with_int8, with_tile, with_uint8

log = logging.getLogger(__name__)

CHAINED_TILES = (64, 128, 256, 512)
"""Edges of the tiles of chained networks, pixels."""

BATCHED_UP_TO = 256
"""Larger tiles, pixels, keep a processor busy one by one."""

CHAINED, PARTNERS = "chained", ("int8-ptq", "int8")


@dataclass(frozen=True)
class Sizes:
    """What tiles networks are written for.

    Attributes
    ----------
    tiles : edges of the int8 networks' tiles, pixels
    float_tiles : edges of the float networks' tiles, pixels
    batch : tiles at once of further int8 networks, for tiles of up to `BATCHED_UP_TO` pixels; 1 for none
    io : what int8 networks take and give: int8 or uint8
    """

    tiles: tuple[int, ...]
    float_tiles: tuple[int, ...]
    batch: int
    io: str


@dataclass
class ModelFolder:
    """A folder and its manifest, as JSON.

    Attributes
    ----------
    path : the folder
    manifest : what it will say
    """

    path: Path
    manifest: dict[str, Any]
    _old: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, fresh: dict[str, Any] | None) -> ModelFolder:
        """Return the folder at `path`, with the manifest it holds, or `fresh` where it holds none.

        Raises
        ------
        ModelError : where there is neither, or the manifest cannot be read
        """
        try:
            manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            if fresh is None:
                raise ModelError(f"{path}: a Fine-Tune network needs the folder of its denoiser: {error}") from None
            return cls(path, fresh)
        except (OSError, ValueError) as error:
            raise ModelError(f"{path / MANIFEST}: cannot be read: {error}") from None
        return cls(path, manifest, dict(_named(manifest)))

    def partner(self) -> bytes:
        """Return the int8 denoiser that the Fine-Tune network works behind.

        Raises
        ------
        ModelError : where the folder holds none
        """
        for precision in PARTNERS:
            for entry in self.manifest["denoise"]["networks"]:
                if entry["precision"] == precision and entry.get("batch", 1) == 1:
                    try:
                        return with_int8((self.path / entry["file"]).read_bytes())
                    except OSError as error:
                        raise ModelError(f"{self.path / entry['file']}: cannot be read: {error.strerror}") from None
        raise ModelError(f"{self.path}: holds no int8 denoiser for a Fine-Tune network")

    def put(
        self, part: Architecture, trained: Path, stem: str, channels: int, exports: dict[str, bytes], sizes: Sizes
    ) -> list[dict[str, Any]]:
        """Write the exports of one network in place of those that the folder held, and return their entries.

        Parameters
        ----------
        part : its architecture
        trained : the .keras file that it comes from; a copy is kept
        stem : what its files' names begin with
        channels : slices it takes
        exports : precision -> .tflite bytes
        sizes : what tiles they are written for
        """
        self.path.mkdir(parents=True, exist_ok=True)
        old = self.manifest.get(part.block) or {}
        entries = [
            self._write(part, stem, precision, with_tile(made, edge, batch), edge=edge, batch=batch, io=io)
            for precision, made in exports.items()
            for edge, batch, io in _files(precision, sizes)
        ]
        block = {"channels": channels, "reach": part.reach, "multiple": part.multiple, "networks": entries}
        kept = self.path / f"{stem}.keras"
        if old.get("onnx") and self.manifest["files"].get(kept.name) == sha256(trained):
            block["onnx"] = old["onnx"]
        if trained.resolve() != kept.resolve():
            shutil.copyfile(trained, kept)
        self.manifest["files"][kept.name] = sha256(kept)
        self.manifest[part.block] = block
        if part.block == "fine_tune":
            return entries + self._chain(part, with_int8(exports["int8"]))
        if _partners(old.get("networks", ())) & _partners(entries):
            block["networks"] = entries + [one for one in old["networks"] if one["precision"] == CHAINED]
        elif self.manifest.pop("fine_tune", None):
            log.warning(
                "%s: its Fine-Tune network mended another int8 network and is dropped; train it anew", self.path
            )
            self.manifest["files"].pop("fine_tune.keras", None)
        return entries

    def close(self, commands: tuple[str, ...]) -> None:
        """Write the manifest, and remove the files that it named before and no longer does."""
        self.manifest["commands"] += [one for one in commands if one not in self.manifest["commands"]]
        text = json.dumps(self.manifest, indent=2) + "\n"
        (self.path / MANIFEST).write_text(text, encoding="utf-8")
        for name in sorted(set(self._old) - set(dict(_named(self.manifest)))):
            stale = self.path / name
            # Only what this folder's manifest wrote: a file of that name that is something else is the user's.
            if stale.is_file() and sha256(stale) == self._old[name]:
                stale.unlink()
                log.warning("%s: removed, as it belongs to the networks that were replaced", stale)

    def _chain(self, part: Architecture, fine_tune: bytes) -> list[dict[str, Any]]:
        """Write the denoiser and the Fine-Tune network in one file for each size, in place of older ones."""
        denoise = self.manifest["denoise"]
        first = self.partner()
        reach = denoise["reach"] + part.reach
        stem, whole = self._denoiser(reach)
        entries = []
        for edge in CHAINED_TILES:
            joined = chain(with_tile(first, edge), with_tile(fine_tune, edge))
            entries.append(self._write(whole, stem, CHAINED, joined, edge=edge, batch=1, io="int8") | {"reach": reach})
        denoise["networks"] = [one for one in denoise["networks"] if one["precision"] != CHAINED] + entries
        return entries

    def _denoiser(self, reach: int) -> tuple[str, Architecture]:
        """Return what the files of the folder's denoiser begin with, and its architecture with another reach."""
        denoise = self.manifest["denoise"]
        for one in ARCHITECTURES:
            if one.block == "denoise" and (one.reach, one.multiple) == (denoise["reach"], denoise["multiple"]):
                return denoise["networks"][0]["file"].partition("_")[0], replace(one, reach=reach)
        raise ModelError(f"{self.path}: holds a denoiser of no known architecture")

    def _write(
        self, part: Architecture, stem: str, precision: str, made: bytes, *, edge: int, batch: int, io: str
    ) -> dict[str, Any]:
        halo, stride = part.layout(edge)
        ends = f"_b{batch}" * (batch > 1) + "_uint8" * (io == "uint8")
        file = self.path / f"{stem}_{precision}_{edge}{ends}.tflite"
        file.write_bytes(with_uint8(made) if io == "uint8" else made)
        named = {"file": file.name, "sha256": sha256(file), "precision": precision, "tile": edge, "batch": batch}
        return named | {"halo": halo, "stride": stride} | ({"io": io} if io != "int8" else {})


def _files(precision: str, sizes: Sizes) -> Iterator[tuple[int, int, str]]:
    """Yield the tile, the batch and the ends of each file of a precision."""
    if precision == "float":
        yield from ((edge, 1, "int8") for edge in sizes.float_tiles)
        return
    yield from ((edge, 1, sizes.io) for edge in sizes.tiles)
    if precision == "int8" and sizes.batch > 1:
        yield from ((edge, sizes.batch, sizes.io) for edge in sizes.tiles if edge <= BATCHED_UP_TO)


def _partners(entries: Iterable[dict[str, Any]]) -> set[str]:
    """Return the sha256 of the int8 networks, of a denoiser's entries, that a Fine-Tune network works behind."""
    by_precision = {name: {one["sha256"] for one in entries if one["precision"] == name} for name in PARTNERS}
    return next((digests for digests in by_precision.values() if digests), set())


def _named(manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and the sha256 of every file that a manifest names."""
    for block in ("denoise", "fine_tune"):
        for kind in ("networks", "onnx"):
            for entry in (manifest.get(block) or {}).get(kind, ()):
                yield entry["file"], entry["sha256"]
    yield from manifest.get("files", {}).items()


def sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
