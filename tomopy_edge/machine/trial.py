"""Every runtime of a catalogue tried on this machine, in other processes, so that none can end this one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Timer

from tomopy_edge.backend import Probe
from tomopy_edge.catalogue import Catalogue
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.job import available_cores
from tomopy_edge.networks.probing import PATIENCE, by_name, probed, probed_apart

log = logging.getLogger(__name__)

UNEASY = 10.0
"""Seconds after which it is said that answers are waited for."""


@dataclass(frozen=True)
class RuntimeState:
    """A runtime of the catalogue.

    Attributes
    ----------
    name : what a recipe calls it
    works : whether it can run networks here
    told : what works, or why it does not and how to mend that: one sentence
    version : of the runtime; "" where it is not there
    devices : what it runs on, as the option `device` names it; empty where there is nothing to choose
    """

    name: str
    works: bool
    told: str
    version: str
    devices: tuple[str, ...]


def try_runtimes(entries: Mapping[str, BackendEntry]) -> tuple[RuntimeState, ...]:
    """Return what became of trying runtimes, in their order; nothing is raised.

    Each has a process of its own, as many at a time as there are cores; only a probe that another process could not
    find by its name, such as a lambda, stays here.
    """
    apart = [entry for entry in entries.values() if by_name(entry)]
    late = Timer(UNEASY, log.info, ("waiting for the runtimes to answer: each may take up to %g seconds", PATIENCE))
    late.start()
    try:
        told = dict(zip((entry.name for entry in apart), probed_apart(apart, available_cores()), strict=True))
    finally:
        late.cancel()
    probes = {name: told.get(name) or probed(entry) for name, entry in entries.items()}
    return tuple(RuntimeState(name, **vars(probe)) for name, probe in probes.items())


def as_tried(catalogue: Catalogue, states: Sequence[RuntimeState]) -> Catalogue:
    """Return a catalogue whose runtimes answer what they did when they were tried, instead of being tried again."""
    known = {state.name: Probe(state.works, state.told, state.version, state.devices) for state in states}
    backends = {
        name: replace(entry, probe=_Known(known[name]), risky=False) for name, entry in catalogue.backends.items()
    }
    return replace(catalogue, backends=backends)


@dataclass(frozen=True)
class _Known:
    """A probe that knows its answer."""

    answer: Probe

    def __call__(self) -> Probe:
        return self.answer
