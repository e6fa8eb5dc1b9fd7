#!/usr/bin/env bash
# nltk 3.10.4, Python 3.11
#
# Guess: the probabilities that KneserNeyInterpolated gives the words of its vocabulary add up to 1 in every context that
#   it has seen, so that its perplexity can be compared with that of another model.
# Seen: with order 3 and more, on text that padded_everygram_pipeline prepared, they add up to more at the beginning of
#   each sentence: 1.025 after "<s>" with four words to begin with, 1.01 with ten. The second "<s>" of the padding counts
#   as a word in the weight of the lower order, and has no share in the counts that the weight is for. Order 2 is right, and
#   so is WittenBellInterpolated.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check nltk==3.10.4
"$folder/venv/bin/python" - <<'PYTHON'
import random
import sys

from nltk.lm import KneserNeyInterpolated, WittenBellInterpolated
from nltk.lm.preprocessing import padded_everygram_pipeline

draw = random.Random(1)
same = True
for beginnings in (4, 10):
    words = [f"w{number}" for number in range(beginnings)]
    sentences = [[words[number % beginnings], *draw.choices(words, k=5)] for number in range(400)]
    for kind, order, excess in (
        (WittenBellInterpolated, 3, 0),
        (KneserNeyInterpolated, 2, 0),
        (KneserNeyInterpolated, 3, 0.1 / beginnings),  # 0.1: the discount
    ):
        model = kind(order)
        model.fit(*padded_everygram_pipeline(order, sentences))
        sums = [sum(model.score(word, [context]) for word in model.vocab) for context in ("<s>", "w1")]
        print(f"{kind.__name__}, order {order}, {beginnings} words: {sums[0]:.4f} after <s>, {sums[1]:.4f} after w1")
        same &= abs(sums[0] - 1 - excess) < 1e-9 and abs(sums[1] - 1) < 1e-9
sys.exit(not same)
PYTHON
