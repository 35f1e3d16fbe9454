"""Whether the package does on arm64 what it does here: its contract tests, the same codes, nearly the same slices.

    python tests/machines/aarch64.py [FOLDER]

The other machine is emulated (see `userland`), the wheel is the one that this checkout builds, and what it depends on
comes as wheels for aarch64 from pip's index. An emulated machine tells nothing about speed.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml
from userland import LackingError, make_userland, python_version

from tomopy_edge.backend import Placement
from tomopy_edge.networks import litert
from tomopy_edge.networks.manifest import open_model

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

BESIDE = ("pytest", "hypothesis", "onnxruntime")
"""What the tests need beside the package, and a runtime that they try too."""

TESTS = ("tests/conftest.py", "tests/test_backend.py")

PATIENCE = """\
from tomopy_edge.networks import probing

probing.PATIENCE = 1000.0
"""

DEMO = ("--columns", "64", "--rows", "4", "--angles", "60", "--counts", "2000", "--seed", "7")

ROUNDING = 1e-5
"""How far slices may be apart that no network and no sorting has touched, as a share of their peak: float32 is rounded
in another order there."""

APART, TYPICAL = 1, 0.05
"""Codes that a denoised pixel may be apart, and all of them in the root mean square: what FBP rounds otherwise can make
another code of a pixel that lies between two."""


def say(text: str) -> None:
    """Print a line at once: what follows it may take minutes."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@dataclass(frozen=True)
class Verdict:
    """Whether something holds on the other machine, and the figures that tell so."""

    holds: bool
    told: str


class FailedError(Exception):
    """A command of the package failed; the message is what it said."""


