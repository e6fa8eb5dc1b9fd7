#!/usr/bin/env bash
# onnxruntime 1.31.1, onnx 1.23.2, numpy 2.4.6, Python 3.11
#
# Guess: in a batch of texts whose state is carried from call to call (initial_h, initial_c), a row that has no new step
#   (0 in sequence_lens) comes out with the state that was given: no step, no change.
# Seen: its last state is zeros. So are both states of LSTM, those of GRU and RNN, and of both directions. The text has
#   forgotten everything, and the other rows are right. Rows with one step or more are right, too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check onnx==1.23.2 onnxruntime==1.31.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper

HIDDEN, INPUT, TIME = 3, 2, 4
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
random = np.random.default_rng(1)


def last_states(operator, direction, inputs):
    """Return the last states: h, and c of an LSTM, each (directions, rows, HIDDEN)."""
    states = ["h", "c"] if operator == "LSTM" else ["h"]
    names = ["X", "W", "R", "", "lengths", *(f"initial_{state}" for state in states)]
    node = helper.make_node(operator, names, ["", *states], hidden_size=HIDDEN, direction=direction)
    types = {name: TensorProto.INT32 if name == "lengths" else TensorProto.FLOAT for name in inputs}
    given = [helper.make_tensor_value_info(name, types[name], array.shape) for name, array in inputs.items()]
    shape = inputs["initial_h"].shape
    results = [helper.make_tensor_value_info(state, TensorProto.FLOAT, shape) for state in states]
    graph = helper.make_graph([node], "one", given, results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


same = True
for operator, gates in GATES.items():
    for direction in ("forward", "reverse", "bidirectional"):
        directions = 2 if direction == "bidirectional" else 1
        inputs = {
            "X": random.normal(size=(TIME, 3, INPUT)).astype("f"),
            "W": random.normal(size=(directions, gates * HIDDEN, INPUT)).astype("f"),
            "R": random.normal(size=(directions, gates * HIDDEN, HIDDEN)).astype("f"),
            "lengths": np.array([TIME, 0, 2], "i"),
        }
        for state in ("h", "c") if operator == "LSTM" else ("h",):
            inputs[f"initial_{state}"] = random.normal(size=(directions, 3, HIDDEN)).astype("f")
        states = last_states(operator, direction, inputs)
        others = {**inputs, "X": inputs["X"][:, ::2], "lengths": inputs["lengths"][::2]}
        others |= {name: array[:, ::2] for name, array in inputs.items() if name.startswith("initial")}
        right = last_states(operator, direction, others)  # the same without the row that has no step
        same &= all(np.allclose(state[:, ::2], expected, atol=1e-6) for state, expected in zip(states, right))
        same &= all((state[:, 1] == 0).all() for state in states)
        given, result = inputs["initial_h"][0, 1].round(3), states[0][0, 1]
        print(f"{operator}, {direction}: the row without a step was given {given} and has {result}")
sys.exit(not same)
PYTHON
