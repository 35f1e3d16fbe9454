"""Stage `write`: slices go to disk as they come, in every format that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from tomopy_edge.data import Volume
from tomopy_edge.errors import OutputError
from tomopy_edge.hookspecs import StageEntry, Step
from tomopy_edge.job import Job
from tomopy_edge.options import options
from tomopy_edge.writers import SliceWriter
from tomopy_edge.writers.hdf5 import Hdf5Writer
from tomopy_edge.writers.tiff import TiffStackWriter
from tomopy_edge.writers.zarr import ZarrWriter

Rows = tuple[int, int] | None
"""Detector rows that there are slices of, the first and the one after the last."""


def _tiff(folder: Path, _rows: Rows) -> SliceWriter:
    return TiffStackWriter(folder)


def _hdf5(folder: Path, rows: Rows) -> SliceWriter:
    return Hdf5Writer(folder, _known(rows))


def _zarr(folder: Path, rows: Rows) -> SliceWriter:
    return ZarrWriter(folder, _known(rows))


def _known(rows: Rows) -> tuple[int, int]:
    if rows is None:
        raise ValueError("rows: the job must say which rows there are slices of, as the format makes room for them")
    return rows


WRITERS: dict[str, Callable[[Path, Rows], SliceWriter]] = {"tiff": _tiff, "hdf5": _hdf5, "zarr": _zarr}


@options
class WriteOptions:
    """Options of the stage `write`."""

    formats: tuple[Literal["tiff", "hdf5", "zarr"], ...] = ("tiff",)
    """`tiff` for one float32 file per slice, numbered by detector row; `hdf5` for one DataExchange file;
    `zarr` for an OME-Zarr image with a pyramid, which needs the extra zarr."""

    def __post_init__(self) -> None:
        if not self.formats:
            raise ValueError("formats: must name at least one of tiff, hdf5 and zarr, got none")
        if len(set(self.formats)) != len(self.formats):
            raise ValueError(f"formats: must name each format once, got {list(self.formats)}")


@contextmanager
def open_writers(options: WriteOptions, job: Job) -> Iterator[Step]:
    """Open a writer of each format in `job.output`; the step writes slices and passes them on unchanged.

    Slices are on the disk when they are passed on, and then in the job's ledger.

    Raises
    ------
    OutputError : where there is no output folder, or it cannot be written to
    ValueError : where the format must know which rows there are, and the job does not say
    """
    with writers(options, job) as opened:

        def write(volume: Volume) -> Volume:
            for writer in opened:
                writer.write(volume)
            if job.ledger is not None:
                job.ledger.add(volume)
            return volume

        yield Step(write)


@contextmanager
def writers(options: WriteOptions, job: Job) -> Iterator[list[SliceWriter]]:
    """Open a writer of each format in `job.output`; see `open_writers` for the errors."""
    if job.output is None:
        raise OutputError("write: no output folder was given; name one, or leave this stage out")
    with ExitStack() as opened:
        yield [opened.enter_context(WRITERS[name](job.output, job.rows)) for name in options.formats]


ENTRY = StageEntry("write", "Slices to TIFF, HDF5 or OME-Zarr", WriteOptions, Volume, Volume, open_writers)