def main() -> int:
    """Return 0 where all held, 1 where something did not, and 2 where this machine lacks something."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    default = Path(tempfile.gettempdir()) / "tomopy-edge-aarch64"
    parser.add_argument("folder", type=Path, nargs="?", default=default, help=f"1.5 GB, used again; {default}")
    parser.add_argument("--cpu", default="cortex-a72", help="what qemu emulates (default: that of a Raspberry Pi 4)")
    args = parser.parse_args()
    folder = args.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    say(f"arm64 ({args.cpu}) in {folder}, beside {platform.machine()}")
    try:
        python = make_userland(folder, args.cpu, say)
        install(folder)
    except LackingError as error:
        sys.stderr.write(f"test-aarch64: {error}\n")
        return 2
    say("networks, demo and contract, side by side")
    checks = {
        "network codes": same_codes,
        "slices of the demo": same_slices,
        "contract of the runtimes": keeps_contract,
    }
    with ThreadPoolExecutor() as pool:
        begun = [pool.submit(_judged, check, python, folder) for check in checks.values()]
        held = []
        for what, verdict in zip(checks, begun, strict=True):
            held.append(verdict.result().holds)
            say(f"\n{what}: {'as here' if held[-1] else 'NOT AS HERE'}\n{verdict.result().told}")
    say(f"\n{sum(held)} of {len(held)} hold; {(time.monotonic() - start) / 60:.0f} minutes")
    return 0 if all(held) else 1


def _judged(check: Callable[[Path, Path], Verdict], python: Path, folder: Path) -> Verdict:
    try:
        return check(python, folder)
    except FailedError as error:
        return Verdict(holds=False, told=str(error))


def install(folder: Path) -> None:
    """Put the wheel of this checkout, and where they are not yet there the wheels it needs, into the folder `site`."""
    say("the wheel of this checkout")
    shutil.rmtree(folder / "wheel", ignore_errors=True)
    _pip("wheel", "--no-deps", "--wheel-dir", folder / "wheel", ROOT)
    (wheel,) = (folder / "wheel").glob("*.whl")
    version = python_version(folder)
    needed = "\n".join([version, *BESIDE, *_requirements(wheel)])
    site, done = folder / "site", folder / "site.done"
    if done.exists() and done.read_text(encoding="utf-8") == needed:
        # Of the same version, most often, as the one it replaces.
        _pip("install", "--no-deps", "--no-index", "--upgrade", "--target", site, wheel)
        return
    say("what it needs, as wheels for aarch64, from pip's index")
    done.unlink(missing_ok=True)
    shutil.rmtree(site, ignore_errors=True)
    # What Debian's libc can load; pip wants every name spelled out.
    names = ["manylinux2014_aarch64", *(f"manylinux_2_{minor}_aarch64" for minor in range(17, 37))]
    platforms = [word for name in names for word in ("--platform", name)]
    binary = ("--only-binary=:all:", "--implementation", "cp", "--python-version", version, *platforms)
    _pip("install", "--target", site, *binary, wheel, *BESIDE)
    done.write_text(needed, encoding="utf-8")


def _requirements(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as file:
        (name,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        wanted = HeaderParser().parsestr(file.read(name).decode()).get_all("Requires-Dist", [])
        return [line for line in wanted if "extra ==" not in line]


def _pip(*words: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, words)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - pip
    if ran.returncode:
        complaints = [line for line in ran.stderr.splitlines() if line.startswith("ERROR: ")] or [ran.stderr.strip()]
        raise LackingError(f"pip {words[0]} failed ({complaints[0].removeprefix('ERROR: ')}): is there a network?")


def _run(*command: str | Path, folder: Path) -> str:
    """Return what a command said, or raise a `FailedError` that holds it."""
    words = [str(word) for word in command]
    ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own commands
    if ran.returncode:
        raise FailedError(f"{' '.join(words)}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def same_codes(python: Path, folder: Path) -> Verdict:
    """Judge whether the networks answer the same tiles with the same codes, every one of them."""
    files = folder / "here.npz", folder / "arm64.npz"
    for machine, file in zip((sys.executable, python), files, strict=True):
        _run(machine, HERE / "answers.py", file, folder=folder)
    here, there = (np.load(file) for file in files)
    apart = {name: np.count_nonzero(here[name] != there[name]) for name in here.files}
    told = [f"  {name}: {number} of {here[name].size} codes differ" for name, number in apart.items()]
    return Verdict(here.files == there.files and not any(apart.values()), "\n".join(told))


def same_slices(python: Path, folder: Path) -> Verdict:
    """Judge whether a recipe that was settled here makes nearly the same slices there."""
    demo = folder / "demo"
    shutil.rmtree(demo, ignore_errors=True)
    demo.mkdir()

    def edge(machine: str | Path, *words: str) -> None:
        _run(machine, "-m", "tomopy_edge", *words, folder=demo)

    edge(sys.executable, "simulate", "scan", "scan.h5", *DEMO)
    # Not what is fastest here, which need not be there.
    edge(sys.executable, "run", "quickstart", "scan.h5", "--output", "here", "--set", "denoise.options.runtime=litert")
    settled = yaml.safe_load((demo / "here/recipe.yaml").read_text(encoding="utf-8"))
    plain = [stage for stage in settled if not {"remove_stripes", "denoise"} & set(stage)]
    (demo / "plain.yaml").write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    edge(sys.executable, "run", "plain.yaml", "scan.h5", "--output", "here_plain")
    edge(python, "run", "plain.yaml", "scan.h5", "--output", "arm64_plain")
    edge(python, "run", "here/recipe.yaml", "scan.h5", "--output", "arm64")
    (options,) = (stage["denoise"]["options"] for stage in settled if "denoise" in stage)
    return _compared(demo, options)


def _compared(demo: Path, options: dict[str, Any]) -> Verdict:
    """Judge whether the slices of the two machines are near enough to each other."""
    model = open_model(options["model"])
    file = model.manifest.denoise.choose(options["precision"], options["tile"], (64, 64))
    network = litert.ENTRY.open(model.path(file.file, file.sha256), Placement(threads=1))
    ends = network.ends
    network.close()
    here, there = (_slices(demo / name) for name in ("here_plain", "arm64_plain"))
    rounding = np.abs(here - there).max() / np.abs(here).max()
    step = options["unit"] * ends.output_params.scale
    apart = np.abs(_slices(demo / "here") - _slices(demo / "arm64")) / step
    most, typical = apart.max(), np.sqrt(np.mean(apart**2))
    told = [
        f"  FBP, without stripe removal: at most {rounding:.1g} of the peak apart ({ROUNDING:.0g} allowed)",
        f"  denoised: at most {most:.2f} codes apart ({APART} allowed), {typical:.2f} rms ({TYPICAL:g} allowed)",
    ]
    return Verdict(bool(rounding <= ROUNDING and most <= APART and typical <= TYPICAL), "\n".join(told))


def _slices(output: Path) -> np.ndarray:
    with h5py.File(output / "recon.h5") as file:
        return file["exchange/data"][...]


def keeps_contract(python: Path, folder: Path) -> Verdict:
    """Judge whether the installed wheel passes the tests that every runtime must pass."""
    checkout = folder / "checkout"
    shutil.rmtree(checkout, ignore_errors=True)
    (checkout / "tests").mkdir(parents=True)
    for name in ("pyproject.toml", *TESTS):
        shutil.copy(ROOT / name, checkout / name)
    # A runtime that does not answer in time counts as one that does not work here; on this machine all are slow.
    (checkout / "patience.py").write_text(PATIENCE, encoding="utf-8")
    words = ("-m", "pytest", "-v", "--tb=short", "-p", "no:cacheprovider", "-p", "patience", TESTS[-1])
    return Verdict(holds=True, told=_run(python, *words, folder=checkout))


if __name__ == "__main__":
    sys.exit(main())
