#!/usr/bin/env bash
# scikit-learn 1.9.1, Python 3.11
#
# Guess: CountVectorizer and TfidfVectorizer with their defaults read words of two letters and more in any script, in
#   lower case; only words of one letter are left out, as the documentation says.
# Seen: a vowel sign or other mark ends a word, and pieces of one letter are dropped: of four words of Hindi one remains,
#   cut, and of two of Bengali none. A capital İ becomes an i and a dot in lower case, so that "İstanbul" is counted as
#   "stanbul", apart from "istanbul". Decomposed é (as in file names of macOS) cuts "résumé" into "re" and "sume".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import unicodedata

from sklearn.feature_extraction.text import CountVectorizer

CASES = {
    "हिन्दी में नमस्ते दुनिया": ["नमस"],  # guess: the four words
    "বাংলা ভাষা": [],
    "தமிழ் மொழி": ["தம"],
    "مُحَمَّد": [],  # with its vowel signs
    "İstanbul istanbul": ["stanbul", "istanbul"],
    unicodedata.normalize("NFD", "résumé"): ["re", "sume"],
    unicodedata.normalize("NFC", "résumé"): ["résumé"],
}
words = CountVectorizer().build_analyzer()
same = True
for text, expected in CASES.items():
    print(f"{text}: {words(text)}")
    same &= words(text) == expected
sys.exit(not same)
PYTHON
