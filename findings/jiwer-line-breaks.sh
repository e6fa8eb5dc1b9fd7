#!/usr/bin/env bash
# jiwer 4.0.0, Python 3.11
#
# Guess: the word error rate counts words, which any white space divides: a transcript whose only difference is a line
#   break, a tab or a no-break space has none wrong.
# Seen: words are what U+0020 divides. "good morning" in two lines is one word, so that both words of the reference are
#   wrong: 100%. With two line breaks it is 0%: a sequence of two white spaces or more is replaced by a space before, one
#   alone is not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check jiwer==4.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import jiwer

reference = "good morning"
CASES = {" ": 0, "\n": 1, "\t": 1, "\u00a0": 1, "\u3000": 1, "\n\n": 0, " \n": 0, "\t\t": 0}  # white space: error rate
same = True
for space, expected in CASES.items():
    rate = jiwer.wer(reference, f"good{space}morning")
    print(f"good{space}morning".encode("unicode_escape").decode(), f"for {reference!r}: {rate:.0%} of the words are wrong")
    same &= rate == expected
sys.exit(not same)
PYTHON
