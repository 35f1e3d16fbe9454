"""What outlasts a call: HTTomo calls a method for block after block, in each of its processes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any, Protocol, TypeVar

log = logging.getLogger(__name__)


class _Closing(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=_Closing)

_KEPT: dict[Hashable, Any] = {}


@contextmanager
def kept(key: Hashable, make: Callable[[], C], comm: Any) -> Iterator[C]:
    """Yield what `make` makes: the same for all blocks of a pipeline, or for one call alone where there is none.

    Parameters
    ----------
    key : tells what was made for other settings, or another scan
    comm : HTTomo's communicator, None outside of a pipeline. With it, what was made lives as long as the process.
    """
    if comm is None:
        alone = make()
        try:
            yield alone
        finally:
            alone.close()
        return
    found = _KEPT.get(key)
    if found is None:
        found = _KEPT[key] = make()
    yield found


def agreed(unit: float | None, comm: Any) -> float | None:
    """Return the one unit of all processes: the median of what each measured on its first block.

    All processes of `comm` must call this as often as each other; those that measured nothing have no say.
    """
    if comm is None or comm.Get_size() == 1:
        return unit
    found = [each for each in comm.allgather(unit) if each is not None]
    if not found:
        return None
    log.info("units measured by %d processes: %g to %g", len(found), min(found), max(found))
    return float(median(found))
