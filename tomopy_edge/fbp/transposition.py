"""How the rows of several slices are laid side by side into lanes, and lanes back into rows.

A block of `width` neighbouring numbers from each of `width` rows is transposed in registers, so that memory is read and
written in whole cache lines on either side.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types  # noqa: TID253 - only the compiled kernels import this module, themselves imported when used

from tomopy_edge.compiler import instruction
from tomopy_edge.fbp.lanes import element_pointer, shuffled, vector_of


@instruction
def gather(_context: Any, rows: Any, starts: Any, first: Any, line: Any, place: Any) -> Any:  # noqa: ARG001
    """Lay `width` neighbouring numbers of each slice's row into lanes, as alternating real and imaginary parts.

    Parameters
    ----------
    rows : flat float32
    starts : (lane,) int64, where in `rows` the row of each slice starts
    first : the number of a row to begin with
    line : one-dimensional array of lanes
    place : where in `line` the first number goes, counted in halves of elements
    """
    width = line.dtype.count // 8

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, starts, first, line, place = zip(signature.args, arguments, strict=True)
        blocks = []
        for lane in range(width):
            pointer = _block_pointer(context, builder, rows, starts, lane, first, width)
            blocks.append(builder.load(pointer, align=4))
        target = element_pointer(context, builder, line, place[1], vector_of(width))
        for position, block in enumerate(_transposed(builder, blocks)):
            builder.store(block, builder.gep(target, [_constant(position)]), align=4 * width)
        return context.get_dummy_value()

    return types.void(rows, starts, types.int64, line, types.int64), build


@instruction
def scatter(
    _context: Any,
    line: Any,
    place: Any,  # noqa: ARG001 - taken as int64, whatever it is
    rows: Any,
    starts: Any,
    first: Any,  # noqa: ARG001
    factors: Any,
) -> Any:
    """Lay `width` neighbouring numbers of every lane back into each slice's row: the inverse of `gather`.

    Number `i` of a row is multiplied with `factors[i]` (flat float32) on the way.
    """
    width = line.dtype.count // 8

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        line, place, rows, starts, first, factors = zip(signature.args, arguments, strict=True)
        source = element_pointer(context, builder, line, place[1], vector_of(width))
        blocks = [builder.load(builder.gep(source, [_constant(i)]), align=4 * width) for i in range(width)]
        factor = element_pointer(context, builder, factors, first[1], ir.FloatType())
        factor = builder.load(builder.bitcast(factor, vector_of(width).as_pointer()), align=4)
        for lane, block in enumerate(_transposed(builder, blocks)):
            pointer = _block_pointer(context, builder, rows, starts, lane, first, width)
            builder.store(builder.fmul(block, factor), pointer, align=4)
        return context.get_dummy_value()

    return types.void(line, types.int64, rows, starts, types.int64, factors), build


def _constant(number: int) -> Any:
    return ir.Constant(ir.IntType(64), number)


def _block_pointer(context: Any, builder: Any, rows: Any, starts: Any, lane: int, first: Any, width: int) -> Any:
    """Return the address of number `first` in the row of `lane`, as that of a vector."""
    start = builder.load(element_pointer(context, builder, starts, _constant(lane), ir.IntType(64)))
    number = element_pointer(context, builder, rows, builder.add(start, first[1]), ir.FloatType())
    return builder.bitcast(number, vector_of(width).as_pointer())


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Transpose a square of vectors by exchanging its off-diagonal quarters, then theirs, down to single numbers."""
    rows = rows.copy()
    width = step = len(rows)
    while step := step // 2:
        low = [lane if not lane & step else width + lane - step for lane in range(width)]
        high = [lane + step if not lane & step else width + lane for lane in range(width)]
        for row in range(width):
            if not row & step:
                pair = rows[row], rows[row | step]
                rows[row], rows[row | step] = shuffled(builder, *pair, low), shuffled(builder, *pair, high)
    return rows
