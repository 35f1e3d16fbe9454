"""Scans of plain images: folders of TIFF files, arrays of numpy, and what a scan.yaml says of them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tomopy_edge.data import Float64
from tomopy_edge.errors import DataError, did_you_mean
from tomopy_edge.readers.description import NAME, Description, Some, read_description
from tomopy_edge.readers.numpy_files import open_npy
from tomopy_edge.readers.part_names import Parts, expect_in_step, find_parts, images_in, natural, visible
from tomopy_edge.readers.raw import RawStack
from tomopy_edge.readers.sliced import SlicedStack
from tomopy_edge.readers.stack import Stack
from tomopy_edge.readers.stack_scan import StackScan
from tomopy_edge.readers.theta_files import read_theta
from tomopy_edge.readers.tiff import TiffStack
from tomopy_edge.readers.zarr_store import is_array, open_array

WILD = frozenset("*?[")

S = TypeVar("S", RawStack, SlicedStack, TiffStack)


def is_folder_of_images(folder: Path) -> bool:
    """Return whether a folder holds a scan.yaml, or images, in itself or in folders below it."""
    below = (path for path in visible(folder) if path.is_dir())
    return (folder / NAME).is_file() or bool(images_in(folder)) or any(images_in(path) for path in below)


def open_folder(folder: Path) -> StackScan:
    """Return the scan in a folder of images.

    Raises
    ------
    DataError : where it is not told what is what, or the images do not make a scan
    """
    beside = folder / NAME
    if beside.is_file():
        return _open(folder, folder, *read_description(beside), None)
    return _open(folder, folder, Description(), "", None)


def open_described(path: Path) -> StackScan:
    """Return the scan that a YAML file describes; see `open_folder`."""
    return _open(path, path.parent, *read_description(path), None)


def open_file(path: Path) -> StackScan:
    """Return the scan whose projections are all in one file; its flats, darks and angles lie beside it.

    Raises
    ------
    DataError : as `open_folder`, and where a scan.yaml beside it is about other files
    """
    beside = path.parent / NAME
    if not beside.is_file():
        return _open(path, path.parent, Description(), "", path)
    description, text = read_description(beside)
    if description.projections is not None and _files(description.projections, path.parent) != [path]:
        raise DataError(f"{path}: {beside} is about other projections; open that, or move one of the two away")
    return _open(path, path.parent, description, text, None if description.projections else path)


def _open(source: Path, folder: Path, description: Description, text: str, projections: Path | None) -> StackScan:
    """Open a scan; `projections` is the one file that holds them, where that is known."""
    by_name = _by_name(folder, description, projections)
    with ExitStack() as opened:
        stacks = {}
        for part in ("projections", "flats", "darks"):
            some: Some | None = getattr(description, part)
            files = _files(some, folder) if some else [] if part in description.without else getattr(by_name, part)
            if part == "projections" and not files:
                raise DataError(
                    f"{source}: no projections: no TIFF, .npy or Zarr files whose names say so; name them in a file "
                    f"{NAME} there, such as `projections: radios/*.tif`"
                )
            stacks[part] = _stack(files, opened, in_step=part == "projections") if files else None
            if some and some.frames and (whole := stacks[part]):
                stacks[part] = _cut(whole, some.frames, part)
        held = stacks["projections"]
        assert held is not None, "there are files"  # noqa: S101 - for the type checker
        theta, place, notes = _theta(source, folder, description, by_name, len(held.numbers))
        return StackScan(
            str(source),
            projections=held,
            flats=stacks["flats"],
            darks=stacks["darks"],
            theta=theta,
            theta_place=place,
            pixel_size=description.pixel_size,
            notes=[*notes, *by_name.ignored],
            about={NAME: text} if text else {},
        ).owning(opened)


def _by_name(folder: Path, description: Description, projections: Path | None) -> Parts:
    """Return what names say of what is not described; nothing of projections that are known."""
    if projections is None and description.projections is None:
        return find_parts(folder)
    found = find_parts(folder, projections_known=True)
    if projections is None:
        return found
    flats, darks = ([path for path in paths if path != projections] for paths in (found.flats, found.darks))
    return replace(found, projections=[projections], flats=flats, darks=darks)


def _files(some: Some, folder: Path) -> list[Path]:
    """Return the files that a description names, in order; a folder that is a Zarr array stands for itself."""
    found: list[Path] = []
    for named in some.files:
        path = folder / named
        if WILD & set(named):
            matches = sorted(folder.glob(named), key=natural)
            if not matches:
                raise DataError(f"{folder}: no file fits the pattern {named!r}")
            found += matches
        elif path.exists():
            found.append(path)
        else:
            beside = [child.name for child in visible(path.parent)] if path.parent.is_dir() else []
            raise DataError(
                f"{path}: is named as a part of the scan, and is not there{did_you_mean(path.name, beside)}"
            )
    return found


def _stack(paths: list[Path], opened: ExitStack, *, in_step: bool) -> Stack:
    files = [file for path in paths for file in (images_in(path) if path.is_dir() and not is_array(path) else [path])]
    if not files:
        raise DataError(f"{paths[0]}: holds no TIFF or .npy file")
    kinds = {"zarr" if file.is_dir() else file.suffix.lower().replace(".tiff", ".tif") for file in files}
    if kinds == {".tif"}:
        if in_step:
            expect_in_step(files)
        return TiffStack.of(files)
    if len(files) > 1:
        raise DataError(
            f"{files[0].parent}: {files[0].name} and {files[1].name}: several files are read as one stack only where "
            "all are TIFFs; put the arrays into one"
        )
    if kinds == {"zarr"}:
        return open_array(files[0])
    if kinds == {".npy"}:
        return open_npy(files[0], opened)
    raise DataError(f"{files[0]}: is neither a TIFF nor a .npy file nor a Zarr array")


def _cut(stack: Stack, frames: tuple[int, int], part: str) -> Stack:
    if frames[1] > len(stack.numbers):
        raise DataError(
            f"{stack.place}: {part} are frames {frames[0]} to {frames[1] - 1}, and there are {len(stack.numbers)}"
        )
    return _some_of(stack, frames)  # type: ignore[type-var]


def _some_of(stack: S, frames: tuple[int, int]) -> S:
    return replace(stack, numbers=stack.numbers[slice(*frames)])


def _theta(
    source: Path, folder: Path, description: Description, by_name: Parts, count: int
) -> tuple[Float64, str, list[str]]:
    if description.theta is not None:
        return description.theta.angles(count, folder)
    if by_name.theta is None:
        raise DataError(
            f"{source}: no angles: there is no theta.txt, with one angle on each line, for the {count} projections; "
            f"write one, or say how they are spaced in a file {NAME} there: "
            "`theta: {start: 0, stop: 180, endpoint: false}` in degrees"
        )
    theta, notes = read_theta(by_name.theta, None)
    return theta, str(by_name.theta), notes
