"""How a run is dealt out to many machines, as a recipe says it: the block `cluster` before its stages."""

from __future__ import annotations

import re
from typing import Literal

from tomopy_edge.options import options

BATCH = ("slurm", "pbs")
"""Batch systems that workers are asked of."""

WORD = r"[\w.:@+-]+"
FORMS = {
    "memory": r"[\d.]+ ?[kKMGT]?i?B?",
    "queue": WORD,
    "account": WORD,
    "walltime": r"[\d:-]+",
    "interface": WORD,
    "directives": r"--(gres|gpus|gpus-per-node|constraint|qos|reservation|mem-per-cpu|nodelist|exclude)=[\w.:,@+\[\]-]+"
    r"|--exclusive|-l [\w.:,=+-]+",
}
"""Options that become lines of a script -> the form that they must have: nothing that a batch system or a shell would
run, load into a worker, or write to."""


@options
class ClusterOptions:
    """Options of the block `cluster`. None of them changes a slice."""

    kind: Literal["local", "running", "slurm", "pbs"] = "local"
    """`local` starts workers on this machine; `running` takes those of a Dask scheduler that runs already; `slurm` and
    `pbs` submit a job for each worker."""

    address: str | None = None
    """Of the scheduler, such as `tcp://head:8786`; for `running` alone."""

    workers: int | None = None
    """How many; none starts as many on this machine as it has cores and memory for. A batch system must be told."""

    cores: int = 1
    """Threads of each worker."""

    memory: str | None = None
    """Of each worker, such as `8 GB`; a batch system must be told."""

    queue: str | None = None
    """Queue, or partition, of the batch system."""

    account: str | None = None
    """What the jobs are charged to."""

    walltime: str | None = None
    """How long a job may run, such as `04:00:00`. A job may end before all is made: others take its place."""

    directives: tuple[str, ...] = ()
    """Further lines for the head of each job, without what marks them: `--gres=gpu:1`, not `#SBATCH --gres=gpu:1`.
    Those that ask for machines: gres, gpus, constraint, qos, PBS' `-l`; others go into dask-jobqueue's own file."""

    interface: str | None = None
    """Network interface of the machines that workers and scheduler talk over, such as `ib0`."""

    rows: int | None = None
    """Rows that a worker is given at a time. None makes it 64, or fewer where there would not be four for each."""

    patience: float = 600.0
    """Seconds in which a worker must make a slice; after that, others are given its rows. The first slice of a worker
    waits for kernels that are compiled and networks that are loaded."""

    def __post_init__(self) -> None:
        for name in ("workers", "rows"):
            given = getattr(self, name)
            if given is not None and given < 1:
                raise ValueError(f"{name}: must be at least 1, got {given}")
        if self.cores < 1:
            raise ValueError(f"cores: must be at least 1, got {self.cores}")
        if not self.patience > 0:
            raise ValueError(f"patience: must be above 0 s, got {self.patience}")
        if (self.kind == "running") != (self.address is not None):
            raise ValueError(
                f"address: belongs to the kind running, and must be given with it; the kind is {self.kind}"
            )
        if self.kind == "running" and self.workers is not None:
            raise ValueError("workers: are those of the scheduler that runs; leave it out")
        self._expect_batch()

    def _expect_batch(self) -> None:
        if self.kind in BATCH:
            for name in ("workers", "memory"):
                if getattr(self, name) is None:
                    raise ValueError(f"{name}: must be given, as {self.kind} has to know")
        else:
            for name in ("memory", "queue", "account", "walltime", "interface", "directives"):
                if getattr(self, name):
                    raise ValueError(f"{name}: belongs to the kinds {' and '.join(BATCH)}, and the kind is {self.kind}")
        # They become lines of a script that the batch system runs.
        for name, allowed in FORMS.items():
            given = getattr(self, name)
            for text in given if isinstance(given, tuple) else [given]:
                if text is not None and not re.fullmatch(allowed, text):
                    raise ValueError(f"{name}: {text!r} is not of a form that is taken from a recipe ({allowed})")
