#!/usr/bin/env bash
# torchmetrics 1.9.0, torch 2.13.0 (CPU build), numpy 2.4.6, Python 3.11
#
# Guess: Accuracy(task="multiclass", num_classes=2) makes a MulticlassAccuracy(num_classes=2); both are the share of right
#   answers, as are the accuracy metrics of other libraries.
# Seen: it does make one, with another default. The class itself averages over the labels ("macro": balanced accuracy), the
#   one made by task over the rows ("micro"). A model that always answers the label of 90 of 100 rows scores 0.5 or 0.9.
#   F1 and precision differ in the same way: made by task they are the plain accuracy, 0.9, and not 0.47 and 0.45.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torchmetrics==1.9.0 torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import torch
import torchmetrics
from torchmetrics import classification

labels = torch.tensor([0] * 90 + [1] * 10)
answers = torch.zeros_like(labels)
EXPECTED = {"Accuracy": (0.5, 0.9), "F1Score": (0.4737, 0.9), "Precision": (0.45, 0.9)}
same = True
for name, expected in EXPECTED.items():
    by_class = getattr(classification, f"Multiclass{name}")(num_classes=2)
    by_task = getattr(torchmetrics, name)(task="multiclass", num_classes=2)
    scores = tuple(round(metric(answers, labels).item(), 4) for metric in (by_class, by_task))
    print(f"{name}: Multiclass{name}(num_classes=2) {scores[0]}, {name}(task='multiclass', num_classes=2) {scores[1]}")
    same &= scores == expected and type(by_class) is type(by_task)
sys.exit(not same)
PYTHON
