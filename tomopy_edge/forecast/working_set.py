"""How much memory the rows of a scan take on their way through a recipe, counted from their sizes, stage by stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tomopy_edge.catalogue import find
from tomopy_edge.data import Scan, Sinograms, Transmission, Volume
from tomopy_edge.denoisers.tomogan import NetworkOptions, Part, networks_of
from tomopy_edge.memory import SHARE
from tomopy_edge.networks import litert
from tomopy_edge.networks.footprint import footprint
from tomopy_edge.networks.openvino import ENTRY as OPENVINO
from tomopy_edge.networks.room import Room
from tomopy_edge.networks.runtimes import AUTO, backends, choose_file
from tomopy_edge.pipeline import last_open
from tomopy_edge.recipe import Block, Recipe
from tomopy_edge.stages.denoise import DenoiseOptions
from tomopy_edge.stages.reconstruct import ReconstructOptions
from tomopy_edge.stages.remove_outliers import RemoveOutliersOptions
from tomopy_edge.stages.remove_stripes import RemoveStripesOptions
from tomopy_edge.stages.trust import TrustOptions
from tomopy_edge.stages.write import WriteOptions
from tomopy_edge.trust.memory import memory_to_examine

SPARE_SLICES, SLICES = 4, 12
"""Slices that the Zarr writer holds beside those it is given, where memory is scarce and where it is not."""

FEW, MANY = 2, 8
"""Copies that a stage makes of a row, or of a slice, on its way: most of ours, and those in libraries not ours."""

TAKEN, OPENED = 1.2, 12 * 2**20
"""What a network takes in LiteRT, as a multiple of its footprint, and what any takes beside."""

DIGESTED = 1
"""Slices that are copied to be hashed, or put into a file."""


@dataclass(frozen=True)
class Sizes:
    """What a row of a scan takes on its way.

    Attributes
    ----------
    angles, columns : of a sinogram
    size : edge of a slice, pixels
    counts : bytes of a row as it is read, those of flats and darks and of views that are left out among them
    """

    angles: int
    columns: int
    size: int
    counts: int

    @property
    def sinogram(self) -> int:
        """Bytes of a row of float32 values."""
        return 4 * self.angles * self.columns

    @property
    def image(self) -> int:
        """Bytes of a slice."""
        return 4 * self.size**2

    def of(self, kind: type) -> int:
        """Return the bytes of a row in a chunk of this kind; 0 where that is unknown."""
        known = {Scan: self.counts, Transmission: self.sinogram, Sinograms: self.sinogram, Volume: self.image}
        return known.get(kind, 0)


@dataclass(frozen=True)
class Means:
    """What a run has to work with.

    Attributes
    ----------
    ncore : threads
    free : bytes, when the run begins
    catalogue : what plugins offer
    overlap : whether stages work side by side
    """

    ncore: int
    free: int
    catalogue: Any
    overlap: bool = False


BYTES = 4
"""Of a number of a sinogram or a slice."""


@dataclass(frozen=True)
class Need:
    """What a stage holds while it works.

    Attributes
    ----------
    each : bytes for every row of the chunk, what it takes and what it gives among them
    once : bytes beside that, whatever the chunk
    kept : bytes that stay from chunk to chunk
    neighbours : slices on either side that a chunk has to have
    """

    each: int
    once: int = 0
    kept: int = 0
    neighbours: int = 0

    def of(self, rows: int) -> int:
        """Return the bytes for a chunk of so many rows, without what is kept."""
        return self.each * (rows + 2 * self.neighbours) + self.once


@dataclass(frozen=True)
class WorkingSet:
    """What a run holds at most, beside libraries and what is read ahead.

    Attributes
    ----------
    settling : bytes while the recipe is settled
    rows : bytes of the chunks in flight and of what stages make of them
    kept : bytes of networks and tables that stay open meanwhile
    """

    settling: int
    rows: int
    kept: int

    @property
    def peak(self) -> int:
        """Bytes, at most."""
        return max(self.settling, self.rows + self.kept)


def working_set(recipe: Recipe, sizes: Sizes, means: Means, *, rows: int, chunk: int, sample: int) -> WorkingSet:
    """Return what a run on `rows` rows holds, `chunk` of them at once.

    Parameters
    ----------
    sample : rows on which the recipe is settled

    Raises
    ------
    BackendError : where a network would be refused for want of memory
    ModelError : where the recipe names a network that is not there
    """
    at_once = min(chunk + chunk % 2, rows)
    needs = [_need(block, sizes, means, at_once) for block in recipe.blocks]
    kept = sum(need.kept for need in needs)
    neighbours = max(need.neighbours for need in needs)
    if means.overlap:
        # What waits for its neighbours is cut off the chunk that it came with.
        chunks = -(-rows // at_once) + bool(neighbours)
        in_flight = sum(sorted(_places(recipe, needs, sizes, at_once), reverse=True)[:chunks])
    else:
        in_flight = 2 * sizes.image * neighbours + max(need.of(at_once) for need in needs)
    return WorkingSet(_settling(recipe, sizes, means, sample), in_flight, kept)


def _places(recipe: Recipe, needs: list[Need], sizes: Sizes, rows: int) -> Iterator[int]:
    """Yield the bytes at each place where a chunk may be at one time: between threads, or in the work of one.

    See `tomopy_edge.pipeline.stream`: the first stage, those up to the slices, those after, and the last have a thread.
    """
    slices = next(n for n, block in enumerate(recipe.blocks) if block.entry.gives is Volume)
    yield from (needs[0].of(rows), sizes.counts * rows)
    yield max(need.of(rows) for need in needs[1 : slices + 1])
    yield sizes.image * rows
    after = [need.of(rows) for need in needs[slices + 1 : -1]]
    if after:
        yield max(after)
    yield needs[-1].of(rows)


def _settling(recipe: Recipe, sizes: Sizes, means: Means, sample: int) -> int:
    """Return the bytes that settling takes, which sees one slice of what comes after the slices."""
    open_until = last_open(recipe)
    most = 0
    for n, block in enumerate(recipe.blocks[: open_until + 1]):
        need = _need(block, sizes, means, sample)
        if block.entry.takes is not Volume:
            most = max(most, need.of(sample) + need.kept)
            continue
        # The unit and the noise are measured slice by slice, on five copies of one.
        most = max(most, sizes.image * (sample + 5))
        if n < open_until:
            most = max(most, sizes.image * sample + need.of(1) + need.kept)
    return most


def _need(block: Block, sizes: Sizes, means: Means, rows: int) -> Need:
    """Return what a stage holds that works on `rows` rows; of one that is not ours, what such stages usually do."""
    taken, given, options = sizes.of(block.entry.takes), sizes.of(block.entry.gives), block.options
    match options:
        case TrustOptions():
            return _examining(options, sizes, means, rows)
        case WriteOptions():
            return Need(taken, _writing(options, sizes, means))
        case ReconstructOptions():
            return _reconstructing(options, sizes, means, rows)
        case DenoiseOptions() if isinstance(options.options, NetworkOptions):
            return _network(options.options, "denoise", sizes, means)
        case NetworkOptions():
            return _network(options, "fine_tune", sizes, means)
        case _:
            # Slices are worked on one by one, sinograms by all threads.
            threads = 1 if block.entry.takes is Volume else means.ncore
            copies = MANY if _through_libraries(options) else FEW
            return Need(taken + given + (taken + given) // 8, copies * threads * max(taken, given))


def _through_libraries(options: Any) -> bool:
    match options:
        case RemoveStripesOptions():
            return options.method not in {"none", "sorting"} or options.library != "algotom"
        case RemoveOutliersOptions():
            return options.library != "algotom"
        case _:
            return isinstance(options, DenoiseOptions)


def _examining(options: TrustOptions, sizes: Sizes, means: Means, rows: int) -> Need:
    """Return what it takes to examine a slice; what memory cannot hold is not begun."""
    once = memory_to_examine(sizes.sinogram // BYTES, sizes.image // BYTES, means.free, means.ncore)
    # Raw slices wait until they are denoised, and sinograms with their two neighbours.
    waiting = -(-rows // options.every)
    return Need(sizes.image, once, min(3 * waiting, rows + 2) * sizes.sinogram + waiting * sizes.image)


def _writing(options: WriteOptions, sizes: Sizes, means: Means) -> int:
    zarr = SLICES if means.overlap else SPARE_SLICES
    return sizes.image * max(zarr if name == "zarr" else DIGESTED for name in options.formats)


def _reconstructing(options: ReconstructOptions, sizes: Sizes, means: Means, rows: int) -> Need:
    from tomopy_edge.fbp import SHARE_KEPT

    # The circle outside which slices are masked, in double precision.
    masking = 9 * sizes.image // 4
    buffers = fbp_buffers(sizes, means, rows) if options.algorithm == "fbp" else 4 * means.ncore * sizes.image
    kept = buffers if buffers <= SHARE_KEPT * means.free else 0
    return Need(sizes.sinogram + sizes.image, masking + buffers - kept, kept)


def fbp_buffers(sizes: Sizes, means: Means, rows: int) -> int:
    """Return the bytes of the buffers in which our FBP reconstructs so many rows; see `tomopy_edge.fbp.batches`."""
    from tomopy_edge.fbp import PADDING, SMALLEST
    from tomopy_edge.fbp.batches import NARROW, OVERSAMPLING, WIDE
    from tomopy_edge.fbp.filters import FINE
    from tomopy_edge.fbp.fourier import fast_length
    from tomopy_edge.fbp.lanes import bytes_of
    from tomopy_edge.fbp.strips import strip_size

    length = fast_length(PADDING * max(sizes.columns, (sizes.columns + sizes.size) / 2, 8 * SMALLEST), 8)
    grid = fast_length(OVERSAMPLING * max(sizes.columns, sizes.size), 2)
    samples = sizes.angles * (length // 2 + FINE)
    lanes = samples + sizes.size * grid // 2 + means.ncore * (2 * length + strip_size(grid) + 2 * grid)
    wide = sizes.size >= 2 * WIDE and lanes * bytes_of(WIDE) <= SHARE * means.free and rows > 2 * NARROW
    narrow = not wide or 0 < rows % WIDE <= 2 * NARROW
    return lanes * (wide * bytes_of(WIDE) + narrow * bytes_of(NARROW))


def _network(options: NetworkOptions, part: Part, sizes: Sizes, means: Means) -> Need:
    """Return what a network takes: on the CPU, as nobody knows what a device takes of its memory."""
    model, networks = networks_of(options, part)
    named = litert.ENTRY.name if options.runtime == AUTO else options.runtime
    entry = find(backends(means.catalogue), named, "runtime")
    shape, room = (sizes.size, sizes.size), Room(model, means.free)
    file = choose_file(entry, networks, options.precision, options.tile, shape, room.fits)
    needed = 0
    if entry.reads == "tflite":
        room.expect(file, entry, shape)
        path = model.path(file.file, file.sha256)
        # OpenVINO has tensors of its own beside those that the network's file tells of.
        own = 40 * file.tile**2 if entry is OPENVINO else round(TAKEN * room.needed(file))
        needed = OPENED + own + (footprint(path, file.tile, tables=False) if entry is OPENVINO else 0)
    depth = 4 if file.precision == "float" else 1
    ny, nx = file.grid(shape).counts
    tiles = depth * ny * nx * file.tile**2 * (networks.channels + 2)
    # What it takes and gives, and what it takes in the network's own type.
    each = 2 * sizes.image + depth * sizes.image // 4
    return Need(each, tiles + 3 * sizes.image, needed, networks.neighbours)
