"""What a run will take of memory and disk, before it is begun."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.chunk_size import rows_at_once, sample_rows, side_by_side
from tomopy_edge.errors import OutputError
from tomopy_edge.forecast.advice import mend
from tomopy_edge.forecast.libraries import LEFT, load, resident
from tomopy_edge.forecast.sizes import sizes_of, stacks_of
from tomopy_edge.forecast.working_set import Means, working_set
from tomopy_edge.job import at_least_one, available_cores
from tomopy_edge.memory import free_memory, memory_limit, spare_memory
from tomopy_edge.pipeline import Span
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers import ScanFile
from tomopy_edge.readers.row_reader import MEMORY_SHARE, PART_BYTES
from tomopy_edge.readers.scratch import has_room, scratch_folder
from tomopy_edge.recipe import Recipe
from tomopy_edge.stages.read import wanted_rows
from tomopy_edge.stages.write import WriteOptions
from tomopy_edge.writers.sizes import in_words, on_disk

RECORD = 8 * 2**20
"""Bytes of the report, the contact sheet and what HDF5 takes over of the scan's own words, at most."""


@dataclass(frozen=True)
class Scratch:
    """A file that rows may be moved to, where more is packed together in the scan than fits into memory.

    Attributes
    ----------
    folder : where it would be
    size : bytes
    """

    folder: Path
    size: int

    @property
    def told(self) -> str:
        """What is to be said of it, in a sentence."""
        free, fits = in_words(shutil.disk_usage(self.folder).free), has_room(self.folder, self.size)
        room = f"which has {free} free" if fits else f"which has only {free} free: without, reading is slow"
        return f"disk: up to {in_words(self.size)} more, while it runs, for a scratch file in {self.folder}, {room}"


@dataclass(frozen=True)
class Forecast:
    """What a run will take of memory and disk.

    Attributes
    ----------
    slices : (z, y, x) of what it makes
    chunk : rows worked on at once
    ncore : threads
    libraries : bytes of memory of Python and the libraries that the recipe needs, as measured
    rows : bytes of the rows in flight and of what stages make of them, at most
    networks : bytes of networks and tables that stay open, at most
    ahead : bytes of rows that are read ahead, at most
    free : bytes of memory that there were before the libraries were loaded, and the libraries themselves
    output : format -> bytes on the disk, at most: nothing is taken to be compressible
    scratch : the file that rows may be moved to; None where there is none
    loading : seconds that it took to load the libraries
    mend : what makes it fit into memory, in words; "" where it does
    """

    slices: tuple[int, int, int]
    chunk: int
    ncore: int
    libraries: int
    rows: int
    networks: int
    ahead: int
    free: int
    output: dict[str, int]
    scratch: Scratch | None
    loading: float
    mend: str = ""

    @property
    def memory(self) -> int:
        """Bytes resident, at most."""
        return self.libraries + self.rows + self.networks + self.ahead

    @property
    def fits(self) -> bool:
        """Whether there is memory enough."""
        return self.memory <= self.free

    @property
    def at_once(self) -> int:
        """How many rows are worked on at once, of so few as there may be."""
        return min(self.chunk, self.slices[0])

    @property
    def disk(self) -> int:
        """Bytes of the output folder, at most."""
        return sum(self.output.values()) + RECORD

    def lines(self, folder: Path) -> list[str]:
        """Return it in a few lines for people.

        Parameters
        ----------
        folder : that is there, and that the output is made in or below
        """
        parts = {
            "Python and its libraries": self.libraries,
            f"{self.at_once} row{'s' * (self.at_once != 1)} at once": self.rows,
            "networks and tables": self.networks,
            "rows read ahead": self.ahead,
        }
        shares, formats = (
            ", ".join(f"{name} {in_words(size)}" for name, size in sizes.items() if size)
            for sizes in (parts, {**self.output, "report and contact sheet": RECORD})
        )
        free = shutil.disk_usage(folder).free
        enough, room = ("it fits" if fits else "it does NOT fit" for fits in (self.fits, self.disk <= free))
        told = [
            f"memory: at most {in_words(self.memory)} ({shares}); there are {in_words(self.free)}: {enough}",
            f"disk: at most {in_words(self.disk)} ({formats}); {folder} has {in_words(free)} free: {room}",
        ]
        if self.scratch is not None:
            told.append(self.scratch.told)
        return told


@dataclass(frozen=True)
class Plan:
    """How a run would go about it; see `tomopy_edge.run_scan.run`.

    Attributes
    ----------
    span : the rows that slices are made of
    chunk : rows worked on at once
    means : what it has to work with
    """

    span: Span
    chunk: int
    means: Means

    @classmethod
    def of(cls, recipe: Recipe, scan: ScanFile, ncore: int | None, nchunk: int | None, catalogue: Any) -> Plan:
        """Return the plan of a run that begins at this moment."""
        free = free_memory()
        spare_memory(free)
        return cls.with_memory(free, recipe, scan, ncore, nchunk, catalogue or load_catalogue())

    @classmethod
    def with_memory(
        cls, free: int, recipe: Recipe, scan: ScanFile, ncore: int | None, nchunk: int | None, catalogue: Any
    ) -> Plan:
        """Return the plan of a run that begins with so many bytes free."""
        wanted = wanted_rows(scan, recipe.blocks[0].options)
        chunk = rows_at_once(scan, nchunk, free)
        threads = at_least_one("ncore", ncore, available_cores())
        overlap = side_by_side(scan.angles, scan.columns, chunk, free)
        means = Means(threads, free, catalogue, overlap)
        return cls(Span(wanted.first, wanted.last, scan.rows), chunk, means)

    @property
    def rows(self) -> int:
        """How many slices are made."""
        return self.span.last - self.span.first


