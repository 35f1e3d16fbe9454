"""`tomopy-edge models`: a list, a description, and a check against the Edge TPU's rules."""

import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from tomopy_edge.cli import main
from tomopy_edge.shipped import shipped

TOMOGAN = shipped("models") / "tomogan"


def fault(capsys, *argv):
    assert main(["models", *(str(word) for word in argv)]) == 2
    return capsys.readouterr().err


def unmappable(path):
    """Write a Fine-Tune network whose second convolution is of a version that the compiler refuses."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray((TOMOGAN / "fine_tune_int8_64.tflite").read_bytes()))
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    code.version = 6
    model.operatorCodes.append(code)
    model.subgraphs[0].operators[1].opcodeIndex = len(model.operatorCodes) - 1
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    return path


def test_a_file_that_maps_whole_is_told_operator_by_operator(capsys):
    assert main(["models", "check", str(TOMOGAN / "tomogan_int8_64.tflite")]) == 0
    said = capsys.readouterr().out
    assert "11  RESIZE_BILINEAR  3        1x8x8x128 -> 1x16x16x128                  INT8  maps\n" in said
    assert "tomogan_int8_64.tflite: maps whole, 25 operators; parameters 0.67 MiB of 7.7 MiB on the chip" in said
    assert "not by Google's compiler" in said


def test_what_does_not_map_is_told_with_the_reason_and_exit_code_1(tmp_path, capsys):
    assert main(["models", "check", str(unmappable(tmp_path / "new.tflite"))]) == 1
    said = capsys.readouterr().out
    assert "does not map: version 6 is too new (its compiler takes versions below 6)" in said
    assert "runs on the CPU: everything after the first unmapped one does" in said
    assert "new.tflite: 1 of 3 operators map; 1 CONV_2D: version 6 is too new" in said


def test_a_float_file_does_not_map(capsys):
    assert main(["models", "check", str(TOMOGAN / "tomogan_float_256.tflite")]) == 1
    assert "float: runs on the CPU, the Edge TPU computes in 8 bits only" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["tomogan", str(TOMOGAN)])
def test_a_models_files_get_a_line_each(name, capsys):
    assert main(["models", "check", name]) == 0
    said = capsys.readouterr().out
    assert all(file.name in said for file in TOMOGAN.glob("*.tflite"))
    assert "CONV_2D" not in said


def test_float_files_do_not_count_in_a_folder_and_others_do(tmp_path, capsys):
    (tmp_path / "float.tflite").write_bytes((TOMOGAN / "tomogan_float_256.tflite").read_bytes())
    assert main(["models", "check", str(tmp_path)]) == 0
    unmappable(tmp_path / "new.tflite")
    assert main(["models", "check", str(tmp_path)]) == 1


@pytest.mark.parametrize("argv", [("models", "check", "-v"), ("-v", "models", "check")], ids=" ".join)
def test_verbose_tells_every_operator(argv, tmp_path, capsys):
    unmappable(tmp_path / "new.tflite")
    assert main([*argv, str(tmp_path)]) == 1
    assert "2  ADD" in capsys.readouterr().out


def test_large_tiles_are_a_note_and_not_a_refusal(capsys):
    assert main(["models", "check", str(TOMOGAN / "tomogan_int8_256.tflite")]) == 0
    said = capsys.readouterr().out
    assert "maps; may not map: to 256 pixels, known to map up to 128 (edgetpu#31)" in said
    assert "tomogan_int8_256.tflite: breaks no rule, 25 operators" in said


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path, capsys):
    assert "absent.tflite: cannot be read" in fault(capsys, "check", tmp_path / "absent.tflite")
    (tmp_path / "cut.tflite").write_bytes((TOMOGAN / "tomogan_int8_64.tflite").read_bytes()[:5000])
    assert "cut.tflite: is damaged" in fault(capsys, "check", tmp_path / "cut.tflite")


def test_what_cannot_be_checked_is_a_fault(tmp_path, capsys):
    assert "give a .tflite file" in fault(capsys, "check")
    assert "holds no .tflite file" in fault(capsys, "check", tmp_path)
    assert "no model is named 'tomogun'" in fault(capsys, "check", "tomogun")
    assert "expected one model, got 'tomogan' and 'x'" in fault(capsys, "tomogan", "x")


@pytest.mark.parametrize(("name", "advised"), [("tomogan", "int8"), ("tomogan-compact", "int8")])
def test_a_description_says_what_recipes_run(name, advised, capsys):
    assert main(["models", name]) == 0
    said = capsys.readouterr().out
    assert f"; recipes run {advised} where they name no precision\n" in said
    assert said.count("where they name no precision") == 1
