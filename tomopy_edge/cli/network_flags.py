"""The flags that verbs which export networks share; each verb says its own default."""

from __future__ import annotations

import argparse

from tomopy_edge.cli.scan_options import positive

Flags = argparse.ArgumentParser | argparse._ArgumentGroup  # noqa: SLF001 - the only name that argparse has for it
"""What flags are added to."""


def add_tiles(flags: Flags, default: tuple[int, ...] | None, *, told: str, of: str = "the tiles") -> None:
    """Add the sizes of tiles; None leaves the default to the library, `told` says what it is."""
    flags.add_argument(
        "--tiles", type=positive, nargs="+", default=default, help=f"edges of {of}, pixels (default: {told})"
    )


def add_samples(flags: Flags, default: int) -> None:
    """Add the number of tiles that ranges are measured on, and the seed that draws them."""
    flags.add_argument(
        "--samples", type=positive, default=default, help=f"tiles to measure int8 ranges on (default: {default})"
    )
    add_seed(flags, "their drawing")


def add_seed(flags: Flags, of: str) -> None:
    """Add the seed of what is drawn."""
    flags.add_argument("--seed", type=int, default=1, help=f"of {of} (default: 1)")


def add_aware_minutes(flags: Flags) -> None:
    """Add the time for quantization-aware training."""
    flags.add_argument(
        "--aware-minutes", type=float, metavar="MINUTES", help="time to train on as an int8 network (default: none)"
    )
