"""How much energy this machine used, where it has a sensor that tells: never an estimate.

Two kinds are read: the counters of Intel and AMD processors (RAPL, https://docs.kernel.org/power/powercap/), and the
INA3221 chips on Jetson boards (https://docs.kernel.org/hwmon/ina3221.html), whose power is read every few milliseconds
and summed over time. Both measure all that runs on the machine. The INA3221 part was written from those documents and
has never run on a Jetson.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from tomopy_edge.system_files import ROOT, text_of

PERIOD = 0.02
"""Seconds between two readings of a power."""

CHANNELS = (1, 2, 3)
"""Of an INA3221; what it calls its further channels are sums."""

INPUTS = (
    ("VDD_IN",),
    ("POM_5V_IN",),
    ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),
    ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),
)
"""Rails that a Jetson module is fed by, none of them behind another: Orin NX and Nano and Xavier NX, Nano, AGX Xavier,
AGX Orin. The first that a board has all of is summed; adding up whatever rails there are would count some twice."""


@dataclass
class Energy:
    """What one stretch of time took; known when it has ended.

    Attributes
    ----------
    joules : of the whole machine, or None where nothing tells
    """

    joules: float | None = None


class Meter(Protocol):
    """Tells what a stretch of time took."""

    @property
    def told(self) -> str:
        """What is measured, or why nothing is."""
        ...

    def measuring(self) -> AbstractContextManager[Energy]:
        """Measure what is done inside."""
        ...


@dataclass(frozen=True)
class NoMeter:
    """Stands where there is no sensor.

    Attributes
    ----------
    told : why
    """

    told: str

    @contextmanager
    def measuring(self) -> Iterator[Energy]:
        """Measure nothing."""
        yield Energy()


@dataclass(frozen=True)
class Rapl:
    """The energy counters of a processor.

    Attributes
    ----------
    zones : folders of the counters that are summed, each beside no other that holds it
    """

    zones: tuple[Path, ...]

    @property
    def told(self) -> str:
        """Which counters there are."""
        return f"RAPL counters {' + '.join(text_of(zone / 'name') for zone in self.zones)}, all programs together"

    @contextmanager
    def measuring(self) -> Iterator[Energy]:
        """Measure what is done inside; a counter may wrap once meanwhile, which takes minutes at full load."""
        energy = Energy()
        start = [self._microjoules(zone) for zone in self.zones]
        yield energy
        with suppress(OSError, ValueError):
            used = [self._since(zone, before) for zone, before in zip(self.zones, start, strict=True)]
            energy.joules = sum(used) / 1e6

    def _since(self, zone: Path, before: int) -> int:
        used = self._microjoules(zone) - before
        return used if used >= 0 else used + int((zone / "max_energy_range_uj").read_text(encoding="ascii"))

    @staticmethod
    def _microjoules(zone: Path) -> int:
        return int((zone / "energy_uj").read_text(encoding="ascii"))


@dataclass(frozen=True)
class Ina3221:
    """The power that a Jetson module is fed with.

    Attributes
    ----------
    rails : name -> files of its millivolts and milliamperes
    period : seconds between two readings
    clock : tells seconds
    """

    rails: dict[str, tuple[Path, Path]]
    period: float = PERIOD
    clock: Callable[[], float] = time.perf_counter

    @property
    def told(self) -> str:
        """Which rails there are."""
        return f"INA3221 rails {' + '.join(self.rails)}, all programs together"

    def watts(self) -> float:
        """Return the power at this moment."""
        read = [[int(file.read_text(encoding="ascii")) for file in files] for files in self.rails.values()]
        return sum(millivolts * milliamperes for millivolts, milliamperes in read) / 1e6

    @contextmanager
    def measuring(self) -> Iterator[Energy]:
        """Measure what is done inside, by trapezia between readings."""
        energy, done = Energy(), threading.Event()
        readings = [(self.clock(), self.watts())]

        def read() -> None:
            # A reading that fails is left out; its neighbours then span a longer time.
            with suppress(OSError, ValueError):
                readings.append((self.clock(), self.watts()))

        def keep_reading() -> None:
            while not done.wait(self.period):
                read()

        reader = threading.Thread(target=keep_reading, name="energy", daemon=True)
        reader.start()
        try:
            yield energy
        finally:
            done.set()
            reader.join()
        known = len(readings)
        read()
        if len(readings) > known:
            pairs = pairwise(readings)
            energy.joules = sum((late[0] - early[0]) * (early[1] + late[1]) / 2 for early, late in pairs)


def find_meter(root: Path = ROOT) -> Meter:
    """Return what tells the energy of the machine under `root`, or a `NoMeter` that says why nothing does."""
    rails = _rails(root)
    for names in INPUTS:
        if rails.keys() >= set(names):
            return _tried(Ina3221({name: rails[name] for name in names}))
    if rails:
        found = ", ".join(rails)
        return NoMeter(f"none: it is not known which of this board's rails ({found}) carry all that it uses")
    zones = _zones(root)
    return _tried(Rapl(zones)) if zones else NoMeter("none: this machine has no sensor for it (RAPL or INA3221)")


def _tried(meter: Rapl | Ina3221) -> Meter:
    try:
        with meter.measuring():
            pass
    except PermissionError as error:
        return NoMeter(f"none: {error.filename} may not be read by this user; run as root, or let it be read")
    except (OSError, ValueError) as error:
        return NoMeter(f"none: the sensor is there and cannot be read ({error})")
    return meter


def _zones(root: Path) -> tuple[Path, ...]:
    """Return the counters of the processors and of their memory, which is no part of the former."""
    # intel-rapl:0 is a processor, intel-rapl:0:1 a part of it; intel-rapl-mmio:0 is the same processor again.
    found = sorted((root / "sys/class/powercap").glob("intel-rapl:*"))
    return tuple(zone for zone in found if text_of(zone / "name").startswith(("package", "dram")))


def _rails(root: Path) -> dict[str, tuple[Path, Path]]:
    found = {}
    for chip in sorted((root / "sys/bus/i2c/drivers").glob("ina3221*/*/hwmon/hwmon*")):
        for number in CHANNELS:
            if name := text_of(chip / f"in{number}_label"):
                found[name] = (chip / f"in{number}_input", chip / f"curr{number}_input")
    return found
