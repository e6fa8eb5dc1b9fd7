#!/usr/bin/env bash
# rouge-score 0.1.2, Python 3.11
#
# Guess: a text scores 1.0 against itself in any script; where a script has no spaces, its characters or whole runs count.
# Seen: only a-z and 0-9 are text to it. A sentence in Cyrillic, Greek, Chinese or Hindi scores 0.0 against itself, and
#   two that share nothing but a number score 1.0. Letters with an accent are cut out of their words, so "él" equals "l".
#   No warning says so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check rouge-score==0.1.2
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from rouge_score.rouge_scorer import RougeScorer

CASES = {
    ("привет мир", "привет мир"): 0.0,  # guess: 1.0
    ("你好世界", "你好世界"): 0.0,  # guess: 1.0
    ("नमस्ते दुनिया", "नमस्ते दुनिया"): 0.0,  # guess: 1.0
    ("встреча в 5 часов", "обед за 5 рублей"): 1.0,  # guess: 0.25
    ("él come", "l come"): 1.0,  # guess: 0.5
    ("hello world", "hello world"): 1.0,
}
scorer = RougeScorer(["rougeL"])
same = True
for (reference, candidate), expected in CASES.items():
    score = scorer.score(reference, candidate)["rougeL"].fmeasure
    print(f"{reference} | {candidate}: {score}")
    same = same and score == expected
sys.exit(not same)
PYTHON
