"""What the checks could not tell of a scan: a verdict that rests on fewer of them must not look like one of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tomopy_edge.page.examined import Examined
from tomopy_edge.page.words import many
from tomopy_edge.trust.findings import Findings


@dataclass(frozen=True)
class Untold:
    """Something that a check may be unable to tell of a slice.

    Attributes
    ----------
    what : it would tell
    why : it cannot
    of : whether it could not, by the findings of a slice
    """

    what: str
    why: str
    of: Callable[[Findings], bool]


UNTOLD = (
    Untold(
        "whether the slices contradict the scan",
        "they could not be compared with it",
        lambda found: found.consistency is None,
    ),
    Untold(
        "what denoising gained, and whether it took more than noise away",
        "halves of the views could not be compared",
        lambda found: found.halves is None,
    ),
    Untold(
        "what error is left",
        "the views are too few",
        lambda found: found.halves is not None and found.halves.error_left is None,
    ),
    Untold(
        "whether contrast was kept",
        "halves of the views tell none",
        lambda found: found.halves is not None and found.halves.contrast is None,
    ),
    Untold(
        "whether edges are blurred",
        "halves of the views agree on no edges",
        lambda found: found.residual is not None and found.residual.blur is None,
    ),
    Untold("whether grey values moved", "no material could be measured", lambda found: not found.grey),
)


def untold(examined: Examined) -> str:
    """Return in one sentence what could not be told of some of the slices, or of all, and why; "" where nothing."""
    slices = [*examined.findings.values()]
    parts = []
    for one in UNTOLD:
        count = sum(one.of(found) for found in slices)
        if count:
            some = "" if count == len(slices) else f", in {count} of {many(len(slices), 'slice')}"
            parts.append(f"{one.what} ({one.why}{some})")
    return f"The checks could not tell {'; '.join(parts)}." if parts else ""
