"""What the sensors of a machine tell of energy, on folders that look like theirs: no such machine was at hand."""

import threading
from pathlib import Path

import pytest

from tomopy_edge.machine.energy import Energy, Ina3221, NoMeter, Rapl, find_meter

RAPL = "sys/class/powercap"


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{content}\n")


def zone(root, place, name, microjoules=0, most=1000):
    folder = root / RAPL / place
    for file, content in (("name", name), ("energy_uj", microjoules), ("max_energy_range_uj", most)):
        write(folder / file, content)
    return folder


def chip(root, address, labels, millivolts=5000, milliamperes=2000):
    folder = root / "sys/bus/i2c/drivers/ina3221" / address / "hwmon/hwmon3"
    for number, label in enumerate(labels, start=1):
        write(folder / f"in{number}_label", label)
        write(folder / f"in{number}_input", millivolts)
        write(folder / f"curr{number}_input", milliamperes)
    write(folder / "in7_label", "sum of shunt voltages")
    return folder


def test_a_machine_without_sensors_tells_nothing(tmp_path):
    meter = find_meter(tmp_path)
    with meter.measuring() as energy:
        pass
    assert energy == Energy(None)
    assert meter.told == "none: this machine has no sensor for it (RAPL or INA3221)"


def test_processors_and_their_memory_are_added_and_parts_of_them_are_not(tmp_path):
    zone(tmp_path, "intel-rapl:0", "package-0", 100)
    zone(tmp_path, "intel-rapl:0:0", "core", 7)
    zone(tmp_path, "intel-rapl:0:1", "dram", 10)
    zone(tmp_path, "intel-rapl:1", "psys", 9)
    zone(tmp_path, "intel-rapl-mmio:0", "package-0", 100)
    meter = find_meter(tmp_path)
    assert meter.told == "RAPL counters package-0 + dram, all programs together"
    with meter.measuring() as energy:
        assert energy.joules is None
        for place in ("intel-rapl:0", "intel-rapl:0:0", "intel-rapl:0:1", "intel-rapl:1", "intel-rapl-mmio:0"):
            write(tmp_path / RAPL / place / "energy_uj", 300)
    assert energy.joules == pytest.approx((200 + 290) / 1e6)


def test_a_counter_that_wrapped_is_not_a_gain_of_energy(tmp_path):
    folder = zone(tmp_path, "intel-rapl:0", "package-0", 900, most=1000)
    with Rapl((folder,)).measuring() as energy:
        write(folder / "energy_uj", 100)
    assert energy.joules == pytest.approx(200 / 1e6)


def test_a_counter_that_is_lost_on_the_way_leaves_no_energy(tmp_path):
    folder = zone(tmp_path, "intel-rapl:0", "package-0", 900)
    with Rapl((folder,)).measuring() as energy:
        (folder / "energy_uj").unlink()
    assert energy.joules is None


def test_a_counter_for_root_only_is_said_to_be(tmp_path, monkeypatch):
    folder = zone(tmp_path, "intel-rapl:0", "package-0")
    read = Path.read_text

    def refuse(self, *args, **more):
        if self == folder / "energy_uj":
            raise PermissionError(13, "Permission denied", str(self))
        return read(self, *args, **more)

    monkeypatch.setattr(Path, "read_text", refuse)
    meter = find_meter(tmp_path)
    assert isinstance(meter, NoMeter)
    assert meter.told == f"none: {folder / 'energy_uj'} may not be read by this user; run as root, or let it be read"


def test_a_sensor_that_tells_rubbish_is_not_used(tmp_path):
    zone(tmp_path, "intel-rapl:0", "package-0", "lots")
    assert "the sensor is there and cannot be read (invalid literal" in find_meter(tmp_path).told


def test_the_rail_that_feeds_a_jetson_is_read_and_those_behind_it_are_not_added(tmp_path):
    chip(tmp_path, "1-0040", ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"], 5000, 2000)
    meter = find_meter(tmp_path)
    assert meter.told == "INA3221 rails VDD_IN, all programs together"
    assert meter.watts() == pytest.approx(10)


def test_a_jetson_without_one_rail_for_all_is_summed_over_both_chips(tmp_path):
    chip(tmp_path, "1-0040", ["GPU", "CPU", "SOC"])
    chip(tmp_path, "1-0041", ["CV", "VDDRQ", "SYS5V"], 5000, 1000)
    assert find_meter(tmp_path).watts() == pytest.approx(3 * 10 + 3 * 5)


def test_rails_that_nobody_knows_are_named_and_not_added_up(tmp_path):
    chip(tmp_path, "1-0040", ["A", "B", "NC"])
    assert find_meter(tmp_path).told == (
        "none: it is not known which of this board's rails (A, B, NC) carry all that it uses"
    )


def test_power_is_summed_over_time_by_trapezia(tmp_path):
    folder = chip(tmp_path, "1-0040", ["VDD_IN"], 5000, 2000)
    seconds = iter([10.0, 14.0])
    rails = {"VDD_IN": (folder / "in1_input", folder / "curr1_input")}
    with Ina3221(rails, period=60, clock=lambda: next(seconds)).measuring() as energy:
        write(folder / "curr1_input", 4000)
    assert energy.joules == pytest.approx(4 * (10 + 20) / 2)


def test_power_is_read_again_and_again_meanwhile(tmp_path):
    folder = chip(tmp_path, "1-0040", ["VDD_IN"])
    count, often = 0, threading.Event()

    def clock():
        nonlocal count
        count += 1
        if count > 4:
            often.set()
        return float(count)

    rails = {"VDD_IN": (folder / "in1_input", folder / "curr1_input")}
    with Ina3221(rails, period=0.001, clock=clock).measuring() as energy:
        assert often.wait(10)
    assert energy.joules == pytest.approx(10 * (count - 1))
    assert not [thread for thread in threading.enumerate() if thread.name == "energy"]


def test_a_reading_that_fails_is_left_out_and_a_last_one_leaves_no_energy(tmp_path):
    folder = chip(tmp_path, "1-0040", ["VDD_IN"])
    rails = {"VDD_IN": (folder / "in1_input", folder / "curr1_input")}
    with Ina3221(rails, period=60).measuring() as energy:
        (folder / "curr1_input").unlink()
    assert energy.joules is None
