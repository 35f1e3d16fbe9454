"""A scan described in a small YAML file: where its frames and angles are, where their names do not say it.

::

    projections: radios/*.tif            # a folder, a pattern, a TIFF or .npy file, a Zarr array
    flats: [flats_before, flats_after]   # several are taken together
    darks: {files: all.tif, frames: [0, 20]}
    theta: {start: 0, stop: 180, endpoint: false}   # or the name of a file
    pixel_size: 0.65                     # micrometres

Everything may be left out that the names of the files tell; paths are those within its folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from tomopy_edge.data import Float64
from tomopy_edge.errors import DataError
from tomopy_edge.options import options
from tomopy_edge.readers.theta_files import read_theta
from tomopy_edge.strict import StrictError, read_strictly
from tomopy_edge.yaml_text import LARGEST, load_yaml

NAME = "scan.yaml"
"""The file that is looked for beside images."""

SUFFIXES = {".yaml", ".yml"}


@options
class Some:
    """Files, or some frames of them."""

    files: tuple[str, ...]
    """Folders, patterns or files."""

    frames: tuple[int, int] | None = None
    """The first of all their frames, and the one after the last; none takes all."""

    def __post_init__(self) -> None:
        if not self.files or not all(self.files):
            raise ValueError("files: must name a folder, a pattern or a file")
        if self.frames is not None and not 0 <= self.frames[0] < self.frames[1]:
            raise ValueError(f"frames: must be the first and the one after the last, got {list(self.frames)}")


@options
class Theta:
    """Angles: of a file, or evenly spaced."""

    file: str | None = None
    """Text with one angle on each line, or a .npy file."""

    start: float | None = None
    """Angle of the first projection."""

    stop: float | None = None
    """Angle at the end, which is that of the last projection if `endpoint` is true."""

    endpoint: bool | None = None
    """Whether the last projection is at `stop`, as numpy.linspace has it; without it one step before."""

    step: float | None = None
    """Angle from one projection to the next, in place of `stop`."""

    unit: Literal["degrees", "radians"] = "degrees"
    """Unit of all of these."""

    def __post_init__(self) -> None:
        spaced = (self.start, self.stop, self.endpoint, self.step)
        if self.file is not None and spaced != (None,) * 4:
            raise ValueError("file: gives all angles; leave out start, stop, endpoint and step")
        if self.file is None and (self.start is None or (self.stop is None) == (self.step is None)):
            raise ValueError("start: give a file, or start with stop and endpoint, or start with step")
        if (self.stop is None) != (self.endpoint is None):
            raise ValueError(
                "endpoint: must be given with stop: true where the last projection is at stop, false where it is one "
                "step before"
            )
        if not all(np.isfinite(value) for value in (self.start, self.stop, self.step) if value is not None):
            raise ValueError("start: start, stop and step must be finite")

    def angles(self, count: int, folder: Path) -> tuple[Float64, str, list[str]]:
        """Return the angles of `count` projections in radians, where they came from, and notes on what was assumed."""
        if self.file is not None:
            path = folder / self.file
            theta, notes = read_theta(path, self.unit)
            return theta, str(path), notes
        assert self.start is not None, "checked"  # noqa: S101 - for the type checker
        if self.stop is None:
            values = self.start + (self.step or 0.0) * np.arange(count, dtype=np.float64)
        else:
            values = np.linspace(self.start, self.stop, count, endpoint=bool(self.endpoint))
        return np.deg2rad(values) if self.unit == "degrees" else values, "theta", []


@options
class Description:
    """What a scan.yaml says."""

    projections: Some | None = None
    """None finds them by their names."""

    flats: Some | None = None
    """None finds them by their names."""

    darks: Some | None = None
    """None finds them by their names."""

    theta: Theta | None = None
    """None finds a file of them by its name."""

    pixel_size: float | None = None
    """Micrometres at the sample."""

    without: tuple[Literal["flats", "darks"], ...] = ()
    """What the scan has none of, whatever names there are."""

    def __post_init__(self) -> None:
        if self.pixel_size is not None and not 0 < self.pixel_size < np.inf:
            raise ValueError(f"pixel_size: must be above 0 micrometres, got {self.pixel_size}")
        for name in self.without:
            if getattr(self, name) is not None:
                raise ValueError(f"without: {name} are given, too; leave one of the two out")


def read_description(path: Path) -> tuple[Description, str]:
    """Return what a YAML file says of a scan, and its text.

    Raises
    ------
    DataError : with every fault found, each with its place
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(LARGEST + 1)
        raw = load_yaml(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path}: is no YAML that can be read: {' '.join(str(error).split())}") from error
    if raw is not None and not isinstance(raw, dict):
        raise DataError(f"{path}: must be a mapping such as `projections: radios`, got {type(raw).__name__}")
    try:
        return read_strictly(
            Description, {name: _spelled_out(name, value) for name, value in (raw or {}).items()}
        ), text
    except StrictError as error:
        raise DataError(f"{path}: {'; '.join(error.faults)}") from None


def _spelled_out(name: Any, value: Any) -> Any:
    """Return a value in its long form: a name alone is a file, and a list of names are files."""
    if name == "theta":
        return {"file": value} if isinstance(value, str) else value
    if name not in {"projections", "flats", "darks"}:
        return value
    if isinstance(value, dict):
        files = value.get("files")
        return {**value, "files": [files]} if isinstance(files, str) else value
    if isinstance(value, str):
        return {"files": [value]}
    return {"files": value} if isinstance(value, list) else value
