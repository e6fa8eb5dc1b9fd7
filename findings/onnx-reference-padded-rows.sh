#!/usr/bin/env bash
# onnx 1.23.2, onnxruntime 1.31.1, numpy 2.4.6, Python 3.11
#
# Guess: onnx.reference.ReferenceEvaluator computes LSTM, GRU and RNN as the specification says; if it lacks something,
#   such as sequence_lens for a padded batch, it raises NotImplementedError.
# Seen: it ignores sequence_lens and reads the padding as part of the shorter rows, so that a row has other values in a
#   batch than alone. It ignores `clip` as well, and, for LSTM and GRU, `activations`. Nothing is said. onnxruntime
#   heeds all of them: a row has the same values alone and in a batch.
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
from onnx.reference import ReferenceEvaluator

HIDDEN, INPUT, TIME = 3, 2, 5
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
random = np.random.default_rng(1)


def reference(model, inputs):
    return ReferenceEvaluator(model).run(None, inputs)[0]


def runtime(model, inputs):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


def last_states(run, operator, inputs, **attributes):
    """Return the last hidden state of each row, (rows, HIDDEN)."""
    node = helper.make_node(operator, ["X", "W", "R", "", "lengths"], ["", "Y_h"], hidden_size=HIDDEN, **attributes)
    types = {name: TensorProto.INT32 if name == "lengths" else TensorProto.FLOAT for name in inputs}
    given = [helper.make_tensor_value_info(name, types[name], array.shape) for name, array in inputs.items()]
    result = helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, (1, len(inputs["lengths"]), HIDDEN))
    graph = helper.make_graph([node], "one", given, [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    checker.check_model(model, full_check=True)
    return run(model, inputs)[0]


same = True
for operator, gates in GATES.items():
    weights = {name: random.normal(size=(1, gates * HIDDEN, n)).astype("f") for name, n in (("W", INPUT), ("R", HIDDEN))}
    x = random.normal(size=(TIME, 2, INPUT)).astype("f")
    batch = {"X": x, **weights, "lengths": np.array([TIME, 2], "i")}
    alone = {"X": x[:2, 1:], **weights, "lengths": np.array([2], "i")}
    other = {"clip": {"clip": 0.1}, "activations": {"activations": ["HardSigmoid", "Softsign", "Softsign"][: gates - 1]}}
    if operator == "RNN":
        del other["activations"]  # another name than Tanh is refused by the reference
    for run, is_right in ((runtime, True), (reference, False)):
        difference = abs(last_states(run, operator, batch)[1] - last_states(run, operator, alone)[0]).max()
        print(f"{operator}, {run.__name__}: a row of 2 steps beside one of {TIME}, and alone, differ by {difference:.4f}")
        same &= (difference < 1e-5) == is_right
        for name, attribute in other.items():
            change = abs(last_states(run, operator, alone, **attribute) - last_states(run, operator, alone)).max()
            print(f"{operator}, {run.__name__}: {name} changes the state by {change:.4f}")
            same &= (change > 1e-3) == is_right
sys.exit(not same)
PYTHON
