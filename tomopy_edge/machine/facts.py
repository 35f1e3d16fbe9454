"""What a machine is, as its system tells it: processor, memory, board and graphics processors."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from tomopy_edge.job import available_cores
from tomopy_edge.machine.cgroup import memory_limit
from tomopy_edge.machine.cuda import ask_cuda

ROOT = Path("/")
"""Where the system is. Tests hand over a folder that looks like another machine's."""

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

ARM, NVIDIA = "0x41", "0x4e"
CORES = {
    (ARM, "0xd03"): "Cortex-A53",
    (ARM, "0xd04"): "Cortex-A35",
    (ARM, "0xd05"): "Cortex-A55",
    (ARM, "0xd07"): "Cortex-A57",
    (ARM, "0xd08"): "Cortex-A72",
    (ARM, "0xd09"): "Cortex-A73",
    (ARM, "0xd0a"): "Cortex-A75",
    (ARM, "0xd0b"): "Cortex-A76",
    (ARM, "0xd0c"): "Neoverse-N1",
    (ARM, "0xd40"): "Neoverse-V1",
    (ARM, "0xd41"): "Cortex-A78",
    (ARM, "0xd42"): "Cortex-A78AE",
    (ARM, "0xd49"): "Neoverse-N2",
    (ARM, "0xd4f"): "Neoverse-V2",
    (NVIDIA, "0x003"): "Denver 2",
    (NVIDIA, "0x004"): "Carmel",
}
"""CPU implementer and part, as /proc/cpuinfo of an ARM machine gives them instead of a name -> the name."""


@dataclass(frozen=True)
class Machine:
    """What this machine is.

    Attributes
    ----------
    cpu : name of the processor
    features : instructions that networks are fast by, such as "AVX512-VNNI" or "dotprod"
    cores : that this process may use
    memory_bytes : of the machine; 0 where the system does not tell
    memory_limit_bytes : what a control group allows this process, where that is less
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
        cpu=_cpu(root),
        features=_features(root),
        cores=available_cores(),
        memory_bytes=memory,
        memory_limit_bytes=limit if limit is not None and (not memory or limit < memory) else None,
        system=_system(root),
        board=_board(root),
        gpus=cuda.gpus,
        cuda=cuda.told,
    )


def text_of(path: Path) -> str:
    """Return what a file of the system says, or "" where it is not there or not to be read."""
    try:
        return path.read_bytes().decode("utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""


def _cpuinfo(root: Path, *names: str) -> list[str]:
    """Return what /proc/cpuinfo says of `names`, for all processors, in its order."""
    pairs = (line.partition(":") for line in text_of(root / "proc/cpuinfo").splitlines())
    return [said.strip() for name, _, said in pairs if name.strip() in names]


def _cpu(root: Path) -> str:
    parts = list(zip(_cpuinfo(root, "CPU implementer"), _cpuinfo(root, "CPU part"), strict=False))
    # A processor of two kinds of core names both; what Jetsons give as model name is that of all ARMv8 processors.
    known = dict.fromkeys(CORES[part] for part in parts if part in CORES)
    named = _cpuinfo(root, "model name")[:1] or [f"part {part} of implementer {maker}" for maker, part in parts[:1]]
    return " + ".join(known) or "".join(named) or platform.processor() or platform.machine() or "unknown"


def _features(root: Path) -> tuple[str, ...]:
    flags = {flag for line in _cpuinfo(root, "flags", "Features") for flag in line.split()}
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
    model = text_of(root / "proc/device-tree/model")
    release = text_of(root / "etc/nv_tegra_release").partition("\n")[0]
    # "# R36 (release), REVISION: 4.3, GCID: ...": NVIDIA calls that L4T 36.4.3.
    words = release.replace(",", " ").split()
    if "REVISION:" in words[:-1] and len(words) > 1 and words[1].startswith("R"):
        release = f"L4T {words[1][1:]}.{words[words.index('REVISION:') + 1]}"
    return ", ".join(filter(None, (model, release))) or None
