"""Stands in for Google's edgetpu_compiler where our handling of what it says and makes is tested; it compiles nothing.

It puts one custom operator in the place of the others. What else it does stands as JSON in the environment variable
STAND_IN: what it `says` and `logs`, how many operators it `keeps` at the end (none given: it makes no file), its exit
`code`, the `operator` it writes, by what it changes the `scale` of the input, how long it `sleeps`, and a word in
the names of files that it `refuses`.
"""

import json
import os
import sys
import time
from pathlib import Path

option, folder, source = sys.argv[1:]
asked = json.loads(os.environ["STAND_IN"])
assert option == "-o"
time.sleep(asked.get("sleeps", 0))
if asked.get("refuses", "/") in Path(source).name:
    sys.stdout.write("Edge TPU Compiler version 15.0.340273435\n\nInternal compiler error. Aborting! \n")
    sys.exit(1)
sys.stdout.write(asked.get("says", ""))
if (keeps := asked.get("keeps")) is not None:
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model(source)
    graph = model.subgraphs[0]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.version, code.customCode = 1, asked.get("operator", "edgetpu-custom-op").encode()
    model.operatorCodes.append(code)
    first, kept = graph.operators[0], graph.operators[len(graph.operators) - keeps :]
    first.opcodeIndex = len(model.operatorCodes) - 1
    first.builtinOptions, first.builtinOptionsType = None, 0
    first.inputs, first.outputs = graph.inputs, kept[0].inputs[:1] if kept else graph.outputs
    graph.operators = [first, *kept]
    graph.tensors[graph.inputs[0]].quantization.scale[0] *= asked.get("scale", 1)
    made = Path(folder) / (Path(source).stem + "_edgetpu")
    made.with_suffix(".tflite").write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    if "logs" in asked:
        made.with_suffix(".log").write_text(asked["logs"])
sys.exit(asked.get("code", 0))
