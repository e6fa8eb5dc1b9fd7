#!/usr/bin/env bash
# polib 1.2.0, Python 3.11
#
# Guess: pofile() reads the same from a file as from a string with what is in the file, and both read what polib has written.
# Seen: a string is cut into lines at U+2028, U+0085 and U+001C too. Such a character of a translation is lost, and the one
#   before it with it, as if it were the closing quotation mark; a file is read in full. No error and no warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check polib==1.2.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import tempfile
from pathlib import Path

import polib

same = True
for character, is_kept in {"\n": True, "\t": True, "\u00a0": True, "\u2028": False, "\x85": False, "\x1c": False}.items():
    text = f"First line.{character}Second line."
    written = polib.POFile()
    written.metadata = {"Content-Type": "text/plain; charset=utf-8"}
    written.append(polib.POEntry(msgid="key", msgstr=text))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "es.po")
        written.save(str(path))
        from_file = polib.pofile(str(path)).find("key").msgstr
        from_string = polib.pofile(path.read_bytes().decode()).find("key").msgstr
    print(f"{text!r}: from a file {from_file!r}, from a string {from_string!r}")
    same &= from_file == text and from_string == (text if is_kept else "First lineSecond line.")
sys.exit(not same)
PYTHON
