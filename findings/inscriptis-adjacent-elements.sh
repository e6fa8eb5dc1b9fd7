#!/usr/bin/env bash
# inscriptis 2.7.6, lxml 6.1.3, Python 3.11
#
# Guess: get_text lays HTML out as a browser does: elements within a line add nothing of their own, so a word in two
#   colours stays one word; blocks begin a new line, the terms and definitions of a list (dl) too.
# Seen: by default ("relaxed") a space is put around every span: "H ello" for an initial in a span. A b, i or a adds none.
#   Each div indents its text by two more blanks. A term and its definition run into one word, "catanimal", in the
#   profile "strict" too, which has neither of the others.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check inscriptis==2.7.6 lxml==6.1.3
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig

CASES = {  # HTML: text by default, text by the profile "strict"
    "<p><b>H</b><i>ello</i></p>": ("Hello", "Hello"),
    "<p><span>H</span><span>ello</span></p>": ("H ello", "Hello"),
    "<p><span>日</span><span>本</span></p>": ("日 本", "日本"),
    "<div><div>one</div></div>": ("    one", "one"),
    "<dl><dt>cat</dt><dd>animal</dd></dl>": ("catanimal", "catanimal"),
}
strict = ParserConfig(css=CSS_PROFILES["strict"])
same = True
for html, expected in CASES.items():
    texts = get_text(html).rstrip(), get_text(html, strict).rstrip()
    print(f"{html} -> {texts[0]!r}, strict {texts[1]!r}")
    same = same and texts == expected
sys.exit(not same)
PYTHON
