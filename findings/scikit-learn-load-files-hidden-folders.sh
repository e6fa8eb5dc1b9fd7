#!/usr/bin/env bash
# scikit-learn 1.9.1, Python 3.11
#
# Guess: load_files, which reads a folder of texts for each label, passes over hidden folders and files, as ls and glob do.
# Seen: .ipynb_checkpoints, which Jupyter puts beside the folders, becomes a label, with its copies of texts as rows; a
#   .DS_Store or a backup .review.txt.swp in a label's folder becomes a text of that label. The labels are numbered in the
#   order of their names, so that the hidden one is label 0 and shifts all others.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check scikit-learn==1.9.1
"$folder/venv/bin/python" - "$folder/reviews" <<'PYTHON'
import sys
from pathlib import Path

from sklearn.datasets import load_files

reviews = Path(sys.argv[1])
FILES = {
    "neg/1.txt": "a dull film", "pos/1.txt": "a warm film", "pos/.1.txt.swp": "a wa",
    ".ipynb_checkpoints/1-checkpoint.txt": "a warm film",
}
for name, text in FILES.items():
    (reviews / name).parent.mkdir(parents=True, exist_ok=True)
    (reviews / name).write_text(text)
data = load_files(reviews, encoding="utf-8", shuffle=False)
rows = [(text, data.target_names[label], int(label)) for text, label in zip(data.data, data.target)]
for row in rows:
    print(row)
expected = [
    ("a warm film", ".ipynb_checkpoints", 0), ("a dull film", "neg", 1), ("a wa", "pos", 2), ("a warm film", "pos", 2),
]
sys.exit(rows != expected)
PYTHON
