"""Read a model folder: which networks it holds, for which tiles, and whether its files are what they were."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tomopy_edge.errors import ModelError, did_you_mean
from tomopy_edge.networks.learned import Learned
from tomopy_edge.networks.network_file import NetworkFile, Precision
from tomopy_edge.networks.plain_files import is_name, read_plain, sha256_of
from tomopy_edge.networks.tiling import computed_pixels
from tomopy_edge.options import options
from tomopy_edge.shipped import shipped
from tomopy_edge.strict import StrictError, read_strictly

MANIFEST, LARGEST = "manifest.json", 2**20
"""Name of the file, and how many bytes it may have; those of the shipped models have some thousand."""

PARTNERS: tuple[Precision, ...] = ("int8-ptq", "int8")
"""What a Fine-Tune network works behind, the first that there is: it mends what plain quantization leaves."""


@options
class NetworkSet:
    """One trained network, exported for several tile sizes and precisions."""

    channels: int
    """Adjacent slices it takes: an odd number, of which the middle one is denoised."""

    reach: int
    """How far one output pixel looks, pixels on each side."""

    multiple: int
    """Its poolings together: tiles, halos and strides must be multiples of it, or a tile sees another pooling grid."""

    networks: tuple[NetworkFile, ...]
    """The exported .tflite files."""

    advised: Precision | None = None
    """What recipes run that name no precision: the best of these networks, as their maker judged. None takes int8, or
    what comes first where there is no int8."""

    onnx: tuple[NetworkFile, ...] = ()
    """The same network as .onnx files, for other runtimes."""

    compiled: tuple[NetworkFile, ...] = ()
    """The same network as .tflite files for the Edge TPU, each compiled from one of `networks`."""

    def __post_init__(self) -> None:
        if self.multiple < 1 or self.reach < 0:
            raise ValueError(
                f"multiple: must be at least 1, and reach at least 0; got {self.multiple} and {self.reach}"
            )
        if self.channels < 1 or self.channels % 2 == 0:
            raise ValueError(f"channels: must be odd, so that there is a middle slice; got {self.channels}")
        if self.advised is not None and self.advised not in self.held:
            held = ", ".join(sorted(self.held)) or "none"
            raise ValueError(f"advised: there is no {self.advised} network (there are: {held})")
        for network in (*self.networks, *self.onnx, *self.compiled):
            if network.tile % self.multiple or network.halo % self.multiple or network.stride % self.multiple:
                raise ValueError(
                    f"networks: tile, halo and stride of {network.file} must be multiples of {self.multiple}, "
                    f"got {network.tile}, {network.halo} and {network.stride}"
                )
        for network in self.compiled:
            if network.compiled_from not in {one.file for one in self.networks}:
                raise ValueError(
                    f"compiled: {network.file} must say as compiled_from which of the networks it was made of, got "
                    f"{network.compiled_from!r}"
                )

    @property
    def neighbours(self) -> int:
        """Slices on each side of the middle one."""
        return self.channels // 2

    def source_of(self, compiled: NetworkFile) -> NetworkFile:
        """Return the file that a compiled one was compiled from."""
        return next(network for network in self.networks if network.file == compiled.compiled_from)

    def is_exact(self, network: NetworkFile) -> bool:
        """Return whether tiling with `network` changes nothing: its halo covers the reach."""
        return network.halo >= (self.reach if network.reach is None else network.reach)

    @property
    def held(self) -> tuple[Precision, ...]:
        """The precisions that there are .tflite files of, each once, in the order of the manifest."""
        return tuple(dict.fromkeys(network.precision for network in self.networks))

    @property
    def usual(self) -> Precision:
        """What runs where no precision is asked for: what is advised, else int8, else the first that is held."""
        if self.advised is not None:
            return self.advised
        return "int8" if "int8" in self.held or not self.held else self.held[0]

    @property
    def partner(self) -> Precision:
        """What a Fine-Tune network works behind; see `PARTNERS`."""
        return next((precision for precision in PARTNERS if precision in self.held), "int8")

    def choose(
        self,
        precision: Precision | None,
        tile: int | None,
        shape: tuple[int, int],
        among: tuple[NetworkFile, ...] | None = None,
    ) -> NetworkFile:
        """Return the file for slices of `shape` (y, x): the one with `tile`, or the exact one that computes least.

        Parameters
        ----------
        precision : None takes the usual one
        tile : edge of the tiles, pixels, or None
        shape : (y, x) of the slices
        among : the files that can be run; None takes the .tflite files

        Raises
        ------
        ModelError : where there is none of that precision or tile
        """
        precision = self.usual if precision is None else precision
        among = self.networks if among is None else among
        fitting = [network for network in among if network.precision == precision]
        if not fitting:
            held = ", ".join(sorted({network.precision for network in among})) or "none"
            raise ModelError(f"the model holds no {precision} network (it holds: {held})")
        if tile is not None:
            fitting = [network for network in fitting if network.tile == tile]
            if not fitting:
                sizes = sorted({n.tile for n in among if n.precision == precision})
                raise ModelError(f"the model holds no {precision} network for tiles of {tile} pixels, only of {sizes}")

        def price(network: NetworkFile) -> tuple[bool, int, int, bool]:
            # A batch that is not full is computed all the same.
            tiles = -(-computed_pixels(network.grid(shape)) // (network.batch * network.tile**2)) * network.batch
            return not self.is_exact(network), tiles * network.tile**2, network.batch, network.io == "uint8"

        return min(fitting, key=price)


@options
class Manifest:
    """What a model folder says of itself, in `manifest.json`."""

    format: Literal[1]
    """Version of this layout."""

    name: str
    """What a recipe calls the model."""

    summary: str
    """One line for `tomopy-edge models`."""

    licence: str
    """SPDX identifier."""

    commands: tuple[str, ...]
    """What made the model, in order."""

    seed: int
    """Seed of its training."""

    denoise: NetworkSet
    """The network of the stage `denoise`."""

    fine_tune: NetworkSet | None = None
    """The network of the stage `fine_tune`, trained on the quantized output of the first."""

    learned: Learned | None = None
    """What the noisy slices were like that its network was trained on; None where nobody measured it."""

    files: dict[str, str] = field(default_factory=dict)
    """Further files of the folder and their sha256, such as the trainable .keras model."""

    def __post_init__(self) -> None:
        if wrong := [file for file in self.files if not is_name(file)]:
            raise ValueError(f"files: must be names within the model folder, got {wrong}")


@dataclass(frozen=True)
class Model:
    """A model folder that was read."""

    folder: Path
    manifest: Manifest

    def path(self, file: str, sha256: str) -> Path:
        """Return the path of `file`, or raise a `ModelError` where it is not what the manifest says."""
        path = self.folder / file
        try:
            found = sha256_of(path)
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror}), though the manifest names it") from None
        if found != sha256:
            raise ModelError(
                f"{path}: its sha256 is {found[:12]}..., the manifest says {sha256[:12]}...; the file is damaged or "
                "was exchanged, so fetch or make the model again"
            )
        return path


def model_names() -> list[str]:
    """Return the names of the models that come with the package."""
    return sorted(path.parent.name for path in shipped("models").glob(f"*/{MANIFEST}"))


def open_model(name: str) -> Model:
    """Return the model called `name`, or the one in the folder `name`.

    Raises
    ------
    ModelError : where there is none, or its manifest is faulty
    """
    try:
        folder = Path(name).expanduser() if Path(name).name != name else shipped("models") / name
        if not (folder / MANIFEST).is_file() and (Path(name) / MANIFEST).is_file():
            folder = Path(name)
        return Model(folder, read_manifest(folder)[0])
    except FileNotFoundError:
        names = model_names()
        raise ModelError(
            f"no model is named {name!r}{did_you_mean(name, names)} (shipped: {', '.join(names) or 'none'}; "
            f"or give a folder that holds a {MANIFEST})"
        ) from None
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"no model can be looked for under the name {name[:99]!r}: {error}") from None


def read_manifest(folder: Path) -> tuple[Manifest, dict[str, Any]]:
    """Return the manifest of the model in `folder`, and its JSON; raise a `FileNotFoundError` where there is none.

    Raises
    ------
    ModelError : where it is faulty, with the place of each fault
    """
    path = folder / MANIFEST
    try:
        raw = json.loads(read_plain(path, LARGEST).decode())
        return read_strictly(Manifest, raw), raw
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    except StrictError as error:
        raise ModelError("\n  - ".join([f"{path}:", *error.faults])) from None
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not JSON: {error}") from None
