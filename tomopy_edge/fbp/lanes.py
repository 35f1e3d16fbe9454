"""How the complex numbers of several slices lie side by side, so that one instruction serves them all.

An element of an array of lanes holds `width` complex numbers, one for each slice: first the real parts, then the
imaginary ones. In compiled code `load` takes such an element into registers as one value that adds and multiplies like
a complex number, so that kernels read as if they worked on a single slice. No operation mixes lanes: a slice comes out
the same to the bit whatever slices lie beside it.

To numpy and numba an element is a string of 8 * `width` bytes. A structured dtype would say more, but numba names the
machine code that it keeps for one by a number counted anew in each process, and so confuses the code of two widths.
"""

from __future__ import annotations

# mypy: allow-untyped-calls, allow-subclassing-any, allow-untyped-decorators, disable-error-code="misc,attr-defined"
# numba types its inner parts only here and there.
import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types  # noqa: TID253 - only the compiled kernels import this module, themselves imported when used
from numba.core import typing  # noqa: TID253
from numba.core.typing.templates import infer_global  # noqa: TID253
from numba.extending import lower_builtin, models, register_model  # noqa: TID253
from numpy.typing import NDArray

from tomopy_edge.compiler import instruction

LaneArray = NDArray[np.bytes_]
"""An array whose elements hold one complex number for each slice."""

CONTRACT = ("contract",)
"""Lets the compiler join a product and a sum into one fused instruction, in every lane alike."""


def bytes_of(width: int) -> int:
    """Return the bytes in an element that holds `width` complex numbers."""
    return 8 * width


def empty_lanes(length: int, width: int) -> LaneArray:
    """Return an array of lanes that starts on a cache line, as `load` and `store` rely on."""
    size = length * bytes_of(width)
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(f"S{bytes_of(width)}")


def lanes_of(numbers: NDArray[np.complex128]) -> LaneArray:
    """Return an array of lanes that holds `numbers` (element, lane)."""
    lanes = empty_lanes(*numbers.shape)
    parts = lanes.view(np.float32).reshape(len(numbers), 2, -1)
    parts[:, 0], parts[:, 1] = numbers.real, numbers.imag
    return lanes


class Lanes(types.Type):
    """The compiler's type of one such element in registers."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(name=f"Lanes({width})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        super().__init__(manager, lanes, vector_of(2 * lanes.width))


def vector_of(count: int) -> ir.VectorType:
    """Return the compiler's type of `count` float32 in registers."""
    return ir.VectorType(ir.FloatType(), count)


def shuffled(builder: Any, first: Any, second: Any, order: list[int]) -> Any:
    """Return the numbers of two vectors in a new order, those of the second counted on from the first."""
    return builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order))


def _spread(builder: Any, scalar: Any, count: int) -> Any:
    undefined = ir.Constant(vector_of(count), ir.Undefined)
    single = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    return shuffled(builder, single, undefined, [0] * count)


def _exchanged(builder: Any, value: Any, width: int) -> Any:
    return shuffled(builder, value, value, [*range(width, 2 * width), *range(width)])


def _signs(width: int, real: float, imaginary: float) -> Any:
    return ir.Constant(vector_of(2 * width), [real] * width + [imaginary] * width)


def element_pointer(context: Any, builder: Any, array: tuple[Any, Any], index: Any, element: Any) -> Any:
    """Return the address of element `index` of an array (its type and value), looked at as one of `element`."""
    array_type, value = array
    start = context.make_array(array_type)(context, builder, value).data
    return builder.gep(builder.bitcast(start, element.as_pointer()), [index])


