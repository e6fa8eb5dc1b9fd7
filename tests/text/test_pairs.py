"""Parallel corpora, their split into training and validation, and vocabularies trained on them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from rnntui.config_seq2seq import Seq2SeqTokenizerConfig
from rnntui.errors import CorpusError
from rnntui.text import pair_ids
from rnntui.text.corpus import Corpus, find_corpus
from rnntui.text.labelled import read_labelled
from rnntui.text.pair_ids import PairDataset, PairWriter
from rnntui.text.pair_split import train_validation_split
from rnntui.text.pairs import read_aligned_files, read_table
from rnntui.text.parallel_corpus import Pair
from rnntui.text.token_ids import TokenFile
from rnntui.text.vocabulary import (
    BOS,
    EOS,
    PAD,
    load_vocabularies,
    save_vocabularies,
    train_vocabularies,
    train_vocabulary,
)


def corpus(folder: Path, name: str, text: str):
    (folder / name).write_bytes(text.encode())
    return find_corpus([str(folder / name)])


def test_a_table_gives_its_first_two_columns(tmp_path: Path) -> None:
    found = read_table(corpus(tmp_path, "p.tsv", "Go.\tVaya.\tCC-BY 2\n\n Hi. \tHola.\r\nlast\tfin"))
    assert [(p.source, p.target, p.row) for p in found.rows] == [
        ("Go.", "Vaya.", 1), ("Hi.", "Hola.", 3), ("last", "fin", 4),
    ]  # fmt: skip
    assert found.name == "p" and found.dropped.count == 0


def test_rows_that_are_not_whole_are_left_out_counted_and_named(tmp_path: Path) -> None:
    found = read_table(corpus(tmp_path, "p.tsv", "a\tb\nno tab here\n\tempty\nc\td\n"))
    assert len(found.rows) == 2 and found.dropped.count == 2
    assert (
        "2 rows" in found.dropped.message and "row 2 of" in found.dropped.message and "no tab" in found.dropped.message
    )


@pytest.mark.parametrize(
    ("text", "says"), [("", "no pairs, the file is empty"), ("one\ntwo\n", "row 1 of"), ("a\t\n", "target is empty")]
)
def test_a_table_without_pairs_is_one_clear_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(CorpusError, match=says) as error:
        read_table(corpus(tmp_path, "p.tsv", text))
    assert "\n" not in str(error.value)


def test_messages_about_several_files_are_in_the_plural(tmp_path: Path) -> None:
    def several(names: str, text: str) -> Corpus:
        return find_corpus([str(corpus(tmp_path, name, text).files[0]) for name in names.split()])

    for text, says in [("", "no pairs, the files are empty"), ("one\n", "b.tsv have no complete pair: ")]:
        with pytest.raises(CorpusError, match=says):
            read_table(several("a.tsv b.tsv", text))
    for text, says in [("", "no labelled texts, the files are empty"), ("one\n", "b.tsv have no labelled text: ")]:
        with pytest.raises(CorpusError, match=says):
            read_labelled(several("a.tsv b.tsv", text))
    with pytest.raises(CorpusError, match=r"b\.es end after 2 lines and \S+, \S+c\.en do not; each line must be"):
        read_aligned_files(several("a.en c.en", "one\ntwo\n"), several("a.es b.es", "uno\n"))


def test_two_files_are_read_line_by_line(tmp_path: Path) -> None:
    one, other = corpus(tmp_path, "a.en", "one\n\ntwo\nthree\n"), corpus(tmp_path, "a.es", "uno\n\ndos\n\n")
    found = read_aligned_files(one, other)
    assert [(p.source, p.target) for p in found.rows] == [("one", "uno"), ("two", "dos")]
    assert "row 4" in found.dropped.message
    with pytest.raises(CorpusError, match=r"short\.es ends after 1 line "):
        read_aligned_files(one, corpus(tmp_path, "short.es", "uno\n"))


def test_nothing_held_out_occurs_in_training_in_either_language() -> None:
    rng = random.Random(0)
    words = [f"word{i}" for i in range(400)]
    rows = [Pair(rng.choice(words), rng.choice(words).upper() + "!", "f", n) for n in range(300)]
    training, held = train_validation_split(rows, 0.1, seed=1)
    assert 20 <= len(held) <= 40 and sorted([*training, *held], key=lambda p: p.row) == rows
    for column in (0, 1):
        plain = [{pair[column].casefold().strip("!") for pair in part} for part in (training, held)]
        assert not plain[0] & plain[1]
    assert train_validation_split(rows, 0.1, seed=1) == (training, held)
    assert train_validation_split(rows, 0.1, seed=2)[1] != held


SAME = [
    ("Él se fue.", "él  se fue"),
    ("¿Qué?", "Que\u0301…"),
    ("I'm 5.", "I’m５"),
    ("Straße", "STRASSE"),
    ("?!", "？！"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
@pytest.mark.parametrize("columns", [(0, 0), (0, 1), (1, 1)])
def test_a_sentence_written_otherwise_is_the_same_sentence(one: str, other: str, columns: tuple[int, int]) -> None:
    rows = [Pair(f"source {n}", f"target {n}", "f", n) for n in range(98)]
    for n, (text, column) in enumerate(zip((one, other), columns, strict=True), start=98):
        alone = ("source", "target")[1 - column] + f" {n}"
        rows.append(Pair(*((text, alone) if column == 0 else (alone, text)), "f", n))
    for seed in range(5):
        held = {pair.row for pair in train_validation_split(rows, 0.5, seed)[1]}
        assert (98 in held) == (99 in held)


def test_signs_that_make_another_word_tell_sentences_apart() -> None:
    rows = [Pair(text, str(n), "f", n) for n, text in enumerate(["की", "का", "कु", "sé", "se", "№ 1", "№ 2", "?", "!"])]
    assert len({pair.row for seed in range(60) for pair in train_validation_split(rows, 0.1, seed)[1]}) == len(rows)


def test_pairs_with_siblings_are_held_out_as_often_as_others() -> None:
    rows = [Pair(f"source {n // 4}" if n < 2000 else f"source {n}", f"target {n}", "f", n) for n in range(4000)]
    held = [train_validation_split(rows, 0.1, seed)[1] for seed in range(5)]
    assert all(400 <= len(part) <= 403 for part in held)
    assert 0.4 < sum(pair.row < 2000 for part in held for pair in part) / 2000 < 0.6


@pytest.mark.parametrize("kind", ["char", "bpe", "unigram"])
@pytest.mark.parametrize("separate", [False, True])
def test_a_vocabulary_gives_back_what_it_read_and_is_kept(tmp_path: Path, kind, separate: bool) -> None:
    config = Seq2SeqTokenizerConfig(type=kind, separate_vocab=separate)
    texts = [f"the old man and the sea number {i}" for i in range(80)]
    both = train_vocabularies(texts, [text.upper() for text in texts], config)
    save_vocabularies(*both, tmp_path)
    kept = Seq2SeqTokenizerConfig(type=kind, separate_vocab=separate, vocab_size=both[1].tokenizer.vocab_size)
    for ours, theirs, text in zip(both, load_vocabularies(tmp_path, kept), (texts[3], texts[3].upper()), strict=True):
        np.testing.assert_array_equal(ours.encode(text), theirs.encode(text))
        assert ours.decode(ours.encode(text)) == text
        assert not set(ours.encode(text).tolist()) & {PAD, BOS, EOS}
    assert (both[0] is both[1]) == (not separate)


def test_a_word_is_the_same_token_at_the_start_of_a_line_and_within_it() -> None:
    vocabulary = train_vocabulary(["sea and land and sea"] * 50, Seq2SeqTokenizerConfig())
    assert vocabulary.encode("sea and sea")[0] == vocabulary.encode("sea and sea")[-1]
    assert len(vocabulary.encode("")) == 0
    assert vocabulary.decode(vocabulary.encode("\U0001f600")) == "\U0001f600"


def test_a_small_corpus_gets_a_small_vocabulary() -> None:
    assert Seq2SeqTokenizerConfig().subwords(10_000_000) == 8000
    assert Seq2SeqTokenizerConfig().subwords(1_600_000) == 2000
    assert Seq2SeqTokenizerConfig(vocab_size=5000).subwords(300_000) == 5000


def test_a_file_of_pairs_is_read_in_blocks_and_long_pairs_are_taken_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_ids, "_IDS_READ", 7)
    monkeypatch.setattr(pair_ids, "_BATCH", 3)
    choose = np.random.default_rng(1)
    encoded = [(choose.integers(3, 300, choose.integers(0, 9)), choose.integers(3, 300, 5)) for _ in range(50)]
    kept = choose.random(50) < 0.6
    with PairWriter(tmp_path / "ids", 300) as writer:
        writer.add(encoded)
        writer.keep(kept)
        writer.add(encoded[:2])
        counts, token_file = writer.token_counts(), writer.finish(10)
    expected = [pair for pair, is_kept in zip(encoded, kept, strict=True) if is_kept] + encoded[:2]
    pairs = PairDataset(token_file, tmp_path / "ids")
    assert [pairs.source(i)[:-1].tolist() for i in range(len(pairs))] == [source.tolist() for source, _ in expected]
    assert [pairs.target(i)[:-1].tolist() for i in range(len(pairs))] == [target.tolist() for _, target in expected]
    assert counts.source.tolist() == pairs.source_lengths.tolist() == [len(source) for source, _ in expected]
    sources, targets = (np.concatenate([pair[column] for pair in expected]) for column in (0, 1))
    assert pairs.largest_ids() == (sources.max(), targets.max())
    assert (pairs.target_counts(301) == np.bincount(np.append(targets, [EOS] * len(expected)), minlength=301)).all()


def test_a_file_that_ends_within_a_pair_is_refused(tmp_path: Path) -> None:
    for ids in ([5, EOS], [5, EOS, 6], [5, 6], [5, EOS, 6, EOS, 7]):
        np.array(ids, np.uint8).tofile(tmp_path / "ids")
        with pytest.raises(CorpusError, match="not a file of complete pairs"):
            PairDataset(TokenFile(len(ids), 1, "uint8"), tmp_path / "ids")


@pytest.mark.parametrize("kind", ["char", "bpe", "unigram"])
def test_many_texts_at_once_have_the_ids_of_each_alone(kind) -> None:
    texts = [f"the old man and the sea, number {number}" for number in range(80)]
    vocabulary = train_vocabulary(texts, Seq2SeqTokenizerConfig(type=kind))
    odd = ["", "a", "▁", "x▁y", "\ud800z", "tab\there", "no\u00a0break", "日本", "\ue000", "word " * 2000]
    for ids, text in zip(vocabulary.encode_all(odd + texts), odd + texts, strict=True):
        np.testing.assert_array_equal(ids, vocabulary.encode(text))
    assert vocabulary.encode_all([]) == []
