"""What a reconstruction was made with, added to the attributes of its OME-Zarr image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tomopy_edge.writers.durable import put_text
from tomopy_edge.writers.failures import told
from tomopy_edge.writers.zarr_metadata import DOCUMENT

OURS = "tomopy_edge"
"""The attribute, beside `ome`, which OME-Zarr 0.5 keeps to itself; others may have any name."""


def write_parameters(store: Path, parameters: Mapping[str, Any]) -> None:
    """Add to a store what it was made with, or put that in the place of what is said there.

    Parameters
    ----------
    store : that `ZarrWriter` wrote
    parameters : plain data

    Raises
    ------
    OutputError : where the store is not there or cannot be written to
    """
    with told(store):
        document = json.loads((store / DOCUMENT).read_bytes())
        document["attributes"][OURS] = parameters
        put_text(store / DOCUMENT, json.dumps(document, indent=2))
