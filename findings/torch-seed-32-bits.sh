#!/usr/bin/env bash
# torch 2.13.0 (CPU build), numpy 2.4.6, Python 3.11
#
# Guess: manual_seed takes any number of 64 bits, so two different ones give different random numbers; seeds may be hashes,
#   times in nanoseconds, or numbers with a run in the upper half and a worker in the lower.
# Seen: on the CPU, only the lower 32 bits count, and initial_seed() returns all 64 as if they did. 1 and 1 + 2**32 give the
#   same numbers and the same weights of a layer, and of 1 << 32, 2 << 32, ... each is seed 0. numpy's generators differ.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import torch


def numbers(seed):
    return torch.rand(1000, generator=torch.Generator().manual_seed(seed))


def weights(seed):
    torch.manual_seed(seed)
    return torch.nn.LSTM(8, 8).weight_hh_l0.detach()


same = True
for first, second, is_equal in ((1, 2, False), (1, 1 + 2**32, True), (0, 5 << 32, True), (-1, 2**32 - 1, True)):
    found = torch.equal(numbers(first), numbers(second)), torch.equal(weights(first), weights(second))
    kept = torch.Generator().manual_seed(second).initial_seed()
    print(f"seeds {first} and {second}: same numbers {found[0]}, same weights {found[1]}; initial_seed() is {kept}")
    same &= found == (is_equal, is_equal) and kept == second
same &= not np.array_equal(*(np.random.default_rng(seed).random(1000) for seed in (1, 1 + 2**32)))
sys.exit(not same)
PYTHON
