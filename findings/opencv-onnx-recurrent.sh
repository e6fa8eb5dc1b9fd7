#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93, onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11
#
# Guess: OpenCV's dnn module computes LSTM and GRU of an ONNX file as the specification says, or raises for what it lacks.
# Seen: a GRU with direction="reverse" reads forwards. An LSTM reads backwards, but its last states are of the wrong end. A
#   GRU, or an LSTM with an initial state, reads the padding behind sequence_lens. clip is ignored. Nothing is said. Forward
#   and bidirectional models without lengths and clip agree with onnxruntime; RNN and other activations raise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  opencv-python-headless==5.0.0.93 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
OPENCV_LOG_LEVEL=FATAL "$folder/venv/bin/python" - <<'PYTHON'
import sys

import cv2
import numpy as np
import onnxruntime
from onnx import checker, helper, numpy_helper

TIME, ROWS, INPUT, HIDDEN = 5, 3, 2, 4
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
LENGTHS = np.array([TIME, 3, 1], "i")
FLOAT = helper.np_dtype_to_tensor_dtype(np.dtype("f"))


def build(operator, direction, has_lengths=False, **attributes):
    """Return a model with an initial state; its outputs are all states, then the last."""
    random = np.random.default_rng(0)
    directions, gates = 2 if direction == "bidirectional" else 1, GATES[operator]
    arrays = {
        "W": random.normal(size=(directions, gates * HIDDEN, INPUT)).astype("f"),
        "R": random.normal(size=(directions, gates * HIDDEN, HIDDEN)).astype("f"),
        "B": random.normal(size=(directions, 2 * gates * HIDDEN)).astype("f"),
        "lengths": LENGTHS,
        "initial_h": random.normal(size=(directions, ROWS, HIDDEN)).astype("f"),
        "initial_c": random.normal(size=(directions, ROWS, HIDDEN)).astype("f"),
    }
    names = ["X", "W", "R", "B", "lengths" if has_lengths else "", "initial_h"]
    names += ["initial_c"] * (operator == "LSTM")
    node = helper.make_node(operator, names, ["Y", "Y_h"], hidden_size=HIDDEN, direction=direction, **attributes)
    shapes = {"X": (TIME, ROWS, INPUT), "Y": (TIME, directions, ROWS, HIDDEN), "Y_h": (directions, ROWS, HIDDEN)}
    values = {name: helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in shapes.items()}
    constants = [numpy_helper.from_array(array, name) for name, array in arrays.items() if name in names]
    graph = helper.make_graph([node], operator, [values["X"]], [values["Y"], values["Y_h"]], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    checker.check_model(model, full_check=True)
    return model.SerializeToString()


def opencv(model, x):
    net = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))
    net.setInput(x, "X")
    return net.forward(["Y", "Y_h"])


def right(model, x):
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"X": x})


def agrees(first, second):
    return bool(np.allclose(np.ravel(first), np.ravel(second), atol=1e-5))


x = np.random.default_rng(1).normal(size=(TIME, ROWS, INPUT)).astype("f")
CASES = {  # whether all states and the last states agree
    ("LSTM", "forward"): (True, True),
    ("LSTM", "bidirectional"): (True, True),
    ("LSTM", "reverse"): (True, False),
    ("GRU", "forward"): (True, True),
    ("GRU", "bidirectional"): (True, True),
    ("GRU", "reverse"): (False, False),
}
same = True
for (operator, direction), expected in CASES.items():
    model = build(operator, direction)
    seen = tuple(map(agrees, opencv(model, x), right(model, x)))
    print(f"{operator}, {direction}: all states agree {seen[0]}, the last states {seen[1]}")
    same &= seen == expected
reversed_gru = opencv(build("GRU", "reverse"), x)
same &= agrees(reversed_gru[0], right(build("GRU", "forward"), x)[0])
print(f"the GRU with reverse is the one with forward: {same}")
for operator in ("LSTM", "GRU"):
    for name, settings in {"lengths": {"has_lengths": True}, "clip": {"clip": 0.5}}.items():
        with_it, without = build(operator, "forward", **settings), build(operator, "forward")
        is_ignored = agrees(opencv(with_it, x)[0], right(without, x)[0])
        print(f"{operator}: {name} is ignored {is_ignored}")
        same &= is_ignored and not agrees(right(with_it, x)[0], right(without, x)[0])
for name, arguments in {"RNN": ("RNN", "forward"), "LSTM with other activations": ("LSTM", "forward")}.items():
    settings = {"activations": ["HardSigmoid", "Tanh", "Relu"]} if name.startswith("LSTM") else {}
    try:
        opencv(build(*arguments, **settings), x)
    except cv2.error:
        print(f"{name}: raises")
    else:
        same = False
sys.exit(not same)
PYTHON
