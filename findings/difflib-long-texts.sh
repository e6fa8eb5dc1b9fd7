#!/usr/bin/env bash
# difflib of Python 3.11 (standard library)
#
# Guess: SequenceMatcher's ratio of two texts that differ in their first character alone is close to 1, the closer the
#   longer they are, so that near duplicates can be found by it.
# Seen: at 150 characters it is 0.99, at 1,000 it is 0. From 200 characters on, every character that makes up more than 1%
#   of the second text is left out of the search for matches: "autojunk", which is on, and meant for lines of code. In a
#   long text that is nearly all of them, so nothing matches unless it begins alike. Nothing is installed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/look.py" <<'PYTHON'
import platform
import random
import sys
from difflib import SequenceMatcher

generator = random.Random(1)
text = "".join(generator.choice("etaoin shrdlu") for _ in range(1000))
print(f"Python {platform.python_version()}")
same = True
for length, autojunk, expected in ((150, True, 0.99), (1000, True, 0.0), (1000, False, 1.0)):
    ratio = SequenceMatcher(None, "A" + text[:length], "B" + text[:length], autojunk=autojunk).ratio()
    print(f"{length} characters, autojunk={autojunk}: {ratio:.3f}")
    same &= abs(ratio - expected) < 0.005
sys.exit(not same)
PYTHON
python3 "$folder/look.py"
