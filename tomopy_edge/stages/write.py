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

WRITERS: dict[str, Callable[[Path], SliceWriter]] = {"tiff": TiffStackWriter, "hdf5": Hdf5Writer}


@options
class WriteOptions:
    """Options of the stage `write`."""

    formats: tuple[Literal["tiff", "hdf5"], ...] = ("tiff",)
    """`tiff` for one float32 file per slice, numbered by detector row; `hdf5` for one DataExchange file."""

    def __post_init__(self) -> None:
        if not self.formats:
            raise ValueError("formats: must name at least one of tiff and hdf5, got none")
        if len(set(self.formats)) != len(self.formats):
            raise ValueError(f"formats: must name each format once, got {list(self.formats)}")


@contextmanager
def open_writers(options: WriteOptions, job: Job) -> Iterator[Step]:
    """Open a writer of each format in `job.output`; the step writes slices and passes them on unchanged.

    Raises
    ------
    OutputError : where there is no output folder, or it cannot be written to
    """
    if job.output is None:
        raise OutputError("write: no output folder was given; name one, or leave this stage out")
    with ExitStack() as opened:
        writers = [opened.enter_context(WRITERS[name](job.output)) for name in options.formats]

        def write(volume: Volume) -> Volume:
            for writer in writers:
                writer.write(volume)
            return volume

        yield Step(write)


ENTRY = StageEntry("write", "Slices to TIFF or HDF5 files", WriteOptions, Volume, Volume, open_writers)
