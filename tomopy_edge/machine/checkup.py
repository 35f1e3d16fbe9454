"""What works on this machine, all in one: hardware, runtimes, models, and the packages that recipes can ask for."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.errors import EdgeError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.installed import Installed
from tomopy_edge.machine.child import ask_python
from tomopy_edge.machine.coral import Coral, ask_coral
from tomopy_edge.machine.facts import Machine, describe
from tomopy_edge.machine.lookalikes import IMPORTED, Verdict, judge_all
from tomopy_edge.machine.trial import RuntimeState, try_runtimes
from tomopy_edge.networks.manifest import NetworkSet, model_names, open_model
from tomopy_edge.networks.runtimes import files_for
from tomopy_edge.report import PACKAGES
from tomopy_edge.system_files import ROOT

OPTIONAL = (
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "tensorrt",
    "cuda-bindings",
    "pycuda",
    "tflite-runtime",
)
"""Packages that some runtime or export can use."""

KERAS_BACKENDS = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "torch": ("torch",), "jax": ("jax",)}
"""What Keras computes in -> the distributions it comes in."""

TRIED = ("tomopy", "dxchange")
"""Packages that recipes and readers use where they are; a genuine one is imported once, in a child process."""

AT_ONCE = 4
"""Questions at a time, beside the runtimes; most of them wait for files."""


@dataclass(frozen=True)
class KerasBackend:
    """Something that Keras can train in.

    Attributes
    ----------
    name : as KERAS_BACKEND takes it
    version : "" where it is not installed
    chosen : whether training would use it now
    """

    name: str
    version: str
    chosen: bool


@dataclass(frozen=True)
class ModelPart:
    """One of the networks of a model that comes with the package.

    Attributes
    ----------
    model : its name
    part : the stage it is for, "denoise" or "fine_tune"
    precisions : runtime -> precisions that the model has files of for it
    fault : what is wrong with the model's folder; "" where nothing is
    """

    model: str
    part: str
    precisions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True)
class Checkup:
    """What works on this machine.

    Attributes
    ----------
    python : version and folder of the Python that was asked
    machine : processor, memory, board, GPUs
    coral : Edge TPUs and libedgetpu
    runtimes : every runtime of the catalogue, in its order
    keras : version of Keras, for training; "" where it is not installed
    keras_backends : what it can train in
    packages : names that more than one package goes by, and what is behind them here
    versions : package -> version, of those that are installed
    models : the shipped models, and what they hold for each runtime
    notes : what should be mended: one sentence each
    """

    python: str
    machine: Machine
    coral: Coral
    runtimes: tuple[RuntimeState, ...]
    keras: str
    keras_backends: tuple[KerasBackend, ...]
    packages: tuple[Verdict, ...]
    versions: Mapping[str, str]
    models: tuple[ModelPart, ...]
    notes: tuple[str, ...]

    @property
    def works(self) -> bool:
        """Whether any runtime can run networks here."""
        return any(runtime.works for runtime in self.runtimes)

    def package(self, module: str) -> Verdict:
        """Return what goes by the name of a package."""
        return next(verdict for verdict in self.packages if verdict.module == module)


def check_up(catalogue: Catalogue, root: Path = ROOT, installed: Installed | None = None) -> Checkup:
    """Return what works on this machine; whatever goes wrong is a sentence, and nothing is raised.

    Whatever may crash is tried in child processes, all at once.

    Parameters
    ----------
    catalogue : whose runtimes are tried
    root : where `proc`, `sys`, `dev` and `etc` are
    installed : where packages are looked for; None is this Python
    """
    installed = installed or Installed()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        machine, coral = pool.submit(describe, root), pool.submit(ask_coral, root)
        runtimes = pool.submit(try_runtimes, catalogue.backends)
        packages = tuple(
            pool.map(_tried_package, judge_all(installed)) if installed.folders is None else judge_all(installed)
        )
        models = tuple(part for name in model_names() for part in _parts(name, catalogue))
    versions = {name: installed.version(name) for name in (*PACKAGES, *OPTIONAL)}
    mended = (one.told for one in packages if one.state in {"other", "broken"} and one.module in IMPORTED)
    return Checkup(
        python=f"{platform.python_version()} at {sys.executable}",
        machine=machine.result(),
        coral=coral.result(),
        runtimes=runtimes.result(),
        keras=installed.version("keras"),
        keras_backends=_keras_backends(installed),
        packages=packages,
        versions={name: version for name, version in versions.items() if version},
        models=models,
        notes=(*mended, *_stand_in(versions)),
    )


def _tried_package(verdict: Verdict) -> Verdict:
    """Return what is genuine as broken where it cannot be imported."""
    if verdict.module not in TRIED or verdict.state != "genuine":
        return verdict
    answer = ask_python(
        f"try:\n    import {verdict.module}\n"
        "except Exception as error:\n    tell(fault=f'cannot be imported: {type(error).__name__}: {error}')\n"
        "else:\n    tell(imported=True)"
    )
    if answer.said("imported"):
        return verdict
    fault = answer.said("fault") or answer.ended
    return replace(verdict, state="broken", told=f"{verdict.told} at {verdict.place} {fault}; mend its environment")


def _stand_in(versions: Mapping[str, str]) -> tuple[str, ...]:
    """Return a sentence where tflite-runtime alone is installed, beside a numpy that it was not built for."""
    runtime, numpy = versions["tflite-runtime"], versions["numpy"]
    if versions["ai-edge-litert"] or not runtime or not numpy or numpy.startswith(("0.", "1.")):
        return ()
    return (f"tflite-runtime {runtime} needs numpy below 2, found {numpy}: it cannot run; pip install ai-edge-litert",)


def _keras_backends(installed: Installed) -> tuple[KerasBackend, ...]:
    chosen = os.environ.get("KERAS_BACKEND", "tensorflow")
    return tuple(
        KerasBackend(name, next(filter(None, map(installed.version, distributions)), ""), name == chosen)
        for name, distributions in KERAS_BACKENDS.items()
    )


def _parts(name: str, catalogue: Catalogue) -> list[ModelPart]:
    try:
        manifest = open_model(name).manifest
    except EdgeError as error:
        return [ModelPart(name, "", fault=str(error))]
    parts = {"denoise": manifest.denoise, "fine_tune": manifest.fine_tune}
    return [
        ModelPart(name, part, {entry.name: _precisions(entry, networks) for entry in catalogue.backends.values()})
        for part, networks in parts.items()
        if networks is not None
    ]


def _precisions(entry: BackendEntry, networks: NetworkSet) -> tuple[str, ...]:
    return tuple(dict.fromkeys(file.precision for file in files_for(entry, networks)))
