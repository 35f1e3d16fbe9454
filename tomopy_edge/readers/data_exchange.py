"""The DataExchange layout: where the APS keeps frames, angles and pixel size in an HDF5 file.

De Carlo et al., Scientific Data Exchange, J. Synchrotron Rad. 21 (2014), doi:10.1107/S160057751401604X.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tomopy_edge.data import Float64
from tomopy_edge.errors import DataError
from tomopy_edge.readers.angles import to_radians
from tomopy_edge.readers.claims import expect_frames, first_value, numbers
from tomopy_edge.readers.frames import Frames
from tomopy_edge.readers.hdf5 import Hdf5Scan
from tomopy_edge.readers.hdf5_tree import contents, find_dataset, get_dataset, text_attribute
from tomopy_edge.readers.lengths import to_micrometres, to_number

if TYPE_CHECKING:
    import h5py

THETA = "/exchange/theta"
ROTATION = "/process/acquisition/rotation"

PIXEL_SIZES = (
    "/measurement/instrument/detection_system/objective/resolution",
    "/measurement/instrument/detector/actual_pixel_size_x",
    "/measurement/instrument/detector/pixel_size_um",
)
"""Where the pixel size at the sample stands, the most trusted place first."""

DETECTOR_PIXEL = "/measurement/instrument/detector/pixel_size"
MAGNIFICATION = "/measurement/instrument/detection_system/objective/magnification"

RAW_EXCHANGE = "exchange_raw"
"""What `/exchange` of a raw file is called beside a reconstruction, which has an `/exchange` of its own."""


def recognises(file: h5py.File) -> bool:
    """Return whether `file` looks like DataExchange: it has a group `/exchange`."""
    import h5py

    return isinstance(file.get("exchange"), h5py.Group)


def open_data_exchange(file: h5py.File, source: str) -> Hdf5Scan:
    """Return the scan in an open DataExchange file.

    Raises
    ------
    DataError : where `/exchange/data` or the angles are missing, are no scan, or are a reconstruction already
    """
    data = find_dataset(file, "/exchange/data")
    _expect_projections(data, source)
    notes: list[str] = []
    theta, theta_place = _theta(file, expect_frames(data), notes)
    flats, darks = (get_dataset(file, f"/exchange/{name}") for name in ("data_white", "data_dark"))
    return Hdf5Scan(
        file,
        source,
        projections=Frames.all_of(data),
        flats=None if flats is None else Frames.all_of(flats),
        darks=None if darks is None else Frames.all_of(darks),
        theta=theta,
        theta_place=theta_place,
        pixel_size=_pixel_size(file, notes),
        notes=notes,
        renamed={"exchange": RAW_EXCHANGE},
    )


def _expect_projections(data: h5py.Dataset, source: str) -> None:
    axes = text_attribute(data, "axes") or "theta:y:x"
    if axes.startswith("z:"):
        raise DataError(f"{source}: /exchange/data has the axes {axes!r}: a reconstruction, not a scan")
    if axes.startswith("y:"):
        raise DataError(
            f"{source}: /exchange/data has the axes {axes!r}; only projections stored angle by angle (theta:y:x) are "
            "read, so swap its first two axes"
        )


def _theta(file: h5py.File, angles: int, notes: list[str]) -> tuple[Float64, str]:
    stored = get_dataset(file, THETA)
    if stored is not None:
        theta, assumed = to_radians(np.asarray(numbers(stored), np.float64), text_attribute(stored, "units"), THETA)
        notes += assumed
        return theta, THETA
    start, step = (_first(file, (f"{ROTATION}/rotation_{what}", f"{ROTATION}/{what}")) for what in ("start", "step"))
    if step is None:
        raise DataError(
            f"{file.filename}: no angles. Expected {THETA}, or rotation_start and rotation_step in {ROTATION}; "
            f"/exchange holds {contents(file['exchange'])}"
        )
    count = _first(file, (f"{ROTATION}/num_angles",))
    if count not in {None, angles}:
        raise DataError(
            f"{file.filename}: there are {angles} projections, but {ROTATION}/num_angles says {count:g} angles"
        )
    degrees = (start or 0.0) + step * np.arange(angles, dtype=np.float64)
    notes.append(
        f"no {THETA}: angles were made from {ROTATION}, {len(degrees)} of them from {start or 0.0:g} in steps of "
        f"{step:g} degrees"
    )
    return np.deg2rad(degrees), f"{ROTATION}/num_angles"


def _first(file: h5py.File, places: tuple[str, ...]) -> float | None:
    """Return the number in the first of the datasets that is there."""
    found = (get_dataset(file, place) for place in places)
    return next((to_number(first_value(dataset)) for dataset in found if dataset is not None), None)


def _pixel_size(file: h5py.File, notes: list[str]) -> float | None:
    for place in PIXEL_SIZES:
        stored = get_dataset(file, place)
        if stored is None:
            continue
        units = "um" if place.endswith("_um") else text_attribute(stored, "units")
        size, assumed = to_micrometres(first_value(stored), units, place)
        notes += assumed
        if size is not None:
            return size
    detector, magnification = get_dataset(file, DETECTOR_PIXEL), _first(file, (MAGNIFICATION,))
    if detector is None or not magnification:
        return None
    size, assumed = to_micrometres(first_value(detector), text_attribute(detector, "units"), DETECTOR_PIXEL)
    notes += [*assumed, f"pixel size at the sample: {DETECTOR_PIXEL} over a magnification of {magnification:g}"]
    return None if size is None else size / magnification
