"""What verbs that train or convert networks need beside the package: Keras, and the backend that can do it."""

from __future__ import annotations

import os
from importlib.util import find_spec

from tomopy_edge.errors import EdgeError


def require_training() -> None:
    """Quiet TensorFlow, or raise an `EdgeError` where Keras or its backend is missing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    missing = [name for name in ("keras", os.environ.get("KERAS_BACKEND", "tensorflow")) if find_spec(name) is None]
    if missing:
        raise EdgeError(
            f"{' and '.join(missing)} cannot be imported; install them with: pip install 'tomopy-edge[train]'"
        )


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
