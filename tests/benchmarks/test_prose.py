"""Prose for measuring, from a package's test data."""

from __future__ import annotations

import bz2
import zipfile
from pathlib import Path

import pytest

MARKUP = """{{Infobox|a={{b|c}}|d
}}
'''A town''' is a place where [[human being|people]] live, often larger than<ref name="x">B</ref> a village (; ) and
smaller.
[[File:Town.jpg|thumb|A [[town]] with many houses in it, seen from a hill on a day in May of some year]]
== History ==
* one [[thing]] of a list that has as many words in it as a paragraph of this text would have
{| class="wikitable"
| cell
|}
The first town wasn't built before 4000 BC, says [http://example.org a study] of 3.5 pages. It doesn't say why it was.
"""


def test_articles_lose_their_markup_and_stories_are_among_them(tmp_path: Path) -> None:
    import prose

    story = "Ministers met today in Canberra. They did not say what they had talked about, for it was late."
    pages = f"<page><text>#REDIRECT [[Town]]</text></page><page><text>{MARKUP.replace('<', '&lt;')}</text></page>"
    dump = f'<mediawiki xmlns="http://example.org/">{pages}</mediawiki>'
    wheel, target = tmp_path / "gensim.whl", tmp_path / "prose.txt"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr(prose.DATA + prose.ARTICLES, bz2.compress(dump.encode()))
        for name in prose.STORIES:
            file.writestr(prose.DATA + name, f"{story}\n".encode("latin-1"))
    prose.main([str(wheel), str(target)])
    article = [
        "A town is a place where people live, often larger than a village and",
        "The first town wasn't built before 4000 BC, says a study of 3.5 pages. It doesn't say why it was.",
    ]
    assert sorted(target.read_text().split("\n\n")) == sorted([story, story, "\n".join(article), ""])
    prose.main([str(wheel), str(target), "--penn", "--vocab-size", "24"])
    lines = target.read_text().splitlines()
    assert " they did not say what they had talked about for it was late " in lines
    assert " it <unk> n't say <unk> it was " in lines
    assert len({word for line in lines for word in line.split()} - {"<unk>"}) == 24
    prose.main([str(wheel), str(target), "--penn"])
    assert " the first town was n't built before N bc says a study of N pages " in target.read_text().splitlines()
    with pytest.raises(SystemExit):
        prose.main([str(wheel)])
