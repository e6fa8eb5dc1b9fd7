#!/usr/bin/env bash
# torch 2.13.0 (CPU build), numpy 2.4.6, Python 3.11
#
# Guess: FlopCounterMode counts the matrix products of nn.LSTM as it does those of nn.GRU and nn.RNN: 2 per weight, row and
#   step, so that an LSTM, with four gates, has 4/3 of what a GRU has.
# Seen: on the CPU, an LSTM in float32 has 0 FLOPs, forward and backward; GRU and RNN have all of theirs. Nothing is said.
#   The same LSTM is counted in float64, or with torch.backends.mkldnn.flags(enabled=False): oneDNN computes it in one
#   operator, for which the counter has no formula.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

TIME, ROWS, INPUT, HIDDEN = 10, 4, 32, 64
GATES = {nn.LSTM: 4, nn.GRU: 3, nn.RNN: 1}


def flops(cell, dtype=torch.float32, mkldnn=True):
    """Return the FLOPs of a forward pass without gradients, and of one with the backward pass."""
    layer, x = cell(INPUT, HIDDEN, dtype=dtype), torch.randn(TIME, ROWS, INPUT, dtype=dtype)
    counts = []
    with torch.backends.mkldnn.flags(enabled=mkldnn):
        for trains in (False, True):
            with torch.set_grad_enabled(trains), FlopCounterMode(display=False) as counter:
                outputs, _ = layer(x)
                if trains:
                    outputs.sum().backward()
            counts.append(counter.get_total_flops())
    return counts


same = torch.backends.mkldnn.is_available()
for cell, gates in GATES.items():
    expected = 2 * TIME * ROWS * gates * HIDDEN * (INPUT + HIDDEN)
    for name, settings in {"float32": {}, "float64": {"dtype": torch.float64}, "no oneDNN": {"mkldnn": False}}.items():
        forward, both = flops(cell, **settings)
        print(f"{cell.__name__}, {name}: {forward:,} FLOPs of {expected:,}; with the backward pass {both:,}")
        is_zero = cell is nn.LSTM and name == "float32"
        same &= (forward, both) == (0, 0) if is_zero else forward == expected and both > 2 * forward
sys.exit(not same)
PYTHON
