"""What a machine is, as its system tells it: processor, memory, board and graphics processors."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from tomopy_edge.job import available_cores
from tomopy_edge.machine.cuda import ask_cuda
from tomopy_edge.memory import memory_limit
from tomopy_edge.processor import board_name, cpuinfo, processor_name
from tomopy_edge.system_files import ROOT, text_of

FEATURES = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX512-VNNI",
    "avx_vnni": "AVX-VNNI",
    "amx_int8": "AMX-INT8",
    "asimd": "NEON",
    "neon": "NEON",
    "asimddp": "dotprod",
    "i8mm": "i8mm",
    "sve": "SVE",
}
"""What int8 and float networks are fast by, as Linux names it -> as people do."""


@dataclass(frozen=True)
class Machine:
    """What this machine is.

    Attributes
    ----------
    cpu : name of the processor
    features : instructions that networks are fast by, such as "AVX512-VNNI" or "dotprod"
    cores : that this process may use
    memory_bytes : of the machine; 0 where the system does not tell
    memory_limit_bytes : what limits allow this process (control groups, `ulimit`), where that is less
    system : distribution, kernel and architecture
    board : of a single-board computer, such as a Raspberry Pi or a Jetson with its release of L4T
    gpus : that CUDA can use, such as "NVIDIA H100 (compute capability 9.0, 79.2 GiB)"
    cuda : the driver and the CUDA release it knows, or why there is no CUDA: one sentence
    """

    cpu: str
    features: tuple[str, ...]
    cores: int
    memory_bytes: int
    memory_limit_bytes: int | None
    system: str
    board: str | None
    gpus: tuple[str, ...]
    cuda: str


def describe(root: Path = ROOT) -> Machine:
    """Return what the machine under `root` is.

    What the system does not tell is left open; nothing is raised. The cores are those of this process. CUDA is asked
    in a child process, which a driver that does not fit can end.

    Parameters
    ----------
    root : where `proc`, `sys` and `etc` are
    """
    memory = _memory(root)
    limit = memory_limit(root)
    cuda = ask_cuda(root)
    return Machine(
        cpu=processor_name(root),
        features=_features(root),
        cores=available_cores(),
        memory_bytes=memory,
        memory_limit_bytes=limit if limit is not None and (not memory or limit < memory) else None,
        system=_system(root),
        board=_board(root),
        gpus=cuda.gpus,
        cuda=cuda.told,
    )


def _features(root: Path) -> tuple[str, ...]:
    flags = {flag for line in cpuinfo(root, "flags", "Features") for flag in line.split()}
    return tuple(dict.fromkeys(told for flag, told in FEATURES.items() if flag in flags))


def _memory(root: Path) -> int:
    for line in text_of(root / "proc/meminfo").splitlines():
        name, _, said = line.partition(":")
        number = said.split()[:1]
        if name == "MemTotal" and number and number[0].isdecimal():
            return int(number[0]) * 1024
    return 0


def _system(root: Path) -> str:
    lines = (line.partition("=") for line in text_of(root / "etc/os-release").splitlines())
    named = {name: said.strip("\"'") for name, _, said in lines}
    distribution = named.get("PRETTY_NAME", "")
    return ", ".join(filter(None, (distribution, f"{platform.system()} {platform.release()}", platform.machine())))


def _board(root: Path) -> str | None:
    release = text_of(root / "etc/nv_tegra_release").partition("\n")[0]
    # "# R36 (release), REVISION: 4.3, GCID: ...": NVIDIA calls that L4T 36.4.3.
    words = release.replace(",", " ").split()
    if "REVISION:" in words[:-1] and len(words) > 1 and words[1].startswith("R"):
        release = f"L4T {words[1][1:]}.{words[words.index('REVISION:') + 1]}"
    return ", ".join(filter(None, (board_name(root), release))) or None
