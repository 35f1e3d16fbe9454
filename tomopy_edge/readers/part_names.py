"""Which files of a folder are projections, flats, darks and angles: told from their names, as beamlines give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

from tomopy_edge.errors import DataError

Part = Literal["projections", "flats", "darks", "theta"]

IMAGES = {".tif", ".tiff", ".npy"}
ANGLES = {".txt", ".csv", ".dat", ".npy"}

WORDS: dict[str, Part] = {
    **dict.fromkeys(("flat", "flats", "flatfield", "flatfields", "white", "whites", "openbeam", "bright"), "flats"),
    **dict.fromkeys(("ff", "ob", "ref", "refs", "reference", "references", "empty"), "flats"),
    **dict.fromkeys(("dark", "darks", "darkfield", "darkfields", "darkcurrent"), "darks"),
    **dict.fromkeys(("df", "di", "dc", "bias"), "darks"),
    **dict.fromkeys(("theta", "thetas", "angle", "angles"), "theta"),
    **dict.fromkeys(("proj", "projs", "projection", "projections", "radio", "radios", "radiographs"), "projections"),
    **dict.fromkeys(("tomo", "tomos", "sample", "samples", "data"), "projections"),
}
"""Words of a name -> what the file or folder holds. Of several words the first of `RANK` says it."""

RANK: tuple[Part, ...] = ("theta", "darks", "flats", "projections")
SHORT = 2
"""Letters of a word that says so only where it stands first: a sample may be called anything."""

LISTED = 5


@dataclass
class Parts:
    """What was found in a folder.

    Attributes
    ----------
    projections, flats, darks : files or folders of images
    theta : file of angles, or None
    ignored : what was not read, and why, in sentences
    """

    projections: list[Path] = field(default_factory=list)
    flats: list[Path] = field(default_factory=list)
    darks: list[Path] = field(default_factory=list)
    theta: Path | None = None
    ignored: list[str] = field(default_factory=list)


def part_of(name: str) -> Part | None:
    """Return what a file or folder of this name holds, None where the name does not say."""
    words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower().replace("open_beam", "openbeam"))
    said = {WORDS[word] for n, word in enumerate(words) if word in WORDS and (n == 0 or len(word) > SHORT)}
    return next((part for part in RANK if part in said), None)


def natural(path: Path) -> list[tuple[int, str, int]]:
    """Return what sorts files as people count: `p_9` before `p_10`."""
    pieces = re.split(r"(\d+)", path.name.lower())
    return [(0, "", int(piece)) if piece.isdigit() else (1, piece, 0) for piece in pieces]


def images_in(folder: Path) -> list[Path]:
    """Return the images of a folder, in the order of their numbers."""
    return sorted((file for file in visible(folder) if file.suffix.lower() in IMAGES and file.is_file()), key=natural)


def visible(folder: Path) -> list[Path]:
    """Return what is in a folder, but for what is hidden.

    Raises
    ------
    DataError : where it cannot be read
    """
    try:
        return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=natural)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error})") from error


def find_parts(folder: Path, *, projections_known: bool = False) -> Parts:
    """Return what the names in a folder say of a scan: images in it, or in folders below it.

    Parameters
    ----------
    projections_known : whether only flats, darks and angles are looked for

    Raises
    ------
    DataError : where the names leave open what the projections are, or which of several files holds the angles
    """
    parts = Parts(theta=_theta_in(folder))
    files = [file for file in images_in(folder) if file != parts.theta]
    folders = [path for path in visible(folder) if path.is_dir() and images_in(path)]
    for kind, found in (("flats", parts.flats), ("darks", parts.darks)):
        found += [path for path in (*files, *folders) if part_of(path.name) == kind]
    if projections_known:
        return parts
    left = [file for file in files if part_of(file.name) in {"projections", None}]
    named = [path for path in folders if part_of(path.name) == "projections"]
    unnamed = [path for path in folders if part_of(path.name) is None]
    # A view at 180 degrees to find the axis by is no part of the scan.
    others = [path for path in unnamed if re.search(r"180[ _-]?deg", path.name.lower())]
    choices: list[list[Path]] = [*_series(left), *([path] for path in named)]
    if not choices:
        choices = [[path] for path in unnamed if path not in others]
        others += [] if len(choices) == 1 else unnamed
    else:
        others = unnamed
    if len(choices) > 1:
        listed = ", ".join(_told(choice) for choice in choices[:LISTED])
        raise DataError(
            f"{folder}: which of these are the projections? {listed}; say so in a file scan.yaml there, such as "
            f"`projections: {_pattern(choices[0])}`"
        )
    parts.projections = choices[0] if choices else []
    parts.ignored = [f"{path} was not read: its name does not say what it holds" for path in dict.fromkeys(others)]
    return parts


def expect_in_step(files: Sequence[Path]) -> None:
    """Raise a `DataError` where the numbers of the files leave one out, or one stands there twice.

    Without that one, all angles after it would be wrong.
    """
    numbers = [int(found[-1]) if (found := re.findall(r"\d+", file.stem)) else None for file in files]
    if None in numbers or len(files) < 3:  # noqa: PLR2004 - two tell no step
        return
    known = [number for number in numbers if number is not None]
    steps = [after - before for before, after in pairwise(known)]
    step = min(steps)
    for (file, after), gap in zip(pairwise(files), steps, strict=True):
        if step < 1:
            raise DataError(f"{file.parent}: two files have the number {known[steps.index(step)]}; move one away")
        if gap != step:
            raise DataError(
                f"{file.parent}: between {file.name} and {after.name} {gap // step - 1} of the projections "
                "are missing, so that the angles would be wrong; copy them again, or name the files that are to be "
                "read, and their angles, in a scan.yaml"
            )


def _theta_in(folder: Path) -> Path | None:
    found = [path for path in visible(folder) if path.suffix.lower() in ANGLES and part_of(path.stem) == "theta"]
    if len(found) > 1:
        raise DataError(
            f"{folder}: {' and '.join(path.name for path in found[:LISTED])} may all hold the angles; keep one, or "
            "name it in a file scan.yaml there"
        )
    return found[0] if found else None


def _series(files: Iterable[Path]) -> list[list[Path]]:
    """Return files whose names differ in their last number alone, together; those that say what they are come alone."""
    found: dict[str, list[Path]] = {}
    for file in files:
        found.setdefault(re.sub(r"\d+(?=\D*$)", "#", file.stem), []).append(file)
    said = [series for series in found.values() if part_of(series[0].name) == "projections"]
    return said or list(found.values())


def _pattern(paths: Sequence[Path]) -> str:
    """Return a pattern that finds `paths`, within their folder."""
    first = paths[0]
    return first.name if len(paths) == 1 else re.sub(r"\d+(?=\D*$)", "*", first.stem) + first.suffix


def _told(paths: Sequence[Path]) -> str:
    many = f" ({len(paths)} files)" if len(paths) > 1 else "/" if paths[0].is_dir() else ""
    return _pattern(paths) + many
