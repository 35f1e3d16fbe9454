"""`python -m tests.fuzz.guided networks FOLDER -max_total_time=600`: cases of one target that coverage leads to.

Needs atheris, which is no dependency of anything here (`pip install atheris`). It begins with cases that the target
makes, keeps in `FOLDER` those that reach what none before did, and ends at the first traceback, crash or hang, whose
case it leaves there. What follows the folder are options of libFuzzer.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from random import Random

import atheris

from tests.fuzz.case import Case

SEEDS = 300
"""Cases that it begins with."""

OPTIONS = ("-timeout=30", "-rss_limit_mb=2000", "-max_len=40000")
"""Much slower than without it: the limit of 5 s would be met by what takes one."""


def main(name: str, folder: Path, *options: str) -> None:
    """Try cases until an option, or a finding, ends it."""
    with atheris.instrument_imports(include=["tomopy_edge"]):
        target = import_module(f"tests.fuzz.{name}")
    from tomopy_edge.errors import EdgeError

    target.prepare()
    tried = getattr(target, "careful", target.attempt)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(SEEDS):
        file, content = next(iter(target.make(Random(number)).files.items()))  # noqa: S311 - cases, no secrets
        if file != "manifest.json":
            named = file
            (folder / hashlib.sha256(content).hexdigest()).write_bytes(content)

    def attempt(content: bytes) -> None:
        case = Case({named: content})
        with tempfile.TemporaryDirectory() as place, suppress(EdgeError):
            tried(case.write(Path(place)), case)

    atheris.Setup([sys.argv[0], *OPTIONS, f"-artifact_prefix={folder}/", *options, str(folder)], attempt)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
