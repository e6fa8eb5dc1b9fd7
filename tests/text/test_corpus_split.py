"""Splits: nothing is in both parts, documents are whole, blocks come from all over; an end of another kind is told."""

from __future__ import annotations

import random
import re
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import pytest

from rnntui.config import TokenizerConfig, TokenizerType
from rnntui.errors import CorpusError
from rnntui.kinds.corpus_info import DocumentUnit
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.corpus import Corpus, find_corpus
from rnntui.text.corpus_split import CorpusSplit, Origin
from rnntui.text.document_split import split_documents
from rnntui.text.text_split import TextSplit
from rnntui.text.token_ids import TokenFile, corpus_stats, write_token_file
from rnntui.text.tokenizer import Tokenizer
from rnntui.text.tokenizer_factory import make_tokenizer
from rnntui.text.word_tokenizer import WordTokenizer

ROOT = Path(__file__).parents[2]


def corpus_of(folder: Path, text: str) -> Corpus:
    path = folder / "corpus.txt"
    path.write_text(text, "utf-8")
    return find_corpus([str(path)])


def written(
    folder: Path, split: CorpusSplit, tokenizer: Tokenizer
) -> tuple[tuple[TokenFile, TokenFile], list[list[int]]]:
    paths = folder / "training.ids", folder / "validation.ids"
    files = split.write(tokenizer, *paths)
    assert sorted(path.name for path in folder.glob("*.ids*")) == ["training.ids", "validation.ids"]
    return files, [file.read(path).astype(int).tolist() for file, path in zip(files, paths, strict=True)]


def documents_in(ids: list[int], tokenizer: Tokenizer) -> list[str]:
    documents: list[list[int]] = [[]]
    for token in ids:
        if token == tokenizer.end_id:
            documents.append([])
        else:
            documents[-1].append(token)
    assert documents.pop() == []
    return [tokenizer.decode(document) for document in documents]


def numbered(count: int, separator: str = "\n") -> str:
    return "".join(f"entry {'abcdefghij'[index % 10]}{index}{separator}" for index in range(count))


