"""Which of its denoising networks a model folder advises, while the networks in it change."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from tomopy_edge.errors import ModelError
from tomopy_edge.networks.network_file import Precision

log = logging.getLogger(__name__)

PLAIN: Precision = "int8"
"""What is advised where nobody said anything else."""


def with_advice(denoise: dict[str, Any], asked: Precision | None, folder: Path) -> dict[str, Any]:
    """Return the block of a denoiser, as JSON, with what it advises; see `networks.manifest.NetworkSet.advised`.

    Parameters
    ----------
    denoise : the block; what it advised so far is taken for old advice
    asked : what to advise; None keeps the old advice where there is still such a network, and takes int8 where not
    folder : of the model, for messages

    Raises
    ------
    ModelError : where there is no network of that precision
    """
    held = {entry["precision"] for entry in denoise["networks"]}
    old = denoise.get("advised")
    advised = asked or (old if old in held else PLAIN)
    if advised not in held:
        raise ModelError(
            f"{folder}: holds no {advised} network that it could advise (it holds: {', '.join(sorted(held))})"
        )
    if asked is None and old is not None and old != advised:
        log.warning("%s: advised its %s network, which is gone; it advises %s now", folder, old, advised)
    files = {kind: denoise[kind] for kind in ("networks", "onnx") if kind in denoise}
    return {name: value for name, value in denoise.items() if name not in files} | {"advised": advised} | files