Count = Callable[[Sequence[Recipe], Plan, int], Forecast]
"""Returns what a run by a plan takes, with so many bytes of libraries, of recipes that were loaded."""


def forecast(
    recipe: Recipe,
    scan: ScanFile,
    *,
    ncore: int | None = None,
    nchunk: int | None = None,
    catalogue: Catalogue | None = None,
) -> Forecast:
    """Return what a run would take of memory and disk, as it would go about it on this machine at this moment.

    The recipe is run on a scan of a few pixels first, so that all libraries are loaded that it needs: their memory is
    measured, and that of rows and networks counted.

    Parameters
    ----------
    recipe, scan, ncore, nchunk, catalogue : as for `run`

    Raises
    ------
    EdgeError : where the run would be refused for what is asked of it, or for want of memory for a network
    """

    def count(loaded: Sequence[Recipe], plan: Plan, libraries: int) -> Forecast:
        return counted(loaded[0], scan, plan, libraries)

    return foretold([recipe], scan, count, ncore=ncore, nchunk=nchunk, catalogue=catalogue)


def foretold(
    recipes: Sequence[Recipe],
    scan: ScanFile,
    count: Count,
    *,
    ncore: int | None,
    nchunk: int | None,
    catalogue: Catalogue | None,
) -> Forecast:
    """Return what `count` says of recipes, of the same rows, when all libraries are loaded that they need."""
    plan = Plan.of(recipes[0], scan, ncore, nchunk, catalogue)
    before, start = resident(), time.perf_counter()
    loaded = [load(recipe, plan.means) for recipe in recipes]
    loading = time.perf_counter() - start
    libraries = resident() + LEFT
    # Pages of libraries that others use too are resident, and not counted against a limit.
    free = min(plan.means.free + before, memory_limit() or plan.means.free + before)
    told = replace(count(loaded, plan, libraries), free=free, loading=loading)

    def otherwise(free: int, ncore: int | None = ncore, nchunk: int | None = nchunk) -> Forecast:
        left = max(plan.means.free + free - told.free, 0)
        other = Plan.with_memory(left, recipes[0], scan, ncore, nchunk, plan.means.catalogue)
        return count(loaded, other, libraries)

    return told if told.fits else replace(told, mend=mend(told, otherwise))


def counted(recipe: Recipe, scan: ScanFile, plan: Plan, libraries: int) -> Forecast:
    """Return what a run by a plan takes, with `libraries` bytes of libraries, as if there were no other memory."""
    sizes = sizes_of(recipe, scan)
    first, last = sample_rows(plan.span, scan.angles, scan.columns)
    held = working_set(recipe, sizes, plan.means, rows=plan.rows, chunk=plan.chunk, sample=last - first)
    ahead, scratch = ahead_of(scan, plan)
    formats = recipe.blocks[-1].options.formats if isinstance(recipe.blocks[-1].options, WriteOptions) else ()
    shape = plan.rows, sizes.size, sizes.size
    return Forecast(
        slices=shape,
        chunk=plan.chunk,
        ncore=plan.means.ncore,
        libraries=libraries,
        rows=held.peak - held.kept,
        networks=held.kept,
        ahead=ahead,
        free=plan.means.free,
        output={name: on_disk(name, shape) for name in formats},
        scratch=scratch,
        loading=0.0,
    )


def ahead_of(scan: ScanFile, plan: Plan) -> tuple[int, Scratch | None]:
    """Return the bytes of memory that rows read ahead take, and the file they may be moved to; see `RowReader`."""
    stacks = stacks_of(scan)
    together = sum(frames.row_bytes for frames in stacks)
    fit = int(MEMORY_SHARE * plan.means.free) // max(together, 1)
    memory = moved = 0
    for frames in stacks:
        band = min(frames.rows_together, scan.rows)
        if band == 1:
            continue
        first, last = plan.span.first // band * band, min(-(-plan.span.last // band) * band, scan.rows)
        block = min(-(-plan.chunk // band) * band + band, last - first)
        memory += min(block, fit) * frames.row_bytes
        if block > fit:
            moved += (last - plan.span.first) * frames.row_bytes
    if moved:
        memory = max(memory, min(int(MEMORY_SHARE * plan.means.free), PART_BYTES))
    return memory, Scratch(scratch_folder(), moved) if moved else None


def there(path: Path) -> Path:
    """Return the folder that `path` is in, or will be: the nearest that is there.

    Raises
    ------
    OutputError : where a file is in the way
    """
    nearest = next(parent for parent in Path(path).absolute().parents if parent.exists())
    if not nearest.is_dir():
        raise OutputError(f"{path}: cannot be made, as {nearest} is a file; choose another folder")
    return nearest
