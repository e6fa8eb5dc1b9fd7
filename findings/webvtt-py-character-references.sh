#!/usr/bin/env bash
# webvtt-py 0.6.0, Python 3.11
#
# Guess: `text` of a caption is what a viewer reads and `raw_text` what is written in the file: without tags, and with &amp;,
#   &lt; and &nbsp;, which WebVTT prescribes for these characters, as the characters themselves.
# Seen: tags are taken away, character references stay: "Tom &amp; I". The reading of a word in <rt> is appended to the word.
#   A text with "&" that is written as a caption is not escaped either.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check webvtt-py==0.6.0
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

import webvtt

CASES = {
    "<v Mary>Tom &amp; I": "Tom &amp; I",
    "1 &lt; 2 &gt; <i>0</i>": "1 &lt; 2 &gt; 0",
    "10&nbsp;km": "10&nbsp;km",
    "<ruby>漢字<rt>かんじ</rt></ruby>を読む": "漢字かんじを読む",
}
file = "WEBVTT\n\n" + "".join(f"00:0{i}.000 --> 00:0{i}.900\n{text}\n\n" for i, text in enumerate(CASES))
captions = webvtt.from_buffer(io.StringIO(file)).captions
for caption in captions:
    print(f"{caption.raw_text}: {caption.text!r}")
same = [caption.text for caption in captions] == [*CASES.values()]
plain = webvtt.WebVTT(captions=[webvtt.Caption("00:00:00.000", "00:00:01.000", "Tom & I")]).content
print(repr(plain))
sys.exit(not (same and "Tom & I" in plain))
PYTHON
