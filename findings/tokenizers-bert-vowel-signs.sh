#!/usr/bin/env bash
# tokenizers 0.23.3, Python 3.11
#
# Guess: lower-casing in BertNormalizer changes scripts that have capitals, and takes accents off Latin letters at most.
# Seen: with lowercase=True, the default, it also removes half of the vowel signs of Indic scripts (those that Unicode calls
#   nonspacing) and vowels and tones of Thai. मैं (I) and में (in) are both म, and นี้ (this) is น.
#   The other half of the vowel signs stays, so that words are not even cut alike.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check tokenizers==0.23.3
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from tokenizers.normalizers import BertNormalizer

CASES = {
    "मैं": "म", "में": "म",  # guess: unchanged
    "की": "की", "के": "क",
    "นี้": "น",
    "É": "e",
}
normalizer = BertNormalizer()
same = True
for text, expected in CASES.items():
    print(f"{text}: {normalizer.normalize_str(text)}")
    same &= normalizer.normalize_str(text) == expected
sys.exit(not same)
PYTHON
