"""What a runtime must offer to run a network, and what all of them must hold, checked here once."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.codes import QuantParams
from tomopy_edge.errors import BackendError, ModelError


@dataclass(frozen=True)
class Ends:
    """What a network takes and gives.

    Attributes
    ----------
    shape : (tile, y, x, channel) that it takes at once; it gives (tile, y, x)
    input_params, output_params : how either end is quantized, as int8 codes; None for a network of float32
    io : what its file takes and gives; codes of uint8 are hidden from callers, they are the int8 ones, 128 higher
    """

    shape: tuple[int, int, int, int]
    input_params: QuantParams | None = None
    output_params: QuantParams | None = None
    io: Literal["int8", "uint8", "float32"] = "float32"

    @property
    def kind(self) -> type[np.int8 | np.float32]:
        """The type of what callers give and get."""
        return np.float32 if self.io == "float32" else np.int8


def slice_shape(
    inputs: Sequence[Sequence[Any]], outputs: Sequence[Sequence[Any]], source: Path
) -> tuple[int, int, int, int]:
    """Return the shape (tile, y, x, channel) that a network for slices takes at once.

    Parameters
    ----------
    inputs, outputs : shapes of all that it takes and gives; an edge that is left open is no number, or none above 0
    source : the file, for errors

    Raises
    ------
    ModelError : where there is not one input (tile, y, x, channel) and one output (tile, y, x, 1), of fixed shapes
    """
    if (len(inputs), len(outputs)) != (1, 1):
        raise ModelError(f"{source}: expected one input and one output, got {len(inputs)} and {len(outputs)}")
    taken, given = (
        tuple(int(edge) if isinstance(edge, Integral) else edge for edge in shape) for shape in (*inputs, *outputs)
    )
    fixed = all(isinstance(edge, int) and edge > 0 for edge in taken)
    if len(taken) != 4 or not fixed or given != (*taken[:3], 1):  # noqa: PLR2004 - tile, y, x, channel
        raise ModelError(
            f"{source}: expected an input (tile, y, x, channel) and an output (tile, y, x, 1) of fixed shapes, got "
            f"{taken} and {given}"
        )
    return taken


class Backend(ABC):
    """One network, loaded and ready. Delegates, buffers and device memory stay behind this line.

    A runtime writes `_run` and `_free`. That any number of tiles is taken, that an answer is the caller's, that threads
    take turns and that a closed network is not used, holds for all of them and is written here.

    Parameters
    ----------
    ends : what the network takes and gives
    told : what runs it, for reports, such as "LiteRT 2.3.0, 2 threads"

    Attributes
    ----------
    at_once : tiles that it works on at the same time; slices of fewer tiles are given together
    """

    at_once = 1

    def __init__(self, ends: Ends, told: str) -> None:
        self.ends, self.told = ends, told
        self._turn = threading.Lock()
        self._closed = False

    def infer(self, tiles: NDArray[Any]) -> NDArray[Any]:
        """Return the network's answer (tile, y, x) to any number of `tiles` (tile, y, x, channel).

        Both are int8 codes, or float32 where the network is not quantized.

        Raises
        ------
        ValueError : where the tiles are of another shape or type than the network takes
        RuntimeError : where the network is closed
        BackendError : where the device is lost, or the runtime answers something else than this network does
        """
        wanted = self.ends.shape[1:]
        if tiles.shape[1:] != wanted or tiles.dtype != self.ends.kind:
            raise ValueError(
                f"tiles: expected {np.dtype(self.ends.kind).name} (tile, y, x, channel) with tiles of {wanted}, got "
                f"{tiles.dtype} {tiles.shape}"
            )
        with self._turn:
            if self._closed:
                raise RuntimeError("this network is closed")
            return self._run_all(tiles)

    def close(self) -> None:
        """Give the device back. Closing twice does nothing."""
        with self._turn:
            if not self._closed:
                self._closed = True
                self._free()

    def _run_all(self, tiles: NDArray[Any]) -> NDArray[Any]:
        """Answer all `tiles`, batch by batch; a runtime with several devices deals them out instead."""
        batch = self.ends.shape[0]
        answers = np.empty(tiles.shape[:3], tiles.dtype)
        for first in range(0, len(tiles), batch):
            some = tiles[first : first + batch]
            if len(some) < batch:
                some = np.concatenate([some, np.repeat(some[-1:], batch - len(some), axis=0)])
            answers[first : first + batch] = self._answer(some)[: len(tiles) - first]
        return answers

    def _answer(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Answer a full batch, (tile, y, x, channel) -> (tile, y, x), in the codes that callers see."""
        if self.ends.io != "uint8":
            return self._checked(self._run(np.ascontiguousarray(batch)))
        return _flipped(self._checked(self._run(_flipped(np.ascontiguousarray(batch), np.uint8))), np.int8)

    def _checked(self, answer: NDArray[Any]) -> NDArray[Any]:
        """Return a runtime's own answer as (tile, y, x), or raise a `BackendError` where it is something else."""
        answer, shape = np.asarray(answer), self.ends.shape[:3]
        # Else what is no code would wrap around, and axes in another order change places, without a word.
        if answer.dtype != self.ends.io or answer.shape not in {shape, (*shape, 1)}:
            raise BackendError(
                f"{self.told}: expected an answer of {self.ends.io} {shape}, got {answer.dtype} {answer.shape}; that "
                "is a fault of this runtime, so name another one"
            )
        return answer.reshape(shape)

    @abstractmethod
    def _run(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Return the answer (tile, y, x), or (tile, y, x, 1), to one full batch; its memory may be used again.

        Both are of the type that the file takes.
        """

    @abstractmethod
    def _free(self) -> None:
        """Give the device back; called once."""


def _flipped(codes: NDArray[Any], kind: type[np.int8 | np.uint8]) -> NDArray[Any]:
    """Return codes that are 128 higher as uint8, or 128 lower as int8: the highest bit is the other way round."""
    return (codes.view(np.uint8) ^ np.uint8(128)).view(kind)


CPU = "cpu"
"""What the device of a runtime is called that has no other."""


def keep_silent(_sentence: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Placement:
    """Where and how a network is opened.

    Attributes
    ----------
    threads : that one inference may use
    device : which of the runtime's devices, as its probe names them; None takes the first, or all
    tile : edge that a runtime of whole slices is to open a file for, pixels; None leaves it as it is
    note : takes sentences for the run report, such as that a device was lost; may be called from any thread
    """

    threads: int = 1
    device: str | None = None
    tile: int | None = None
    note: Callable[[str], None] = keep_silent

    def devices(self, runtime: str, there: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the devices that are meant, of those that a runtime has: all of them where none is named.

        Of ("usb:0", "usb:1"), "usb" means both; of a runtime that does not count its GPUs, and so has "cuda" alone,
        "cuda:1" means that one.

        Parameters
        ----------
        runtime : its name, for errors
        there : its devices, as its probe names them; none are the CPU

        Raises
        ------
        BackendError : where there is no such device
        """
        there = tuple(there) or (CPU,)
        if self.device is None:
            return there
        meant = tuple(one for one in there if f"{one}:".startswith(f"{self.device}:"))
        kind, _, number = self.device.partition(":")
        if not meant and kind in there and kind != CPU and number.isdecimal():
            meant = (self.device,)
        if not meant:
            raise BackendError(f"runtime {runtime}: has no device {self.device!r} (there are: {', '.join(there)})")
        return meant


@dataclass(frozen=True)
class Probe:
    """What became of trying a runtime on this machine.

    Attributes
    ----------
    works : whether it can run networks here
    told : what works, or why it does not and how to mend that: one sentence
    version : of the runtime, where it is there at all
    devices : what it runs on, such as ("usb:0", "usb:1"); empty where there is nothing to choose
    """

    works: bool
    told: str
    version: str = ""
    devices: tuple[str, ...] = ()
