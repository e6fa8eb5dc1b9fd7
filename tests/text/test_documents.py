"""Documents: read from a corpus, in texts that people and models write, and their token `<eos>`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnntui.config import TokenizerType
from rnntui.kinds.corpus_info import DocumentUnit
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.corpus import find_corpus
from rnntui.text.documents import DocumentFormat, read_documents
from rnntui.text.subword_tokenizer import SubwordTokenizer
from rnntui.text.tokenizer import END, Tokenizer
from rnntui.text.tokenizer_factory import load_tokenizer

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=60)
UNITS: tuple[DocumentUnit, ...] = ("line", "blank", "file")
WORDS = "the old man and the sea went on and on until the sea was old\n"


@pytest.fixture(scope="module", params=["char", "bpe", "unigram"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """A tokenizer of each type, with `<eos>`."""
    if request.param == "char":
        return CharTokenizer(sorted(set(WORDS) | set("<eos>é-")), has_end=True)
    return SubwordTokenizer.train([WORDS * 30], request.param, 330, len(set(WORDS)), has_end=True)


def documents_of(folder: Path, text: str, unit: DocumentUnit) -> list[str]:
    path = folder / "corpus.txt"
    path.write_text(text, "utf-8")
    return joined(str(path), unit)


def joined(source: str, unit: DocumentUnit) -> list[str]:
    """Return the documents of a corpus, with their parts joined."""
    documents, continues = [], False
    for batch in read_documents(find_corpus([source]), unit):
        assert batch.texts
        for index, text in enumerate(batch.texts):
            if continues and not index:
                documents[-1] += text
            else:
                documents.append(text)
        continues = not batch.is_complete
    assert not continues
    return documents


@pytest.mark.parametrize("segment", [4, 7, 1 << 20])
@repeatable
@given(st.text(alphabet="ab \n\n\n", max_size=60).filter(str.strip))
def test_documents_are_the_same_wherever_segments_end(
    tmp_path_factory: pytest.TempPathFactory, segment: int, text: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnntui.text.documents.SEGMENT", segment)
        lines = documents_of(folder, text, "line")
        blocks = documents_of(folder, text, "blank")
        files = documents_of(folder, text, "file")
    assert [line for line in lines if line.strip()] == [line for line in text.split("\n") if line.strip()]
    expected = [block.strip("\n") for block in re.split(r"\n(?:[^\S\n]*\n)+", text) if block.strip()]
    assert [block.strip() for block in blocks if block.strip()] == [block.strip() for block in expected]
    assert [file.strip() for file in files] == [text.strip()]


def test_blank_lines_are_no_documents(tmp_path: Path) -> None:
    assert documents_of(tmp_path, "\n\nAnn\n \nBen\n\n", "line") == ["Ann", "Ben"]
    assert documents_of(tmp_path, "\n\na\nb\n \n\n\t\nc\n\n\n", "blank") == ["a\nb", "c"]
    assert documents_of(tmp_path, "Ann\nBen", "line") == ["Ann", "Ben"]


def test_a_block_longer_than_a_segment_is_one_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.text.documents.SEGMENT", 4)
    assert documents_of(tmp_path, "aaaa aaaa\n\nb\n\n", "blank") == ["aaaa aaaa", "b"]
    assert documents_of(tmp_path, "aaaa aaaa\n\n", "blank") == ["aaaa aaaa"]


def test_each_file_is_a_document_without_the_line_breaks_at_its_ends_and_empty_ones_are_none(tmp_path: Path) -> None:
    for name, text in (("a", "\nfirst\n\nlast\n\n"), ("b", ""), ("c", " \n\n"), ("d", "no break")):
        (tmp_path / f"{name}.txt").write_text(text)
    assert joined(str(tmp_path), "file") == ["first\n\nlast", "no break"]


def test_the_end_is_no_text(tokenizer: Tokenizer) -> None:
    end = tokenizer.end_id
    assert end is not None and 0 <= end < tokenizer.vocab_size and end != tokenizer.unknown_id
    assert tokenizer.token_text(end) == END
    assert tokenizer.decode([end]) == tokenizer.stream().push(end) == ""
    text = f"the {END} sea </s> {END}"
    assert end not in tokenizer.encode(text)
    assert END not in tokenizer.unknown_characters(text)


def test_documents_are_encoded_each_with_its_end(tokenizer: Tokenizer) -> None:
    documents = ["the sea", "", "old man\nand sea", "on"]
    ids = tokenizer.encode_documents(documents)
    parts = np.split(ids, np.flatnonzero(ids == tokenizer.end_id) + 1)
    assert len(parts.pop()) == 0
    assert [part[:-1].tolist() for part in parts] == [tokenizer.encode(text).tolist() for text in documents]


def test_a_vocabulary_keeps_its_end_on_disk(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    loaded = load_tokenizer(tmp_path, tokenizer.kind)
    assert (loaded.end_id, loaded.vocab_size) == (tokenizer.end_id, tokenizer.vocab_size)


def test_a_vocabulary_without_an_end_is_what_it_was(tmp_path: Path) -> None:
    plain = CharTokenizer(["a", "b"])
    plain.save(tmp_path)
    assert json.loads((tmp_path / "tokenizer.json").read_text()) == {"kind": "char", "characters": ["a", "b"]}
    assert (plain.vocab_size, plain.end_id, CharTokenizer.load(tmp_path).end_id) == (3, None, None)
    assert SubwordTokenizer.train([WORDS * 30], "bpe", 330, len(set(WORDS))).end_id is None


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_the_vocabulary_size_counts_the_end(kind: TokenizerType) -> None:
    if kind == "char":
        counts = np.bincount([ord(character) for character in WORDS])
        assert CharTokenizer.from_counts(counts, 5, has_end=True).vocab_size == 5
    else:
        assert SubwordTokenizer.train([WORDS * 30], kind, 310, len(set(WORDS)), has_end=True).vocab_size == 310


@pytest.mark.parametrize(
    ("unit", "text", "ends"),
    [
        ("line", "old\nman", ["\n"]),
        ("line", "old\n", ["\n"]),
        ("line", "\n\nold", ["\n", "\n"]),
        ("blank", "old\nman\n\nsea\n \n\nand", ["\n\n", "\n \n\n"]),
        ("file", "old\n\nman\n---\nsea", ["\n---\n"]),
        ("none", "old\n\nman\n---\nsea", []),
    ],
)
def test_a_separator_in_a_text_is_the_end_of_a_document(
    tokenizer: Tokenizer, unit: DocumentUnit, text: str, ends: list[str]
) -> None:
    documents = DocumentFormat(unit, tokenizer)
    ids, pieces = documents.encode(text)
    assert "".join(pieces) == text and len(ids) == len(pieces)
    assert [piece for token, piece in zip(ids, pieces, strict=True) if token == tokenizer.end_id] == ends
    if set(ends) <= {documents.separator}:
        assert documents.decode(ids) == text
        assert documents.encode(documents.decode(ids))[0] == ids


def test_a_line_break_is_unknown_to_no_model_of_lines(tokenizer: Tokenizer) -> None:
    documents = DocumentFormat("line", CharTokenizer(["a"], has_end=True))
    assert documents.unknown_characters("a\nb") == ["b"]
    assert documents.prompt("a\n") == "a" and documents.prompt("a\n\n") == "a\n"
    assert DocumentFormat("blank", tokenizer).prompt("a\n") == "a\n"


def test_a_vocabulary_without_an_end_has_no_documents() -> None:
    documents = DocumentFormat("line", CharTokenizer(["a", "\n"]))
    assert documents.separator == "" and documents.encode("a\n") == ([1, 2], ["a", "\n"])
