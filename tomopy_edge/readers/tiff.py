"""Frames in TIFF files: one in each, several in each, or all in one; only the rows that are wanted are read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Counts
from tomopy_edge.errors import DataError, ScanLostError
from tomopy_edge.readers.raw import read_lines
from tomopy_edge.readers.stack import Stack

if TYPE_CHECKING:
    import tifffile

MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
"""First bytes of TIFF files, the last two of those above 4 GB."""

AT_ONCE = 4
"""Files that are read side by side: a file system across a network answers one by one, and unpacking takes cores."""


@dataclass(frozen=True)
class Image:
    """How one frame lies in its file.

    Attributes
    ----------
    shape : (row, column)
    kind : type of its counts, with their byte order
    offset : byte that they begin at where they lie as they are, None where they are packed
    band : rows that are unpacked for the sake of one
    """

    shape: tuple[int, int]
    kind: np.dtype[Any]
    offset: int | None
    band: int


@dataclass(frozen=True)
class TiffStack(Stack):
    """Some of the frames (frame, row, column) in TIFF files.

    Attributes
    ----------
    places : file and page of each frame
    first : how the first frame lies in its file, which tells shape and type of all
    numbers : (frame,), which of the frames they are, ascending
    """

    places: tuple[tuple[Path, int], ...]
    first: Image
    numbers: NDArray[np.intp]
    _known: dict[int, Image] = field(repr=False)

    @classmethod
    def of(cls, files: Sequence[Path]) -> TiffStack:
        """Return all frames of `files`, in their order; how each lies in its file is looked up when it is read.

        Raises
        ------
        DataError : where the first cannot be read
        """
        found = _images(files[0])
        if len(found) == 1:
            places, known = [(file, 0) for file in files], {0: found[0]}
        else:
            all_found = [found, *(_images(file) for file in files[1:])]
            places = [(file, n) for file, images in zip(files, all_found, strict=True) for n in range(len(images))]
            known = dict(enumerate(image for images in all_found for image in images))
        return cls(tuple(places), found[0], np.arange(len(places)), known)

    @property
    def place(self) -> str:
        """The file, or the first and the last of them."""
        first, last = self.places[0][0], self.places[-1][0]
        return str(first) if first == last else f"{first} to {last.name}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all frames, where all are as the first."""
        return (len(self.places), *self.first.shape)

    @property
    def stored(self) -> np.dtype[Any]:
        """Type of the counts."""
        return self.first.kind

    @property
    def rows_together(self) -> int:
        """Rows that are unpacked for the sake of one; 1 where the first frame is not packed."""
        return self.first.band

    def _fill(self, rows: Counts, frames: slice, span: tuple[int, int], corner: tuple[int, int]) -> None:
        target, at = corner
        first, last = span

        def fill(frame: int) -> None:
            lines = rows[target + frame - frames.start, at : at + last - first]
            self._read(frame, first, last, lines)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(fill, range(frames.start, frames.stop)):
                pass

    def _read(self, frame: int, first: int, last: int, lines: Counts) -> None:
        path, page = self.places[frame]
        place = str(path) if page == 0 and len({path, self.places[0][0]}) > 1 else f"{path}, page {page}"
        image = self._image(frame)
        if image.offset is None:
            lines[:] = _unpacked(path, page, first, last)
            return
        start = image.offset + first * image.shape[1] * image.kind.itemsize
        with _opened(path) as file:
            read_lines(file, start, image.kind, lines, place)

    def _image(self, frame: int) -> Image:
        known = self._known.get(frame)
        if known is None:
            path = self.places[frame][0]
            images = _images(path)
            if len(images) != 1:
                raise DataError(f"{path}: holds {len(images)} pages, where {self.places[0][0].name} holds one")
            known = self._known[frame] = images[0]
        if (known.shape, known.kind.newbyteorder("=")) != (self.first.shape, self.first.kind.newbyteorder("=")):
            raise DataError(
                f"{self.places[frame][0]}: a frame of {known.shape} {known.kind}, where {self.places[0][0].name} has "
                f"{self.first.shape} {self.first.kind}; all frames of a stack must be alike"
            )
        return known


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise ScanLostError(
            f"{path}: was there when the scan was opened, and cannot be opened now ({error})"
        ) from error
    try:
        yield file
    finally:
        os.close(file)


