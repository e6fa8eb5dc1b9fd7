#!/usr/bin/env bash
# openvino 2026.4.1, onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11
#
# Guess: OpenVINO computes LSTM, GRU and RNN of an ONNX file with sequence_lens as onnxruntime does, whether the file leaves the
#   length and the number of texts free or not, or raises.
# Seen: if one of the two is free, it ignores the lengths: shorter texts get the states of their padding, by all three
#   operators in both directions. Nothing is said. With fixed sizes the states are right, also if the sizes of the same file
#   are fixed by reshape() before it is compiled.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  openvino==2026.4.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import onnxruntime
import openvino
from onnx import checker, helper, numpy_helper

TIME, ROWS, INPUT, HIDDEN = 5, 3, 2, 4
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
FLOAT, INT32 = (helper.np_dtype_to_tensor_dtype(np.dtype(name)) for name in ("f4", "i4"))
SIZES = {"fixed": (TIME, ROWS), "free time": ("time", ROWS), "free rows": (TIME, "rows"), "both free": ("time", "rows")}
random = np.random.default_rng(0)
feed = {"X": random.normal(size=(TIME, ROWS, INPUT)).astype("f"), "lengths": np.array([TIME, 3, 1], "i")}


def build(operator, direction, time, rows):
    directions, gates = 2 if direction == "bidirectional" else 1, GATES[operator]
    weights = {
        "W": random.normal(size=(directions, gates * HIDDEN, INPUT)).astype("f"),
        "R": random.normal(size=(directions, gates * HIDDEN, HIDDEN)).astype("f"),
        "B": random.normal(size=(directions, 2 * gates * HIDDEN)).astype("f"),
    }
    names = ["X", *weights, "lengths"]
    node = helper.make_node(operator, names, ["Y", "Y_h"], hidden_size=HIDDEN, direction=direction)
    inputs = [
        helper.make_tensor_value_info("X", FLOAT, (time, rows, INPUT)),
        helper.make_tensor_value_info("lengths", INT32, (rows,)),
    ]
    outputs = [
        helper.make_tensor_value_info("Y", FLOAT, (time, directions, rows, HIDDEN)),
        helper.make_tensor_value_info("Y_h", FLOAT, (directions, rows, HIDDEN)),
    ]
    constants = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph([node], operator, inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    checker.check_model(model, full_check=True)
    return model.SerializeToString()


def wrong_rows(file, is_reshaped=False):
    """Return which of the rows have other last states than by onnxruntime."""
    right = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(["Y_h"], feed)[0]
    model = openvino.Core().read_model(file)
    if is_reshaped:
        model.reshape({name: list(array.shape) for name, array in feed.items()})
    seen = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(feed)["Y_h"]
    return np.flatnonzero(np.abs(seen - right).max((0, 2)) > 1e-4).tolist()


same = True
for operator in GATES:
    for direction in ("forward", "reverse", "bidirectional"):
        files = {name: build(operator, direction, *sizes) for name, sizes in SIZES.items()}
        wrong = {name: wrong_rows(file) for name, file in files.items()}
        reshaped = wrong_rows(files["both free"], is_reshaped=True)
        print(f"{operator}, {direction}: wrong rows of {feed['lengths'].tolist()} {wrong}, after reshape() {reshaped}")
        same &= wrong == {name: [] if name == "fixed" else [1, 2] for name in SIZES} and reshaped == []
sys.exit(not same)
PYTHON
