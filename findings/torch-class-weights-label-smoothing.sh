#!/usr/bin/env bash
# torch 2.13.0 (CPU build), numpy 2.4.6, Python 3.11
#
# Guess: in cross_entropy(weight=w, label_smoothing=0.1) a class weight multiplies the whole loss of the rows of its class.
#   The best answer to a row of one of two classes is then 95% for its own class, whatever the weights.
# Seen: the smoothed part is weighted by the classes that are predicted, and not divided by their weights. With weights of
#   1 and 100, the best answer to a row of the first class is 16% for that class and 84% for the other. A linear model
#   of 990 and 10 rows that one feature separates has an accuracy of 100% without smoothing, and of 1% with it, at the
#   minimum of its loss, if it has the usual "balanced" weights.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import torch
from torch.nn.functional import cross_entropy


def minimize(logits_of, parameters, labels, weights, smoothing):
    optimizer = torch.optim.LBFGS(parameters, max_iter=500, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(logits_of(), labels, weight=weights, label_smoothing=smoothing)
        loss.backward()
        return loss

    optimizer.step(closure)
    return logits_of().detach()


same = torch.__version__.startswith("2.13.0")
for weight, expected in ((1.0, 0.95), (10.0, 0.655), (100.0, 0.160)):
    logits = torch.zeros(1, 2, requires_grad=True)
    weights = torch.tensor([1.0, weight])
    best = minimize(lambda: logits, [logits], torch.tensor([0]), weights, 0.1).softmax(1)[0, 0].item()
    print(f"weights 1 and {weight:.0f}: the best answer to a row of the first class is {best:.1%} for that class")
    same &= abs(best - expected) < 0.002
labels = torch.tensor([0] * 990 + [1] * 10)
inputs = 2.0 * labels[:, None] - 1.0
balanced = len(labels) / (2 * labels.bincount().float())
for smoothing, expected in ((0.0, 1.0), (0.1, 0.01)):
    model = torch.nn.Linear(1, 2)
    answers = minimize(lambda: model(inputs), list(model.parameters()), labels, balanced, smoothing).argmax(1)
    accuracy = (answers == labels).float().mean().item()
    print(f"balanced weights, smoothing {smoothing}: accuracy {accuracy:.1%} on the training rows")
    same &= abs(accuracy - expected) < 0.001
sys.exit(not same)
PYTHON