@contextmanager
def _tiff(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF file; whatever tifffile says against it becomes a `DataError`."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            yield file
    except DataError:
        raise
    except FileNotFoundError as error:
        raise ScanLostError(f"{path}: was there when the scan was opened, and is gone") from error
    except Exception as error:
        # Of damaged tags tifffile makes errors of any kind.
        packed = "imagecodecs" in str(error)
        mend = "pip install imagecodecs" if packed else "the file is damaged: copy it again from where it came"
        raise DataError(f"{path}: this TIFF cannot be read ({error}); {mend}") from error


def _images(path: Path) -> list[Image]:
    """Return how the frames of a file lie in it."""
    with _tiff(path) as file:
        if not file.pages:
            raise DataError(f"{path}: this TIFF holds no image")
        if len(file.series) > 1:
            sizes = ", ".join(str(series.shape) for series in file.series[:4])
            raise DataError(f"{path}: this TIFF holds images of several kinds ({sizes}); all frames must be alike")
        series = file.series[0]
        # Of 3 or 4 frames that nothing is said of, tifffile made the planes of a colour image.
        planes = series.axes.startswith("S") and series.dataoffset is not None
        if len(series.shape) not in {2, 3} or (file.pages.first.samplesperpixel != 1 and not planes):
            raise DataError(
                f"{path}: this TIFF holds an array of the shape {series.shape} ({series.axes}); frames must be grey "
                "images (row, column), or several of them"
            )
        page = file.pages.first
        rows, columns = int(series.shape[-2]), int(series.shape[-1])
        kind = np.dtype(series.dtype).newbyteorder(file.byteorder)
        count = 1 if len(series.shape) == 2 else int(series.shape[0])  # noqa: PLR2004 - axes
        band = min(max(int(page.chunks[-2] if len(page.chunks) > 1 else rows), 1), rows)
        size = rows * columns * kind.itemsize
        if series.dataoffset is not None:
            return [Image((rows, columns), kind, int(series.dataoffset) + n * size, 1) for n in range(count)]
        image = Image((rows, columns), kind, None, band)
        return [replace(image, offset=at, band=1 if at else band) for at in map(_offset, file.pages)]


def _offset(page: Any) -> int | None:
    """Return the byte that a page's counts begin at, None where they are packed or lie here and there."""
    return int(page.dataoffsets[0]) if page.is_contiguous else None


def _unpacked(path: Path, page_number: int, first: int, last: int) -> NDArray[Any]:
    """Return rows of a page, of which only the strips or tiles that hold them are unpacked."""
    with _tiff(path) as file:
        page = file.pages[page_number]
        keyframe: Any = page.keyframe  # of every page there is one
        high, wide = keyframe.chunks[-2:]
        across = -(-keyframe.imagewidth // wide)
        wanted = range(first // high * across, -(-last // high) * across)
        rows = np.zeros((len(wanted) // across * high, keyframe.imagewidth), keyframe.dtype)
        offsets, sizes = ([values[n] for n in wanted] for values in (page.dataoffsets, page.databytecounts))
        for data, number in file.filehandle.read_segments(offsets, sizes, wanted):
            piece, at, _ = keyframe.decode(data, number, jpegtables=page.jpegtables)
            if piece is None:
                raise DataError(f"{path}: a part of page {page_number} was never written")
            y, x = at[2] - wanted[0] // across * high, at[3]
            part = piece[0, :, :, 0]
            rows[y : y + part.shape[0], x : x + part.shape[1]] = part[:, : rows.shape[1] - x]
        return rows[first - first // high * high :][: last - first]
