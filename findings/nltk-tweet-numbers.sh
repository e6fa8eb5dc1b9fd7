#!/usr/bin/env bash
# nltk 3.10.4, Python 3.11
#
# Guess: TweetTokenizer splits at spaces, so that two numbers with a space between are two tokens.
# Seen: three or four digits, spaces and four digits are a telephone number to it: in "sold 500 2019 models" and "in 1999
#   2000 people came", two numbers are one token. "50 2019" is two. A date with dots falls apart.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check nltk==3.10.4
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from nltk.tokenize import TweetTokenizer

CASES = {
    "sold 500 2019 models": ["sold", "500 2019", "models"],
    "in 1999 2000 people came": ["in", "1999 2000", "people", "came"],
    "sold 50 2019 models": ["sold", "50", "2019", "models"],
    "on 10.11.2020": ["on", "10.11", ".", "2020"],
}
same = True
for text, expected in CASES.items():
    tokens = TweetTokenizer().tokenize(text)
    print(f"{text}: {tokens}")
    same &= tokens == expected
sys.exit(not same)
PYTHON
