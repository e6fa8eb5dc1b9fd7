#!/usr/bin/env bash
# scikit-learn 1.9.1, Python 3.11
#
# Guess: strip_accents="unicode" takes the accents off letters, é to e, and leaves scripts without accents as they are.
# Seen: it removes whatever Unicode composes of parts, voicing marks of kana and vowel signs too. はは (mother), ばば (old
#   woman) and ぱぱ (papa) are one word, as are かき (persimmon) and がき (brat), and Russian й becomes и. Korean syllables
#   fall into their letters: n-grams of five characters then hold two syllables. But ø, ł and ß stay, as they have no parts.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from sklearn.feature_extraction.text import CountVectorizer

CASES = {
    "café": ["cafe"],
    "はは ばば ぱぱ": ["はは", "はは", "はは"],  # guess: three words
    "かき がき": ["かき", "かき"],
    "мой мои": ["мои", "мои"],  # "my" of one thing and of several
    "øre straße": ["øre", "straße"],
}
words = CountVectorizer(strip_accents="unicode").build_analyzer()
same = True
for text, expected in CASES.items():
    print(f"{text}: {words(text)}")
    same &= words(text) == expected
[word] = words("한국어")
print(f"한국어: {len(word)} characters")
sys.exit(not (same and len(word) == 8))
PYTHON
