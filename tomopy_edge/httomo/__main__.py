"""`python -m tomopy_edge.httomo` enters the methods in HTTomo; with `--remove` it takes them out again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tomopy_edge.errors import EdgeError
from tomopy_edge.httomo.register import HERE, register, unregister


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tomopy_edge.httomo", description=__doc__)
    parser.add_argument("--remove", action="store_true", help="take the methods out of HTTomo again")
    remove: bool = parser.parse_args(argv).remove
    try:
        if remove:
            told = "taken out of HTTomo" if unregister() else "HTTomo did not have them"
        else:
            files = "\n".join(f"  {path}" for path in register())
            told = f"entered in HTTomo:\n{files}\nan example of a pipeline: {HERE.parent / 'pipeline.yaml'}"
    except EdgeError as error:
        sys.stderr.write(f"tomopy_edge.httomo: error: {error}\n")
        return 1
    sys.stdout.write(f"{told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
