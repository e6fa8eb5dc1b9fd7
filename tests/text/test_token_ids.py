"""Encoding a corpus to ids: no text is lost, repeated or moved between the training part and the validation part."""

from __future__ import annotations

import gzip
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rnntui
from rnntui.config import Newlines, TokenizerConfig, TokenizerType
from rnntui.errors import CorpusError
from rnntui.kinds.corpus_info import DocumentUnit
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.corpus import Corpus, find_corpus
from rnntui.text.pair_ids import write_pairs
from rnntui.text.subword_tokenizer import SubwordTokenizer
from rnntui.text.text_split import TextSplit
from rnntui.text.token_ids import (
    TokenFile,
    _whole_lines,
    corpus_fingerprints,
    corpus_stats,
    count_words,
    write_token_file,
)
from rnntui.text.tokenizer import Tokenizer
from rnntui.text.tokenizer_factory import make_tokenizer as make_tokenizer_of_split
from rnntui.text.turns import SpeakerLabels
from rnntui.text.word_tokenizer import WordTokenizer

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=40)

SUBWORDS: tuple[TokenizerType, ...] = ("bpe", "unigram")
some_text = st.text(alphabet="aab é日👩\n\n\t\u2581", min_size=12, max_size=80)
fractions = st.sampled_from([0.1, 0.25, 0.5, 0.9])


