#!/usr/bin/env bash
# scikit-learn 1.9.1, Python 3.11
#
# Guess: analyzer="char_wb" with ngram_range=(5, 5) gives n-grams of five characters within words; shorter words have none.
# Seen: a word that is shorter than n gives one feature all the same, itself between two spaces: " i " and " am ". As each n
#   asks anew, (3, 5) would count it three times, but stops at the first n that it does not fill: " a " counts once, as
#   does " am " for n = 4, beside its two n-grams of three. The number of features for a word jumps with its length.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from sklearn.feature_extraction.text import CountVectorizer

CASES = {
    ((5, 5), "I am warm"): [" i ", " am ", " warm", "warm "],
    ((3, 5), "a"): [" a "],
    ((3, 5), "am"): [" am", "am ", " am "],
}
same = True
for (sizes, text), expected in CASES.items():
    ngrams = CountVectorizer(analyzer="char_wb", ngram_range=sizes).build_analyzer()(text)
    print(f"{sizes} of {text!r}: {ngrams}")
    same &= ngrams == expected
sys.exit(not same)
PYTHON
