"""How things are written, in all that is shown and read."""

from __future__ import annotations

import re
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]
# Not the remainder of a division, and not the unit of a column, as in `F1 %`.
SPACED_PERCENT = re.compile(r"((?<![A-Za-z])\d|\})[ \u00a0]%(?= [a-z]|[^ \w(]|$)", re.MULTILINE)


def test_a_percentage_has_no_space_before_its_sign() -> None:
    found = []
    for path in sorted((ROOT / "rnntui").rglob("*.py")):
        if not SPACED_PERCENT.search(path.read_text("utf-8")):
            continue
        with path.open("rb") as file:
            for token in tokenize.tokenize(file.readline):
                if token.type in (tokenize.STRING, tokenize.COMMENT) and SPACED_PERCENT.search(token.string):
                    found.append(f"{path.relative_to(ROOT)}:{token.start[0]}")
    for page in PAGES:
        found += [f"{page.name}: {match[0]}" for match in re.finditer(r"\d[ \u00a0]%(?!\w)", page.read_text("utf-8"))]
    assert not found
    assert SPACED_PERCENT.search('f"{share:.0f} % of"') and SPACED_PERCENT.search('"done 5 %"')
    assert not SPACED_PERCENT.search("7 % VOCABULARY") and not SPACED_PERCENT.search("accuracy %")
