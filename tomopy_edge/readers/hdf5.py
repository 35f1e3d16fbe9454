"""A scan in an open HDF5 file, whichever layout named its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomopy_edge.data import Float64
from tomopy_edge.readers.frames import Frames
from tomopy_edge.readers.metadata import copy_tree
from tomopy_edge.readers.stack_scan import StackScan

if TYPE_CHECKING:
    import h5py


class Hdf5Scan(StackScan):
    """A scan in an open HDF5 file; see `StackScan`.

    Parameters
    ----------
    file : the open file; closed with the scan
    renamed : names at the root of the file that `copy_metadata` gives another name
    source, projections, flats, darks, theta, theta_place, pixel_size, notes : as in `StackScan`
    """

    def __init__(  # noqa: PLR0913 - the parts of a scan
        self,
        file: h5py.File,
        source: str,
        *,
        projections: Frames,
        flats: Frames | None,
        darks: Frames | None,
        theta: Float64,
        theta_place: str,
        pixel_size: float | None,
        notes: list[str],
        renamed: dict[str, str] | None = None,
    ) -> None:
        super().__init__(
            source,
            projections=projections,
            flats=flats,
            darks=darks,
            theta=theta,
            theta_place=theta_place,
            pixel_size=pixel_size,
            notes=notes,
        )
        self._file = file
        self._renamed = renamed or {}

    def copy_metadata(self, target: h5py.Group) -> None:
        """Copy everything the file says, but not its images, into an HDF5 group; see `copy_tree`."""
        copy_tree(self._file, target, self._renamed)

    def close(self) -> None:
        """Close the file, and let go of what was read ahead."""
        super().close()
        self._file.close()
