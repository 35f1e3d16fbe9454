"""`tomopy-edge models`: which trained models there are, whether their files are whole, and what an Edge TPU can map."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable
from pathlib import Path

from tomopy_edge.cli import VERBS
from tomopy_edge.errors import ModelError
from tomopy_edge.networks.edge_tpu import ON_CHIP, Foretold, Verdict, foretell
from tomopy_edge.networks.manifest import Model, NetworkSet, model_names, open_model
from tomopy_edge.networks.tflite_graph import Tensor

CHECK = "check"
UNMAPPED = 1
"""Exit code of a check that found something."""

CUT_OFF = "runs on the CPU: everything after the first unmapped one does"
CAVEAT = "foretold from published rules, not by Google's compiler, which has the last word"


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "models",
        help=VERBS["models"],
        description="List the models that come with the package; or describe one and check its files; or, with "
        "`check`, tell operator by operator whether a .tflite file will map to the Edge TPU, and why not (exit code 1 "
        "where something does not). Float networks in a checked folder are named and do not count.",
        usage="%(prog)s [-h] [-v] [MODEL [--learned PAIRS] | check PATH]",
    )
    # Not nargs="?": where an option comes between the two, argparse would already have given the second nothing.
    model = parser.add_argument("model", metavar="MODEL", help="name or folder of a model to describe, or `check`")
    path = parser.add_argument(
        "path",
        metavar="PATH",
        help="after `check`: a .tflite file, or the name or folder of a model for all it holds",
    )
    model.required = path.required = False
    parser.add_argument(
        "--learned",
        type=Path,
        metavar="PAIRS",
        help="measure what the slices are like that the model was trained on, a file of `simulate pairs`, and write "
        "that into its manifest, so that reports can tell slices that are unlike them (`quantize` does the same)",
    )
    # What is suppressed here leaves alone what `tomopy-edge -v` said.
    parser.add_argument(
        "-v", "--verbose", action="store_true", default=argparse.SUPPRESS, help="tell every operator of every file"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the list, or one model's networks, or what the Edge TPU will map."""
    if args.model == CHECK:
        if args.path is None:
            raise ModelError("models check: give a .tflite file, or the name or folder of a model")
        return _check(args.path, verbose=args.verbose)
    if args.path is not None:
        raise ModelError(f"models: expected one model, got {args.model!r} and {args.path!r}; for a check: models check")
    if args.learned is not None:
        if args.model is None:
            raise ModelError("models --learned: give the model too, a name or a folder")
        from tomopy_edge.training.learned import tell_learned

        tell_learned(args.model, args.learned, (made_by(args.model, args.learned),))
    if args.model is not None:
        lines = _describe(open_model(args.model))
    else:
        lines = [f"{name}: {open_model(name).manifest.summary}" for name in model_names()]
    _tell(lines or ["no models come with this installation"])
    return 0


def made_by(model: str, pairs: Path) -> str:
    """Return the command that measures what a model learned from."""
    return shlex.join(["tomopy-edge", "models", model, "--learned", pairs.name])


def _tell(lines: list[str]) -> None:
    print("\n".join(lines))  # noqa: T201 - what the command is for


def _describe(model: Model) -> list[str]:
    manifest = model.manifest
    lines = [
        f"{manifest.name}: {manifest.summary}",
        f"folder: {model.folder}",
        f"licence: {manifest.licence}; made, with seed {manifest.seed}, by:",
        *(f"  {command}" for command in manifest.commands),
    ]
    parts: dict[str, NetworkSet | None] = {"denoise": manifest.denoise, "fine_tune": manifest.fine_tune}
    for part, networks in parts.items():
        if networks is None:
            continue
        advised = f"; recipes run {networks.usual} where they name no precision" if part == "denoise" else ""
        lines.append(f"{part}: {networks.channels} slices in, looks {networks.reach} pixels far{advised}")
        for network in (*networks.networks, *networks.compiled, *networks.onnx):
            model.path(network.file, network.sha256)
            exact = "no seam" if networks.is_exact(network) else "blended"
            lines.append(
                f"  {network.file}: {network.precision}, tiles of {network.tile}, halo {network.halo}, "
                f"stride {network.stride} ({exact})"
            )
    for file, sha256 in manifest.files.items():
        model.path(file, sha256)
        lines.append(f"  {file}")
    return [*lines, "every file is what the manifest says"]


def _check(name: str, *, verbose: bool) -> int:
    """Print a table for one file, a line for each of a folder's; return the exit code."""
    path = Path(name).expanduser()
    if path.is_file() or path.suffix == ".tflite":
        foretold = foretell(path)
        _tell([*_table(foretold), "", *_summary(foretold), CAVEAT])
        return 0 if foretold.whole else UNMAPPED
    folder = path if path.is_dir() else open_model(name).folder
    found = sorted(folder.glob("*.tflite"))
    if not found:
        raise ModelError(f"{folder}: holds no .tflite file")
    return tell_foretold(found, verbose=verbose)


def tell_foretold(files: Iterable[Path], *, verbose: bool) -> int:
    """Print what is foretold of some .tflite files, one line each or, `verbose`, with a table; return the exit code."""
    code = 0
    for file in files:
        foretold = foretell(file)
        _tell([*(["", *_table(foretold), ""] if verbose else []), *_summary(foretold)])
        if foretold.quantized and not foretold.whole:
            code = UNMAPPED
    _tell([CAVEAT])
    return code


def _summary(foretold: Foretold) -> list[str]:
    count = len(foretold.verdicts)
    if foretold.compiled:
        outcome = f"compiled for the Edge TPU already; {count - foretold.mapped} of {count} operators stay on the CPU"
    elif foretold.whole:
        outcome = f"{'breaks no rule' if foretold.notes else 'maps whole'}, {count} operators"
    elif not foretold.quantized:
        outcome = "float: runs on the CPU, the Edge TPU computes in 8 bits only"
    else:
        index, first = next((i, one) for i, one in enumerate(foretold.verdicts) if one.reasons)
        outcome = f"{foretold.mapped} of {count} operators map; {index} {first.operator.name}: {first.reasons[0]}"
    size = f"parameters {foretold.parameters / 2**20:.2f} MiB of {ON_CHIP} MiB on the chip"
    notes = foretold.notes if foretold.quantized else ()
    return [f"{foretold.graph.source.name}: {outcome}; {size}", *(f"  {note}" for note in notes)]


def _table(foretold: Foretold) -> list[str]:
    rows = [("", "operator", "version", "in -> out", "type", "Edge TPU")]
    for i, verdict in enumerate(foretold.verdicts):
        operator = verdict.operator
        taken = [tensor for tensor in operator.activations if tensor not in operator.outputs]
        shapes = f"{' + '.join(_shape(each) for each in taken)} -> {' + '.join(map(_shape, operator.outputs))}"
        types = "/".join(dict.fromkeys(tensor.type for tensor in operator.activations))
        rows.append((str(i), operator.name, str(operator.version), shapes, types, _said(verdict)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return [
        "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape))


def _said(verdict: Verdict) -> str:
    if verdict.reasons:
        return f"does not map: {'; '.join(verdict.reasons)}"
    return CUT_OFF if verdict.cut_off else "; ".join(("maps", *verdict.doubts))
