#!/usr/bin/env bash
# rouge 1.0.1, Python 3.11
#
# Guess: ROUGE-1 counts a word of the text as often as the reference has it, and no more (Lin 2004): of "the" seven times,
#   beside "the cat is on the mat", two are right, a precision of 2/7. A model that repeats itself scores low.
# Seen: its precision is 1, in ROUGE-L too. By default (exclusive=True) n-grams are sets: each counts once, however often
#   it is written. A text of four words scores the same as these four words ten times over. With exclusive=False, the
#   precision is 2/7.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check rouge==1.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from rouge import Rouge

reference, repeated = "the cat is on the mat", " ".join(["the"] * 7)
precisions = {}
for exclusive in (True, False):
    [scores] = Rouge(exclusive=exclusive).get_scores(repeated, reference)
    precisions[exclusive] = {name: round(score["p"], 4) for name, score in scores.items()}
    print(f"'{repeated}', exclusive={exclusive}: precision {precisions[exclusive]}")
once, ten_times = (Rouge().get_scores(" ".join(["on the mat is"] * n), reference)[0]["rouge-1"] for n in (1, 10))
print(f"ROUGE-1 of 'on the mat is': {once}, ten times over: {ten_times}")
same = precisions[True]["rouge-1"] == precisions[True]["rouge-l"] == 1 and precisions[False]["rouge-1"] == 0.2857
sys.exit(not (same and once == ten_times and once["p"] == 1))
PYTHON
