"""What the processor of this machine is called, and the board that it sits on."""

from __future__ import annotations

import platform
from pathlib import Path

from tomopy_edge.system_files import ROOT, text_of

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


def processor_name(root: Path = ROOT) -> str:
    """Return the name of the processor, "unknown" where nothing tells it.

    Parameters
    ----------
    root : where `proc` is
    """
    parts = list(zip(cpuinfo(root, "CPU implementer"), cpuinfo(root, "CPU part"), strict=False))
    # A processor of two kinds of core names both; what Jetsons give as model name is that of all ARMv8 processors.
    known = dict.fromkeys(CORES[part] for part in parts if part in CORES)
    named = cpuinfo(root, "model name")[:1] or [f"part {part} of implementer {maker}" for maker, part in parts[:1]]
    return " + ".join(known) or "".join(named) or platform.processor() or platform.machine() or "unknown"


def board_name(root: Path = ROOT) -> str:
    """Return the name of a single-board computer, such as "Raspberry Pi 5 Model B Rev 1.0"; "" for any other machine.

    Parameters
    ----------
    root : where `proc` is
    """
    # Containers hide the device tree; Raspberry Pis have its first line here too.
    return text_of(root / "proc/device-tree/model") or "".join(cpuinfo(root, "Model")[:1])


def cpuinfo(root: Path, *names: str) -> list[str]:
    """Return what /proc/cpuinfo says of `names`, for all processors, in its order."""
    pairs = (line.partition(":") for line in text_of(root / "proc/cpuinfo").splitlines())
    return [said.strip() for name, _, said in pairs if name.strip() in names]
