"""Packages are told by what is in them, and never imported."""

import sys

import pytest

from tomopy_edge.installed import Installed
from tomopy_edge.machine.lookalikes import IMPORTED, NAMES, judge, judge_all

EXPLOSIVE = "raise SystemExit('this must not be imported')\n"


def installed(folder, files, distribution="", version=""):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(EXPLOSIVE + text)
    if distribution:
        info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    return Installed((str(folder),))


def verdict(module, found):
    return next(judge(name, found) for name in NAMES if name.module == module)


# The files are those of the wheels on PyPI (pycoral 0.2.0, dxchange 0.0.1).
IMPOSTORS = {
    "pycoral": ("0.2.0", {"pycoral/__init__.py": "", "pycoral/pycoral.py": "def ping(): ...\n"}, "utils/edgetpu.py"),
    "dxchange": (
        "0.0.1",
        {"dxchange/__init__.py": "", "dxchange/_nbdev.py": "", "dxchange/core.py": "def say_hello(to): ...\n"},
        "read_als_832h5()",
    ),
    "tomopy": ("0.0.1", {"tomopy/__init__.py": "def recon(): ...\n"}, "remove_outlier()"),
    "tflite": ("2.18.0", {"tflite/__init__.py": "", "tflite/Model.py": "class Model: ...\n"}, "interpreter.py"),
    "coral": ("1.0", {"coral.py": ""}, "utils/edgetpu.py"),
}
GENUINE = {
    "pycoral": {"pycoral/__init__.py": "", "pycoral/utils/edgetpu.py": "", "pycoral/utils/__init__.py": ""},
    "dxchange": {
        "dxchange/__init__.py": "",
        "dxchange/exchange.py": "def read_als_832h5(fname, sino=None):\n    ...\n",
        "dxchange/writer.py": "def write_tiff_stack(\n    data): ...\n",
    },
    "tomopy": {
        "tomopy/__init__.py": "",
        "tomopy/recon/algorithm.py": "def recon(tomo): ...\n",
        "tomopy/misc/corr.py": "def remove_outlier(arr): ...\n",
        "tomopy/prep/stripe.py": "def remove_stripe_fw(tomo): ...\n",
    },
    "tflite_runtime": {"tflite_runtime/__init__.py": "", "tflite_runtime/interpreter.py": ""},
}


@pytest.mark.parametrize("module", IMPOSTORS)
def test_another_package_of_a_name_is_known_and_what_to_have_instead_is_told(tmp_path, module):
    version, files, lacks = IMPOSTORS[module]
    found = verdict(module, installed(tmp_path, files, module, version))
    assert (found.state, found.version) == ("other", version)
    assert f"the package {module} {version} at {tmp_path}" in found.told
    mend = f"remove it (pip uninstall {module})" if module in IMPORTED else "nothing here uses it"
    assert f"it has no {lacks}; {mend}; the real thing: " in found.told
    assert module not in sys.modules


@pytest.mark.parametrize("module", GENUINE)
def test_the_real_package_is_known_without_being_imported(tmp_path, module):
    found = verdict(module, installed(tmp_path, GENUINE[module], module.replace("_", "-"), "2.0.0"))
    assert (found.state, found.version) == ("genuine", "2.0.0")
    assert module not in sys.modules


@pytest.mark.parametrize("module", [name.module for name in NAMES])
def test_a_folder_of_any_of_the_names_with_nothing_in_it_is_something_else(tmp_path, module):
    assert verdict(module, installed(tmp_path, {f"{module}/__init__.py": ""})).state == "other"


def test_a_function_within_a_class_or_a_comment_is_no_function_of_a_package(tmp_path):
    files = GENUINE["dxchange"] | {
        "dxchange/writer.py": "# def write_tiff_stack(\nclass A:\n    def write_tiff_stack(s): ...\n"
    }
    assert "it has no write_tiff_stack()" in verdict("dxchange", installed(tmp_path, files)).told


def test_a_machine_with_nothing_lacks_them_all(tmp_path):
    verdicts = judge_all(Installed((str(tmp_path),)))
    assert {found.state for found in verdicts} == {"absent"}
    assert [found.module for found in verdicts] == [name.module for name in NAMES]
    assert "not installed; conda install -c conda-forge tomopy" in [found.told for found in verdicts]


def test_what_is_installed_here_is_litert():
    assert verdict("ai_edge_litert", Installed()).state == "genuine"
