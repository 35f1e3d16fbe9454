"""Have an Edge TPU for one process at a time: the only module that knows how processes of ours agree on that.

libedgetpu does not. It resets a USB stick that it opens, also one that another process works with, which that process
does not survive (its `UsbDriver::PrepareUsbDevice`; google-coral/edgetpu#237 and #645). A lock on a file that the place
of the device is named in keeps at least our own runs, and `tomopy-edge doctor`, from doing that to each other.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tomopy_edge.errors import BackendError
from tomopy_edge.networks.edge_tpu_library import Device


@contextmanager
def claimed(device: Device) -> Iterator[None]:
    """Have a device until the block, or the process, ends.

    Raises
    ------
    BackendError : where another process of this package has it
    """
    lock = _opened(lock_file(device))
    if lock is None:
        yield
        return
    import fcntl  # not under Windows, where no Edge TPU is used

    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackendError(
                f"the Edge TPU {device.name} ({device.place}) is in use by another run of tomopy-edge; wait for that "
                "to end, or name another device"
            ) from None
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(lock)


def lock_file(device: Device) -> Path:
    """Return the file whose lock stands for a device, for all who have the same folder for temporary files."""
    return Path(tempfile.gettempdir(), f"tomopy-edge-{re.sub('[^A-Za-z0-9.]+', '-', device.place).strip('-')}.lock")


def _opened(file: Path) -> int | None:
    """Return a descriptor of the file, which is made where it is not there; None where this user may do neither."""
    # Not one call with both: in a shared folder Linux refuses O_CREAT to those who do not own a file that is there.
    with suppress(OSError):
        lock = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.fchmod(lock, 0o644)
        return lock
    try:
        return os.open(file, os.O_RDONLY)
    except OSError:
        return None
