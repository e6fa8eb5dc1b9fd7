#!/usr/bin/env bash
# pysbd 0.3.4, Python 3.11
#
# Guess: with clean=False, which leaves a text as it is, the sentences are the text again if they are joined.
# Seen: a sentence with a flat sign is missing altogether: of "The sonata is in B♭ major. It is long." comes "It is
#   long." alone, and of "B♭" nothing. Of "a mass of 1 M☉." comes ".". Twelve characters are placeholders of its rules (♭ ♬ ☉
#   ☄ ☇ ☈ ☝ ♨ ∮ ∯ ȸ ȹ): they are turned into punctuation, and what is then not found in the text is left out. Spans
#   (char_span=True) lack the same. Nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysbd==0.3.4
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import pysbd

CASES = {
    "The sonata is in B♭ major. It is long.": ["It is long."],
    "It is long. The sonata is in B♭ major. It ends softly.": ["It is long. ", "It ends softly."],
    "B♭": [],
    "The Sun has a mass of 1 M☉. Stars differ.": [". ", "Stars differ."],
    "The sonata is in B♯ major. It is long.": ["The sonata is in B♯ major. ", "It is long."],  # sharps are kept
}
segmenter = pysbd.Segmenter(language="en", clean=False)
spans = pysbd.Segmenter(language="en", clean=False, char_span=True)
same = True
for text, expected in CASES.items():
    sentences = segmenter.segment(text)
    print(f"{text} -> {sentences}")
    same &= sentences == expected == [span.sent for span in spans.segment(text)]
characters = (chr(code) for code in range(0x20, 0x3000))
lost = [c for c in characters if c not in "".join(segmenter.segment(f"One here {c} is. Two is there."))]
print("lost with what is around them:", *lost)
sys.exit(not (same and "".join(lost) == "ȸȹ∮∯☄☇☈☉☝♨♬♭"))
PYTHON
