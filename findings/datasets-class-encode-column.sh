#!/usr/bin/env bash
# datasets 5.2.0, Python 3.11
#
# Guess: class_encode_column turns labels into classes with one table for all splits of a DatasetDict; labels that are numbers
#   from 0 keep their numbers.
# Seen: each split has a table of its own, of the labels that occur in it. If the test rows lack the first label, each of their
#   class numbers means another label than in the training rows, and a perfect classifier is never right. Numbers are
#   sorted as text (0, 1, 10, 11, 2), so that most get another number. Nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check datasets==5.2.0
HF_HOME="$folder/cache" "$folder/venv/bin/python" - <<'PYTHON'
import sys

import datasets

datasets.disable_progress_bars()


def encode(labels):
    """Return the class numbers of a column of labels, and the names of the classes, by split."""
    splits = datasets.DatasetDict({name: datasets.Dataset.from_dict({"label": column}) for name, column in labels.items()})
    encoded = splits.class_encode_column("label")
    return {name: (split["label"][:], split.features["label"].names) for name, split in encoded.items()}


numbers = encode({"train": list(range(12))})["train"]
print(f"labels 0 to 11 get the numbers {numbers[0]}")
same = numbers[0] == [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3]
labels = {"train": ["en", "es", "fr"], "test": ["es", "fr", "fr"]}
words = encode(labels)
for name, (codes, names) in words.items():
    print(f"{name}: {codes}, which are {names}")
same &= words["train"] == ([0, 1, 2], ["en", "es", "fr"]) and words["test"] == ([0, 1, 1], ["es", "fr"])
learned = dict(zip(labels["train"], words["train"][0]))
right = sum(learned[label] == code for label, code in zip(labels["test"], words["test"][0]))
print(f"a perfect classifier of the training rows is right on {right} of {len(labels['test'])} test rows")
sys.exit(not (same and right == 0))
PYTHON
