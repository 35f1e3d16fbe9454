"""Google's compiler, which is not here: scripts stand in for it, with logs as its users published them."""

import json
import sys
from pathlib import Path

import pytest

from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.networks import edge_tpu_compiler
from tomopy_edge.networks.edge_tpu import foretell
from tomopy_edge.networks.edge_tpu_compiler import VARIABLE, OperatorRow, compile_network, find_compiler
from tomopy_edge.shipped import shipped

NETWORK = shipped("models") / "tomogan" / "fine_tune_int8_64.tflite"

WHOLE = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 141 ms.

Input model: net.tflite
Input size: 5.11KiB
Output model: net_edgetpu.tflite
Output size: 9.09KiB
On-chip memory used for caching model parameters: 18.00KiB
On-chip memory remaining for caching model parameters: 6.86MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 3
Operation log: net_edgetpu.log
See the operation log file for individual operation details.
Compilation child process completed within timeout period.
Compilation succeeded!
"""

LOG = """Edge TPU Compiler version 16.0.384591198
Input: net.tflite
Output: net_edgetpu.tflite

Operator                       Count      Status

CONV_2D                        3          Mapped to Edge TPU
"""

PARTLY = (
    WHOLE.replace("18.00KiB", "6.08MiB").replace("0.00B", "1.70MiB").partition("See the operation")[0]
    + """
Model successfully compiled but not all operations are supported by the Edge TPU. A percentage of the model will instead
run on the CPU, which is slower.
Number of operations that will run on Edge TPU: 2
Number of operations that will run on CPU: 1
"""
)

PARTLY_LOG = LOG.replace("3          Mapped", "2          Mapped") + (
    "CONV_2D                        1          Operation is otherwise supported, but not mapped due to some "
    "unspecified limitation\n"
)

REFUSED = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.
ERROR: Attempting to use a delegate that only supports static-sized tensors with a graph that has dynamic-sized tensors.
Compilation failed: Model failed in Tflite interpreter. Please ensure model can be loaded/run in Tflite interpreter.
Compilation child process completed within timeout period.
Compilation failed!
"""

STARTED = REFUSED.partition("ERROR")[0]

