"""Enters the methods in an installed HTTomo, which knows the packages that its own folders describe, and no others."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from tomopy_edge.errors import PluginError

HERE = Path(__file__).parent / "descriptions"
PACKAGE = "tomopy_edge"

STUB = '''"""Shapes and padding of the methods of {module}; tomopy_edge put this file here."""

from tomopy_edge.httomo.needs import {names}
'''

NEEDS = {
    "algorithm": ("_calc_output_dim_recon_and_denoise", "_calc_padding_recon_and_denoise"),
    "denoise": ("_calc_padding_denoise_slices",),
}
"""Module -> the functions that HTTomo looks up for its methods."""


def backends_folder() -> Path:
    """Return the folder of HTTomo's backends.

    Raises
    ------
    PluginError : where they are not installed
    """
    spec = find_spec("httomo_backends")
    if spec is None or spec.origin is None:
        raise PluginError("HTTomo's backends are not installed here (pip install httomo-backends); nothing was entered")
    return Path(spec.origin).parent


def register() -> list[Path]:
    """Enter the methods in the HTTomo that is installed in this environment, in place of what was entered before.

    Returns
    -------
    the files that were written

    Raises
    ------
    PluginError : where HTTomo's backends are not installed, or their folder cannot be written to
    """
    backends, templates = _targets()
    try:
        unregister()
        methods = backends / "supporting_funcs" / "httomo"
        methods.mkdir(parents=True)
        for name in ("tomopy_edge.yaml", "tomopy_edge_modules.yaml"):
            shutil.copyfile(HERE / name, backends / name)
        for module, names in NEEDS.items():
            text = STUB.format(module=f"tomopy_edge.httomo.{module}", names=", ".join(names))
            (methods / f"{module}.py").write_text(text, encoding="utf-8")
        for folder in (backends, methods.parent, methods):
            (folder / "__init__.py").touch()
        shutil.copytree(HERE / "yaml_templates", templates)
    except OSError as error:
        raise PluginError(f"{backends}: the methods cannot be entered there ({error})") from error
    return sorted(path for folder in (backends, templates) for path in folder.rglob("*") if path.is_file())


def unregister() -> bool:
    """Take the methods out again; return whether they were there."""
    there = [folder for folder in _targets() if folder.is_dir()]
    try:
        for folder in there:
            shutil.rmtree(folder)
    except OSError as error:
        raise PluginError(f"{there[0]}: the methods cannot be taken out ({error})") from error
    return bool(there)


def _targets() -> tuple[Path, Path]:
    root = backends_folder()
    return root / "methods_database" / "packages" / "backends" / PACKAGE, root / "yaml_templates" / PACKAGE
