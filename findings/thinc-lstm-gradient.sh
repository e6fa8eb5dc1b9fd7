#!/usr/bin/env bash
# thinc 9.1.1, numpy 2.4.6, Python 3.11
#
# Guess: the gradients that thinc's LSTM layer computes on the CPU are those that finite differences of its outputs show; if the
#   gradient of the outputs is zero, so are they.
# Seen: the gradient of the weight matrices has the matrices themselves added to it: where it should be zero, it is equal to
#   them, as if by a decay of the weights. The inputs of the first step get no gradient. Nothing is said. The gradients of
#   the inputs of later steps are right, and so is the layer Linear.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check thinc==9.1.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
from thinc.api import LSTM, Linear, use_ops, with_array, with_padded

STEPS, INPUT, HIDDEN, EPSILON = 6, 3, 4, 1e-2
random = np.random.default_rng(0)
x = random.normal(size=(STEPS, INPUT)).astype("f")
weight = random.normal(size=(STEPS, HIDDEN)).astype("f")  # of the outputs in a loss


def gradients(wrap, layer, name, scale=1.0):
    """Return the gradients of the inputs and of a parameter: those of a new layer, and finite differences."""
    model = wrap(layer)
    model.initialize(X=[x])
    parameters = layer.get_param(name).copy()

    def loss(x, parameters):
        layer.set_param(name, parameters)
        return float((model.predict([x])[0].astype("d") * weight).sum() * scale)

    def differences(function, array):
        result = np.zeros(array.shape)
        for index in np.ndindex(*array.shape):
            step = np.zeros_like(array)
            step[index] = EPSILON
            result[index] = (function(array + step) - function(array - step)) / (2 * EPSILON)
        return result

    right = differences(lambda x: loss(x, parameters), x), differences(lambda p: loss(x, p), parameters)
    layer.set_param(name, parameters)
    _, backprop = model([x], is_train=True)
    [of_inputs] = backprop([weight * scale])
    return (of_inputs, layer.get_grad(name)), right, parameters


def agrees(first, second):
    return bool(np.allclose(first, second, atol=2e-2))


same = True
with use_ops("numpy"):
    seen, right, _ = gradients(with_array, Linear(HIDDEN, INPUT), "W")
    print(f"Linear: gradient of the inputs is right {agrees(seen[0], right[0])}, of W {agrees(seen[1], right[1])}")
    same &= agrees(seen[0], right[0]) and agrees(seen[1], right[1])
    seen, right, _ = gradients(with_padded, LSTM(HIDDEN, INPUT), "LSTM")
    print(f"LSTM: gradient of the inputs is right {[agrees(a, b) for a, b in zip(seen[0], right[0])]} by step")
    print(f"  of the first step {seen[0][0]}, by finite differences {right[0][0].round(3)}")
    print(f"  that of the parameters differs by {np.abs(seen[1] - right[1]).max():.2f} of at most {np.abs(right[1]).max():.2f}")
    same &= not seen[0][0].any() and not agrees(right[0][0], 0) and agrees(seen[0][1:], right[0][1:])
    same &= not agrees(seen[1], right[1])
    seen, right, parameters = gradients(with_padded, LSTM(HIDDEN, INPUT), "LSTM", scale=0.0)
    print(f"  for a loss of zero it equals the parameters themselves: {np.array_equal(seen[1], parameters)}")
    same &= np.array_equal(seen[1], parameters) and not right[1].any()
sys.exit(not same)
PYTHON
