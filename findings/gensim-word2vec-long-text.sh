#!/usr/bin/env bash
# gensim 4.4.0, Python 3.11
#
# Guess: Word2Vec learns from all words of a text that is given as one list, a novel as well as a sentence.
# Seen: it reads the first 10,000 words of each list and skips the rest, without a warning. The vocabulary counts all of
#   them, so that words of the second half have vectors like any other; these are the random ones of the beginning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check gensim==4.4.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
from gensim.models import Word2Vec

halves = [[f"{half}{i % 50}" for i in range(10_000)] for half in ("first", "second")]


def share_of_trained(texts, half):
    """Share of the words of a half whose vectors training has changed."""
    model = Word2Vec(vector_size=8, min_count=1, sample=0, seed=1, workers=1)
    model.build_vocab(texts)
    before = model.wv.vectors.copy()
    model.train(texts, total_examples=model.corpus_count, epochs=5)
    changed = np.any(model.wv.vectors != before, axis=1)
    return float(np.mean([changed[model.wv.key_to_index[word]] for word in set(half)]))


one_text = [share_of_trained([halves[0] + halves[1]], half) for half in halves]
two_texts = [share_of_trained(halves, half) for half in halves]
print(f"one text of 20,000 words: {one_text[0]:.0%} of the words of the first half trained, {one_text[1]:.0%} of the second")
print(f"two texts of 10,000 words: {two_texts[0]:.0%} and {two_texts[1]:.0%}")
sys.exit((one_text, two_texts) != ([1.0, 0.0], [1.0, 1.0]))
PYTHON
