#!/usr/bin/env bash
# markovify 0.9.4, Python 3.11
#
# Guess: markovify.Text builds its chain from every sentence of the text.
# Seen: by default a sentence with a double quote, a parenthesis or a bracket anywhere, or with an apostrophe at the edge of
#   a word, is left out without a word. Of a story in dialogue only the narration is left, and of a text in which every
#   sentence is quoted nothing: that raises a KeyError about its own marker for the beginning, not about the text.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check markovify==0.9.4
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import markovify

STORY = (
    'He went home. "Where are you?" she asked him. The rain (it had rained all day) stopped. '
    "The girls' coats were wet. She said it was late."
)
KEPT = ["He went home.", "She said it was late."]


def sentences(**options):
    return [" ".join(words) for words in markovify.Text(STORY, **options).parsed_sentences]


print("by default:", sentences())
print("well_formed=False:", sentences(well_formed=False))
try:
    markovify.Text('"Where are you?" she asked him. "Here," he said to her.')
    error = None
except KeyError as problem:
    error = problem
print("a text in quotes:", repr(error))
sys.exit(not (sentences() == KEPT and len(sentences(well_formed=False)) == 5 and error is not None))
PYTHON
