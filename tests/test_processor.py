"""Processor and board go by one name, wherever they are told."""

from tomopy_edge.machine.facts import describe
from tomopy_edge.networks import choice
from tomopy_edge.processor import board_name, processor_name


def test_a_processor_with_two_kinds_of_core_is_called_by_both(system):
    cores = "CPU implementer\t: 0x41\nCPU part\t: 0xd42\n\nCPU implementer\t: 0x4e\nCPU part\t: 0x004\n"
    assert processor_name(system({"proc/cpuinfo": cores + "\n" + cores})) == "Cortex-A78AE + Carmel"


def test_a_board_whose_device_tree_is_hidden_is_told_by_the_list_of_its_cores(system):
    root = system({"proc/cpuinfo": "model\t\t: 85\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n"})
    assert board_name(root) == "Raspberry Pi 4 Model B Rev 1.4"
    assert board_name(system({"proc/device-tree/model": "Raspberry Pi 4\0"})) == "Raspberry Pi 4"


def test_a_machine_that_is_no_board_has_no_name_of_one(system):
    root = system({"proc/cpuinfo": "model\t\t: 85\nmodel name\t: Intel(R) Xeon(R)\n"})
    assert (processor_name(root), board_name(root)) == ("Intel(R) Xeon(R)", "")


def test_what_is_measured_is_kept_under_the_names_that_doctor_tells():
    assert choice._machine()[:2] == (processor_name(), board_name())
    assert describe().cpu == processor_name()
