"""How long the package takes to start: its import, its command, and its first reconstruction, beside numpy's import.

    python benchmarks/startup.py [--runs 9] [--json FILE]

Each is a process of its own, with byte code and a warm disk cache: a first turn is not counted. All take turns. Times
are medians with their quartiles. The limit is an empty process, and "more" what each takes more than that; "x numpy"
tells how many times as fast as the import of numpy it is. The first reconstruction on a machine compiles kernels: that
is told apart, once, with an empty folder to keep them in.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial

from turns import Contestant, Row, parser_of, published, take_turns

RECONSTRUCT = """
import numpy as np
from tomopy_edge.fbp import fbp
fbp(np.zeros((1, 64, 64), np.float32), np.linspace(0, np.pi, 64, endpoint=False), 32.0)
"""

COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "import numpy": ("-c", "import numpy"),
    "import tomopy_edge": ("-c", "import tomopy_edge"),
    "from tomopy_edge import run": ("-c", "from tomopy_edge import run"),
    "tomopy-edge --help": ("-m", "tomopy_edge", "--help"),
    "tomopy-edge run --help": ("-m", "tomopy_edge", "run", "--help"),
    "a first reconstruction, kernels kept": ("-c", RECONSTRUCT),
}

COMPILED = "the same, kernels compiled"


def main() -> None:
    """Measure and print the table."""
    args = parser_of(__doc__, runs=9).parse_args()
    with published(args, f"processes from start to end, medians of {args.runs} in turns; s") as table:
        ours = [Contestant({"process": name}, partial(ended, *words)) for name, words in COMMANDS.items()]
        take_turns(ours, args.runs)
        empty, numpy = ours[0], ours[1]
        with tempfile.TemporaryDirectory() as folder:
            compiling = Contestant(
                {"process": COMPILED}, partial(ended, "-c", RECONSTRUCT, NUMBA_CACHE_DIR=folder), slow=True
            )
            take_turns([compiling], 1)
        table.extend(_line(one, empty, numpy) for one in (*ours, compiling))


def _line(one: Contestant, empty: Contestant, numpy: Contestant) -> Row:
    figures = one.figures("s")
    more = figures["s"] - empty.figures("s")["s"]
    return {**one.title, **figures, "more": more, "x numpy": one.times(numpy)}


def ended(*words: str, **settings: str) -> None:
    """Run Python, which may write byte code, until it ends."""
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=surroundings | settings)  # noqa: S603 - our own


if __name__ == "__main__":
    main()
