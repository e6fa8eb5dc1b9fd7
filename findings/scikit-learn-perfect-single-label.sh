#!/usr/bin/env bash
# scikit-learn 1.9.1, Python 3.11
#
# Guess: answers that are all right score 1.0 by every measure of agreement, also where all rows have the same label.
# Seen: accuracy and macro F1 are 1.0, the Matthews correlation is 0.0, and Cohen's kappa and the adjusted balanced
#   accuracy are nan. A mean over the folds of a cross-validation, one of which has a single label, is nan or too low.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check scikit-learn==1.9.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

from sklearn import metrics

labels = ["pos"] * 4
scores = {
    "accuracy": metrics.accuracy_score(labels, labels),
    "balanced accuracy": metrics.balanced_accuracy_score(labels, labels),
    "adjusted balanced accuracy": metrics.balanced_accuracy_score(labels, labels, adjusted=True),
    "macro F1": metrics.f1_score(labels, labels, average="macro"),
    "Matthews correlation": metrics.matthews_corrcoef(labels, labels),
    "Cohen's kappa": metrics.cohen_kappa_score(labels, labels),
}
for name, score in scores.items():
    print(f"{name}: {score}")
sys.exit([str(float(score)) for score in scores.values()] != ["1.0", "1.0", "nan", "1.0", "0.0", "nan"])
PYTHON
