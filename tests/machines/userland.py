"""An arm64 Debian in a folder, without root: what it is made of, and how a program runs in it on another processor.

debootstrap would want root, a chroot and binfmt_misc for its second stage, which runs the packages' own scripts.
Nothing that runs here needs those scripts: apt-get finds the packages that Python needs and downloads them, dpkg-deb
unpacks them, and qemu-user starts the Python in them with their folder for its root.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

PACKAGES = ("python3", "libstdc++6")
"""What is wanted in the userland; apt-get adds what these depend on. Wheels bring the rest, but for this library."""

EMULATORS = ("qemu-aarch64-static", "qemu-aarch64")
"""Names of qemu's program for arm64; which package holds which depends on the release of Debian."""

EMULATOR_PACKAGES = ("qemu-user-static", "qemu-user")

# qemu 7.2 shows programs the /proc/cpuinfo of the machine that it runs on; what LiteRT concludes from that ends in a
# segmentation fault. This is a core of a Raspberry Pi 4, a Cortex-A72.
CORE = """\
processor\t: {number}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

"""

CORES = 4


class LackingError(Exception):
    """This machine lacks what the emulated one is made from."""


def make_userland(folder: Path, cpu: str, say: Callable[[str], None]) -> Path:
    """Return the command that runs the Python of an arm64 Debian in `folder`, which is made where it is not there.

    Parameters
    ----------
    folder : for the userland (`root`), its packages, qemu where the machine has none, and `site`, which is where that
        Python finds what is installed for it
    cpu : what qemu emulates
    say : is told of every step that takes long

    Raises
    ------
    LackingError : where apt-get, dpkg-deb, a way to the packages or a qemu that runs are missing
    """
    root = folder / "root"
    emulator = _emulator(folder, say)
    if not (folder / "root.done").exists():
        say(f"the packages of {' and '.join(PACKAGES)} for arm64, from this machine's own sources of apt")
        packages = _download(folder / "apt-arm64", "arm64", PACKAGES)
        shutil.rmtree(root, ignore_errors=True)
        for package in packages:
            _unpack(package, root)
        _finish(root)
        (folder / "root.done").write_text("\n".join(package.name for package in packages) + "\n", encoding="utf-8")
    command = folder / "python"
    command.write_text(_command(folder, root, emulator, cpu), encoding="utf-8")
    command.chmod(0o755)
    return command


def _command(folder: Path, root: Path, emulator: str, cpu: str) -> str:
    """Return a script that is the Python of `root`, to itself too: child processes are started by this name."""
    command = folder / "python"
    python = (root / "usr/bin/python3").resolve()
    words = [
        *("exec", "env", f"PYTHONHOME={root / 'usr'}", f"PYTHONPATH={folder / 'site'}", "PYTHONNOUSERSITE=1"),
        *(f"NUMBA_CACHE_DIR={folder / 'numba'}", emulator, "-cpu", cpu, "-0", command, "-L", root, python),
    ]
    return f'#!/bin/sh\n{shlex.join(map(str, words))} "$@"\n'


def python_version(folder: Path) -> str:
    """Return the version of the userland's Python, such as "3.11"."""
    return (folder / "root/usr/bin/python3").resolve().name.removeprefix("python")


def _emulator(folder: Path, say: Callable[[str], None]) -> str:
    """Return a qemu for arm64 that runs: this machine's, or one that is unpacked in `folder`."""
    unpacked = folder / "qemu"

    def found() -> str | None:
        here = (shutil.which(name, path=path) for path in (None, unpacked / "usr/bin") for name in EMULATORS)
        return next((name for name in here if name and _runs(name)), None)

    if emulator := found():
        return emulator
    say("qemu-user, which is not installed on this machine")
    missed = "none of them has it"
    for package in EMULATOR_PACKAGES:
        try:
            for path in _download(folder / "apt-qemu", None, (package,), alone=True):
                _unpack(path, unpacked)
        except LackingError as error:
            missed = str(error)
        if emulator := found():
            return emulator
    raise LackingError(
        f"no qemu-user for arm64: {' and '.join(EMULATORS)} are not on the PATH, and the packages "
        f"{' and '.join(EMULATOR_PACKAGES)} gave none that runs ({missed}); install qemu-user-static"
    )


def _runs(emulator: str) -> bool:
    return subprocess.run([emulator, "--version"], capture_output=True, check=False).returncode == 0  # noqa: S603 - qemu


def _download(state: Path, architecture: str | None, packages: tuple[str, ...], *, alone: bool = False) -> list[Path]:
    """Return the files of `packages` and, unless they are wanted `alone`, of all that they depend on.

    Parameters
    ----------
    state : what apt-get keeps: the machine's own lists and packages are neither used nor changed
    architecture : None for the machine's own
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise LackingError(f"no {tool}: the emulated machine is made of packages of Debian; run this on a Debian")
    archives = state / "archives"
    shutil.rmtree(archives, ignore_errors=True)
    for part in (state / "lists/partial", archives / "partial"):
        part.mkdir(parents=True, exist_ok=True)
    # As if nothing were installed, so that everything needed is downloaded.
    (state / "status").touch()
    settings = {
        "Dir::State": state,
        "Dir::State::Lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state,
        "Dir::Cache::archives": archives,
        "Acquire::Languages": "none",
        # The user that apt downloads as may not be allowed into the folder.
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
    }
    if architecture is not None:
        settings |= {"APT::Architecture": architecture, "APT::Architectures::": architecture}
    apt = ["apt-get", "-q", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]
    _run([*apt, "update"], archives)
    if alone:
        _run([*apt, "download", *packages], archives)
    else:
        _run([*apt, "install", "--yes", "--download-only", "--no-install-recommends", *packages], archives)
    return sorted(archives.glob("*.deb"))


def _run(command: list[str], folder: Path) -> None:
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - apt-get
    if ran.returncode:
        complaints = [line for line in ran.stderr.splitlines() if line.startswith("E: ")] or [ran.stderr.strip()]
        raise LackingError(
            f"{command[0]} cannot get packages ({complaints[0].removeprefix('E: ')}): is there a network, and does a "
            "mirror in this machine's sources of apt have arm64?"
        )


def _unpack(package: Path, root: Path) -> None:
    subprocess.run(["dpkg-deb", "--extract", package, root], check=True)  # noqa: S603, S607 - to be found on the PATH


def _finish(root: Path) -> None:
    """Add what no package holds."""
    # From Debian 13 on the packages leave this link to the installer.
    if not (root / "lib").exists():
        (root / "lib").symlink_to("usr/lib")
    (root / "proc").mkdir(exist_ok=True)
    cores = "".join(CORE.format(number=number) for number in range(CORES))
    (root / "proc/cpuinfo").write_text(cores, encoding="utf-8")
