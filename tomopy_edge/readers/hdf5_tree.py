"""Where things stand in an HDF5 file: finding datasets, following links, and saying what is there when one is not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tomopy_edge.errors import DataError, did_you_mean
from tomopy_edge.readers.claims import NONSENSE, attribute

if TYPE_CHECKING:
    import h5py

LISTED = 12
"""How many members of a file a message lists."""


def names(group: h5py.Group) -> list[str]:
    """Return the names of what a group holds; those that are no text as Python would write them."""
    return [name if isinstance(name, str) and name.isprintable() else repr(name) for name in group]


def contents(group: h5py.Group) -> str:
    """Return what a group holds, two levels deep, in words for a message."""
    import h5py

    found = []
    for name in names(group):
        member = _resolve(group, name)
        inner = (
            [f"{name}/{_described(member, inside)}" for inside in names(member)]
            if isinstance(member, h5py.Group)
            else []
        )
        found += inner or [_described(group, name)]
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return (", ".join(found[:LISTED]) + more) if found else "nothing"


def find_dataset(group: h5py.Group, path: str) -> h5py.Dataset:
    """Return the dataset at `path` below `group`, through links.

    Raises
    ------
    DataError : where it is not there, saying what is; where a link leads nowhere, naming the file it looked for
    """
    import h5py

    place = group
    for name in path.strip("/").split("/"):
        here = f"{place.name.rstrip('/')}/{name}"
        if not isinstance(place, h5py.Group) or name not in names(place):
            held = contents(place) if isinstance(place, h5py.Group) else "is a dataset"
            near = did_you_mean(name, names(place)) if isinstance(place, h5py.Group) else ""
            raise DataError(
                f"{group.file.filename}: no {path if path.startswith('/') else here}; {place.name} holds {held}{near}"
            )
        member = _resolve(place, name)
        if member is None:
            raise DataError(f"{group.file.filename}: {here} {_lost(place, name)}")
        place = member
    if isinstance(place, h5py.Datatype):
        raise DataError(f"{group.file.filename}: {place.name} is a type, and should be a dataset")
    if not isinstance(place, h5py.Dataset):
        raise DataError(
            f"{group.file.filename}: {place.name} is a group, and should be a dataset; it holds {contents(place)}"
        )
    if place.shape is None:
        raise DataError(f"{group.file.filename}: {place.name} is empty")
    _expect_sources(place)
    return place


def get_dataset(group: h5py.Group, path: str) -> h5py.Dataset | None:
    """Return the dataset at `path` below `group`, or None where it is not there or its link leads nowhere.

    Raises
    ------
    DataError : where it is there and cannot be opened: to do without would be a guess
    """
    import h5py

    try:
        member = group[path]
    except NONSENSE as error:
        if isinstance(group.get(path, getlink=True), h5py.HardLink):
            raise DataError(f"{group.file.filename}: {path} is there, but damaged ({error})") from error
        return None
    return member if isinstance(member, h5py.Dataset) and member.shape is not None else None


def text_attribute(member: h5py.HLObject, name: str) -> str | None:
    """Return an attribute as text, or None where there is none."""
    value = attribute(member, name)
    return None if value is None else text(value)


def text(value: Any) -> str:
    """Return what HDF5 holds as text: bytes, str, or the first of an array of them."""
    flat = np.ravel(np.asarray(value))
    first = flat[0] if flat.size else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)


def _resolve(group: h5py.Group, name: str) -> Any:
    try:
        return group[name]
    except NONSENSE:
        return None


def _described(group: h5py.Group, name: str) -> str:
    import h5py

    member = _resolve(group, name)
    if member is None:
        return f"{name} (a link to nowhere)"
    if not isinstance(member, h5py.Dataset):
        return f"{name}/"
    try:
        return f"{name} {member.shape} {member.dtype}"
    except NONSENSE:
        return f"{name} (damaged)"


def _lost(group: h5py.Group, name: str) -> str:
    """Return where a broken link should have led, in words."""
    import h5py

    link = group.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        target = Path(group.file.filename).parent / link.filename
        if not target.exists():
            return f"is a link into another file, {target}, which is not there; put it beside this one"
        return f"is a link to {link.path} in {target}, which does not hold it or cannot be opened"
    if isinstance(link, h5py.SoftLink):
        return f"is a link to {link.path}, which is not there"
    return "cannot be opened"


def _expect_sources(dataset: h5py.Dataset) -> None:
    # HDF5 reads what is missing from a virtual dataset as zeros, without a word.
    if not dataset.is_virtual:
        return
    _expect_no_circle(dataset, (), set())
    folder = Path(dataset.file.filename).parent
    for source in {source.file_name for source in dataset.virtual_sources()}:
        found = source == "." or "%" in source or (folder / source).exists() or Path(source).exists()
        if not found:
            raise DataError(
                f"{dataset.file.filename}: {dataset.name} is put together from other files, and {folder / source} is "
                "not there; put it beside this one"
            )


def _expect_no_circle(dataset: h5py.Dataset, above: tuple[str, ...], done: set[str]) -> None:
    """Refuse a virtual dataset that is put together from itself: HDF5 goes down into it until it crashes."""
    import h5py

    if dataset.name in above:
        raise DataError(f"{dataset.file.filename}: {dataset.name} is put together from itself")
    if not dataset.is_virtual or dataset.name in done:
        return
    done.add(dataset.name)
    for name in {source.dset_name for source in dataset.virtual_sources() if source.file_name == "."}:
        if isinstance(source := _resolve(dataset.file, name), h5py.Dataset):
            _expect_no_circle(source, (*above, dataset.name), done)
