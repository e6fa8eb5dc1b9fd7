#!/usr/bin/env bash
# flax 0.12.8, jax 0.10.2 (CPU), numpy 2.4.6, Python 3.11
#
# Guess: flax.nnx.GRUCell computes what its docstring says, n = tanh(W_in x + b_in + r * (W_hn h + b_hn)), as flax.linen.GRUCell,
#   torch and cuDNN do, so that a trained GRU of any of them can be loaded into it.
# Seen: it has no b_hn. Both docstrings have the same formula, but the nnx cell has fewer weights, and no weights make it
#   compute what the linen cell does: with all that there is room for, it is as good as a linen cell whose b_hn is zero.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check flax==0.12.8 jax==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import sys

import jax
import numpy as np
from flax import linen, nnx

INPUT, HIDDEN = 3, 8
random = np.random.default_rng(0)


def array(*shape):
    return random.normal(0, 0.5, shape).astype("f")


x, h = array(4, INPUT), array(4, HIDDEN)
weights = {  # by the names of the linen cell
    **{f"i{gate}": {"kernel": array(INPUT, HIDDEN), "bias": array(HIDDEN)} for gate in "rzn"},
    **{f"h{gate}": {"kernel": array(HIDDEN, HIDDEN)} for gate in "rzn"},
}
weights["hn"]["bias"] = array(HIDDEN)
assert jax.tree.structure(linen.GRUCell(HIDDEN).init(jax.random.key(0), h, x)["params"]) == jax.tree.structure(weights)
cell = nnx.GRUCell(INPUT, HIDDEN, rngs=nnx.Rngs(0))
for layer, side in ((cell.dense_i, "i"), (cell.dense_h, "h")):
    layer.kernel[...] = np.concatenate([weights[f"{side}{gate}"]["kernel"] for gate in "rzn"], 1)
cell.dense_i.bias[...] = np.concatenate([weights[f"i{gate}"]["bias"] for gate in "rzn"])


def difference():
    return float(np.abs(linen.GRUCell(HIDDEN).apply({"params": weights}, h, x)[0] - cell(h, x)[0]).max())


formulas = [(r"r * (W_{hn} h + b_{hn})" in docstring) for docstring in (linen.GRUCell.__doc__, nnx.GRUCell.__doc__)]
sizes = [sum(leaf.size for leaf in jax.tree.leaves(tree)) for tree in (weights, nnx.state(cell, nnx.Param))]
print(f"b_hn is in the docstrings: linen {formulas[0]}, nnx {formulas[1]}")
print(f"weights: linen {sizes[0]}, nnx {sizes[1]}; bias of the nnx cell's dense_h: {cell.dense_h.bias}")
whole = difference()
weights["hn"]["bias"] = np.zeros(HIDDEN, "f")
without = difference()
print(f"difference of the states after a step: {whole:.3f}; with a b_hn of zeros in the linen cell {without:.1e}")
same = all(formulas) and sizes[0] - sizes[1] == HIDDEN and whole > 0.05 and without < 1e-5
sys.exit(not same)
PYTHON
