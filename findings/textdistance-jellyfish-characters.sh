#!/usr/bin/env bash
# textdistance 4.6.3, jellyfish 1.3.0, Python 3.11
#
# Guess: textdistance gives the same numbers with and without one of the faster libraries that it calls if they are installed,
#   and all of them count code points, as its own code does.
# Seen: jellyfish, once it is installed, changes them: it compares grapheme clusters, which its documentation does not say. A
#   vowel sign that is missing in one Hindi word is two edits where there was one; the Jaro similarity of "é" in two
#   code points to "e" falls from 83% to 0. Texts without combining marks, emoji sequences or CR LF have equal numbers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cat > "$folder/compare.py" <<'PYTHON'
import textdistance

PAIRS = [("नमस्ते", "नमसते"), ("e\u0301", "e"), ("cafe\u0301", "cafe"), ("👩\u200d👧", "👩"), ("a\r\nb", "a\nb"), ("berne", "born")]
NAMES = ("levenshtein", "hamming", "jaro")
for first, second in PAIRS:
    values = [round(getattr(textdistance, name)(first, second), 2) for name in NAMES]
    print(ascii(first), ascii(second), *(f"{name} {value}" for name, value in zip(NAMES, values)))
PYTHON
"$folder/venv/bin/pip" install -q --disable-pip-version-check textdistance==4.6.3
"$folder/venv/bin/python" "$folder/compare.py" > "$folder/before"
"$folder/venv/bin/pip" install -q --disable-pip-version-check jellyfish==1.3.0
"$folder/venv/bin/python" "$folder/compare.py" > "$folder/after"
echo "without jellyfish:"
cat "$folder/before"
echo "with jellyfish:"
cat "$folder/after"
grep -q "^'..0928.* levenshtein 1 hamming 3 " "$folder/before"
grep -q "^'..0928.* levenshtein 2 hamming 2 " "$folder/after"
grep -q "^'e..0301' 'e' .* jaro 0.83$" "$folder/before"
grep -q "^'e..0301' 'e' .* jaro 0.0$" "$folder/after"
cmp <(tail -1 "$folder/before") <(tail -1 "$folder/after")
