#!/usr/bin/env bash
# lime 0.2.0.1, Python 3.11
#
# Guess: LimeTextExplainer.explain_instance explains the label that the classifier predicts, and as_list() is about that.
# Seen: it explains the label of index 1, whatever is predicted. A text that is positive (79%) by its word "warm", with the
#   labels positive, mixed and negative, gets an explanation in which "warm" counts against: against "mixed". The list does
#   not name its label; labels=[...] or top_labels=1 choose one, and as_list() then still asks for label 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check lime==0.2.0.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import numpy as np
from lime.lime_text import LimeTextExplainer


def predict(texts):
    scores = np.array([[2.0 * ("warm" in text), 0.0, 1.0 * ("dull" in text)] for text in texts])
    return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


text = "a film of warm wit"
explainer = LimeTextExplainer(class_names=["positive", "mixed", "negative"], random_state=1)
default = explainer.explain_instance(text, predict, num_samples=500)
top = explainer.explain_instance(text, predict, num_samples=500, top_labels=1)
weights, top_weights = dict(default.as_list()), dict(top.as_list(label=0))
print(f"predicted: {predict([text])[0].round(2)}; explained labels: {default.available_labels()}, warm {weights['warm']:+.2f}")
print(f"with top_labels=1: {top.available_labels()}, warm {top_weights['warm']:+.2f}")
try:
    top.as_list()
    asks_for_label_1 = False
except KeyError as error:
    asks_for_label_1 = error.args == (1,)
    print(f"as_list() of that: KeyError {error}")
as_described = default.available_labels() == [1] and weights["warm"] < -0.1 and top_weights["warm"] > 0.1
sys.exit(not (as_described and asks_for_label_1))
PYTHON
