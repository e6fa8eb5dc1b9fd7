#!/usr/bin/env bash
# csv.Sniffer of Python 3.11 (standard library)
#
# Guess: of the delimiters that it is offered, csv.Sniffer takes the one that divides the rows evenly; a table of 1,000
#   sentence pairs, each with one tab and most without a comma, is separated by tabs.
# Seen: one row of the 1,000 in which a word is quoted between commas (said, "no", and left) makes the comma the
#   delimiter of the table: what stands around quotation marks is looked at first and decides alone. Without a list of
#   delimiters, any quoted word makes it the space, even the apostrophes of "rock 'n' roll". Nothing is installed, as the
#   module belongs to Python; another version than 3.11 is refused.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/look.py" <<'PYTHON'
import csv
import platform
import sys

if sys.version_info[:2] != (3, 11):
    sys.exit(f"python3 is Python {platform.python_version()}; this was seen with Python 3.11 and says nothing of others")
print(f"Python {platform.python_version()}")
table = "".join(f"This is sentence {i}.\tDas ist Satz {i}.\n" for i in range(999))
CASES = {  # last row: delimiter of "\t,;", of all characters
    "He left.\tEr ging.\n": ("\t", "\t"),
    "He said no, and left.\tEr sagte nein und ging.\n": ("\t", "\t"),
    "He said \"no\" and left.\tEr sagte nein und ging.\n": ("\t", " "),
    "He said, \"no\", and left.\tEr sagte nein und ging.\n": (",", ","),
    "I like rock 'n' roll.\tIch mag Rock.\n": ("\t", " "),
}
same = True
for row, expected in CASES.items():
    delimiters = tuple(csv.Sniffer().sniff(table + row, choice).delimiter for choice in ("\t,;", None))
    print(f"999 pairs and {row!r}: {delimiters[0]!r} of three, {delimiters[1]!r} of all")
    same = same and delimiters == expected
sys.exit(not same)
PYTHON
python3 "$folder/look.py"
