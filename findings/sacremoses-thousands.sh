#!/usr/bin/env bash
# sacremoses 0.2.0, Python 3.11
#
# Guess: MosesPunctNormalizer reads the no-break space in "5 000 people" as a space, or writes the separator of thousands
#   of the language: 5,000 in English, 5.000 in German.
# Seen: the other way round: 5.000 in English and 5,000 in German, Spanish and French, which is the decimal mark of each.
#   Five thousand becomes five. Two numbers side by side become one: "pages 7 12" is "pages 7.12". Only norm_numbers=False
#   leaves them alone. An ordinary space and the narrow no-break space, which are written there too, are kept.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check sacremoses==0.2.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from sacremoses import MosesPunctNormalizer

CASES = {
    ("en", "5\u00a0000 people"): "5.000 people",
    ("en", "2\u00a0000\u00a0000 people"): "2.000.000 people",
    ("en", "pages 7\u00a012"): "pages 7.12",
    ("de", "5\u00a0000 Menschen"): "5,000 Menschen",
    ("es", "5\u00a0000 personas"): "5,000 personas",
    ("fr", "5\u00a0000 personnes"): "5,000 personnes",
    ("fr", "5\u202f000 personnes"): "5\u202f000 personnes",
    ("fr", "5 000 personnes"): "5 000 personnes",
}
same = True
for (language, text), expected in CASES.items():
    normalized = MosesPunctNormalizer(lang=language).normalize(text)
    print(f"{language}: {ascii(text)} -> {ascii(normalized)}")
    same &= normalized == expected
kept = MosesPunctNormalizer(lang="en", norm_numbers=False).normalize("5\u00a0000 people")
print(f"norm_numbers=False: {ascii(kept)}")
sys.exit(not (same and "5.000" not in kept))
PYTHON
