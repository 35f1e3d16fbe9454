"""How a scan teaches without a clean slice: pairs whose two sides were made of different views."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.chunk_size import sample_rows
from tomopy_edge.data import Float32
from tomopy_edge.errors import DataError
from tomopy_edge.job import Job
from tomopy_edge.networks.unit import attenuation_unit
from tomopy_edge.options import options
from tomopy_edge.progress import track
from tomopy_edge.readers import open_scan
from tomopy_edge.recipe import Recipe
from tomopy_edge.simulation.hdf5_files import add_dataset, new_hdf5
from tomopy_edge.training.generator import MULTIPLE
from tomopy_edge.training.view_parts import ViewParts

BLOCK = 512
"""Largest edge of the blocks that slices are cut into, pixels: some are looked at only, which tells when to stop."""

LOOKED_AT = 8
"""One block in so many is looked at and not learned from."""

JUDGED, JUDGED_PIXELS = 3, 4 * 1024**2
"""Most slices of which the held-out views are kept, to judge by, and most pixels of them, but for the first slice: a
large slice tells as much as several small ones, and float networks are slow to ask."""

CHUNK = 128
"""Edge of the pieces that are stored together, pixels."""


@options
class HalvesOptions:
    """How pairs are made of a scan's own views."""

    parts: int = 4
    """Parts that the views are dealt into."""
    held_out: bool = True
    """Whether the last part is kept out of all pairs, to judge by."""
    slices: int = 8
    """Slices to learn from, spread over the rows that the recipe reads; all where there are fewer."""
    channels: int = 3
    """Adjacent slices of the noisy side: 3 or 1."""
    seed: int = 1
    """Of the choice of the blocks that are only looked at."""

    def __post_init__(self) -> None:
        """Check that there is something to learn, and something to learn it from."""
        least = 3 if self.held_out else 2
        if self.parts < least:
            raise ValueError(f"parts: must be at least {least}, one to learn from the others, got {self.parts}")
        if self.slices < 1:
            raise ValueError(f"slices: must be at least 1, got {self.slices}")
        if self.seed < 0:
            raise ValueError(f"seed: must not be negative, got {self.seed}")
        if self.channels < 1 or self.channels % 2 == 0:
            raise ValueError(f"channels: must be odd, so that there is a middle slice; got {self.channels}")


@dataclass(frozen=True)
class Blocks:
    """The squares that a slice is cut into.

    Attributes
    ----------
    edge : pixels, a multiple of 8
    learned, looked_at : their upper left corners, (block, 2), y and x
    """

    edge: int
    learned: NDArray[np.intp]
    looked_at: NDArray[np.intp]

    def cut(self, values: Float32, corner: NDArray[np.intp]) -> NDArray[np.float16]:
        """Return the block at `corner` of (y, x, ...) values, as it is stored."""
        y, x = corner
        # Rounded by numpy: HDF5's own conversion, once it met a tiny value, makes 0.25 of 0.4999987.
        return values[y : y + self.edge, x : x + self.edge].astype(np.float16)


