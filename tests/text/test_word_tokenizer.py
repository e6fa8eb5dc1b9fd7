"""Word tokens: where a text is split, what comes back exactly, and what `<unk>` costs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnntui.config import TokenizerConfig
from rnntui.config_seq2seq import Seq2SeqTokenizerConfig
from rnntui.errors import TokenizerError, UsageError
from rnntui.text.document_batch import DocumentBatch
from rnntui.text.documents import DocumentFormat
from rnntui.text.tokenizer_factory import load_tokenizer
from rnntui.text.word_boundaries import unspaced_share, words
from rnntui.text.word_tokenizer import WordTokenizer

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=25)
PROSE = """It was a dark night; the wind (from the sea) didn't rest.
"I don't know," said Ann -- "it's John's."

\tThe  end...
"""


@pytest.fixture(scope="module")
def prose() -> WordTokenizer:
    """A tokenizer that has all words of `PROSE`."""
    return WordTokenizer.train([PROSE, PROSE], 1000)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("I don't think it's John's.", "I| do|n't| think| it|'s| John|'s|."),
        ("We won’t, can't've: I'd've!", "We| wo|n’t|,| ca|n't|'ve|:| I|'d|'ve|!"),
        ("DON'T", "DO|N'T"),
        ("they do n't , it 's `` so '' .", "they| do| n't| ,| it| 's| ``| so| ''| ."),  # as in the Penn Treebank
        ("the dogs' rock'n'roll, o'clock", "the| dogs|'| rock'n'roll|,| o'clock"),
        ("L'homme qu'il a d'été dell'arte", "L'|homme| qu'|il| a| d'|été| dell'|arte"),
        ("1,000.50 in 1995, 3rd B2B mp3.", "1,000.50| in| 1995|,| 3rd| B2B| mp3|."),
        ("the U.S. and e.g. Mr. X.", "the| U.S.| and| e.g.| Mr|.| X|."),
        ("well-known snake_case a/b", "well|-|known| snake|_|case| a|/|b"),
        ("wait... what?!! ======", "wait|...| what|?|!!| ====|=="),
        ("cafe\u0301 नमस्ते। Straße", "cafe\u0301| नमस्ते|।| Straße"),
        ("日本語の テスト 한국어 말", "日|本|語|の| テスト| 한국어| 말"),
        ("ที่นี่", "ที่|นี่"),
        ("👩\u200d👩\u200d👧 🇩🇪🇫🇷 👍🏽 ❤\ufe0f", "👩\u200d👩\u200d👧| 🇩🇪|🇫🇷| 👍🏽| ❤\ufe0f"),
        ("  two\n   three \n", " | two|\n|  | three| |\n"),
        ("of <unk> and <eos>", "of| <unk>| and| <|eos|>"),
    ],
)
def test_a_text_is_split_into_words_and_punctuation(text: str, pieces: str) -> None:
    assert "|".join(words(text)) == pieces


@repeatable
@given(st.text(max_size=30) | st.text(alphabet="an't 's.\n\u0301ก日é1", max_size=30))
def test_the_pieces_of_any_text_are_the_text(text: str) -> None:
    pieces = words(text)
    assert "".join(pieces) == text and all(pieces)


def test_letters_of_scripts_without_spaces_are_counted() -> None:
    assert unspaced_share(["日本", "ab"]) == 0.5 and unspaced_share(["ภาษา"]) > 0.9
    assert unspaced_share([]) == unspaced_share(["12 ,"]) == unspaced_share(["한국어 Ἑλλάς"]) == 0.0


def test_text_of_known_words_comes_back_exactly(prose: WordTokenizer) -> None:
    for text in (PROSE, "It didn't rest; the wind\n", '"I don\'t know," said Ann...\n'):
        ids, pieces = prose.encode_with_pieces(text)
        assert prose.decode(ids) == "".join(pieces) == text
        assert prose.encode(text).tolist() == ids and prose.unknown_id not in ids
        assert prose.unknown_characters(text) == [] and prose.spelling_bits(text) == 0.0
        stream = prose.stream()
        assert "".join(map(stream.push, ids)) == text and not stream.is_incomplete


def test_a_word_is_read_as_its_other_form_rather_than_as_unk(prose: WordTokenizer) -> None:
    [known] = prose.encode(" dark")
    assert prose.encode("dark").tolist() == [known] and prose.unknown_characters("(dark") == []
    assert prose.encode("(dark").tolist()[-1] == known


def test_unknown_words_stay_as_they_are_in_the_text_and_are_named_once(prose: WordTokenizer) -> None:
    ids, pieces = prose.encode_with_pieces("the zebra, a zebra and a <unk> gnu ")
    assert [piece for token, piece in zip(ids, pieces, strict=True) if token == 0] == [
        " zebra", " zebra", " and", " <unk>", " gnu ",
    ]  # fmt: skip
    assert prose.unknown_characters("the zebra, a zebra and a <unk> gnu ") == ["zebra", "and", "gnu"]
    assert prose.decode(prose.encode("It was zebra")) == "It was <unk>"
    assert prose.token_text(0) == "<unk>"


def test_only_common_words_are_in_the_vocabulary_the_most_common_first() -> None:
    tokenizer = WordTokenizer.train(["b a a b a c a(a"], 100)  # "b" and " b" are two
    assert tokenizer.words == (" a", " b") and tokenizer.vocab_size == 3
    assert WordTokenizer.train(["b a a b a c"], 2).words == (" a",)
    assert WordTokenizer.train(["b a a b a c"], 3, has_end=True).words == (" a",)
    assert set(WordTokenizer.train([" a a a", "\na\na\n"], 100).words) == {" a", "a", "\n"}
    with pytest.raises(TokenizerError, match="none occurs 2 times"):
        WordTokenizer.train(["b a <unk> <unk>"], 100)
    with pytest.raises(UsageError, match="--vocab-size 2 leaves no room"):
        WordTokenizer.train(["a a"], 2, has_end=True)


@pytest.mark.parametrize("text", ["", " ", "\u2028", "\t\t", "the ", "  the", "the \n", "the \u2028wind", "\r\n"])
def test_white_space_is_never_an_unknown_word_and_stays_in_the_pieces(prose: WordTokenizer, text: str) -> None:
    ids, pieces = prose.encode_with_pieces(text)
    assert "".join(pieces) == text and prose.encode(text).tolist() == ids
    assert prose.unknown_characters(text) == []
    assert prose.unknown_id not in ids or text in {" ", "\u2028"}  # something must hold the text


def test_a_space_at_the_end_is_left_to_the_next_word(prose: WordTokenizer) -> None:
    assert prose.encode("the wind ").tolist() == prose.encode("the wind").tolist()
    word, comma = prose.encode("a sea")[1], prose.encode(",")[0]
    stream = prose.stream("the wind ")
    assert [stream.push(token) for token in (word, word, comma)] == ["sea", " sea", ","]
    assert prose.stream("the wind").push(word) == " sea"
    assert prose.stream("the wind ").push(comma) == ","


def test_spelling_is_charged_by_the_letters_of_the_vocabulary() -> None:
    tokenizer = WordTokenizer.train(["ab ab ab aa aa"], 100)  # ab and aa, both after a space, and ab at the start
    counts = {"a": 3, "b": 1, "end": 2, "other": 1}
    total = sum(counts.values())
    assert tokenizer.words == (" ab", " aa")
    expected = math.log2(total / counts["a"]) + math.log2(total / counts["b"]) + math.log2(total / counts["end"])
    assert tokenizer.spelling_bits(" ba <unk> ab") == pytest.approx(expected)
    one = math.log2(total) + math.log2(0x110000) + math.log2(total / counts["end"])
    assert tokenizer.spelling_bits("é é") == pytest.approx(2 * one)


def test_a_model_that_only_reads_has_words_without_spaces() -> None:
    texts = ["it does n't work, it's bad"] * 2
    tokenizer = WordTokenizer.train(texts, 100, keeps_spaces=False)
    ids, pieces = tokenizer.encode_with_pieces("  it doesn’t\n work . ")
    assert ids == tokenizer.encode("it does n't work zzz").tolist()
    assert pieces == ["  it", " does", "n’t", "\n work", " . "]
    assert tokenizer.encode("does n't").tolist() == tokenizer.encode("doesn't").tolist()
    assert tokenizer.encode(" \n ").tolist() == [] == tokenizer.encode_with_pieces(" ")[0]
    assert tokenizer.decode(tokenizer.encode("it works")) == "it <unk>"


@pytest.mark.parametrize("has_end", [False, True])
@pytest.mark.parametrize("keeps_spaces", [False, True])
def test_a_saved_word_table_reads_back(has_end: bool, keeps_spaces: bool, tmp_path: Path) -> None:
    tokenizer = WordTokenizer.train([PROSE, PROSE], 50, has_end, keeps_spaces)
    tokenizer.save(tmp_path)
    loaded = load_tokenizer(tmp_path, "word")
    assert isinstance(loaded, WordTokenizer) and loaded.words == tokenizer.words
    assert (loaded.end_id, loaded.vocab_size) == (tokenizer.end_id, tokenizer.vocab_size)
    assert loaded.encode(PROSE).tolist() == tokenizer.encode(PROSE).tolist()
    assert loaded.decode([1, 2, 3]) == tokenizer.decode([1, 2, 3])


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", '{"words": 5}', '{"words": "ab"}', '{"words": {"a": 1}}', '{"words": [1]}', '{"words": [""]}',
     '{"words": ["a", "a"]}', '{"words": ["<unk>"]}', '{"words": ["a", null]}', "[" * 100_000],
)  # fmt: skip
def test_a_broken_word_table_is_told_with_its_file(content: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(tmp_path, "word")
    assert str(tmp_path / "tokenizer.json") in str(caught.value)


def test_only_flags_that_are_set_are_saved(tmp_path: Path) -> None:
    WordTokenizer((" a", "b")).save(tmp_path)
    assert json.loads((tmp_path / "tokenizer.json").read_text()) == {"kind": "word", "words": [" a", "b"]}


def test_documents_are_encoded_each_with_its_end() -> None:
    tokenizer = WordTokenizer((" sea", "the", "old"), has_end=True)
    ids = tokenizer.encode_documents(DocumentBatch.join(["the sea", "", "old sea"]))
    assert ids.tolist() == [2, 1, 4, 4, 3, 1, 4]
    documents = DocumentFormat("line", tokenizer)
    assert documents.encode("the gnu\nold") == ([2, 0, 4, 3], ["the", " gnu", "\n", "old"])
    assert documents.decode([2, 1, 4, 3]) == "the sea\nold"


def test_no_draw_of_tokens_decodes_differently_in_a_stream(prose: WordTokenizer) -> None:
    ids = np.random.default_rng(1).integers(0, prose.vocab_size, 200).tolist()
    stream = prose.stream()
    assert "".join(map(stream.push, ids)) == prose.decode(ids)


def test_translations_are_not_written_in_words() -> None:
    assert TokenizerConfig(type="word", vocab_size=500).summary == "500 words"
    with pytest.raises(UsageError, match="--tokenizer must be one of char, bpe, unigram"):
        Seq2SeqTokenizerConfig(type="word")  # type: ignore[arg-type]
