"""A model folder while it is written: which files stay true when a network in it changes, and which have to go."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tomopy_edge.errors import ModelError, OutputError
from tomopy_edge.networks.manifest import MANIFEST, PARTNERS, read_manifest
from tomopy_edge.networks.network_file import Precision
from tomopy_edge.networks.resizing import with_tile
from tomopy_edge.training.advice import with_advice
from tomopy_edge.training.architectures import ARCHITECTURES, Architecture
from tomopy_edge.training.chain import chain
from tomopy_edge.training.entries import digest, named_files, without_stale
from tomopy_edge.training.surgery import with_int8, with_uint8

log = logging.getLogger(__name__)

BATCHED_UP_TO = 256
"""Larger tiles, pixels, keep a processor busy one by one."""

CHAINED = "chained"

FINE_TUNE = "fine_tune"
"""Stem of the names of a Fine-Tune network's files."""


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
    """A folder and its manifest, as JSON; nothing is written before it is closed.

    Attributes
    ----------
    path : the folder
    manifest : what it will say
    """

    path: Path
    manifest: dict[str, Any]
    _old: dict[str, str] = field(default_factory=dict)
    _made: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, told: Mapping[str, Any] | None) -> ModelFolder:
        """Return the folder at `path`, with the manifest it holds.

        Parameters
        ----------
        path : the folder
        told : name, summary, licence and seed of a denoiser that is to be put in; None for a Fine-Tune network, which
            needs the folder of its denoiser

        Raises
        ------
        ModelError : where a denoiser is needed and there is none, or the manifest is faulty
        """
        try:
            _, manifest = read_manifest(path)
        except FileNotFoundError as error:
            if told is None:
                raise ModelError(f"{path}: a Fine-Tune network needs the folder of its denoiser: {error}") from None
            return cls(path, {"format": 1, **told, "commands": [], "denoise": {}, "files": {}})
        return cls(path, manifest | dict(told or {}), dict(named_files(manifest)))

    def advise(self, precision: Precision | None) -> None:
        """Say which of the denoiser's networks recipes are to run that name none; see `advice.with_advice`."""
        self.manifest["denoise"] = with_advice(self.manifest["denoise"], precision, self.path)

    def expect_io(self, io: str) -> None:
        """Check that int8 files of a denoiser that take and give `io` leave the Fine-Tune network its partner.

        Raises
        ------
        ModelError : where they do not
        """
        networks = self.manifest["denoise"].get("networks", ())
        taken = {one.get("io", "int8") for one in networks if one["precision"] in PARTNERS}
        if self.manifest.get(FINE_TUNE) and taken and io not in taken:
            raise ModelError(
                f"{self.path}: its Fine-Tune network works behind {' and '.join(taken)} files and would be dropped for "
                f"{io} ones; quantize both networks into another folder"
            )

    def partner(self) -> bytes:
        """Return the int8 denoiser that the Fine-Tune network works behind.

        Raises
        ------
        ModelError : where the folder holds none
        """
        if (entry := _partner(self.manifest["denoise"]["networks"])) is None:
            raise ModelError(f"{self.path}: holds no int8 denoiser for a Fine-Tune network")
        file = self.path / entry["file"]
        try:
            return with_int8(file.read_bytes())
        except OSError as error:
            raise ModelError(f"{file}: cannot be read: {error.strerror}") from None

    def put(
        self,
        part: Architecture,
        channels: int,
        trained: Mapping[str, bytes],
        exports: Mapping[str, bytes],
        sizes: Sizes,
    ) -> list[dict[str, Any]]:
        """Put the exports of one network in place of those that the folder held, and return their entries.

        Parameters
        ----------
        part : its architecture
        channels : slices it takes
        trained : what follows the stem in a .keras file's name -> its bytes: "" -> the float network, and "_aware" ->
            the one that was trained for int8, where there is one
        exports : precision -> .tflite bytes
        sizes : what tiles they are written for
        """
        old = self.manifest.get(part.block) or {}
        stem = FINE_TUNE if part.block == FINE_TUNE else self.manifest["name"]
        entries = [
            self._add(part, stem, precision, with_tile(made, edge, batch), edge=edge, batch=batch, io=io)
            for precision, made in exports.items()
            for edge, batch, io in _files(precision, sizes)
        ]
        block: dict[str, Any] = {"channels": channels, "reach": part.reach, "multiple": part.multiple}
        block |= {name: old[name] for name in ("advised", "compiled") if name in old}
        block["networks"] = entries
        still = self._keep(stem, trained)
        if onnx := [one for one in old.get("onnx", ()) if one["precision"] in still]:
            block["onnx"] = onnx
        self.manifest[part.block] = block
        if part.block == FINE_TUNE:
            return entries + self._chain(part, with_int8(exports["int8"]), sizes.io)
        if _is_made_of(_partner(old.get("networks", ())), exports, part.multiple):
            block["networks"] = entries + [one for one in old["networks"] if one["precision"] == CHAINED]
        elif self.manifest.pop(FINE_TUNE, None):
            log.warning(
                "%s: its Fine-Tune network mended another int8 network and is dropped, chained files and all; "
                "train one anew with tomopy-edge train --fine-tune",
                self.path,
            )
            self.manifest["files"] = dict(_others(self.manifest["files"], fine_tune=True))
        return entries

    def close(self, commands: tuple[str, ...]) -> None:
        """Write the files and then the manifest, and remove the files that it named before and no longer does.

        All is written beside the old files first, so what goes wrong leaves the folder as it was.

        Raises
        ------
        OutputError : where it cannot be written
        """
        without_stale(self.manifest, self._old)
        self.manifest["commands"] += [one for one in commands if one not in self.manifest["commands"]]
        text = json.dumps(self.manifest, indent=2) + "\n"
        try:
            move_in(self.path, self._made | {MANIFEST: text.encode()})
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written: {error.strerror}") from None
        for name in sorted(set(self._old) - set(dict(named_files(self.manifest)))):
            stale = self.path / name
            # Only what this folder's manifest wrote: a file of that name that is something else is the user's.
            if stale.is_file() and digest(stale.read_bytes()) == self._old[name]:
                stale.unlink()
                log.warning("%s: removed, as it belongs to the networks that were replaced", stale)

    def _keep(self, stem: str, trained: Mapping[str, bytes]) -> set[str]:
        """Put .keras files in place of those that the folder held; return for which precisions they are the same."""
        files = self.manifest.setdefault("files", {})
        others = dict(_others(files, fine_tune=stem == FINE_TUNE))
        old = {files[name] for name in files.keys() - others.keys()}
        new = {f"{stem}{ends}.keras": made for ends, made in trained.items()}
        digests = {name: digest(made) for name, made in new.items()}
        self._made |= new
        # The denoiser's float network is the first: so it is found by those who look for one to learn from.
        self.manifest["files"] = others | digests if stem == FINE_TUNE else digests | others
        same = {"float"} if digests[f"{stem}.keras"] in old else set()
        return same | {"int8"} if old == set(digests.values()) else same

    def _chain(self, part: Architecture, fine_tune: bytes, io: str) -> list[dict[str, Any]]:
        """Put the denoiser and the Fine-Tune network in one file for each size, in place of older ones."""
        denoise = self.manifest["denoise"]
        first = self.partner()
        reach = denoise["reach"] + part.reach
        stem, whole = self._denoiser(reach)
        entries = []
        for edge in whole.usual_tiles:
            joined = chain(with_tile(first, edge), with_tile(fine_tune, edge))
            entries.append(self._add(whole, stem, CHAINED, joined, edge=edge, batch=1, io=io) | {"reach": reach})
        denoise["networks"] = [one for one in denoise["networks"] if one["precision"] != CHAINED] + entries
        return entries

    def _denoiser(self, reach: int) -> tuple[str, Architecture]:
        """Return what the files of the folder's denoiser begin with, and its architecture with another reach."""
        denoise = self.manifest["denoise"]
        for one in ARCHITECTURES:
            if one.block == "denoise" and (one.reach, one.multiple) == (denoise["reach"], denoise["multiple"]):
                first = denoise["networks"][0]
                return first["file"].rpartition(f"_{first['precision']}_")[0], replace(one, reach=reach)
        raise ModelError(f"{self.path}: holds a denoiser of no known architecture")

    def _add(
        self, part: Architecture, stem: str, precision: str, made: bytes, *, edge: int, batch: int, io: str
    ) -> dict[str, Any]:
        halo, stride = part.layout(edge)
        ends = f"_b{batch}" * (batch > 1) + "_uint8" * (io == "uint8")
        file = f"{stem}_{precision}_{edge}{ends}.tflite"
        self._made[file] = with_uint8(made) if io == "uint8" else made
        named: dict[str, Any] = {"file": file, "sha256": digest(self._made[file])}
        named |= {"precision": precision, "tile": edge, "batch": batch}
        return named | {"halo": halo, "stride": stride} | ({"io": io} if io != "int8" else {})


