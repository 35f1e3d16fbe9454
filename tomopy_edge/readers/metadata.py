"""Carries what a raw file says about a scan over into another HDF5 file, without its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomopy_edge.errors import DataError
from tomopy_edge.readers.claims import NONSENSE, attribute, size_of
from tomopy_edge.readers.hdf5_tree import names

if TYPE_CHECKING:
    import h5py

LARGEST = 2**20
"""Bytes of the largest dataset that is copied."""

MOST_AXES = 2
"""Datasets with more axes are stacks of images."""

LEFT_OUT = "not_copied"
"""Attribute of the target that lists what was not copied, one path on a line."""

LONGEST = 15_000
"""Characters of that list, and a quarter of the bytes of an attribute that is copied: HDF5 has room for 64 kB."""

UNFIT = (OSError, RuntimeError, TypeError, ValueError)
"""What h5py raises where a value cannot be written; see `_expect_unfit`."""


def copy_tree(source: h5py.Group, target: h5py.Group, renamed: dict[str, str]) -> None:
    """Copy groups, attributes and small datasets.

    Not copied are stacks of images, datasets above 1 MiB, links that lead nowhere, what is damaged, groups that stand
    in several places for a second time, and names that `target` has already; the attribute `not_copied` of `target`
    lists them.

    Parameters
    ----------
    source : root of the raw file
    target : group to copy into
    renamed : names in `source` that get another name in `target`
    """
    left_out: list[str] = []
    _copy_group(source, target, renamed, _Seen(), left_out)
    if left_out:
        told = "\n".join(left_out)
        fits = told if len(told) <= LONGEST else told[:LONGEST] + f"...\nand more, {len(left_out)} in all"
        target.attrs[LEFT_OUT] = fits


class _Seen:
    """The groups that were copied: a group may hold itself."""

    def __init__(self) -> None:
        self._places: set[tuple[int, int]] = set()

    def once(self, group: h5py.Group) -> bool:
        """Return whether `group` comes for the first time."""
        import h5py

        info = h5py.h5o.get_info(group.id)
        place = int(info.fileno), int(info.addr)
        before = place in self._places
        self._places.add(place)
        return not before


def _copy_group(
    source: h5py.Group, target: h5py.Group, renamed: dict[str, str], seen: _Seen, left_out: list[str]
) -> None:
    place = source.name.rstrip("/")
    try:
        held = names(source) if seen.once(source) else None
    except NONSENSE as error:
        left_out.append(f"{place or '/'} (damaged: {error})")
        return
    if held is None:
        left_out.append(f"{place} (stands elsewhere)")
        return
    _copy_attributes(source, target, left_out)
    for name in held:
        _copy_member(source, name, target, renamed.get(name, name), seen, left_out)


def _copy_member(
    source: h5py.Group, name: str, target: h5py.Group, new_name: str, seen: _Seen, left_out: list[str]
) -> None:
    import h5py

    place = f"{source.name.rstrip('/')}/{name}"
    try:
        # A linked group stands somewhere else as well, and may even hold the link.
        hard = isinstance(source.get(name, getlink=True), h5py.HardLink)
        member = source[name]
        small = isinstance(member, h5py.Dataset) and member.ndim <= MOST_AXES and size_of(member) <= LARGEST
        value = member[()] if small and new_name not in target else None
    except NONSENSE:
        left_out.append(f"{place} (a link to nowhere)")
        return
    if isinstance(member, h5py.Group):
        if hard and not isinstance(target.get(new_name), h5py.Dataset):
            _copy_group(member, target.require_group(new_name), {}, seen, left_out)
    elif value is None:
        left_out.append(place)
    else:
        try:
            copy = target.create_dataset(new_name, data=value, dtype=member.dtype)
        except UNFIT as error:
            _expect_unfit(error)
            left_out.append(f"{place} ({error})")
            if new_name in target:
                del target[new_name]
            return
        _copy_attributes(member, copy, left_out)


def _copy_attributes(source: h5py.HLObject, target: h5py.HLObject, left_out: list[str]) -> None:
    import h5py

    try:
        held = list(source.attrs)
    except NONSENSE as error:
        left_out.append(f"{source.name} (its attributes are damaged: {error})")
        return
    for name in held:
        try:
            value = attribute(source, name)
            # References point into the raw file; here they would point nowhere.
            kind = h5py.check_ref_dtype(getattr(value, "dtype", None)) if hasattr(value, "dtype") else None
            if value is None or kind is not None or isinstance(value, h5py.Reference) or name in target.attrs:
                continue
            if getattr(value, "nbytes", len(str(value))) > 4 * LONGEST:
                raise ValueError("too large for an attribute")
            target.attrs[name] = value
        except (DataError, *UNFIT) as error:
            _expect_unfit(error)
            left_out.append(f"{source.name}@{name!r} ({error})")


def _expect_unfit(error: Exception) -> None:
    """Raise an error again that the system caused, such as that a disk is full: it is no fault of the value."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error
