"""`tomopy-edge models`: which trained models there are, and whether their files are whole."""

from __future__ import annotations

import argparse

from tomopy_edge.networks.manifest import Model, NetworkSet, model_names, open_model


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "models",
        help="list the trained models, or check one",
        description="List the models that come with the package, or describe one and check its files.",
    )
    parser.add_argument("model", nargs="?", help="name or folder of a model to describe and check")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the list, or one model's networks; a file that is not what its manifest says is an error."""

    def describe(model: Model) -> list[str]:
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
            lines.append(f"{part}: {networks.channels} slices in, looks {networks.reach} pixels far")
            for network in networks.networks:
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

    if args.model is not None:
        lines = describe(open_model(args.model))
    else:
        lines = [f"{name}: {open_model(name).manifest.summary}" for name in model_names()]
    print("\n".join(lines or ["no models come with this installation"]))  # noqa: T201 - what the command is for
    return 0
