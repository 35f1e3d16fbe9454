"""Plugins: found, told apart, left out when broken, documented."""

import dataclasses
import inspect
import logging
from pathlib import Path

import pluggy
import pytest

import tomopy_edge
from tomopy_edge import hookspecs
from tomopy_edge.catalogue import ask, find
from tomopy_edge.denoisers.none import ENTRY, NoneOptions, Unchanged
from tomopy_edge.errors import PluginError
from tomopy_edge.plugins import load_catalogue

HOOKS = [name for name, _ in inspect.getmembers(hookspecs, inspect.isfunction) if name.startswith("tomopy_edge_")]


class Another:
    @tomopy_edge.hookimpl
    def tomopy_edge_denoisers(self):
        yield tomopy_edge.DenoiserEntry("none", "", NoneOptions, Unchanged)


class Failing:
    @tomopy_edge.hookimpl
    def tomopy_edge_denoisers(self):
        yield ENTRY
        raise ImportError("no module named magic")


def test_a_misspelt_denoiser_is_told_the_nearest(manager):
    with pytest.raises(PluginError, match="did you mean 'tomogan'"):
        find(ask(manager).denoisers, "tomogun", "denoiser")


def test_two_denoisers_of_one_name_are_refused_with_both_sources(manager):
    manager.register(Another(), name="another")
    with pytest.raises(PluginError, match="two denoisers are named 'none'") as caught:
        ask(manager)
    assert "'another'" in str(caught.value)
    assert "'tomopy_edge'" in str(caught.value)


def test_a_misspelt_hook_is_refused_when_registered(manager):
    class Typo:
        @tomopy_edge.hookimpl
        def tomopy_edge_denoiser(self):
            yield

    manager.register(Typo())
    with pytest.raises(pluggy.PluginValidationError, match="unknown hook"):
        manager.check_pending()


def test_a_plugin_that_fails_in_its_hook_is_logged_and_left_out(manager, caplog):
    manager.register(Failing(), name="failing")
    with caplog.at_level(logging.WARNING):
        assert set(ask(manager).denoisers) == {"tomogan", "none", "total_variation", "non_local_means"}
    assert "plugin failing is left out: ImportError: no module named magic" in caplog.text


@dataclasses.dataclass
class LooseOptions:
    size: int = 3


@pytest.mark.parametrize(
    ("offer", "fault"),
    [
        ("median", "expected a DenoiserEntry"),
        (tomopy_edge.DenoiserEntry("median", "", LooseOptions, Unchanged), "not made by tomopy_edge.options"),
    ],
)
def test_an_offer_that_is_no_offer_is_logged_and_left_out(manager, caplog, offer, fault):
    class Wrong:
        @tomopy_edge.hookimpl
        def tomopy_edge_denoisers(self):
            yield offer

    manager.register(Wrong(), name="wrong")
    with caplog.at_level(logging.WARNING):
        assert "median" not in ask(manager).denoisers
    assert "plugin wrong offers" in caplog.text
    assert fault in caplog.text


@pytest.mark.parametrize(
    ("reads", "near"),
    [("tensorflow", ""), ("tflight", "; did you mean 'tflite'?"), (["onnx"], "; did you mean 'onnx'?"), (None, "")],
)
def test_a_runtime_that_reads_no_kind_of_file_is_logged_and_left_out(manager, caplog, reads, near):
    class Wrong:
        @tomopy_edge.hookimpl
        def tomopy_edge_backends(self):
            yield tomopy_edge.BackendEntry("sketch", "", reads, None, None)

    manager.register(Wrong(), name="wrong")
    with caplog.at_level(logging.WARNING):
        offered = ask(manager).backends
    assert "litert" in offered
    assert "sketch" not in offered
    assert f"it reads {reads!r}, which is no kind of file{near} (there are: tflite, edgetpu, onnx)" in caplog.text


@pytest.mark.parametrize("taken", ["tomopy_edge", "first"])
def test_a_plugin_whose_name_is_taken_is_left_out_and_the_other_stays(monkeypatch, caplog, taken):
    def offering(denoiser):
        class Plugin:
            @tomopy_edge.hookimpl
            def tomopy_edge_denoisers(self):
                yield dataclasses.replace(ENTRY, name=denoiser)

        return Plugin()

    class Found:
        value = "somewhere"

        def __init__(self, name, denoiser):
            self.name, self.denoiser = name, denoiser

        def load(self):
            return offering(self.denoiser)

    found = [Found("first", "one"), Found(taken, "two")]
    monkeypatch.setattr("tomopy_edge.plugins.entry_points", lambda group: found)
    with caplog.at_level(logging.WARNING):
        offered = load_catalogue().denoisers
    assert {"tomogan", "one"} <= set(offered)
    assert "two" not in offered
    assert "another has this name" in caplog.text


def test_an_installed_plugin_that_fails_to_import_is_logged_and_left_out(monkeypatch, caplog):
    class Broken:
        name, value = "broken", "broken_plugin"

        def load(self):
            raise ModuleNotFoundError("No module named 'cupy'")

    monkeypatch.setattr("tomopy_edge.plugins.entry_points", lambda group: [Broken()])
    with caplog.at_level(logging.WARNING):
        catalogue = load_catalogue()
    assert "plugin broken is left out: ModuleNotFoundError: No module named 'cupy'" in caplog.text
    assert "denoise" in catalogue.stages


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_an_example_and_answered_by_the_built_in_plugin(hook, manager):
    page = (Path(__file__).parents[1] / "docs" / "reference" / "hooks.md").read_text(encoding="utf-8")
    assert f"## `{hook}`" in page
    assert "Example" in inspect.getdoc(getattr(hookspecs, hook))
    assert getattr(manager.hook, hook)()
