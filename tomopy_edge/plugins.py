"""Find the plugins: the built-in ones and the installed ones."""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint, entry_points

import pluggy

from tomopy_edge import builtin, hookspecs
from tomopy_edge.catalogue import Catalogue, ask

log = logging.getLogger(__name__)

GROUP = "tomopy_edge"
"""Entry-point group of an installed plugin, and name of the plugin project."""


def load_catalogue(*, installed: bool = True) -> Catalogue:
    """Return what the built-in plugin offers, and what the installed ones do unless told not to."""
    return ask(make_manager(installed=installed))


def make_manager(*, installed: bool = True) -> pluggy.PluginManager:
    """Return a manager with the built-in plugins, and with the installed ones unless told not to.

    An installed plugin that cannot be loaded is logged and left out, so that it stops no run but its own.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    manager.register(builtin, name=GROUP)
    for entry_point in entry_points(group=GROUP) if installed else ():
        _register(manager, entry_point)
    return manager


def _register(manager: pluggy.PluginManager, entry_point: EntryPoint) -> None:
    if manager.has_plugin(entry_point.name):
        log.warning("plugin %s of %s is left out: another has this name", entry_point.name, entry_point.value)
        return
    plugin = None
    try:
        plugin = entry_point.load()
        manager.register(plugin, name=entry_point.name)
        manager.check_pending()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - one broken plugin must not stop a run that does not use it
        log.warning("plugin %s is left out: %s: %s", entry_point.name, type(error).__name__, error)
        if plugin is not None and manager.is_registered(plugin):
            manager.unregister(plugin)
