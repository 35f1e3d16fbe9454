"""What a way to an NVIDIA GPU must offer: memory, streams and copies that overlap with what it computes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from tomopy_edge.data import Float32
from tomopy_edge.errors import BackendError

NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING: a stream that does not wait for what others give to no stream."""


class Gpu(ABC):
    """One GPU, in its primary context: the one that CUDA's runtime, and with it TensorRT, works in.

    Memory and streams stay until `close`, which gives all of them back. They are made and used within `current`, from
    any thread. The context itself stays until the process ends, as it does for CUDA's runtime: what TensorRT made in it
    may be let go of later than the memory, and must find it there.

    Attributes
    ----------
    device : its name in recipes, such as "cuda:0"
    name : its maker's name for it
    capability : its compute capability, such as "8.7"
    """

    def __init__(self, device: str, name: str, capability: str) -> None:
        self.device, self.name, self.capability = device, name, capability
        self._held = ExitStack()

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make this GPU the one that CUDA's calls in this thread mean."""
        self._push()
        try:
            yield
        finally:
            self._pop()

    def close(self) -> None:
        """Give back what was reserved; nothing may be under way in a stream."""
        # One that was lost takes nothing back, and was told of when it was lost.
        with suppress(BackendError), self.current():
            self._held.close()

    @abstractmethod
    def reserve(self, size: int) -> int:
        """Return the address of `size` bytes of device memory."""

    @abstractmethod
    def pinned(self, shape: tuple[int, ...]) -> Float32:
        """Return host memory of a shape that is locked in place: only then does a copy run while the GPU computes."""

    @abstractmethod
    def stream(self) -> int:
        """Return a new stream: what is given to one is done in turn, what is given to two may overlap."""

    @abstractmethod
    def upload(self, pinned: Float32, address: int, stream: int) -> None:
        """Copy pinned memory to the GPU, in turn in a stream; `pinned` must stay as it is until `wait`."""

    @abstractmethod
    def download(self, address: int, pinned: Float32, stream: int) -> None:
        """Fill pinned memory from the GPU, in turn in a stream; it holds nothing before `wait`."""

    @abstractmethod
    def wait(self, stream: int) -> None:
        """Wait until all that a stream was given is done."""

    @abstractmethod
    def _push(self) -> None: ...

    @abstractmethod
    def _pop(self) -> None: ...