class Chunks(NamedTuple):
    """The bytes read at a time, and the characters encoded at a time."""

    block: int
    segment: int = 1 << 20

    @contextmanager
    def applied(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("rnntui.text.corpus._BLOCK", self.block)
            patch.setattr("rnntui.text.documents.SEGMENT", self.segment)
            yield


small_chunks = st.builds(Chunks, st.integers(1, 9), st.integers(1, 20))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("length", [20, 5000])
def test_ids_that_the_disk_has_no_room_for_are_an_error(tmp_path: Path, length: int) -> None:
    (tmp_path / "text").write_text("ab" * (length // 2))
    with pytest.raises(OSError, match="No space left"):
        write_token_file(find_corpus([str(tmp_path / "text")]), CharTokenizer(["a", "b"]), Path("/dev/full"))
    with pytest.raises(OSError, match="No space left"):
        write_pairs(Path("/dev/full"), [(np.arange(length), np.arange(length))], 1, 9)


def test_no_array_is_written_by_numpy_itself() -> None:
    package = Path(rnntui.__file__).parent
    writers = [path.name for path in package.rglob("*.py") if ".tofile(" in path.read_text("utf-8")]
    assert writers == [], "tofile loses up to 4 KB on a full disk, without an error: file.write(array.data) does not"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the many files of a property test."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def subwords() -> dict[TokenizerType, SubwordTokenizer]:
    """Subword tokenizers of a small corpus."""
    text = small_corpus()
    return {kind: SubwordTokenizer.train([text], kind, 360, len(set(text))) for kind in SUBWORDS}


def small_corpus() -> str:
    words = ["alpha", "the", "river", "stone", "wind", "night", "light", "aba", "été", "日本"]
    draw = random.Random(2)
    return "".join(" ".join(draw.choice(words) for _ in range(7)) + "\n" for _ in range(150))


def corpus_of(folder: Path, text: str) -> Corpus:
    path = folder / "corpus.txt"
    path.write_bytes(text.encode())
    return find_corpus([str(path)])


def make_tokenizer(corpus: Corpus, config: TokenizerConfig, validation: float) -> Tokenizer:
    stats = corpus_stats(corpus)
    return make_tokenizer_of_split(stats, config, TextSplit(corpus, stats, validation))


def written_parts(
    folder: Path, corpus: Corpus, tokenizer: Tokenizer, validation: float
) -> tuple[tuple[TokenFile, TokenFile], list[np.ndarray]]:
    """Write both parts; return their descriptions, and their ids as they are read back."""
    paths = (folder / "training.ids", folder / "validation.ids")
    parts = TextSplit(corpus, corpus_stats(corpus), validation).write(tokenizer, *paths)
    # A copy releases the memory-mapped file, which the next example overwrites.
    return parts, [np.array(part.read(path)) for part, path in zip(parts, paths, strict=True)]


@repeatable
@given(some_text, st.integers(1, 9))
def test_a_survey_counts_every_character_wherever_blocks_end(scratch: Path, text: str, block: int) -> None:
    with Chunks(block).applied():
        found = corpus_stats(corpus_of(scratch, text))
    counted = {chr(point): int(found.counts[point]) for point in np.flatnonzero(found.counts)}
    assert counted == Counter(text)
    assert found.characters == len(text)


@pytest.mark.parametrize("block", [1, 3, 1000])
@pytest.mark.parametrize(
    ("text", "count"),
    [
        (" no it was n't black monday \n \n but <unk> N stocks\tdid .\n", 6 + 6 + 3),
        ("a  b\r\nc", 4),
        ("été l'année", 2),
        (" \t", 0),
        ("Mo is 默", 3),
        ("床前明月光\n疑是地上霜\n", 0),
    ],
)
def test_words_are_counted_with_line_breaks_wherever_blocks_end(
    tmp_path: Path, text: str, count: int, block: int
) -> None:
    with Chunks(block).applied():
        assert count_words(corpus_of(tmp_path, text).blocks()) == count


@pytest.mark.parametrize(
    ("block", "size", "at_start", "lines"),
    [
        ("ab\ncd\nef", 9, True, "ab\ncd\nef"),
        ("ab\ncd\nef", 8, True, "ab\ncd\nef"),
        ("ab\ncd\nef", 9, False, "cd\nef"),
        ("ab\ncd\nef\n", 7, True, "ab\ncd\n"),
        ("ab\ncd\nef\n", 8, False, "cd\n"),
        ("abcdef\ngh", 4, True, ""),
        ("abcdef\ngh", 4, False, ""),
    ],
)
def test_the_sample_of_a_block_are_its_whole_lines(block: str, size: int, at_start: bool, lines: str) -> None:
    assert _whole_lines(block, size, at_start) == lines


def test_the_sample_of_a_text_is_all_of_a_short_one_and_lines_from_all_over_a_long_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{n:03d}\n" for n in range(1000)]
    text = "".join(lines)
    assert corpus_stats(corpus_of(tmp_path, text)).sample == text
    for name, characters in (("_FIRST_SAMPLE", 40), ("_BLOCK_SAMPLE", 20), ("_MAX_SAMPLE", 57)):
        monkeypatch.setattr(f"rnntui.text.token_ids.{name}", characters)
    with Chunks(400).applied():  # a hundred lines
        sample = corpus_stats(corpus_of(tmp_path, text)).sample
    # Ten lines, then four of each block, without the first, until there are more than 57 characters.
    assert sample == "".join(lines[:10] + lines[101:105] + lines[201:205])


def test_speakers_are_those_that_were_given_or_those_of_the_first_block(tmp_path: Path) -> None:
    dialogue = "A: hello\nB: hi there\nA: how are you\nB: fine\n\n" * 10
    prose = ("It was late. " * 40)[: len(dialogue) - 1] + "\n"
    found = SpeakerLabels("A", "B")
    assert corpus_stats(corpus_of(tmp_path, dialogue)).speakers == found
    with Chunks(len(dialogue)).applied():
        assert corpus_stats(corpus_of(tmp_path, dialogue + prose)).speakers == found
        assert corpus_stats(corpus_of(tmp_path, prose + dialogue)).speakers is None
    given_labels = SpeakerLabels("X", "Y")
    assert corpus_stats(replace(corpus_of(tmp_path, dialogue), speakers=given_labels)).speakers == given_labels


def test_the_fingerprint_is_that_of_the_text_and_not_of_how_it_is_kept(tmp_path: Path) -> None:
    text = "some text 日本\n" * 20
    corpus = corpus_of(tmp_path, text)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "wide.txt").write_bytes(text.encode("utf-16"))
    half = len(text) // 2
    (tmp_path / "first.txt").write_text(text[:half])
    (tmp_path / "second.txt").write_text(text[half:])
    fingerprint = corpus_stats(corpus).fingerprint
    assert corpus_stats(find_corpus([str(tmp_path / "packed.gz")])).fingerprint == fingerprint
    assert corpus_stats(find_corpus([str(tmp_path / "wide.txt")], "utf-16")).fingerprint == fingerprint
    assert (
        corpus_stats(find_corpus([str(tmp_path / name) for name in ("first.txt", "second.txt")])).fingerprint
        == fingerprint
    )
    with Chunks(5).applied():
        assert corpus_stats(corpus).fingerprint == fingerprint


def test_a_text_may_have_half_a_surrogate_pair(tmp_path: Path) -> None:
    (tmp_path / "half.txt").write_bytes(b"a+2AA-b+2AA-\n")
    found = corpus_stats(find_corpus([str(tmp_path / "half.txt")], "utf-7"))
    assert (found.sample, found.characters, found.counts[0xD800]) == ("a\ud800b\ud800\n", 5, 2)


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_a_text_with_other_line_ends_has_the_same_fingerprint(line_end: str, tmp_path: Path) -> None:
    text = "one\ntwo\n\nthree\n"
    fingerprint = corpus_stats(corpus_of(tmp_path, text)).fingerprint
    corpus = corpus_of(tmp_path, text.replace("\n", line_end))
    assert corpus_stats(corpus).fingerprint == fingerprint
    assert corpus_stats(replace(corpus, newlines="keep")).fingerprint != fingerprint


@pytest.mark.parametrize("other", ["some text", "some text\n\n", "some text\f", "Some text\n", "text some\n"])
def test_another_text_has_another_fingerprint(other: str, tmp_path: Path) -> None:
    fingerprint = corpus_stats(corpus_of(tmp_path, "some text\n")).fingerprint
    assert corpus_stats(corpus_of(tmp_path, other)).fingerprint != fingerprint


@repeatable
@given(st.lists(st.text(alphabet="a\u00e9\r\n", min_size=1, max_size=6), min_size=1, max_size=3), st.integers(1, 5))
def test_fingerprints_for_all_line_ends_take_one_reading(scratch: Path, texts: list[str], block: int) -> None:
    opened: list[Path] = []

    def counted(path: Path, size: int) -> Iterator[bytes]:
        opened.append(path)
        data = path.read_bytes()
        yield from (data[start : start + block] for start in range(0, len(data), block))

    names = [f"{number}.txt" for number in range(len(texts))]
    for name, text in zip(names, texts, strict=True):
        (scratch / name).write_bytes(text.encode())
    corpus = find_corpus([str(scratch / name) for name in names])
    expected = {choice: corpus_stats(replace(corpus, newlines=choice)).fingerprint for choice in get_args(Newlines)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnntui.text.corpus.read_blocks", counted)
        assert corpus_fingerprints(corpus) == expected and len(opened) == len(names)


@pytest.mark.parametrize("content", ["", "\N{ZERO WIDTH NO-BREAK SPACE}"])
def test_an_empty_corpus_is_told_by_its_name(content: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"corpus\.txt.*empty"):
        corpus_stats(corpus_of(tmp_path, content))
    with pytest.raises(CorpusError, match=r"corpus\.txt.*empty"):
        corpus_fingerprints(corpus_of(tmp_path, content))


@repeatable
@given(some_text, fractions, small_chunks)
def test_both_parts_together_are_the_corpus_and_validation_is_its_tail(
    scratch: Path, text: str, validation: float, chunks: Chunks
) -> None:
    corpus = corpus_of(scratch, text)
    tokenizer = make_tokenizer(corpus, TokenizerConfig(), validation)
    with chunks.applied():
        (training, held_out), ids = written_parts(scratch, corpus, tokenizer, validation)
    split = len(text) - held_out.characters
    assert abs(held_out.characters - validation * len(text)) <= 1
    assert training.characters == split
    assert tokenizer.decode(ids[0]) == text[:split]
    assert tokenizer.decode(ids[1]) == text[split:]
    assert [training.tokens, held_out.tokens] == [len(part) for part in ids]


@pytest.fixture(scope="module", params=SUBWORDS)
def subword_tokenizer(request: pytest.FixtureRequest, subwords: dict[TokenizerType, SubwordTokenizer]) -> Tokenizer:
    """Each of the subword tokenizers."""
    return subwords[request.param]


@repeatable
@given(some_text, fractions, small_chunks)
def test_subword_parts_decode_to_the_corpus_as_well(
    scratch: Path, subword_tokenizer: Tokenizer, text: str, validation: float, chunks: Chunks
) -> None:
    tokenizer = subword_tokenizer
    with chunks.applied():
        parts, ids = written_parts(scratch, corpus_of(scratch, text), tokenizer, validation)
    split = int(len(text) * (1 - validation))
    assert tokenizer.decode(ids[0]) == text[:split]
    assert tokenizer.decode(ids[1]) == text[split:]
    assert [part.characters for part in parts] == [split, len(text) - split]


@pytest.mark.parametrize(
    "chunks", [Chunks(1), Chunks(7, 64), Chunks(1000, 61), Chunks(4096, 100), Chunks(1 << 22, 50)], ids=str
)
@pytest.mark.parametrize("kind", ["char", "word", *SUBWORDS])
def test_the_ids_are_the_same_wherever_blocks_and_segments_end(
    kind: TokenizerType, chunks: Chunks, subwords: dict[TokenizerType, SubwordTokenizer], tmp_path: Path
) -> None:
    # Segments end at line breaks, and every line here fits into one.
    text = small_corpus()
    corpus = corpus_of(tmp_path, text)
    others: dict[str, Tokenizer] = {
        "char": CharTokenizer(sorted(set(text))), "word": WordTokenizer.train([text], 10),
    }  # fmt: skip
    tokenizer = others.get(kind) or subwords[kind]
    with chunks.applied():
        _, ids = written_parts(tmp_path, corpus, tokenizer, 0.3)
        part, _ = write_token_file(corpus, tokenizer, tmp_path / "whole.ids")
    whole, characters = part.read(tmp_path / "whole.ids"), part.characters
    split = int(len(text) * 0.7)
    assert np.array_equal(ids[0], tokenizer.encode(text[:split]))
    assert np.array_equal(ids[1], tokenizer.encode(text[split:]))
    assert np.array_equal(whole, tokenizer.encode(text))
    assert characters == len(text)


@pytest.mark.parametrize(
    ("distinct", "dtype"), [(2, "uint8"), (255, "uint8"), (256, "uint16"), (65_535, "uint16"), (65_536, "uint32")]
)
def test_ids_take_the_fewest_bytes_that_hold_the_vocabulary(distinct: int, dtype: str, tmp_path: Path) -> None:
    # The characters after the surrogates; <unk> has one more id.
    text = "".join(map(chr, range(0xE000, 0xE000 + distinct))) * 2
    corpus = corpus_of(tmp_path, text)
    tokenizer = make_tokenizer(corpus, TokenizerConfig(), 0.5)
    parts, ids = written_parts(tmp_path, corpus, tokenizer, 0.5)
    assert [part.dtype for part in parts] == [dtype, dtype]
    assert (tmp_path / "training.ids").stat().st_size == distinct * np.dtype(dtype).itemsize
    assert tokenizer.decode(ids[1]) == text[distinct:]


def test_ids_are_mapped_from_the_file_and_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "ids"
    np.arange(10, dtype=np.uint16).tofile(path)
    ids = TokenFile(10, 10, "uint16").read(path)
    assert isinstance(ids, np.memmap)
    assert not ids.flags.writeable
    assert ids.tolist() == list(range(10))


@pytest.mark.parametrize("at", [0, 3, 4, 9])
def test_the_largest_id_is_found_wherever_it_is(at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.text.token_ids._IDS_READ", 4)
    ids = np.arange(10, dtype=np.uint16)
    ids[at] = 300
    (tmp_path / "ids").write_bytes(ids.tobytes())
    assert TokenFile(10, 10, "uint16").largest_id(tmp_path / "ids") == 300


@pytest.mark.parametrize("dtype", ["int64", "float32", "object", ""])
def test_ids_of_another_type_are_refused(dtype: str, tmp_path: Path) -> None:
    (tmp_path / "ids").write_bytes(bytes(80))
    with pytest.raises(CorpusError, match="ids cannot be of type"):
        TokenFile(10, 10, dtype).read(tmp_path / "ids")


@pytest.mark.parametrize("change", [-20, -2, -1, 1, 2])
def test_a_file_of_ids_of_another_length_is_refused_by_its_name(change: int, tmp_path: Path) -> None:
    path = tmp_path / "training.ids"
    path.write_bytes(bytes(20 + change))
    with pytest.raises(CorpusError, match="10 ids") as caught:
        TokenFile(10, 10, "uint16").read(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_of_ids_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        TokenFile(10, 10, "uint16").read(tmp_path / "training.ids")
    assert str(tmp_path / "training.ids") in str(caught.value)


@pytest.mark.parametrize("kind", SUBWORDS)
def test_subwords_are_learnt_from_the_training_part_alone(kind: TokenizerType, tmp_path: Path) -> None:
    def has_learnt(text: str) -> bool:
        corpus = corpus_of(tmp_path, text)
        tokenizer = make_tokenizer(corpus, TokenizerConfig(kind, 400), 0.2)
        return any("umpelst" in tokenizer.token_text(token) for token in range(tokenizer.vocab_size))

    common, secret = small_corpus(), "Rumpelstilzchen Rumpelstilzchen\n" * 30
    assert len(secret) < 0.2 * len(common + secret)
    assert not has_learnt(common + secret)
    assert has_learnt(secret + common), "it must be learnt where it stands in the training part"


def test_characters_that_only_validation_holds_are_known_too(tmp_path: Path) -> None:
    text = "a" * 90 + "日" * 10
    corpus = corpus_of(tmp_path, text)
    tokenizer = make_tokenizer(corpus, TokenizerConfig(), 0.1)
    assert tokenizer.unknown_characters(text) == []


def test_a_vocabulary_takes_the_size_asked_for_or_two_thousand_subwords_at_most(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, small_corpus())
    assert make_tokenizer(corpus, TokenizerConfig("char", 5), 0.1).vocab_size == 5
    assert make_tokenizer(corpus, TokenizerConfig("bpe", 300), 0.1).vocab_size == 300
    assert 300 < make_tokenizer(corpus, TokenizerConfig("bpe"), 0.1).vocab_size <= 2000


@pytest.mark.parametrize(
    "changed", ["some text", "some text, and more\n", "some texts\n"], ids=["shorter", "longer", "just as long"]
)
def test_a_text_that_changes_while_it_is_read_is_refused_by_its_name(changed: str, tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, "some text.\n")
    found = corpus_stats(corpus)
    tokenizer = make_tokenizer(corpus, TokenizerConfig(), 0.5)
    corpus_of(tmp_path, changed)
    with pytest.raises(CorpusError, match=r"corpus\.txt changed"):
        TextSplit(corpus, found, 0.5).write(tokenizer, tmp_path / "training.ids", tmp_path / "validation.ids")


def test_a_text_to_evaluate_names_its_unknown_characters_once_in_order(tmp_path: Path) -> None:
    tokenizer = CharTokenizer(["a", "b", "\n"])
    corpus = corpus_of(tmp_path, "a日b\n本a日\n" * 3)
    with Chunks(4, 3).applied():
        part, unknown = write_token_file(corpus, tokenizer, tmp_path / "text.ids")
    ids = part.read(tmp_path / "text.ids")
    assert unknown == ["日", "本"]
    assert part.characters == 24
    assert tokenizer.decode(ids.astype(np.int64)) == "a\ufffdb\n\ufffda\ufffd\n" * 3


@pytest.mark.parametrize("segment", [5, 1 << 20])
@pytest.mark.parametrize(
    ("unit", "documents"),
    [
        ("line", ["one two", "three", "four"]),
        ("blank", ["one two\nthree", "four"]),
        ("file", ["one two\nthree\n\n\nfour"]),
    ],
)
def test_the_end_of_a_document_counts_as_one_character(
    tmp_path: Path, unit: DocumentUnit, documents: list[str], segment: int
) -> None:
    text = "one two\nthree\n\n\nfour\n"
    tokenizer = CharTokenizer(sorted(set(text)), has_end=True)
    with Chunks(3, segment).applied():
        part, _ = write_token_file(corpus_of(tmp_path, text), tokenizer, tmp_path / "text.ids", unit)
    assert part.characters == part.tokens == 1 + sum(len(document) + 1 for document in documents)
    ids = part.read(tmp_path / "text.ids").tolist()
    assert ids == [tokenizer.end_id, *(i for d in documents for i in (*tokenizer.encode(d).tolist(), tokenizer.end_id))]


def test_an_empty_text_to_evaluate_has_no_tokens(tmp_path: Path) -> None:
    part, unknown = write_token_file(corpus_of(tmp_path, ""), CharTokenizer(["a"]), tmp_path / "text.ids")
    assert (part.tokens, part.characters, unknown) == (0, 0, [])
