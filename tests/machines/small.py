"""Whether a run on slices of 2560 x 2560 fits in the memory of a small machine, for each shipped model.

    python tests/machines/small.py [--group FOLDER] [words for `tomopy-edge run`, such as --nchunk 2]

The run is held to the limit where the machine can do that: by systemd-run, or by a control group below one that the
caller names, or below the one that this process is in. Elsewhere a limit on its private memory (`ulimit -d`) takes its
place, so that it too finds less memory free than the machine has. In each case the most that it ever had resident is
compared with the limit. That is stricter: file pages that the kernel would take back under a limit count too.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIMIT = 10**9
"""Bytes: 1 GB."""

TO_LOOK_AT = 4
"""Exit code of a run that says of some slices that they are to be looked at."""

MODELS = ("tomogan", "tomogan-compact")

EDGE = (sys.executable, "-m", "tomopy_edge")

# The demo's scan, and a large one. Eight rows: what the settling of a recipe looks at, and more than one chunk of rows.
SCANS = {"1024": "512", "2560": "720"}
"""Columns of the scans, and their projections."""

ALIKE = ("--rows", "8", "--counts", "2000", "--seed", "7")

ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
"""Run by a shell, which enters the control group before it becomes the command."""


def say(text: str) -> None:
    """Print a line at once: what follows it may take minutes."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Return 0 where every model stays below the limit, and 1 where one does not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--group", type=Path, help="control group with a memory controller, to make another one in")
    args, words = parser.parse_known_args()
    fits = True
    with tempfile.TemporaryDirectory(prefix="tomopy-edge-small-") as folder, _limited(args.group) as (prefix, how):
        say(f"limit {LIMIT / 1e6:.0f} MB, {how}")
        for columns, angles in SCANS.items():
            say(f"8 slices of {columns} x {columns} pixels from {angles} projections")
            make = (*EDGE, "simulate", "scan", f"{columns}.h5", "--columns", columns, "--angles", angles, *ALIKE)
            subprocess.run(make, cwd=folder, check=True, capture_output=True)  # noqa: S603 - our own command
            for model in MODELS:
                fits = _fits(model, columns, prefix, words, Path(folder)) and fits
    say("fits" if fits else "DOES NOT FIT")
    return 0 if fits else 1


def _fits(model: str, scan: str, prefix: tuple[str, ...], words: list[str], folder: Path) -> bool:
    """Run the quickstart recipe with a model, tell its memory, and return whether it went well within the limit.

    Parameters
    ----------
    prefix : what holds the run to the limit
    words : more for the command
    """
    override = f"denoise.options.model={model}"
    run = (*EDGE, "run", "quickstart", f"{scan}.h5", "--output", "slices", "--overwrite", "--set", override, *words)
    code, peak, said = _peak((*prefix, *run), folder)
    say(f"  {model}: at most {peak / 1e6:.0f} MB resident")
    if code not in {0, TO_LOOK_AT}:
        killed = ", killed, as it is where memory ends" if code in {-signal.SIGKILL, 128 + signal.SIGKILL} else ""
        say(f"  exit code {code}{killed}\n{said}")
    # Slices to look at are no failure: where memory is short, fewer checks are made of them, and that is told.
    return code in {0, TO_LOOK_AT} and peak <= LIMIT


def _peak(command: tuple[str, ...], folder: Path) -> tuple[int, int, str]:
    """Run a command; return its exit code, the bytes that it had resident at most, and what it said."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=subprocess.STDOUT)  # noqa: S603 - our own command
        # Of this child alone; resource.getrusage tells of the largest of all.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        # Linux counts in KiB.
        return process.returncode, usage.ru_maxrss * 1024, said.read()


@contextmanager
def _limited(group: Path | None) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield words to put before a command so that it is held to the limit, and what holds it."""
    systemd = _systemd()
    found = group or (None if systemd else _group_here())
    if found is not None:
        with _own_group(found) as own:
            yield ("sh", "-c", ENTER, str(own)), "held by a control group"
    elif systemd:
        yield systemd, "held by systemd-run"
    else:
        # The shell counts in KiB.
        yield ("sh", "-c", f'ulimit -d {LIMIT // 1024} && exec "$@"', "sh"), "of private memory, held by ulimit"


def _systemd() -> tuple[str, ...]:
    """Return the command that runs another in a scope of systemd with the limit, or nothing where that fails."""
    user = () if os.geteuid() == 0 else ("--user",)
    limits = ("-p", f"MemoryMax={LIMIT}", "-p", "MemorySwapMax=0")
    command = ("systemd-run", *user, "--scope", "--quiet", *limits)
    if shutil.which(command[0]) is None:
        return ()
    tried = subprocess.run([*command, "true"], capture_output=True, check=False)  # noqa: S603 - systemd-run
    return command if tried.returncode == 0 else ()


def _group_here() -> Path | None:
    """Return the control group that this process is in, where another can be made below it."""
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, group = line.split(":", 2)
        if "memory" in controllers.split(","):
            folder = Path("/sys/fs/cgroup/memory") / group.strip("/")
            return folder if os.access(folder, os.W_OK) and (folder / "memory.limit_in_bytes").exists() else None
    # In version 2 no group may hold both processes and groups with limits: this one holds a process.
    return None


@contextmanager
def _own_group(parent: Path) -> Iterator[Path]:
    """Yield a control group of our own below `parent`, with the limit, for as long as it is needed."""
    own = parent / f"tomopy-edge-small-{os.getpid()}"
    own.mkdir()
    try:
        # The name of the file is that of version 2 or of version 1.
        limit = next((own / name for name in ("memory.max", "memory.limit_in_bytes") if (own / name).exists()), None)
        if limit is None:
            raise SystemExit(f"{parent}: has no memory controller; name another control group, or none")
        limit.write_text(str(LIMIT), encoding="ascii")
        yield own
    finally:
        own.rmdir()


if __name__ == "__main__":
    sys.exit(main())
