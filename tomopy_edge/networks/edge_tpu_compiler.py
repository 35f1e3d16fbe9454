"""Run Google's compiler for the Edge TPU, and read what it says: the only module that knows its command and its log.

Options and file names are those of Coral's page "Edge TPU Compiler" (coral.ai/docs/edgetpu/compiler); its log is read
as users of versions 14 to 16 have published it, as in the issues 189, 686, 829 and 903 of google-coral/edgetpu. The
program itself was never run by us: the tests have scripts in its place.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.networks.edge_tpu import COMPILED
from tomopy_edge.networks.litert import ends_in
from tomopy_edge.networks.tflite_graph import Graph, read_graph

PROGRAM, VARIABLE = "edgetpu_compiler", "EDGETPU_COMPILER"
"""What is looked for on PATH, and the environment variable that names it instead."""

PATIENCE = 1800.0
"""Seconds that one network may take. Version 16 gives itself 180, and says so; older ones say nothing of a limit."""

MAPPED = "Mapped to Edge TPU"
"""Status of the operators that run there; every other one is a reason why they do not."""

HOW_TO_GET = (
    "Google offers it for Linux on x86-64 alone: as the package edgetpu-compiler of Coral's apt repository (deb "
    "https://packages.cloud.google.com/apt coral-edgetpu-stable main), or in a notebook in the browser "
    "(coral.ai/docs/edgetpu/compiler)"
)

UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

CHATTER = (
    "Edge TPU Compiler version",
    "Started a compilation",
    "Compilation child process completed",
    "Compilation failed!",
)
"""How the lines begin that say nothing of why a network was not compiled."""


@dataclass(frozen=True)
class OperatorRow:
    """One line of the compiler's table; an operator has several where some of its kind map and others do not.

    Attributes
    ----------
    operator : as the file format's schema calls it
    count : how many there are
    status : "Mapped to Edge TPU", or why not
    """

    operator: str
    count: int
    status: str


@dataclass(frozen=True)
class Compilation:
    """A network that was compiled.

    Attributes
    ----------
    content : the .tflite file
    compiler : what the compiler calls itself
    on_cpu : how many operators are left to the CPU, counted in the file
    rows : the compiler's table, one line for each kind of operator and status
    on_chip, streamed : bytes of parameters that the device keeps, and that are sent to it for every tile; None where
        the log does not say
    """

    content: bytes
    compiler: str
    on_cpu: int
    rows: tuple[OperatorRow, ...]
    on_chip: int | None
    streamed: int | None

    @property
    def on_device(self) -> int:
        """How many operators run on the Edge TPU, as the table counts them."""
        return sum(row.count for row in self.rows if row.status == MAPPED)


def find_compiler() -> str:
    """Return the compiler's path.

    Raises
    ------
    BackendError : where there is none
    """
    named = os.environ.get(VARIABLE)
    found = shutil.which(named or PROGRAM)
    if found:
        return found
    where = f"{VARIABLE} names {named}, which is no program" if named else f"{PROGRAM} is not on PATH"
    here = "" if platform.machine() == "x86_64" else f"; this machine is {platform.machine()}: compile on another one"
    raise BackendError(f"{where}; {HOW_TO_GET}{here}; {VARIABLE} may name its file")


def compile_network(compiler: str, path: Path) -> Compilation:
    """Compile a full int8 .tflite network.

    Raises
    ------
    ModelError : where the compiler does not compile it, with what it said
    BackendError : where the compiler cannot be run
    """
    with tempfile.TemporaryDirectory(prefix="edgetpu-") as folder:
        made, logged = (Path(folder) / f"{path.stem}_edgetpu{ends}" for ends in (".tflite", ".log"))
        try:
            ran = subprocess.run(  # noqa: S603 - what the user has for it
                [compiler, "-o", folder, str(path.absolute())],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ModelError(f"{path}: {compiler} did not compile it within {PATIENCE:g} seconds") from None
        except OSError as error:
            raise BackendError(f"{compiler} cannot be run: {error.strerror}; {HOW_TO_GET}") from None
        # Judged by what it made: what its exit codes mean is not published.
        if not made.is_file():
            reason = "; ".join(_reasons(ran.stdout)) or f"it gives no reason (exit code {ran.returncode})"
            raise ModelError(f"{path}: was not compiled: {reason}")
        on_cpu = _left_to_cpu(read_graph(path), read_graph(made))
        table = logged.read_text(encoding="utf-8", errors="replace") if logged.is_file() else ran.stdout
        return _compilation(made.read_bytes(), on_cpu, ran.stdout, table)


def _compilation(content: bytes, on_cpu: int, said: str, table: str) -> Compilation:
    version = re.search(r"^Edge TPU Compiler version \S+", said or table, re.MULTILINE)
    return Compilation(
        content,
        version[0] if version else "an Edge TPU Compiler that does not give its version",
        on_cpu,
        tuple(_rows(table)),
        _bytes(said, "On-chip memory used for caching model parameters"),
        _bytes(said, "Off-chip memory used for streaming uncached model parameters"),
    )


def _rows(text: str) -> Iterator[OperatorRow]:
    _, _, table = text.partition("Operator ")
    for line in table.splitlines()[1:]:
        if cells := re.fullmatch(r"(\S+)\s+(\d+)\s+(\S.*?)\s*", line):
            yield OperatorRow(cells[1], int(cells[2]), cells[3])


def _bytes(text: str, what: str) -> int | None:
    found = re.search(rf"{what}:\s*([\d.]+)\s*([KMG]iB|B)\b", text)
    return round(float(found[1]) * UNITS[found[2]]) if found else None


def _reasons(said: str) -> Iterator[str]:
    for line in said.splitlines():
        if line.strip() and not line.startswith(CHATTER):
            yield line.strip()


def _left_to_cpu(source: Graph, made: Graph) -> int:
    """Return how many operators of `made` were not compiled.

    Raises
    ------
    ModelError : where all were not, or `made` is not `source`: the same tiles and codes in and out
    """
    left = [operator for operator in made.operators if operator.name != COMPILED]
    if len(left) == len(made.operators):
        raise ModelError(f"{source.source}: the compiler left all of it to the CPU, so nothing was gained")
    if ends_in(made) != ends_in(source):
        raise ModelError(
            f"{source.source}: once compiled it takes and gives {ends_in(made)}, and not {ends_in(source)}; report "
            "that with both files"
        )
    return len(left)
