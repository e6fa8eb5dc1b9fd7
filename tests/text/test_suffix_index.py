"""The suffix index against a search of the text itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rnntui.text import suffix_index
from rnntui.text.char_tokenizer import code_points
from rnntui.text.suffix_array import sort_suffixes
from rnntui.text.suffix_index import BARRIER, SuffixIndex, build_suffix_index

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def index_of(tmp_path: Path) -> Callable[..., SuffixIndex]:
    """Builds the index of documents, which come in blocks of a size."""

    def build(*documents: str, block: int = 1 << 20) -> SuffixIndex:
        points = np.concatenate([np.append(code_points(each), np.uint32(BARRIER)) for each in documents])[:-1]
        blocks = (points[start : start + block] for start in range(0, len(points), block))
        build_suffix_index(tmp_path, blocks, {"name": "x"}, lambda fraction: None)
        return SuffixIndex(tmp_path)

    return build


def match_length(text: str, source: str) -> int:
    """The length of the longest beginning of a text that is in a source, by brute force."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text[:middle] in source else (low, middle - 1)
    return low


def check(index: SuffixIndex, query: str, source: str, places: range | None = None) -> None:
    lengths = index.match_lengths(query).tolist()
    assert len(lengths) == len(query)
    for place in places or range(len(query)):
        expected = match_length(query[place:], source)
        assert lengths[place] == expected, query[place : place + 40]
        stretch = query[place : place + expected]
        position = index.find(stretch)
        assert not stretch or (position is not None and index.characters(position, position + expected) == stretch)
        if place + expected < len(query):
            assert not index.contains(query[place : place + expected + 1])


def test_matches_in_a_megabyte_are_those_of_a_brute_force_search(index_of, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suffix_index, "PART", 400_000)  # three parts
    text = (ROOT / "corpora" / "prideprejudice.txt").read_text(encoding="utf-8")
    text += (ROOT / "corpora" / "shakespeare.txt").read_text(encoding="utf-8")[: 1_000_000 - len(text)]
    source, other = text[:900_000], text[900_000:]
    index = index_of(source)
    assert index.size == 900_001
    copied = source[399_900:400_200]  # over the border of two parts
    check(index, other[:5000] + copied + "zq" + source[:50] + "\N{SNOWMAN}", source, range(0, 5352, 127))
    assert index.match_lengths(copied + "zq")[0] == 300


@pytest.mark.parametrize("block", [3, 1 << 20])
@pytest.mark.parametrize(
    "alphabet",
    ["ab", "日本語の文字a\n", "".join(map(chr, range(0x4E00, 0x4E00 + 300))), "é😀\0\ud800x"],
    ids=["two letters", "few ideographs", "more characters than a byte holds", "any character"],
)
def test_matches_are_of_characters_in_any_script(index_of, alphabet: str, block: int) -> None:
    draw = random.Random(1)
    source = "".join(draw.choices(alphabet, k=700))
    query = "".join(draw.choices(alphabet + "?", k=60)) + source[100:140] + source[-5:]
    check(index_of(source, block=block), query, source)


def test_repeated_text_and_matches_longer_than_the_suffixes_are_sorted_by(index_of) -> None:
    draw = random.Random(2)
    page = "".join(draw.choices("abc ", k=900))
    source = page + "1" + page[:600] + "2" + page + "3" + "a" * 700
    check(index_of(source), page[5:] + "3" + "a" * 400 + "b", source, range(0, 1297, 61))


def test_no_match_extends_over_the_end_of_a_document_and_whole_documents_are_found(index_of) -> None:
    index = index_of("anna", "bert", "ann", "bertha")
    assert index.match_lengths("annabert").tolist() == [4, 3, 2, 1, 4, 3, 2, 1]
    assert [index.contains(name, is_whole=True) for name in ("anna", "ann", "an", "bertha", "erth", "bert")] == [
        True, True, False, True, False, True,
    ]  # fmt: skip
    assert index.contains("erth") and not index.contains("abert") and index.info == {"name": "x"}
    assert index.find("bertha") == 14 and index.match_lengths("").tolist() == []


@pytest.mark.parametrize("damage", ["text.symbols", "suffixes.u32", "alphabet.u32", "index.json"])
def test_a_broken_index_is_refused(index_of, tmp_path: Path, damage: str) -> None:
    index_of("some text")
    (tmp_path / damage).write_bytes(b"\xff" * 2000)
    with pytest.raises(ValueError, match=r"length|fit|utf-8"):
        SuffixIndex(tmp_path)


def test_suffixes_are_sorted_as_python_sorts_them() -> None:
    draw = random.Random(3)
    for alphabet in ("a", "ab", "abcdefgh"):
        text = "".join(draw.choices(alphabet, k=300))
        symbols = np.frombuffer(text.encode(), np.uint8)
        expected = sorted(range(300), key=lambda start: text[start:])
        assert sort_suffixes(symbols, 300, 1000).tolist() == expected
        assert sort_suffixes(symbols, 100, 1000).tolist() == [start for start in expected if start < 100]
