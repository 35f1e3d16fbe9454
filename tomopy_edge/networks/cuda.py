"""Which NVIDIA GPUs there are, and the way to them: cuda-bindings or PyCUDA, whichever is there."""

from __future__ import annotations

from importlib import import_module

from tomopy_edge.errors import BackendError
from tomopy_edge.networks.cuda_bindings import MENDED, NO_DEVICE, BindingsGpu
from tomopy_edge.networks.cuda_pycuda import PyCudaGpu
from tomopy_edge.networks.gpu import Gpu


def devices() -> tuple[str, ...]:
    """Return the GPUs of this machine, such as ("cuda:0",).

    Raises
    ------
    BackendError : where there is none, or no way to it
    """
    _, count = _way()
    if not count:
        raise BackendError(f"the NVIDIA driver finds no GPU; {MENDED[NO_DEVICE]}")
    return tuple(f"cuda:{n}" for n in range(count))


def open_gpu(device: str) -> Gpu:
    """Return a GPU, one of those that `devices` names, ready for use.

    Raises
    ------
    BackendError : where the driver does not give it
    """
    kind, _ = _way()
    try:
        return kind(device)
    except BackendError as fault:
        raise BackendError(f"{device}: {fault}") from fault


def _way() -> tuple[type[BindingsGpu | PyCudaGpu], int]:
    """Return what reaches the GPUs, after it started the driver, and how many GPUs there are."""
    faults = []
    for module, kind in (("cuda.bindings.driver", BindingsGpu), ("pycuda.driver", PyCudaGpu)):
        try:
            import_module(module)
        except ImportError as error:  # noqa: PERF203 - two turns
            faults.append(str(error))
        else:
            return kind, kind.count()
    raise BackendError(
        f"neither cuda-bindings nor pycuda can be imported ({'; '.join(faults)}); pip install cuda-bindings, and for a "
        "driver of CUDA 12 'cuda-bindings<13'"
    )
