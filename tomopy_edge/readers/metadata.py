"""Carries what a raw file says about a scan over into another HDF5 file, without its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import h5py

LARGEST = 2**20
"""Bytes of the largest dataset that is copied."""

MOST_AXES = 2
"""Datasets with more axes are stacks of images."""

LEFT_OUT = "not_copied"
"""Attribute of the target that lists what was not copied, one path on a line."""


def copy_tree(source: h5py.Group, target: h5py.Group, renamed: dict[str, str]) -> None:
    """Copy groups, attributes and small datasets.

    Not copied are stacks of images, datasets above 1 MiB, links that lead nowhere, and names that `target` has
    already; the attribute `not_copied` of `target` lists them.

    Parameters
    ----------
    source : root of the raw file
    target : group to copy into
    renamed : names in `source` that get another name in `target`
    """
    left_out: list[str] = []
    _copy_attributes(source, target)
    for name in source:
        _copy_member(source, name, target, renamed.get(name, name), left_out)
    if left_out:
        target.attrs[LEFT_OUT] = "\n".join(left_out)


def _copy_member(source: h5py.Group, name: str, target: h5py.Group, new_name: str, left_out: list[str]) -> None:
    import h5py

    place = f"{source.name.rstrip('/')}/{name}"
    # A linked group stands somewhere else as well, and may even hold the link.
    hard = isinstance(source.get(name, getlink=True), h5py.HardLink)
    try:
        member = source[name]
    except (KeyError, OSError):
        left_out.append(f"{place} (a link to nowhere)")
        return
    if isinstance(member, h5py.Group):
        if hard and not isinstance(target.get(new_name), h5py.Dataset):
            group = target.require_group(new_name)
            _copy_attributes(member, group)
            for inner in member:
                _copy_member(member, inner, group, inner, left_out)
    elif new_name in target or not _is_small(member):
        left_out.append(place)
    elif isinstance(member, h5py.Dataset):
        copy = target.create_dataset(new_name, data=member[()], dtype=member.dtype)
        _copy_attributes(member, copy)


def _is_small(member: h5py.HLObject) -> bool:
    import h5py

    return not isinstance(member, h5py.Dataset) or (member.ndim <= MOST_AXES and member.nbytes <= LARGEST)


def _copy_attributes(source: h5py.HLObject, target: h5py.HLObject) -> None:
    import h5py

    for name, value in source.attrs.items():
        # References point into the raw file; here they would point nowhere.
        kind = h5py.check_ref_dtype(getattr(value, "dtype", None)) if hasattr(value, "dtype") else None
        if kind is None and not isinstance(value, h5py.Reference) and name not in target.attrs:
            target.attrs[name] = value
