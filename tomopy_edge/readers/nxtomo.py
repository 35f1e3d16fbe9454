"""The NXtomo layout: frames of all kinds in one stack, told apart by a key, as NeXus has it.

https://manual.nexusformat.org/classes/applications/NXtomo.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from tomopy_edge.data import Float64
from tomopy_edge.errors import DataError
from tomopy_edge.readers.angles import to_radians
from tomopy_edge.readers.claims import attribute, expect_frames, first_value, numbers
from tomopy_edge.readers.frames import Frames
from tomopy_edge.readers.hdf5 import Hdf5Scan
from tomopy_edge.readers.hdf5_tree import contents, find_dataset, get_dataset, names, text, text_attribute
from tomopy_edge.readers.lengths import to_micrometres, to_number

if TYPE_CHECKING:
    import h5py

PROJECTION, FLAT, DARK, INVALID = range(4)
"""Values of `image_key`."""

ROTATION = re.compile(r"rot|theta|angle|omega", re.IGNORECASE)
"""Names of rotation axes in files without `sample/rotation_angle`."""


def recognises(file: h5py.File) -> bool:
    """Return whether `file` looks like NeXus tomography: an entry with an instrument."""
    return bool(_entries(file))


def open_nxtomo(file: h5py.File, source: str) -> Hdf5Scan:
    """Return the scan in an open NXtomo file.

    The first detector that has an `image_key` and frames that can be read is taken. Frames keyed 3 (invalid), and those
    that ESRF's `image_key_control` marks as alignment, are left out.

    Raises
    ------
    DataError : where no detector has an `image_key`, its frames are in a file that is missing, or there are no angles
    """
    notes: list[str] = []
    entry = next(iter(_entries(file)))
    detector, frames = _detector(entry, notes)
    keys = _keys(detector, frames, notes)
    projections, flats, darks = (Frames(frames, np.flatnonzero(keys == key)) for key in (PROJECTION, FLAT, DARK))
    if invalid := np.count_nonzero(keys == INVALID):
        notes.append(f"{invalid} of {len(keys)} frames are marked invalid and were left out")
    angles, place = _angles(entry, detector, len(keys), notes)
    theta, assumed = to_radians(angles[projections.numbers], text_attribute(entry.file[place], "units"), place)
    return Hdf5Scan(
        file,
        source,
        projections=projections,
        flats=flats if flats.numbers.size else None,
        darks=darks if darks.numbers.size else None,
        theta=theta,
        theta_place=place,
        pixel_size=_pixel_size(entry, detector, notes),
        notes=[*notes, *assumed],
    )


def _entries(file: h5py.File) -> list[h5py.Group]:
    import h5py

    groups = [group for name in names(file) if isinstance(group := file.get(name), h5py.Group)]
    return [group for group in groups if isinstance(group.get("instrument"), h5py.Group)]


def _detector(entry: h5py.Group, notes: list[str]) -> tuple[h5py.Group, h5py.Dataset]:
    import h5py

    instrument = entry["instrument"]
    groups = [group for name in names(instrument) if isinstance(group := instrument.get(name), h5py.Group)]
    keyed = [group for group in groups if get_dataset(group, "image_key") is not None]
    if not keyed:
        detectors = [group.name for group in groups if "data" in names(group)]
        raise DataError(
            f"{entry.file.filename}: no detector has an image_key, which says what frame is projection (0), flat (1) "
            f"or dark (2). Detectors with data: {', '.join(detectors) or 'none'}; {instrument.name} holds "
            f"{contents(instrument)}"
        )
    faults = []
    for group in keyed:
        try:
            frames = find_dataset(group, "data")
        except DataError as fault:
            faults.append(str(fault))
            continue
        others = [other.name for other in keyed if other != group]
        if others:
            notes.append(f"frames were taken from {group.name}; not from {', '.join(others)}")
        return group, frames
    raise DataError("\n".join(faults))


def _keys(
    detector: h5py.Group, frames: h5py.Dataset, notes: list[str]
) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    stored = find_dataset(detector, "image_key")
    keys = np.array(numbers(stored), dtype=np.intp)
    place = f"{stored.file.filename}: {stored.name}"
    count = expect_frames(frames)
    if keys.shape != (count,):
        raise DataError(
            f"{place}: has the shape {keys.shape}; it must hold one key for each of the {count} frames of {frames.name}"
        )
    unknown = sorted(set(keys.tolist()) - {PROJECTION, FLAT, DARK, INVALID})
    if unknown:
        raise DataError(f"{place}: keys are 0 (projection), 1 (flat), 2 (dark) and 3 (invalid); found {unknown}")
    control = get_dataset(detector, "image_key_control")
    if control is not None and control.shape == keys.shape:
        alignment = (numbers(control) < 0) & (keys == PROJECTION)
        keys[alignment] = INVALID
        if alignment.any():
            notes.append(f"{np.count_nonzero(alignment)} frames are for alignment, as image_key_control says")
    return keys


def _angles(entry: h5py.Group, detector: h5py.Group, count: int, notes: list[str]) -> tuple[Float64, str]:
    """Return the angle of every frame, in the units of the file, and the path of the dataset they came from."""
    stored = get_dataset(entry, "sample/rotation_angle")
    if stored is None:
        stored = _axis(entry, detector, count)
        if stored is None:
            raise DataError(
                f"{entry.file.filename}: no {entry.name}/sample/rotation_angle, and no axis named like a rotation with "
                f"one angle for each of the {count} frames in {entry.name}/{detector.name.split('/')[-1]}"
            )
        notes.append(f"no {entry.name}/sample/rotation_angle: angles were taken from {stored[0]}")
        place, dataset = stored
    else:
        place, dataset = f"{entry.name}/sample/rotation_angle", stored
    angles = np.asarray(numbers(dataset), dtype=np.float64)
    if angles.shape != (count,):
        raise DataError(
            f"{entry.file.filename}: {place} has the shape {angles.shape}; it must hold one angle for each of the "
            f"{count} frames, flats and darks too"
        )
    return angles, place


def _axis(entry: h5py.Group, detector: h5py.Group, count: int) -> tuple[str, h5py.Dataset] | None:
    """Return the rotation axis of the detector's NXdata group and its path, as Diamond's acquisition writes it."""
    import h5py

    plot = entry.get(detector.name.split("/")[-1])
    if not isinstance(plot, h5py.Group):
        return None
    axes = attribute(plot, "axes")
    named = [] if axes is None else [text(axis) for axis in np.ravel(axes)]
    for name in [*named, *(name for name in names(plot) if name not in named)]:
        dataset = get_dataset(plot, name) if ROTATION.search(name) else None
        if dataset is not None and dataset.shape == (count,):
            return f"{plot.name}/{name}", dataset
    return None


def _pixel_size(entry: h5py.Group, detector: h5py.Group, notes: list[str]) -> float | None:
    at_sample, at_detector = get_dataset(entry, "sample/x_pixel_size"), get_dataset(detector, "x_pixel_size")
    stored = at_detector if at_sample is None else at_sample
    if stored is None:
        return None
    size, assumed = to_micrometres(first_value(stored), text_attribute(stored, "units"), stored.name)
    notes += assumed
    lens = get_dataset(detector, "magnification")
    magnification = to_number(first_value(lens)) if lens is not None and at_sample is None else None
    if size is None or not magnification or magnification == 1:
        return size
    notes.append(f"pixel size at the sample: {stored.name} over a magnification of {magnification:g}")
    return size / magnification
