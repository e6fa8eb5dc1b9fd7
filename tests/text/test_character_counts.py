"""Characters that are stored while a text is read: they become the ids that reading it twice gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnntui.config import TokenizerConfig
from rnntui.text.character_counts import CharacterFile
from rnntui.text.corpus import Corpus, find_corpus
from rnntui.text.text_split import TextSplit
from rnntui.text.token_ids import corpus_stats
from rnntui.text.tokenizer_factory import make_tokenizer

SCRIPTS = ("abc \n", "aé€\n", "".join(map(chr, range(0x4E00, 0x4E00 + 300))) + "a\n", "a\ud800\N{GRINNING FACE}")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the many files of a property test."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Iterator[None]:
    """Texts in many blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnntui.text.corpus._BLOCK", 5)
        patch.setattr("rnntui.text.character_counts._BLOCK", 3)
        yield


def corpus_of(folder: Path, text: str) -> Corpus:
    path = folder / "corpus.txt"
    path.write_bytes(text.encode("utf-16", "surrogatepass"))
    return find_corpus([str(path)], "utf-16", "replace")


@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(
    st.lists(st.one_of(*(st.text(script, max_size=12) for script in SCRIPTS)), min_size=1).map("".join).filter(bool),
    st.sampled_from([0.0, 0.1, 0.5]),
    st.sampled_from([None, 5]),
)
def test_one_reading_gives_the_ids_of_two(scratch: Path, text: str, fraction: float, vocab_size: int | None) -> None:
    corpus = corpus_of(scratch, text)
    once, twice = ([scratch / f"{name}-{part}" for part in ("training", "validation")] for name in ("once", "twice"))
    stats = corpus_stats(corpus)
    split = TextSplit(corpus, stats, fraction)
    tokenizer = make_tokenizer(stats, TokenizerConfig(vocab_size=vocab_size), split)
    expected = split.write(tokenizer, twice[0], twice[1])
    with CharacterFile(once[0]) as characters:
        assert (corpus_stats(corpus, characters).counts == stats.counts).all()
        assert characters.text(0, len(text)) == "".join(corpus.blocks())
        files = TextSplit(corpus, stats, fraction).write_characters(characters, tokenizer, once[1])
    assert files == expected
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in twice]


@pytest.mark.parametrize("others", [127, 128, 129, 255, 256, 66_000])
def test_numbers_and_ids_have_as_many_bytes_as_they_need(tmp_path: Path, others: int) -> None:
    # ASCII keeps its numbers, and 255 characters fit beside <unk> into a byte.
    alphabet = "".join(chr(point) for point in range(0x20000, 0x20000 + others))
    text = "".join(alphabet[start : start + 50] + "ascii\n" for start in range(0, others, 50))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnntui.text.corpus._BLOCK", 1 << 14)
        patch.setattr("rnntui.text.character_counts._BLOCK", 1 << 12)
        corpus = corpus_of(tmp_path, text)
        path, rest = tmp_path / "ids", tmp_path / "rest"
        with CharacterFile(path) as characters:
            stats = corpus_stats(corpus, characters)
            split = TextSplit(corpus, stats, 0.0)
            tokenizer = make_tokenizer(stats, TokenizerConfig(), split)
            training, _ = split.write_characters(characters, tokenizer, rest)
    assert np.array_equal(training.read(path), tokenizer.encode(text))
    assert [file.name for file in tmp_path.iterdir() if "wider" in file.name] == []
