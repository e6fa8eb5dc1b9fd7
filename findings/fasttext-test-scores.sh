#!/usr/bin/env bash
# fasttext-wheel 0.9.2, numpy 2.4.6, Python 3.11
#
# Guess: model.test(file) counts every labelled row, and a row whose label training has never seen is a wrong answer. Precision,
#   recall and F1 of each label in model.test_label(file) lie between 0 and 1.
# Seen: rows whose label is not in the training rows are left out, so two right rows and eight impossible ones score 100%, as
#   a test of 2 rows. test_label has recall nan for every label, and twice the precision as F1: 2.0 for a perfect label.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check fasttext-wheel==0.9.2 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import math
import sys
from pathlib import Path

import fasttext

folder = Path(sys.argv[1])


def write(name, rows):
    path = folder / name
    path.write_text("".join(f"__label__{label} {text}\n" for label, text in rows))
    return str(path)


train = write("train.txt", [("en", "the cat"), ("es", "el gato")] * 50)
model = fasttext.train_supervised(train, epoch=20, thread=1, verbose=0)
RIGHT = [("en", "the cat"), ("es", "el gato")]
TESTS = {
    "two right rows": RIGHT,
    "and eight of a new label": [*RIGHT, *[("fr", "le chat")] * 8],
    "three of four right": [*RIGHT, ("en", "the cat"), ("es", "the cat")],
}
EXPECTED = {"two right rows": (2, 1.0), "and eight of a new label": (2, 1.0), "three of four right": (4, 0.75)}
same = True
for name, rows in TESTS.items():
    count, precision, recall = model.test(write("test.txt", rows))
    labels = model.test_label(str(folder / "test.txt"))
    print(f"{name}: {count} of {len(rows)} rows, precision {precision:.2f}, recall {recall:.2f}")
    same &= (count, precision) == EXPECTED[name] and recall == precision
    for label, scores in labels.items():
        print(f"  {label}: precision {scores['precision']:.2f}, recall {scores['recall']}, F1 {scores['f1score']:.2f}")
        same &= math.isnan(scores["recall"]) and math.isclose(scores["f1score"], 2 * scores["precision"])
sys.exit(not same)
PYTHON