@pytest.mark.parametrize("kind", ["char", "bpe"])
@pytest.mark.parametrize(("unit", "separator"), [("line", "\n"), ("blank", "\nx\n\n")])
@pytest.mark.parametrize("bucket", [1 << 22, 200])
def test_documents_are_whole_and_each_is_in_one_part(
    kind: TokenizerType,
    unit: DocumentUnit,
    separator: str,
    bucket: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rnntui.text.document_split._BUCKET", bucket)
    monkeypatch.setattr("rnntui.text.document_split._GATHERED", bucket)
    monkeypatch.setattr("rnntui.text.documents.SEGMENT", 100)
    text = numbered(300, separator)
    corpus = corpus_of(tmp_path, text)
    split = split_documents(corpus, unit, 0.1, "spread")
    tokenizer = make_tokenizer(corpus_stats(corpus), TokenizerConfig(kind, 300), split, unit)
    (training, validation), ids = written(tmp_path, split, tokenizer)
    assert ids[1].pop(0) == tokenizer.end_id, "the first one is predicted from the end of another"
    parts = [documents_in(part, tokenizer) for part in ids]
    expected = text.split("\n\n")[:-1] if unit == "blank" else text.split("\n")[:-1]
    assert sorted(parts[0] + parts[1]) == sorted(expected)
    assert len(parts[1]) == 30
    assert parts[0] != [document for document in expected if document in set(parts[0])], "in random order"
    places = sorted(expected.index(document) // 10 for document in parts[1])
    assert places == list(range(30)), "one out of ten each, from all over the corpus"
    assert len({expected.index(document) % 10 for document in parts[1]}) > 5, "and not every tenth"
    assert (training.tokens, validation.tokens) == (len(ids[0]), len(ids[1]) + 1)
    assert training.characters == sum(len(document) + 1 for document in parts[0])
    assert validation.characters == sum(len(document) + 1 for document in parts[1]) + 1


def test_the_end_of_a_list_can_be_held_out_too(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, numbered(50))
    split = split_documents(corpus, "line", 0.2, "end")
    tokenizer = make_tokenizer(corpus_stats(corpus), TokenizerConfig(), split, "line")
    _, ids = written(tmp_path, split, tokenizer)
    assert set(documents_in(ids[1][1:], tokenizer)) == set(numbered(50).split("\n")[40:50])


def test_line_breaks_between_lines_are_not_in_the_vocabulary(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, numbered(50))
    split = split_documents(corpus, "line", 0.2, "spread")
    tokenizer = make_tokenizer(corpus_stats(corpus), TokenizerConfig(), split, "line")
    assert isinstance(tokenizer, CharTokenizer) and "\n" not in tokenizer.characters


def test_subwords_are_learnt_from_the_documents_for_training_alone(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, numbered(300) + "Rumpelstilzchen\n" * 60)
    split = split_documents(corpus, "line", 1 / 6, "end")
    assert not any("Rumpel" in text for text in split.training_texts())
    assert sum(1 for _ in split.training_texts()) == 300


@pytest.mark.parametrize(("documents", "held_out"), [(2, 1), (3, 1), (9, 1), (10, 1), (19, 2), (95, 10)])
def test_some_document_is_held_out_of_however_few(documents: int, held_out: int, tmp_path: Path) -> None:
    split = split_documents(corpus_of(tmp_path, numbered(documents)), "line", 0.1, "spread")
    assert (split.document_count, split.held_out.sum()) == (documents, held_out)


def test_a_single_document_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"1 document with --documents file, where at least 2"):
        split_documents(corpus_of(tmp_path, numbered(9)), "file", 0.1, "spread")


@pytest.mark.parametrize("changed", [numbered(49), numbered(51), numbered(50).replace("entry", "Entry")])
def test_documents_that_change_while_they_are_read_are_refused(changed: str, tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, numbered(50))
    split = split_documents(corpus, "line", 0.1, "spread")
    tokenizer = make_tokenizer(corpus_stats(corpus), TokenizerConfig(), split, "line")
    corpus_of(tmp_path, changed)
    with pytest.raises(CorpusError, match=r"corpus\.txt changed"):
        split.write(tokenizer, tmp_path / "training.ids", tmp_path / "validation.ids")


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.3, 0.9])
def test_blocks_come_from_all_over_the_text_with_gaps_around_them(fraction: float, tmp_path: Path) -> None:
    text = numbered(4000)
    corpus = corpus_of(tmp_path, text)
    stats = corpus_stats(corpus)
    split = TextSplit(corpus, stats, fraction, "spread")
    tokenizer = make_tokenizer(stats, TokenizerConfig(), split)
    (training, validation), ids = written(tmp_path, split, tokenizer)
    lines = tokenizer.decode(ids[1]).split("\n")
    numbers = [int(line[7:]) for line in lines if line]
    assert all(
        line == f"entry {'abcdefghij'[number % 10]}{number}" for line, number in zip(lines, numbers, strict=False)
    )
    assert 0.7 * fraction < validation.characters / len(text) <= fraction
    quarters = np.bincount(np.array(numbers) // 1000, minlength=4) / len(numbers)
    assert quarters.min() > 0.05
    assert numbers != sorted(numbers), "an evaluation that reads only the beginning sees all parts of the text"
    seen_in_training = set(tokenizer.decode(ids[0]).split("\n"))
    assert not seen_in_training & set(lines) - {""}
    assert training.characters + validation.characters < len(text), "the gaps"
    assert split.training_characters == training.characters


@pytest.mark.parametrize(("fraction", "gap"), [(0.05, 60), (0.1, 60), (0.3, 60), (0.9, 10)])
def test_every_block_for_validation_stands_between_gaps(fraction: float, gap: int, tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, numbered(4000))
    split = TextSplit(corpus, corpus_stats(corpus), fraction, "spread")
    runs = [(part, sum(len(text) for text, _ in pieces)) for part, pieces in groupby(split.parts(), key=itemgetter(1))]
    blocks = [index for index, (part, _) in enumerate(runs) if part == "validation"]
    assert len(blocks) > 5
    for index in blocks:
        assert all(part == "gap" and length >= gap for part, length in (runs[index - 1], runs[index + 1]))


@pytest.mark.parametrize("origin", ["end", "spread"])
def test_a_split_is_the_same_each_time(origin: Origin, tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, numbered(500))
    stats = corpus_stats(corpus)
    tokenizer = make_tokenizer(stats, TokenizerConfig(), TextSplit(corpus, stats, 0.1, origin))
    first, second = (written(tmp_path, TextSplit(corpus, stats, 0.1, origin), tokenizer)[1] for _ in range(2))
    assert first == second


def test_a_text_to_evaluate_is_read_by_documents_too(tmp_path: Path) -> None:
    tokenizer = CharTokenizer(["a", "b"], has_end=True)
    file, unknown = write_token_file(corpus_of(tmp_path, "ab\n\nbé\n"), tokenizer, tmp_path / "ids", "line")
    assert file.read(tmp_path / "ids").tolist() == [3, 1, 2, 3, 2, 0, 3]
    assert (file.characters, unknown) == (7, ["é"])


def test_the_spelling_of_unknown_words_is_counted_in_the_validation_text_alone(tmp_path: Path) -> None:
    tokenizer = WordTokenizer(("a", " b", "\n"), has_end=True)
    corpus = corpus_of(tmp_path, "zebra b\n" * 90 + "a gnu\n" * 10)
    split = split_documents(corpus, "line", 0.1, "end")
    gnus = 10 * tokenizer.spelling_bits("gnu")
    assert written(tmp_path, split, tokenizer)[0][1].spelling_bits == pytest.approx(gnus) and gnus
    blocks = TextSplit(corpus, corpus_stats(corpus), 0.1, "spread")
    files, ids = written(tmp_path, blocks, tokenizer)
    zebras = ids[1].count(tokenizer.unknown_id)
    assert zebras and files[1].spelling_bits == pytest.approx(zebras * tokenizer.spelling_bits("zebra"))
    assert [file.spelling_bits for file in (files[0], written(tmp_path, split, tokenizer)[0][0])] == [0.0, 0.0]
    for unit, text in (("line", "a gnu\nb\nelk"), ("none", "a gnu elk")):
        file, unknown = write_token_file(corpus_of(tmp_path, text), tokenizer, tmp_path / "ids", unit)
        assert (file.spelling_bits, unknown) == (pytest.approx(tokenizer.spelling_bits("gnu elk")), ["gnu", "elk"])


# -- the end of a text ---------------------------------------------------------------------------------------------


def words(seed: int, count: int, alphabet: str = "etaoinshrdlu") -> str:
    draw = random.Random(seed)
    vocabulary = ["".join(draw.choices(alphabet, k=draw.randint(2, 9))) for _ in range(400)]
    lines = (" ".join(draw.choices(vocabulary, k=9)) for _ in range(count // 9))
    return "".join(f"{line}.\n" for line in lines)


def warning_of(folder: Path, text: str, fraction: float = 0.1) -> str:
    corpus = corpus_of(folder, text)
    stats = corpus_stats(corpus)
    split = TextSplit(corpus, stats, fraction)
    written(folder, split, CharTokenizer(sorted(set(text))))
    return split.warning()


BOOK = words(1, 20_000)
DIARY = "".join(
    f"1901-{day // 20 + 1:02}-{day % 20 + 1:02} {BOOK[day * 40 :][:60]}\n".replace("\n", " ") + "\n"
    for day in range(220)
)
OTHER_ENDS = {
    "another script": (BOOK + words(2, 2200, "абвгдежзик"), "do not occur before"),
    "capitals": (BOOK + words(1, 2200).upper(), "do not occur before"),
    "another language": (BOOK + words(3, 2200, "abcdefgkmpz" * 2 + "etaoinshrdlu"), "times as much|do not occur"),
    "a table": (BOOK + "".join(f"1{i}.3{i}7\t{i * 7}\n" for i in range(1000)), "times as much"),
    "a sorted list": ("\n".join(sorted(set(BOOK.split()) | set(words(4, 9000).split()))), "the lines are sorted"),
}


@pytest.mark.parametrize(("text", "reason"), OTHER_ENDS.values(), ids=OTHER_ENDS)
def test_an_end_that_is_another_text_is_told_with_both_offsets(text: str, reason: str, tmp_path: Path) -> None:
    warning = warning_of(tmp_path, text)
    assert re.search(reason, warning)
    split = int(len(text) * 0.9)
    assert f"characters 0 to {split:,}, validation: {split:,} to {len(text):,}" in warning
    assert "--validation-from spread" in warning and "--validation-text" in warning


@pytest.mark.parametrize("name", ["names", "jueju", "prideprejudice", "shakespeare", "chat"])
def test_an_ordinary_end_is_not_told(name: str, tmp_path: Path) -> None:
    text = (ROOT / "corpora" / f"{name}.txt").read_text("utf-8")[:400_000]
    assert warning_of(tmp_path, text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "ab\n" * 300,
        "a" * 20_000,
        "ab\n" * 5000,
        "abcdefgh\nhgfedcba\n" * 1800 + "abcdefgha\nhgfedcba\n" * 200,
        BOOK[:4000],
        BOOK,
        DIARY,
        DIARY.replace("1901", "[1901"),
    ],
    ids=["tiny", "one letter", "one line", "one letter more", "short", "long", "diary", "log"],
)
def test_a_monotonous_short_or_dated_text_is_not_told(text: str, tmp_path: Path) -> None:
    assert warning_of(tmp_path, text) == ""


def test_blocks_from_all_over_are_never_told(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, OTHER_ENDS["another script"][0])
    stats = corpus_stats(corpus)
    split = TextSplit(corpus, stats, 0.1, "spread")
    written(tmp_path, split, make_tokenizer(stats, TokenizerConfig(), split))
    assert split.warning() == ""
