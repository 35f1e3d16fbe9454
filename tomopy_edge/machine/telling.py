"""How a checkup reads: lines for a terminal of 80 columns and for a log file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap

from tomopy_edge.machine.checkup import Checkup, ModelPart
from tomopy_edge.machine.facts import Machine
from tomopy_edge.machine.fitness import StageFitness

UNTOLD = ("ai_edge_litert", "tflite_runtime")
"""Packages that stand among the versions."""

LABEL = 16
"""Columns of the first word of a row, as in the other lists of this command."""

USED = {
    "tomopy": "only recipes that name its algorithms or filters need it",
    "dxchange": "only scans in beamlines' own formats need it",
}
"""Packages that are told of even where they are absent -> who would miss them."""


def told_checkup(checkup: Checkup, width: int) -> list[str]:
    """Return all that a checkup found, as lines of at most `width` columns where words allow that."""
    lines = ["machine:", *_rows(_machine(checkup.machine), width)]
    lines += ["Edge TPU:", *_rows(_coral(checkup), width)]
    lines += ["runtimes of networks:", *_runtimes(checkup, width)]
    lines += ["training:", *_rows(_training(checkup), width)]
    lines += ["packages:", *_rows(_packages(checkup), width)]
    lines += ["models, and the runtimes they have files for:", *_rows(_models(checkup.models), width, further=11)]
    if checkup.notes:
        lines += ["to mend:", *(line for note in checkup.notes for line in _wrapped("  - ", note, width))]
    return lines


def told_verdict(checkup: Checkup, width: int) -> list[str]:
    """Return the sentence that a checkup comes to."""
    working = ", ".join(runtime.name for runtime in checkup.runtimes if runtime.works)
    told = f"networks can run on this machine, on {working}" if working else "networks cannot run on this machine"
    return _wrapped("", told, width)


def told_fitness(source: str, stages: Iterable[StageFitness], width: int) -> list[str]:
    """Return which stages of a recipe can run here, and why the others cannot."""
    stages = list(stages)
    stopped = [stage.stage for stage in stages if not stage.runs]
    verdict = f"cannot run on this machine: {', '.join(stopped)}" if stopped else "can run on this machine"
    rows = [(stage.stage, f"{'yes' if stage.runs else 'no '}  {stage.told}".rstrip()) for stage in stages]
    return [f"recipe {source}:", *_rows(rows, width, further=5), *_wrapped("", f"{source} {verdict}", width)]


def _machine(machine: Machine) -> list[tuple[str, str]]:
    features = ", ".join(machine.features) or "none found of those that networks are fast by"
    memory = _gibibytes(machine.memory_bytes) if machine.memory_bytes else "unknown"
    if machine.memory_limit_bytes is not None:
        memory += f", of which limits allow {_gibibytes(machine.memory_limit_bytes)}"
    rows = [("processor", f"{machine.cpu}: {features}"), ("cores", f"{machine.cores} for this process")]
    rows += [("memory", memory), ("system", machine.system)]
    rows += [("board", machine.board)] if machine.board else []
    return [*rows, ("CUDA", machine.cuda), *(("GPU", gpu) for gpu in machine.gpus)]


def _gibibytes(number: int) -> str:
    return f"{number / 2**30:.1f} GiB"


def _coral(checkup: Checkup) -> list[tuple[str, str]]:
    coral = checkup.coral
    sticks = [(f"{stick.bus} {stick.place}", stick.told) for stick in coral.sticks]
    version = f" (version {coral.library})" if coral.library else ""
    return [*(sticks or [("devices", "none on USB or PCI")]), ("library", f"{coral.told}{version}")]


def _runtimes(checkup: Checkup, width: int) -> list[str]:
    rows = []
    for runtime in checkup.runtimes:
        untold = [device for device in runtime.devices if device not in runtime.told]
        devices = f" (devices: {', '.join(runtime.devices)})" if untold else ""
        version = f"{runtime.version}, " if runtime.version else ""
        rows.append((runtime.name, f"{'works' if runtime.works else 'no   '}  {version}{runtime.told}{devices}"))
    return _rows(rows or [("none", "no runtime is offered")], width, further=7)


def _training(checkup: Checkup) -> list[tuple[str, str]]:
    if not checkup.keras:
        return [("Keras", "not installed; pip install 'tomopy-edge[train]'")]
    rows = [("Keras", checkup.keras)]
    for backend in checkup.keras_backends:
        told = backend.version or "not installed"
        rows.append((backend.name, f"{told}, what training uses now" if backend.chosen else told))
    return rows


def _packages(checkup: Checkup) -> list[tuple[str, str]]:
    rows = []
    for package in checkup.packages:
        if package.told in checkup.notes:
            what = "does not work" if package.state == "broken" else "is something else"
            rows.append((package.module, f"{package.version} {what}; see below".lstrip()))
        elif package.state == "absent" and package.module in USED:
            rows.append((package.module, f"{package.told} ({USED[package.module]})"))
        elif package.state == "other":
            rows.append((package.module, package.told))
        elif package.state == "genuine" and package.module not in UNTOLD:
            rows.append((package.module, f"{package.version}  {package.told}".lstrip()))
    versions = ", ".join(f"{name} {version}" for name, version in checkup.versions.items())
    return [*rows, ("Python", checkup.python), ("versions", versions or "none of what is used here")]


def _models(parts: Sequence[ModelPart]) -> list[tuple[str, str]]:
    rows = []
    named = ""
    for part in parts:
        # A name is told once, above the rows that are about it.
        model, named = "" if part.model == named else part.model, part.model
        if part.fault:
            rows.append((model, part.fault))
            continue
        # Runtimes that read the same files are told together.
        together: dict[tuple[str, ...], list[str]] = {}
        for runtime, precisions in part.precisions.items():
            together.setdefault(precisions, []).append(runtime)
        stage = part.part
        for precisions, runtimes in (together or {(): ["none"]}).items():
            rows.append((model, f"{stage:<9}  {', '.join(runtimes)}: {', '.join(precisions) or 'no file'}"))
            model = stage = ""
    return rows or [("none", "no models come with this installation")]


def _rows(rows: Iterable[tuple[str, str]], width: int, further: int = 0) -> list[str]:
    return [line for name, told in rows for line in _wrapped(f"  {name:<{LABEL}} ", told, width, further)]


def _wrapped(start: str, told: str, width: int, further: int = 0) -> list[str]:
    """Return `told` after `start`, the lines after the first set in below it and `further` columns on."""
    margin = " " * (len(start) + further)
    # Paths and versions are copied from a log, and so stay whole.
    return wrap(
        told,
        max(width, len(margin) + 20),
        initial_indent=start,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [start.rstrip()]
