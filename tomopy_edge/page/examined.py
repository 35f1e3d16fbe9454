"""What a report says of examined slices, as a page needs it: also where an older or newer version has written it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from tomopy_edge.trust.findings import Findings

if TYPE_CHECKING:
    from pydantic import TypeAdapter

log = logging.getLogger(__name__)

WORDS = ("OK", "CHECK", "STOP")
"""That a verdict can be."""


@dataclass(frozen=True)
class Examined:
    """The block `trust` of a report.

    Attributes
    ----------
    word : OK, CHECK or STOP; "" where no slice was examined
    line : what the findings come to, in one line
    findings : row -> what was found out about it, by row
    flagged : row -> reasons
    limits : number -> from where on a slice is flagged
    unread : examined rows whose findings are not in the report, or cannot be read
    """

    word: str
    line: str
    findings: dict[int, Findings]
    flagged: dict[int, tuple[str, ...]]
    limits: dict[str, float]
    unread: tuple[int, ...] = ()

    @property
    def rows(self) -> tuple[int, ...]:
        """All rows that were examined or flagged."""
        return tuple(sorted({*self.findings, *self.unread, *self.flagged}))


def examined_of(trust: Mapping[str, Any] | None) -> Examined | None:
    """Return the block `trust` of a report; None where there is none.

    Raises
    ------
    ValueError, LookupError, TypeError, AttributeError : where it is something else
    """
    if trust is None:
        return None
    read = [_findings(one) for one in trust["slices"]]
    findings = {one.row: one for one in read if one is not None}
    rows = [int(row) for row in trust["examined"]]
    flagged = {int(row): tuple(str(reason) for reason in reasons) for row, reasons in trust["flagged"].items()}
    return Examined(
        word=trust["verdict"] if trust["verdict"] in WORDS and rows else "",
        line=str(trust["line"]),
        findings=dict(sorted(findings.items())),
        flagged=dict(sorted(flagged.items())),
        limits={str(name): float(limit) for name, limit in trust["limits"].items()},
        unread=tuple(row for row in rows if row not in findings),
    )


@cache
def _reader() -> TypeAdapter[Findings]:
    # To make one takes a hundred times as long as to use it.
    from pydantic import TypeAdapter

    return TypeAdapter(Findings)


def _findings(plain: object) -> Findings | None:
    from pydantic import ValidationError

    try:
        return _reader().validate_python(plain)
    except ValidationError as error:
        log.warning("findings of a slice cannot be shown: %s", error)
        return None