def _files(precision: str, sizes: Sizes) -> Iterator[tuple[int, int, str]]:
    """Yield the tile, the batch and the ends of each file of a precision."""
    if precision == "float":
        yield from ((edge, 1, "int8") for edge in sizes.float_tiles)
        return
    yield from ((edge, 1, sizes.io) for edge in sizes.tiles)
    if precision == "int8" and sizes.batch > 1:
        yield from ((edge, sizes.batch, sizes.io) for edge in sizes.tiles if edge <= BATCHED_UP_TO)


def _partner(entries: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the first int8 file, of a denoiser's entries, that a Fine-Tune network works behind, or None."""
    singles = [one for one in entries if one["precision"] in PARTNERS and one.get("batch", 1) == 1]
    return min(singles, key=lambda one: PARTNERS.index(one["precision"]), default=None)


def _is_made_of(partner: dict[str, Any] | None, exports: Mapping[str, bytes], multiple: int) -> bool:
    """Return whether new exports hold an older partner of a Fine-Tune network, for whichever tiles it was written."""
    if partner is None or partner["tile"] % multiple:
        return False
    made = with_tile(next(exports[name] for name in PARTNERS if name in exports), partner["tile"])
    return bool(partner["sha256"] == digest(with_uint8(made) if partner.get("io") == "uint8" else made))


def _others(files: Mapping[str, str], *, fine_tune: bool) -> Iterator[tuple[str, str]]:
    """Yield what a manifest names beside the .keras files of the Fine-Tune network, or of the denoiser."""
    for name, sha256 in files.items():
        if not name.endswith(".keras") or name.startswith((f"{FINE_TUNE}.", f"{FINE_TUNE}_")) != fine_tune:
            yield name, sha256


def move_in(folder: Path, made: Mapping[str, bytes]) -> None:
    """Write files into a folder, made where it is not there: none of them, or all in the order that they are given.

    Raises
    ------
    OSError : where one cannot be written
    """
    fresh = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # Within the folder, for only on one file system is a file moved at once.
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as staging:
            for name, content in made.items():
                (Path(staging) / name).write_bytes(content)
            for name in made:
                (Path(staging) / name).replace(folder / name)
    except BaseException:
        if fresh and not any(folder.iterdir()):
            folder.rmdir()
        raise
