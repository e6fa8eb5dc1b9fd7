#!/usr/bin/env bash
# torchmetrics 1.9.0, torch 2.13.0 (CPU build), numpy 2.4.6, Python 3.11
#
# Guess: for logits, BinaryAccuracy answers "positive" above 0 (a probability of a half), row by row.
# Seen: each update looks whether all of its values lie between 0 and 1. If so they count as probabilities, and a logit of
#   0.3 (57%) means "negative"; one other value in the batch, and it means "positive". Four right answers score 100% in
#   one batch and 50% in two, so the score depends on the batch size and on the order of the rows.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torchmetrics==1.9.0 torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import torch
from torchmetrics.classification import BinaryAccuracy

logits = torch.tensor([0.2, 0.3, 0.9, -1.0])
labels = torch.tensor([1, 1, 1, 0])
assert ((logits > 0) == labels.bool()).all()  # all right
same = True
for size, expected in ((4, 1.0), (3, 0.5), (2, 0.5), (1, 0.5)):
    metric = BinaryAccuracy()
    for rows, answers in zip(logits.split(size), labels.split(size)):
        metric.update(rows, answers)
    print(f"batches of {size}: accuracy {metric.compute().item():.2f}")
    same &= metric.compute().item() == expected
sys.exit(not same)
PYTHON
