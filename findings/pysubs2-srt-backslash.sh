#!/usr/bin/env bash
# pysubs2 1.8.1, Python 3.11
#
# Guess: reading an .srt file and writing it as .srt again changes cue numbers and blanks at most. Tags that are usual in
#   .srt (b, i, u) stay, and "\n" in a text is a backslash and a letter, as .srt has no escapes.
# Seen: "C:\new" becomes two lines, "C:" and "ew", and "C:\home" loses its "\h", as these are codes of .ass subtitles.
#   <b> is removed, where <i> and <u> stay; so are braces with all between them, font colours and whatever looks like a
#   tag, as an address in angle brackets. 100:00:01,000 becomes 00:00:01,000. Nothing warns of it. keep_html_tags,
#   keep_unknown_html_tags and keep_ssa_tags keep tags and braces; nothing keeps the backslashes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysubs2==1.8.1
cat > "$folder/look.py" <<'PYTHON'
import sys

from pysubs2 import SSAFile

CASES = {  # text of a cue: after reading and writing, the same with all that is to be kept
    r"Look in C:\new.": ("Look in C:\new.", "Look in C:\new."),
    r"Look in C:\home.": ("Look in C: ome.", "Look in C: ome."),
    "An <i>old</i> man": ("An <i>old</i> man", "An <i>old</i> man"),
    "An <b>old</b> man": ("An old man", "An <b>old</b> man"),
    "{sighs} Yes.": ("Yes.", "{sighs} Yes."),
    "Write to <ann@example.org>.": ("Write to .", "Write to <ann@example.org>."),
    "I <3 you, 1 < 2 > 0": ("I <3 you, 1 < 2 > 0", "I <3 you, 1 < 2 > 0"),
}
same = True
for text, expected in CASES.items():
    cue = f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n"
    default = SSAFile.from_string(cue).to_string("srt")
    with_tags = SSAFile.from_string(cue, keep_html_tags=True, keep_unknown_html_tags=True)
    kept = with_tags.to_string("srt", keep_ssa_tags=True)
    texts = tuple(result.split("\n", 2)[2].rstrip("\n") for result in (default, kept))
    print(f"{text!r} -> {texts[0]!r}, keeping tags {texts[1]!r}")
    same = same and texts == expected
late = SSAFile.from_string("1\n100:00:01,000 --> 100:00:02,000\nHi\n").to_string("srt").split("\n")[1]
print("100:00:01,000 --> 100:00:02,000 ->", late)
sys.exit(not (same and late == "00:00:01,000 --> 00:00:02,000"))
PYTHON
"$folder/venv/bin/python" "$folder/look.py"