SCRIPT = Path(__file__).parent / "stand_ins" / "edgetpu_compiler.py"


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Write a stand-in for the compiler that does what is asked, and return its path."""
    path = tmp_path / "edgetpu_compiler"

    def write(says="", **asked):
        path.write_text(f"#!{sys.executable}\n{SCRIPT.read_text()}")
        path.chmod(0o755)
        monkeypatch.setenv("STAND_IN", json.dumps({"says": says, **asked}))
        return str(path)

    return write


def test_a_network_that_maps_whole_has_a_table_and_its_memory_in_bytes(stand_in, tmp_path):
    made = compile_network(stand_in(WHOLE, keeps=0, logs=LOG), NETWORK)
    assert made.compiler == "Edge TPU Compiler version 16.0.384591198"
    assert made.rows == (OperatorRow("CONV_2D", 3, "Mapped to Edge TPU"),)
    assert (made.on_device, made.on_cpu) == (3, 0)
    assert (made.on_chip, made.streamed) == (18 * 1024, 0)
    (tmp_path / "made.tflite").write_bytes(made.content)
    assert foretell(tmp_path / "made.tflite").compiled


def test_operators_that_are_left_to_the_cpu_are_counted_in_the_file_and_named_in_the_table(stand_in):
    made = compile_network(stand_in(PARTLY, keeps=1, logs=PARTLY_LOG), NETWORK)
    assert (made.on_device, made.on_cpu) == (2, 1)
    assert made.rows[1].status == "Operation is otherwise supported, but not mapped due to some unspecified limitation"
    assert (made.on_chip, made.streamed) == (round(6.08 * 2**20), round(1.7 * 2**20))


def test_a_table_that_is_printed_and_not_logged_is_read_too(stand_in):
    made = compile_network(stand_in(WHOLE + "\n" + LOG.partition("\n\n")[2], keeps=0), NETWORK)
    assert made.rows == (OperatorRow("CONV_2D", 3, "Mapped to Edge TPU"),)


def test_a_log_without_anything_known_in_it_is_no_reason_to_refuse_the_file(stand_in):
    made = compile_network(stand_in("done", keeps=1), NETWORK)
    assert (made.rows, made.on_chip, made.streamed, made.on_cpu) == ((), None, None, 1)
    assert made.compiler == "an Edge TPU Compiler that does not give its version"


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        (REFUSED, 1, "ERROR: Attempting to use a delegate .* Tflite interpreter.$"),
        (
            "Edge TPU Compiler version 14.1.317412892\n\nInternal compiler error. Aborting! \n",
            0,
            "Internal compiler error",
        ),
        ("Edge TPU Compiler version 15.0\nInvalid model: net.tflite\nModel not quantized\n", 0, "Model not quantized$"),
        (
            f"{STARTED}Compilation timeout. This is usually caused by large activations.\nCompilation failed! \n",
            1,
            r"Compilation timeout\. This is usually caused by large activations\.$",
        ),
        (f"{STARTED}Compilation child process completed within timeout period.\nCompilation failed!\n", 1, "no reason"),
        ("", 3, r"it gives no reason \(exit code 3\)"),
    ],
)
def test_a_network_that_is_not_compiled_is_refused_with_what_the_compiler_said(stand_in, said, code, reason):
    with pytest.raises(ModelError, match=rf"fine_tune_int8_64\.tflite: was not compiled: .*{reason}") as caught:
        compile_network(stand_in(said, code=code), NETWORK)
    assert "Compilation child process completed" not in str(caught.value)


def test_a_network_of_which_nothing_was_mapped_is_refused(stand_in):
    with pytest.raises(ModelError, match="left all of it to the CPU"):
        compile_network(stand_in(WHOLE, keeps=0, operator="another-custom-op"), NETWORK)


def test_a_file_with_other_ends_than_the_networks_is_refused(stand_in):
    with pytest.raises(ModelError, match="once compiled it takes and gives"):
        compile_network(stand_in(WHOLE, keeps=0, scale=2), NETWORK)


def test_a_compiler_that_never_ends_is_given_up(stand_in, monkeypatch):
    monkeypatch.setattr(edge_tpu_compiler, "PATIENCE", 0.5)
    with pytest.raises(ModelError, match=r"did not compile it within 0\.5 seconds"):
        compile_network(stand_in(sleeps=60), NETWORK)


def test_a_compiler_for_another_machine_is_a_sentence(tmp_path):
    path = tmp_path / "edgetpu_compiler"
    path.write_bytes(b"\x7fELF of another machine")
    path.chmod(0o755)
    with pytest.raises(BackendError, match=r"cannot be run: .*; Google offers it for Linux on x86-64 alone"):
        compile_network(str(path), NETWORK)


def test_the_compiler_is_found_on_path_or_where_the_variable_says(stand_in, tmp_path, monkeypatch):
    path = stand_in("")
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_compiler() == path
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv(VARIABLE, path)
    assert find_compiler() == path
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(BackendError, match=r"EDGETPU_COMPILER names .*gone, which is no program; Google offers it"):
        find_compiler()


@pytest.mark.parametrize(("machine", "told"), [("x86_64", False), ("aarch64", True)])
def test_without_a_compiler_it_is_told_how_to_get_it_and_for_which_machine(monkeypatch, machine, told):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(edge_tpu_compiler.platform, "machine", lambda: machine)
    with pytest.raises(
        BackendError, match=r"edgetpu_compiler is not on PATH; .* package edgetpu-compiler of Coral"
    ) as caught:
        find_compiler()
    assert ("this machine is aarch64: compile on another one" in str(caught.value)) == told
