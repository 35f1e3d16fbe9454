"""What a row of a scan takes as it is read, and as a recipe goes on with it."""

from __future__ import annotations

from tomopy_edge.forecast.working_set import Sizes
from tomopy_edge.readers import ScanFile
from tomopy_edge.readers.frames import Frames
from tomopy_edge.recipe import Recipe
from tomopy_edge.stages.read import angles_taken


def sizes_of(recipe: Recipe, scan: ScanFile) -> Sizes:
    """Return what a row of a scan takes on its way through a recipe."""
    thinned, angles = recipe.blocks[0].options.angles, angles_taken(scan, recipe.blocks[0].options)
    chosen = (getattr(block.options, "options", None) for block in recipe.blocks if block.entry.name == "reconstruct")
    size = next((size for each in chosen if (size := getattr(each, "size", None))), scan.columns)
    stacks = stacks_of(scan)
    # Counts that are not from a file are there already, or are taken to be as large as they may be.
    counts = sum(frames.row_bytes for frames in stacks) or 4 * scan.angles * scan.columns
    if thinned is not None:
        start, stop, _ = thinned
        unread = (scan.angles - (stop - start)) * (stacks[0].row_bytes if stacks else 4 * scan.columns * scan.angles)
        counts += 4 * angles * scan.columns - unread // scan.angles
    return Sizes(angles, scan.columns, size, counts)


def stacks_of(scan: ScanFile) -> tuple[Frames, ...]:
    """Return the frames that a scan is read from; none where it lies in memory."""
    return getattr(scan, "stacks", ())
