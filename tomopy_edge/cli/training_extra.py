"""What verbs that train or convert networks need beside the package: Keras, and the backend that can do it."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec

from tomopy_edge.errors import EdgeError

SMALL_TALK = re.compile(rb"WARNING: All log messages before absl::InitializeLog|I\d{4} ")
"""How lines begin that TensorFlow writes while it is imported: nobody can act upon them, and no variable stops them."""


def require_training() -> None:
    """Import Keras with its backend, quietly, or raise an `EdgeError` where one is missing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    missing = [name for name in ("keras", os.environ.get("KERAS_BACKEND", "tensorflow")) if find_spec(name) is None]
    if missing:
        raise EdgeError(
            f"{' and '.join(missing)} cannot be imported; install them with: pip install 'tomopy-edge[train]'"
        )
    with without_small_talk():
        import_module("keras")


def require_tensorflow(verb: str) -> None:
    """Do as `require_training`, and raise an `EdgeError` where Keras computes in another backend than TensorFlow.

    Parameters
    ----------
    verb : what needs it, for the message: .tflite files are converted from what TensorFlow traced
    """
    require_training()
    import keras

    backend = keras.config.backend()
    if backend != "tensorflow":
        raise EdgeError(
            f"{verb}: Keras computes in {backend}, and .tflite files are made from TensorFlow alone; set "
            "KERAS_BACKEND=tensorflow for this command (.keras files that were trained in other backends load fine)"
        )


@contextmanager
def without_small_talk() -> Iterator[None]:
    """Hold back what libraries write to the standard error while they start, and then write it but for `SMALL_TALK`."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            caught.seek(0)
            for line in caught:
                if not SMALL_TALK.match(line):
                    os.write(2, line)
