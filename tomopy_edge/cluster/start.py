"""Where the workers come from: this machine, a scheduler that runs already, or the jobs of a batch system."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

from tomopy_edge.cluster.dask_crew import DaskCrew
from tomopy_edge.cluster_options import BATCH, ClusterOptions
from tomopy_edge.errors import ClusterError
from tomopy_edge.job import available_cores
from tomopy_edge.memory import free_memory

log = logging.getLogger(__name__)

WORKER_MEMORY = 2**30
"""Bytes that a worker on this machine must have, where their number is ours to choose."""

ANSWER_WITHIN = 30
"""Seconds in which a scheduler that runs already has to answer."""

QUIET = logging.CRITICAL
"""Level from which on Dask's own parts are heard, where nobody asked for more: what matters of them is told by us."""


@contextmanager
def open_crew(options: ClusterOptions) -> Iterator[DaskCrew]:
    """Yield the workers, and end those that were started for it.

    Raises
    ------
    ClusterError : where Dask is not installed, does not answer, or the batch system takes no jobs
    """
    distributed = _library("distributed")
    with ExitStack() as opened:
        opened.enter_context(_quiet())
        if options.kind == "running":
            at: Any = options.address
        else:
            start = _batch if options.kind in BATCH else _local
            at = opened.enter_context(_started(start, options))
        try:
            client = opened.enter_context(distributed.Client(at, timeout=ANSWER_WITHIN, set_as_default=False))
        except (OSError, ValueError, TypeError, RuntimeError, ImportError) as error:
            raise ClusterError(f"cluster: no scheduler answers at {options.address}: {error}") from None
        crew = DaskCrew(client, more=options.kind in BATCH)
        opened.callback(crew.close)
        log.info("cluster: dashboard at %s", client.dashboard_link)
        yield crew


@contextmanager
def _quiet() -> Iterator[None]:
    heard = logging.getLogger("distributed")
    before = heard.level
    heard.setLevel(logging.INFO if logging.getLogger().isEnabledFor(logging.DEBUG) else QUIET)
    try:
        yield
    finally:
        heard.setLevel(before)


@contextmanager
def _started(start: Any, options: ClusterOptions) -> Iterator[Any]:
    try:
        cluster = start(options)
    except (OSError, ValueError, RuntimeError) as error:
        raise ClusterError(f"cluster: {options.kind} starts no workers: {error}") from error
    with cluster:
        yield cluster


def _local(options: ClusterOptions) -> Any:
    """Return workers of this machine, each a process with a nanny that starts it anew where it dies."""
    distributed = _library("distributed")
    from distributed.deploy.spec import SpecCluster
    from distributed.deploy.subprocess import SubprocessWorker

    workers = options.workers or workers_that_fit(options.cores, available_cores(), free_memory())
    log.info("cluster: %d workers on this machine, %d threads each", workers, options.cores)
    # Memory is bounded by us; Dask would end workers by its own count of it.
    settings = {"nthreads": 1, "memory_limit": 0, "silence_logs": QUIET, "host": "127.0.0.1", "death_timeout": "15 s"}
    # Not Dask's own way, which imports the user's script in every worker.
    worker = {
        "cls": SubprocessWorker,
        "options": {"worker_class": "distributed.Nanny", "worker_kwargs": settings},
    }
    scheduler = {
        "cls": distributed.Scheduler,
        "options": {"host": "127.0.0.1", "dashboard": True, "dashboard_address": "127.0.0.1:0"},
    }
    return SpecCluster(  # type: ignore[no-untyped-call]
        dict.fromkeys(range(workers), worker), scheduler, worker, silence_logs=QUIET
    )


def workers_that_fit(cores: int, machine_cores: int, free: int) -> int:
    """Return how many workers of `cores` threads a machine has cores and `free` bytes for, one at least."""
    return max(min(machine_cores // cores, free // WORKER_MEMORY), 1)


def _batch(options: ClusterOptions) -> Any:
    """Return a cluster whose workers are jobs; as many are kept in the queue or running as were asked for."""
    jobqueue = _library("dask_jobqueue")
    kind = {"slurm": jobqueue.SLURMCluster, "pbs": jobqueue.PBSCluster}[options.kind]
    given = {name: getattr(options, name) for name in ("queue", "account", "walltime", "interface")}
    cluster = kind(
        # What is left out is for the user's own configuration of dask-jobqueue to say.
        **{name: value for name, value in given.items() if value is not None},
        cores=options.cores,
        processes=1,
        memory=options.memory,
        job_extra_directives=[*options.directives],
        scheduler_options={"dashboard_address": ":0"},
        silence_logs=QUIET,
    )
    cluster.adapt(minimum_jobs=options.workers, maximum_jobs=options.workers)
    log.info("cluster: %d jobs of %s are asked for", options.workers, options.kind)
    return cluster


def _library(name: str) -> Any:
    """Import a part of Dask, and leave ctrl-C as it was: dask-jobqueue has it end the process, with exit code 0."""
    before = signal.getsignal(signal.SIGINT)
    try:
        return import_module(name)
    except ImportError as error:
        raise ClusterError(f"cluster: needs {name} ({error}); pip install 'tomopy-edge[cluster]'") from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)
