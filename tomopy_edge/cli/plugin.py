"""`tomopy-edge plugin new`: a plugin of your own, as a distribution that can be installed, tested and run at once."""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.cli import VERBS
from tomopy_edge.errors import OutputError, PluginError
from tomopy_edge.installed import Installed
from tomopy_edge.plugins import load_catalogue

TEMPLATES = Path(__file__).with_name("plugin_templates")
"""A folder for each kind, and one for what all kinds have."""

PREFIX = "tomopy-edge-"
"""Begins the names of distributions that belong to this one; what a recipe says is shorter."""


@dataclass(frozen=True)
class Kind:
    """A kind of plugin.

    Attributes
    ----------
    word : what its offers are called
    offers : the part of the catalogue that they are in
    summary : of the example that is written
    needs : distributions besides this one
    """

    word: str
    offers: str
    summary: str
    needs: tuple[str, ...] = ()


KINDS = {
    "denoiser": Kind("denoiser", "denoisers", "Median of each neighbourhood", ("scipy",)),
    "reconstructor": Kind("algorithm", "reconstructors", "Filtered back projection in numpy", ("numpy",)),
    "stage": Kind("stage", "stages", "Raises what is too low", ("numpy",)),
    "backend": Kind("runtime", "backends", "A runtime on the CPU", ("ai-edge-litert",)),
}


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "plugin",
        help=VERBS["plugin"],
        description="Write a plugin of your own: `plugin new NAME` makes a folder NAME with a distribution that works "
        "as it is, an example of its kind with a test and a recipe. Then: pip install --editable NAME.",
        usage="%(prog)s [-h] [--kind KIND] [--into FOLDER] new NAME",
    )
    parser.add_argument("action", choices=["new"], help="write a new plugin")
    parser.add_argument("name", metavar="NAME", help="of the distribution: lower-case words joined by -")
    parser.add_argument("--kind", choices=KINDS, default="denoiser", help="what it offers (denoiser)")
    parser.add_argument("--into", type=Path, default=Path(), metavar="FOLDER", help="where the folder is made (here)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the plugin, and print what to do next."""
    kind = KINDS[args.kind]
    names = names_for(args.name, kind, load_catalogue())
    folder: Path = args.into / args.name
    write(folder, args.kind, names)
    print(  # noqa: T201 - what the command is for
        f"{folder}: a plugin with the {kind.word} {names['offer']}\n"
        f"  pip install --editable '{folder}[test]'\n"
        f"  pytest {folder}\n"
        f"  tomopy-edge run {folder / 'recipe.yaml'} scan.h5"
    )
    return 0


def names_for(name: str, kind: Kind, catalogue: Catalogue) -> dict[str, str]:
    """Return what a new plugin is called wherever it is named, for its templates.

    Parameters
    ----------
    name : of the distribution

    Raises
    ------
    PluginError : where it is no such name, or taken
    """
    if fault := _fault(name, kind, catalogue):
        right = "-".join(re.findall(r"[a-z0-9]+", name.lower())) or "median"
        short = right.removeprefix(PREFIX)
        near = (right, f"{PREFIX}{short}", f"{PREFIX}my-{short}", f"{PREFIX}{short}-2", f"{PREFIX}my-{short}-2")
        good = next((one for one in near if _fault(one, kind, catalogue) is None), None)
        raise PluginError(f"{fault}{f'; did you mean {good!r}?' if good else '; take another name'}")
    offer = _offer(name)
    return {
        "name": name,
        "module": _module(name),
        "offer": offer,
        "title": "".join(word.capitalize() for word in offer.split("_")),
        "word": kind.word,
        "summary": kind.summary,
        "dependencies": ", ".join(f'"{needed}"' for needed in ("tomopy-edge", *kind.needs)),
    }


def _fault(name: str, kind: Kind, catalogue: Catalogue) -> str | None:
    """Return what is wrong with the name of a new plugin, None where nothing is."""
    module, offer = _module(name), _offer(name)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        return f"{name!r} is no name for a plugin: it is lower-case words joined by -"
    if not module.isidentifier() or not offer.isidentifier() or keyword.iskeyword(offer):
        return f"{name!r}: in Python nothing can be named {(offer if module.isidentifier() else module)!r}"
    if offer in getattr(catalogue, kind.offers):
        return f"{name!r}: there is {'an' if kind.word[0] == 'a' else 'a'} {kind.word} named {offer!r} already"
    if module in sys.stdlib_module_names or Installed().place(module) is not None:
        return f"{name!r}: Python has a module named {module!r} already"
    return None


def _module(name: str) -> str:
    return name.replace("-", "_")


def _offer(name: str) -> str:
    """Return what a recipe says: the name without what all such distributions begin with."""
    return _module(name.removeprefix(PREFIX))


def write(folder: Path, kind: str, names: dict[str, str]) -> None:
    """Write a plugin's files into a folder that is not there yet.

    Raises
    ------
    OutputError : where it is there, or cannot be written
    """
    files = {
        "pyproject.toml": "all/pyproject.toml",
        "README.md": "all/README.md",
        ".gitignore": "all/gitignore",
        f"{names['module']}.py": f"{kind}/plugin.py",
        f"tests/test_{names['module']}.py": f"{kind}/test.py",
        "recipe.yaml": f"{kind}/recipe.yaml",
    }
    texts = {
        path: Template((TEMPLATES / f"{source}.txt").read_text(encoding="utf-8")).substitute(names)
        for path, source in files.items()
    }
    try:
        folder.mkdir(parents=True)
        (folder / "tests").mkdir()
        for path, text in texts.items():
            (folder / path).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise OutputError(
            f"{folder}: is there already, and is left as it is; remove it, or take another name"
        ) from None
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror}") from None
