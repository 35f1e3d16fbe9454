"""Everything the plugins offer, asked for once and looked up by name from then on."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast, get_args, get_type_hints

import pluggy

from tomopy_edge.errors import PluginError, did_you_mean
from tomopy_edge.hookspecs import BackendEntry, DenoiserEntry, ReconstructorEntry, StageEntry

log = logging.getLogger(__name__)

READS: tuple[str, ...] = get_args(get_type_hints(BackendEntry)["reads"])
"""The kinds of network files that a runtime may read."""

E = TypeVar("E", StageEntry, ReconstructorEntry, DenoiserEntry, BackendEntry)


@dataclass(frozen=True)
class Catalogue:
    """All offers, by name.

    Attributes
    ----------
    stages, reconstructors, denoisers, backends : name -> entry, the built-in ones first
    """

    stages: Mapping[str, StageEntry]
    reconstructors: Mapping[str, ReconstructorEntry]
    denoisers: Mapping[str, DenoiserEntry]
    backends: Mapping[str, BackendEntry]


def ask(manager: pluggy.PluginManager) -> Catalogue:
    """Return what the plugins of `manager` offer.

    A plugin that fails in its hook, and an offer that is not what the hook asks for, are logged and left out.

    Raises
    ------
    PluginError : where two offers of one kind have one name
    """
    return Catalogue(
        _by_name("stage", manager.hook.tomopy_edge_stages, StageEntry),
        _by_name("algorithm", manager.hook.tomopy_edge_reconstructors, ReconstructorEntry),
        _by_name("denoiser", manager.hook.tomopy_edge_denoisers, DenoiserEntry),
        _by_name("runtime", manager.hook.tomopy_edge_backends, BackendEntry),
    )


def find(offers: Mapping[str, E], name: str, kind: str) -> E:
    """Return the offer called `name`, or raise a `PluginError` that says which there are."""
    if name not in offers:
        raise PluginError(f"no {kind} is named {name!r}{did_you_mean(name, offers)} (there are: {', '.join(offers)})")
    return offers[name]


def _by_name(kind: str, hook: pluggy.HookCaller, entry_type: type[E]) -> dict[str, E]:
    found: dict[str, E] = {}
    source: dict[str, str] = {}
    for implementation in hook.get_hookimpls():
        plugin = implementation.plugin_name
        for entry in _offers(implementation):
            fault = _fault(entry, entry_type)
            if fault:
                log.warning("plugin %s offers %r, which is left out: %s", plugin, entry, fault)
                continue
            if entry.name in found:
                raise PluginError(
                    f"two {kind}s are named {entry.name!r}, one from plugin {source[entry.name]!r} and one from "
                    f"{plugin!r}; uninstall one of them"
                )
            found[entry.name], source[entry.name] = entry, plugin
    return found


def _offers(implementation: pluggy.HookImpl) -> list[Any]:
    # One by one rather than through the hook call, so that a plugin that fails here is left out alone, and so that
    # two offers of one name can be told apart by where they came from.
    try:
        offers: list[Any] = [*cast("Iterable[Any]", implementation.function())]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - one broken plugin must not stop a run that does not use it
        log.warning("plugin %s is left out: %s: %s", implementation.plugin_name, type(error).__name__, error)
        return []
    return offers


def _fault(entry: Any, entry_type: type[Any]) -> str | None:
    if not isinstance(entry, entry_type):
        return f"expected a {entry_type.__name__}"
    # Without the decorator's rules a misspelt option would be dropped in silence.
    if entry_type is not BackendEntry and not hasattr(entry.options, "__pydantic_config__"):
        return f"its options class {entry.options.__name__} is not made by tomopy_edge.options"
    if entry_type is BackendEntry and entry.reads not in READS:
        near = did_you_mean(str(entry.reads), READS)
        return f"it reads {entry.reads!r}, which is no kind of file{near} (there are: {', '.join(READS)})"
    return None
