"""Which filters a dataset was compressed with, and how those that HDF5 does not bring along are found."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tomopy_edge.errors import DataError
from tomopy_edge.readers.hdf5_chunks import stored

if TYPE_CHECKING:
    import h5py

INSTALL = "pip install hdf5plugin"

KNOWN = {
    32000: "lzf",
    32001: "blosc",
    32004: "lz4",
    32008: "bitshuffle",
    32013: "zfp",
    32015: "zstd",
    32017: "sz",
    32026: "blosc2",
}
"""Filters as The HDF Group registered them, for files that give the number alone."""


def expect_filters(dataset: h5py.Dataset, place: str) -> None:
    """Make sure that `dataset` can be unpacked, with the filters of hdf5plugin where it needs them.

    Parameters
    ----------
    place : what to call the dataset in messages

    Raises
    ------
    DataError : where a filter is missing, which is named
    """
    missing = _missing(dataset)
    if not missing:
        return
    try:
        plugin = importlib.import_module("hdf5plugin")
    except ImportError as error:
        raise DataError(
            f"{place}: is compressed by {_listed(missing)}, which HDF5 does not bring along; `{INSTALL}` does ({error})"
        ) from error
    if missing := _missing(dataset):
        raise DataError(
            f"{place}: is compressed by {_listed(missing)}, which hdf5plugin {plugin.version} does not have either; "
            f"`{INSTALL} --upgrade` may, or name the folder of the filter in HDF5_PLUGIN_PATH"
        )


def _missing(dataset: h5py.Dataset) -> dict[int, str]:
    """Return number and name of the filters that are not here."""
    import h5py

    with stored(dataset) as source:
        if source is None:
            return {}
        settings = source.id.get_create_plist()
        filters = [settings.get_filter(n) for n in range(settings.get_nfilters())]
    return {
        number: KNOWN.get(number) or name.decode(errors="replace").split(";")[0].strip()
        for number, _, _, name in filters
        if not h5py.h5z.filter_avail(number)
    }


def _listed(filters: dict[int, str]) -> str:
    return " and ".join(f"the filter {name or 'without a name'} ({number})" for number, name in filters.items())