def blocks_of(size: int, seed: int) -> Blocks:
    """Return the blocks of slices of `size` x `size` pixels that lie, in part, within the inscribed circle.

    Raises
    ------
    DataError : where the slices are too small to be cut into 2 x 2 blocks
    """
    count = max(-(-size // BLOCK), 2)
    edge = size // count // MULTIPLE * MULTIPLE
    if not edge:
        raise DataError(f"slices of {size} pixels are too small to learn from; at least {2 * MULTIPLE} are needed")
    corners = edge * np.stack(np.meshgrid(range(count), range(count), indexing="ij"), axis=-1).reshape(-1, 2)
    middles = corners + edge / 2 - size / 2
    corners = corners[np.hypot(*middles.T) <= size / 2]
    shuffled = np.random.default_rng(seed).permutation(len(corners))
    aside = -(-len(corners) // LOOKED_AT)
    return Blocks(edge, corners[np.sort(shuffled[aside:])], corners[np.sort(shuffled[:aside])])


def write_halves(
    scan: Path, pairs: Path, chosen: HalvesOptions, *, recipe: Recipe, job: Job, overwrite: bool = False
) -> ViewParts:
    """Write pairs made of one scan to an HDF5 file that `training.train.train` takes, slice by slice.

    The views are dealt into parts, each is reconstructed, and each part in turn is what is to be learned from the mean
    of the others: the noise of their views is independent, so what the two have in common is the sample, and a network
    that is to predict noise it cannot know learns to predict its mean, which is zero. That holds for the squared error
    alone. All parts are normalized by the same flats and darks, so the noise of those, which is that of one view over
    the root of their number, they do have in common: what it leaves after the removal of stripes is kept as if it were
    the sample's.

    The datasets are those of `simulation.files.write_pairs`, in blocks of at most 512 x 512 pixels; `test_ns` and
    `test_gt` hold blocks that are not learned from. Where a part is held out, `judge_ns` (slice, y, x, channel) is the
    mean of all other parts and `judge_gt` (slice, y, x) the held-out one. `level_ns` (slice, loudness, y, x, channel)
    shows these rows and the ones learned from before and after them at two loudnesses of the noise: one part alone,
    and the mean of all but the held-out one; see `levelling.level`. The file's attribute `unit` is the attenuation per
    pixel of one network unit, `rows` the rows learned from.

    Parameters
    ----------
    scan : the scan file
    pairs : HDF5 file to write
    chosen : how
    recipe : rows, views, stages up to sinograms and the options of FBP; see `view_parts.ViewParts`
    job : threads, and where notes go

    Returns
    -------
    the parts that were made; their scan is closed

    Raises
    ------
    DataError : where the scan has too few views or too small slices, or the recipe does not suit
    OutputError : where there is such a file already, or it cannot be written

    References
    ----------
    A. A. Hendriksen, D. M. Pelt, K. J. Batenburg, Noise2Inverse: self-supervised deep convolutional denoising for
    tomography, IEEE Transactions on Computational Imaging 6 (2020) 1320; the strategy X:1.
    """
    with open_scan(scan) as opened:
        parts = ViewParts(opened, recipe, chosen.parts, held_out=chosen.held_out, job=job)
        if parts.span.rows == 1 < chosen.channels:
            job.tally.note("adapt", f"the scan has one row: the network sees it {chosen.channels} times")
        # Measured where a run would measure it, but on the views that are not held out.
        sample = parts.slices(*sample_rows(parts.span, opened.angles, opened.columns))[0].mean(axis=0)
        unit, size = attenuation_unit(sample), sample.shape[-1]
        rows = _spread(parts.span.first, parts.span.last, chosen.slices)
        writer = _Writer(parts, blocks_of(size, chosen.seed), rows, unit, chosen.channels, size)

        def lay_out(file: Any) -> None:
            file.attrs.update({"unit": unit, "rows": rows, "parts": chosen.parts, "made_by": "tomopy-edge adapt"})
            writer.lay_out(file)

        with new_hdf5(pairs, lay_out, overwrite=overwrite) as file:
            writer.write(file)
    return parts


def _spread(first: int, last: int, most: int) -> NDArray[np.intp]:
    """Return up to `most` of the rows `first` to `last - 1`, evenly spread; the middle one where it is one."""
    count = min(most, last - first)
    return first + ((np.arange(count) + 0.5) * (last - first) / count).astype(np.intp)


def _whole(rows: int, size: int) -> tuple[list[int], list[int]]:
    """Return which of so many rows of size x size pixels models are judged by, and which answers are levelled by."""
    judged = [int(n) for n in _spread(0, rows, min(JUDGED, max(JUDGED_PIXELS // size**2, 1)))]
    # Rings make the mean of what a network answers vary by 1 % from row to row.
    return judged, [n for n in range(rows) if min(abs(n - one) for one in judged) <= 1]


class _Writer:
    """Fills a file of pairs; `size` is the edge of whole slices, pixels."""

    def __init__(
        self, parts: ViewParts, blocks: Blocks, rows: NDArray[np.intp], unit: float, channels: int, size: int
    ) -> None:
        self._parts, self._blocks, self._rows = parts, blocks, rows
        self._unit, self._channels, self._size = np.float32(unit), channels, size
        self._judged, self._levelled = _whole(len(rows), size) if len(parts.judge) else ([], [])
        self._filled: dict[str, int] = {}

    def lay_out(self, file: Any) -> None:
        """Create the datasets."""
        learned = len(self._rows) * len(self._parts.parts) * len(self._blocks.learned)
        self._create(file, "train", learned, self._blocks.edge)
        # The unlearned blocks show one part of each slice: enough to tell when to stop, and quickly looked at.
        self._create(file, "test", len(self._rows) * len(self._blocks.looked_at), self._blocks.edge)
        if self._judged:
            self._create(file, "judge", len(self._judged), self._size)
            chunk = min(self._size, CHUNK)
            shape = (len(self._levelled), 2, self._size, self._size, self._channels)
            add_dataset(file, "level_ns", shape, "f2", chunks=(1, 1, chunk, chunk, self._channels))

    def write(self, file: Any) -> None:
        """Write all pairs."""
        for n, row in enumerate(track(self._rows, total=len(self._rows), what="slices to learn from")):
            learned, held_out = self._neighbourhood(int(row))
            middle = self._channels // 2
            total = learned.sum(axis=0)
            for i, part in enumerate(learned):
                noisy = np.moveaxis((total - part) / np.float32(len(learned) - 1), 0, 2)
                self._add_blocks(file, "train", noisy, part[middle], self._blocks.learned)
                if i == n % len(learned):
                    self._add_blocks(file, "test", noisy, part[middle], self._blocks.looked_at)
            together = np.moveaxis(total / np.float32(len(learned)), 0, 2)
            if n in self._levelled:
                alone = np.moveaxis(learned[n % len(learned)], 0, 2)
                file["level_ns"][self._levelled.index(n)] = np.stack([alone, together]).astype(np.float16)
            if n in self._judged and held_out is not None:
                self._add(file, "judge", together, held_out[middle])

    def _neighbourhood(self, row: int) -> tuple[Float32, Float32 | None]:
        """Return a row with its neighbours, network units; at the ends of the scan the edge row is repeated."""
        reach = self._channels // 2
        wanted = np.clip(np.arange(row - reach, row + reach + 1), 0, self._parts.span.rows - 1)
        learned, held_out = self._parts.slices(int(wanted[0]), int(wanted[-1]) + 1)
        places = wanted - wanted[0]
        return learned[:, places] / self._unit, None if held_out is None else held_out[places] / self._unit

    def _create(self, file: Any, name: str, count: int, edge: int) -> None:
        shape, chunk = (count, edge, edge), (1, min(edge, CHUNK), min(edge, CHUNK))
        add_dataset(file, f"{name}_ns", (*shape, self._channels), "f2", chunks=(*chunk, self._channels))
        add_dataset(file, f"{name}_gt", shape, "f2", chunks=chunk)

    def _add_blocks(self, file: Any, name: str, noisy: Float32, truth: Float32, corners: NDArray[np.intp]) -> None:
        for corner in corners:
            self._add(file, name, self._blocks.cut(noisy, corner), self._blocks.cut(truth, corner))

    def _add(self, file: Any, name: str, noisy: Any, truth: Any) -> None:
        n = self._filled.get(name, 0)
        file[f"{name}_ns"][n], file[f"{name}_gt"][n] = noisy.astype(np.float16), truth.astype(np.float16)
        self._filled[name] = n + 1
