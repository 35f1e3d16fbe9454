"""How kernels are compiled: by numba, once for each machine, and free of Python's global lock.

A kernel's machine code is kept beside its module and made anew when that module changes, but not when a module that it
takes operations or constants from does: after editing `fbp.lanes`, `fbp.transposition` or `fbp.gridding`, clear
`__pycache__`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

import numba  # noqa: TID253 - the compiled kernels are all that import this module, themselves imported when used
from numba import extending  # noqa: TID253

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function, error_model: Literal["python", "numpy"] = "python") -> Function:
    """Compile a function when it is first called with arguments of some types.

    Parameters
    ----------
    function : to compile
    error_model : what a division by zero does: "python" checks for it each time and raises, "numpy" gives infinity
    """
    compiled: dict[str, Any] = {"nogil": True, "error_model": error_model}
    try:
        return cast(Function, numba.njit(cache=True, **compiled)(function))
    except RuntimeError:  # there is no folder that the machine code could be kept in
        return cast(Function, numba.njit(**compiled)(function))


def instruction(build: Callable[..., Any]) -> Callable[..., Any]:
    """Make an operation that kernels can call from a function that generates its machine instructions.

    The function takes numba's typing context and the types of the arguments, and returns the operation's signature and
    a function that builds its instructions with llvmlite.
    """
    return cast(Callable[..., Any], extending.intrinsic(build))