@instruction
def load(context: Any, array: Any, index: Any) -> Any:  # noqa: ARG001 - numba's form of an intrinsic
    """Take element `index` of a one-dimensional array of lanes into registers."""
    lanes = Lanes(array.dtype.count // 8)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = vector_of(2 * lanes.width)
        pointer = element_pointer(context, builder, (signature.args[0], arguments[0]), arguments[1], vector)
        return builder.load(pointer, align=min(64, 8 * lanes.width))

    return lanes(array, index), build


@instruction
def store(context: Any, array: Any, index: Any, value: Any) -> Any:  # noqa: ARG001 - numba's form of an intrinsic
    """Put `value` into element `index` of a one-dimensional array of lanes."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = vector_of(2 * value.width)
        pointer = element_pointer(context, builder, (signature.args[0], arguments[0]), arguments[1], vector)
        builder.store(arguments[2], pointer, align=min(64, 8 * value.width))
        return context.get_dummy_value()

    return types.void(array, index, value), build


@instruction
def nothing(context: Any, array: Any) -> Any:  # noqa: ARG001 - numba's form of an intrinsic
    """Return zero in every lane that `array` has."""
    lanes = Lanes(array.dtype.count // 8)

    def build(_context: Any, _builder: Any, _signature: Any, _arguments: Any) -> Any:
        return _signs(lanes.width, 0.0, 0.0)

    return lanes(array), build


@instruction
def conjugate(context: Any, value: Any) -> Any:  # noqa: ARG001 - numba's form of an intrinsic
    """Return the complex conjugate in every lane."""

    def build(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fmul(arguments[0], _signs(value.width, 1.0, -1.0))

    return value(value), build


@instruction
def times_i(context: Any, value: Any) -> Any:  # noqa: ARG001 - numba's form of an intrinsic
    """Return i times the value in every lane."""

    def build(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fmul(_exchanged(builder, arguments[0], value.width), _signs(value.width, -1.0, 1.0))

    return value(value), build


class _Arithmetic(typing.templates.AbstractTemplate):
    def generic(self, args: Any, _keywords: Any) -> Any:
        partners = (Lanes, types.Float, types.Complex) if self.key is operator.mul else (Lanes,)
        if len(args) == 2 and isinstance(args[0], Lanes) and isinstance(args[1], partners):  # noqa: PLR2004
            second = args[1]
            if isinstance(second, types.Float):
                second = types.float32
            elif isinstance(second, types.Complex):
                second = types.complex64
            return typing.signature(args[0], args[0], second)
        return None


for _operator in (operator.add, operator.sub, operator.mul):
    infer_global(_operator)(type(f"_{_operator.__name__}", (_Arithmetic,), {"key": _operator}))


@lower_builtin(operator.add, Lanes, Lanes)
def _add(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
    return builder.fadd(*arguments, flags=CONTRACT)


@lower_builtin(operator.sub, Lanes, Lanes)
def _subtract(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
    return builder.fsub(*arguments, flags=CONTRACT)


@lower_builtin(operator.mul, Lanes, types.float32)
def _scale(_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    factor = _spread(builder, arguments[1], 2 * signature.args[0].width)
    return builder.fmul(arguments[0], factor, flags=CONTRACT)


@lower_builtin(operator.mul, Lanes, types.complex64)
def _rotate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    width = signature.args[0].width
    factor = context.make_complex(builder, types.complex64, arguments[1])
    real = _spread(builder, factor.real, 2 * width)
    imaginary = builder.fmul(_spread(builder, factor.imag, 2 * width), _signs(width, -1.0, 1.0))
    crossed = builder.fmul(_exchanged(builder, arguments[0], width), imaginary, flags=CONTRACT)
    return builder.fadd(builder.fmul(arguments[0], real, flags=CONTRACT), crossed, flags=CONTRACT)


@lower_builtin(operator.mul, Lanes, Lanes)
def _multiply(_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    width = signature.args[0].width
    first, second = arguments
    real = shuffled(builder, second, second, [*range(width)] * 2)
    imaginary = shuffled(builder, second, second, [*range(width, 2 * width)] * 2)
    imaginary = builder.fmul(imaginary, _signs(width, -1.0, 1.0))
    crossed = builder.fmul(_exchanged(builder, first, width), imaginary, flags=CONTRACT)
    return builder.fadd(builder.fmul(first, real, flags=CONTRACT), crossed, flags=CONTRACT)
