#!/usr/bin/env bash
# striprtf 0.0.35, Python 3.11
#
# Guess: rtf_to_text gives the words that a reader of the document sees. Text that was deleted while changes were recorded
#   (\deleted) and hidden text (\v) are left out, as footnotes are.
# Seen: both are kept, unmarked amid the sentence: where a word was replaced, the old and the new one follow each other.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check striprtf==0.0.35
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from striprtf.striprtf import rtf_to_text

TABLES = r"{\fonttbl{\f0 Arial;}}{\*\revtbl{Unknown;}{Ann;}}"
CASES = {
    r"It was the {\deleted\revauthdel1 worst }{\revised\revauth1 best }of times.": "It was the worst best of times.",
    r"One {\v secret }word.": "One secret word.",
    r"One \v secret \v0 word.": "One secret word.",
    r"A word{\footnote \pard\plain Of none.} here.": "A word here.",
}
same = True
for body, expected in CASES.items():
    text = rtf_to_text(r"{\rtf1\ansi\deff0" + TABLES + r"\pard " + body + r"\par}")
    print(f"{body}: {text!r}")
    same &= text == expected + "\n"
sys.exit(not same)
PYTHON
