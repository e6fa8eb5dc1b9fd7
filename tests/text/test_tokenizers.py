"""Tokenizers: any text is decoded exactly, whole or streamed, and unknown characters are reported."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnntui.config import SMALLEST_SUBWORDS, TokenizerConfig, TokenizerType
from rnntui.config_classifier import ClassifierTokenizerConfig
from rnntui.config_seq2seq import Seq2SeqTokenizerConfig
from rnntui.errors import TokenizerError, UsageError
from rnntui.settings import settings_of
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.document_batch import DocumentBatch
from rnntui.text.subword_tokenizer import SubwordTokenizer
from rnntui.text.tokenizer import Tokenizer
from rnntui.text.tokenizer_factory import load_tokenizer

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=50)
# Training a subword vocabulary takes some hundredths of a second.
repeatable_training = settings(repeatable, max_examples=15)

SUBWORDS: tuple[TokenizerType, ...] = ("bpe", "unigram")
KINDS: tuple[TokenizerType, ...] = ("char", *SUBWORDS)

# Difficult text for tokenizers: their own marks, text like a token's name, characters of several code points or
# bytes, and every kind of space.
AWKWARD = (
    "\u2581",
    " \u2581 ",
    "<unk>",
    "<0x0A>",
    "<s>",
    "\0",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "  ",
    " lead",
    "trail ",
    "\N{NO-BREAK SPACE}",
    "\u2028",
    "\N{ZERO WIDTH NO-BREAK SPACE}",
    "\N{REPLACEMENT CHARACTER}",
    "\u2585\u2047",
    "e\N{COMBINING ACUTE ACCENT}",
    "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "日本語",
    "👩‍👩‍👧‍👦",
    "🇩🇪",
    "\U0010ffff",
    "the river",
)
any_text = st.lists(st.one_of(st.sampled_from(AWKWARD), st.text(max_size=6)), max_size=8).map("".join)


def char_tokenizer(text: str, vocab_size: int | None = None) -> CharTokenizer:
    """A character tokenizer trained on a text."""
    points = np.array([ord(c) for c in text], dtype=np.int64)
    return CharTokenizer.from_counts(np.bincount(points, minlength=1), vocab_size)


def subword_tokenizer(text: str, kind: TokenizerType, vocab_size: int = 400) -> SubwordTokenizer:
    """A subword tokenizer trained on a text."""
    return SubwordTokenizer.train([text], kind, vocab_size, len(set(text)))


def small_corpus() -> str:
    words = ["alpha", "the", "river", "stone", "wind", "night", "light", "über", "naïve", "日本", "東京", "été"]
    draw = random.Random(1)
    return "".join(" ".join(draw.choice(words) for _ in range(8)) + "\n" for _ in range(200))


@pytest.fixture(scope="module")
def trained() -> dict[TokenizerType, Tokenizer]:
    """A tokenizer of each kind, trained on one small corpus."""
    corpus = small_corpus()
    return {"char": char_tokenizer(corpus), **{kind: subword_tokenizer(corpus, kind) for kind in SUBWORDS}}


def streamed(tokenizer: Tokenizer, text: str) -> tuple[list[str], bool]:
    """Return the text that a stream decoder returns for each token, and whether a character is incomplete then."""
    stream = tokenizer.stream()
    return [stream.push(int(token)) for token in tokenizer.encode(text)], stream.is_incomplete


@repeatable
@given(any_text)
def test_characters_give_back_exactly_the_text_they_were_trained_on(text: str) -> None:
    tokenizer = char_tokenizer(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert "".join(streamed(tokenizer, text)[0]) == text
    assert tokenizer.vocab_size == len(set(text)) + 1


@pytest.mark.parametrize("kind", SUBWORDS)
@repeatable
@given(any_text)
def test_subwords_give_back_any_text_exactly_seen_or_not(
    trained: dict[TokenizerType, Tokenizer], kind: TokenizerType, text: str
) -> None:
    tokenizer = trained[kind]
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.unknown_id not in ids
    assert tokenizer.unknown_characters(text) == []
    assert all(0 <= token < tokenizer.vocab_size for token in ids)


@pytest.mark.parametrize("text", AWKWARD)
@pytest.mark.parametrize("kind", SUBWORDS)
def test_awkward_text_comes_back_exactly(
    trained: dict[TokenizerType, Tokenizer], kind: TokenizerType, text: str
) -> None:
    tokenizer = trained[kind]
    pushed, is_incomplete = streamed(tokenizer, text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert "".join(pushed) == text and not is_incomplete


@pytest.mark.parametrize("kind", SUBWORDS)
def test_a_space_comes_back_though_the_corpus_had_none(kind: TokenizerType) -> None:
    # A corpus of Chinese poems has no spaces, but a prompt may.
    tokenizer = subword_tokenizer("床前明月光\n疑是地上霜\n舉頭望明月\n低頭思故鄉\n" * 20, kind)
    assert tokenizer.decode(tokenizer.encode("明 月")) == "明 月"


@pytest.mark.parametrize("kind", SUBWORDS)
def test_the_mark_that_stands_for_a_space_comes_back_as_itself_though_the_corpus_had_no_space(
    kind: TokenizerType,
) -> None:
    tokenizer = subword_tokenizer("床前明月光\n疑是地上霜\n舉頭望明月\n低頭思故鄉\n" * 20, kind)
    assert tokenizer.decode(tokenizer.encode("明\u2581月")) == "明\u2581月"


@pytest.mark.parametrize("kind", SUBWORDS)
@repeatable
@given(any_text)
def test_streamed_text_grows_by_whole_characters_and_is_complete_with_its_last_token(
    trained: dict[TokenizerType, Tokenizer], kind: TokenizerType, text: str
) -> None:
    pushed, is_incomplete = streamed(trained[kind], text)
    so_far = ""
    for piece in pushed:
        so_far += piece
        # An incomplete character would appear as U+FFFD, and the text would not begin with it.
        assert text.startswith(so_far)
    assert so_far == text
    assert not is_incomplete


@pytest.mark.parametrize("kind", SUBWORDS)
@repeatable
@given(st.data())
def test_any_tokens_a_model_may_draw_stream_to_the_same_text_as_at_once(
    trained: dict[TokenizerType, Tokenizer], kind: TokenizerType, data: st.DataObject
) -> None:
    tokenizer = trained[kind]
    ids = data.draw(st.lists(st.integers(0, tokenizer.vocab_size - 1), max_size=30))
    stream = tokenizer.stream()
    assert "".join([stream.push(token) for token in ids]) == tokenizer.decode(ids)


@pytest.mark.parametrize("kind", SUBWORDS)
def test_a_character_cut_off_by_the_end_is_left_out(
    trained: dict[TokenizerType, Tokenizer], kind: TokenizerType
) -> None:
    tokenizer = trained[kind]
    ids = [int(token) for token in tokenizer.encode("🦔")]
    assert len(ids) == 4, "the hedgehog must travel as its four bytes here"
    stream = tokenizer.stream()
    assert [stream.push(token) for token in ids[:3]] == ["", "", ""]
    assert stream.is_incomplete
    assert tokenizer.decode(ids[:3]) == ""
    assert (stream.push(ids[3]), stream.is_incomplete) == ("🦔", False)


@pytest.mark.parametrize("kind", SUBWORDS)
def test_invalid_bytes_within_a_text_show_as_replacements(
    trained: dict[TokenizerType, Tokenizer], kind: TokenizerType
) -> None:
    tokenizer = trained[kind]
    ids = [int(token) for token in tokenizer.encode("🦔")]
    assert tokenizer.decode([*ids[1:3], *tokenizer.encode("a")]) == "\N{REPLACEMENT CHARACTER}" * 2 + "a"
    assert tokenizer.decode([*ids[:2], *tokenizer.encode("a")]) == "\N{REPLACEMENT CHARACTER}a"


@pytest.mark.parametrize("kind", KINDS)
def test_a_leading_space_is_kept_whole_and_streamed(
    trained: dict[TokenizerType, Tokenizer], kind: TokenizerType
) -> None:
    for text in (" the", "  the", " ", "the ", "\n the"):
        pushed, is_incomplete = streamed(trained[kind], text)
        assert "".join(pushed) == text and not is_incomplete


@repeatable
@given(any_text, any_text)
def test_an_unseen_character_becomes_unk_and_never_another_character(seen: str, text: str) -> None:
    tokenizer = char_tokenizer(seen)
    ids = tokenizer.encode(text)
    assert [token == tokenizer.unknown_id for token in ids] == [c not in seen for c in text]
    shown = "".join(c if c in seen else "\N{REPLACEMENT CHARACTER}" for c in text)
    assert tokenizer.decode(ids) == shown
    assert "".join(streamed(tokenizer, text)[0]) == shown


@repeatable
@given(any_text, any_text)
def test_unseen_characters_are_named_once_each_in_order_of_appearance(seen: str, text: str) -> None:
    expected: list[str] = []
    for c in text:
        if c not in seen and c not in expected:
            expected.append(c)
    assert char_tokenizer(seen).unknown_characters(text) == expected


def test_a_tokenizer_of_no_characters_knows_none() -> None:
    tokenizer = char_tokenizer("")
    assert tokenizer.vocab_size == 1
    assert list(tokenizer.encode("ab")) == [tokenizer.unknown_id] * 2
    assert tokenizer.unknown_characters("ba") == ["b", "a"]


@pytest.mark.parametrize("text", ["\ud800", "a\udcffb", "\udc00\ud800", "river \udfff"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_lone_surrogate_is_no_crash_and_leaves_its_neighbours_alone(
    trained: dict[TokenizerType, Tokenizer], kind: TokenizerType, text: str
) -> None:
    tokenizer = trained[kind]
    expected = "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= c <= "\udfff" else c for c in text)
    assert tokenizer.decode(tokenizer.encode(text)) == expected
    lone = [c for c in text if "\ud800" <= c <= "\udfff"]
    assert tokenizer.unknown_characters(text) == (lone if kind == "char" else [])


def test_unk_and_lone_bytes_have_names_a_person_can_read(trained: dict[TokenizerType, Tokenizer]) -> None:
    char, bpe = trained["char"], trained["bpe"]
    assert char.token_text(char.unknown_id) == "<unk>"
    assert char.token_text(int(char.encode("ü")[0])) == "ü"
    assert [bpe.token_text(int(token)) for token in bpe.encode("ж")] == ["<0xD0>", "<0xB6>"]


@pytest.mark.parametrize("kind", SUBWORDS)
def test_a_subword_is_shown_with_its_space_and_the_line_break_is_a_token_of_its_own(
    trained: dict[TokenizerType, Tokenizer], kind: TokenizerType
) -> None:
    tokenizer = trained[kind]
    assert "".join(tokenizer.token_text(int(token)) for token in tokenizer.encode(" river\nthe")) == " river\nthe"
    assert len(tokenizer.encode("\n")) == 1
    assert list(tokenizer.encode("the\nriver")) == [
        token for part in ("the", "\n", "river") for token in tokenizer.encode(part)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_tokenizer_reads_back_with_the_same_ids(
    trained: dict[TokenizerType, Tokenizer], kind: TokenizerType, tmp_path: Path
) -> None:
    tokenizer = trained[kind]
    tokenizer.save(tmp_path)
    loaded = load_tokenizer(tmp_path, kind)
    text = small_corpus() + "".join(AWKWARD)
    assert loaded.kind == kind
    assert loaded.vocab_size == tokenizer.vocab_size
    assert loaded.unknown_id == tokenizer.unknown_id
    assert np.array_equal(loaded.encode(text), tokenizer.encode(text))
    assert loaded.decode(tokenizer.encode(text)) == tokenizer.decode(tokenizer.encode(text))
    assert [p.name for p in tmp_path.iterdir()] == ["tokenizer.json" if kind == "char" else "tokenizer.model"]


@repeatable
@given(st.sets(st.characters(), max_size=20))
def test_any_character_table_survives_saving(tmp_path_factory: pytest.TempPathFactory, characters: set[str]) -> None:
    folder = tmp_path_factory.mktemp("table")
    tokenizer = CharTokenizer(sorted(characters))
    tokenizer.save(folder)
    assert CharTokenizer.load(folder).characters == tokenizer.characters


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_tokenizer_is_told_with_its_file(kind: TokenizerType, tmp_path: Path) -> None:
    file = tmp_path / ("tokenizer.json" if kind == "char" else "tokenizer.model")
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(tmp_path, kind)
    assert str(file) in str(caught.value)
    file.mkdir()
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(tmp_path, kind)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"5",
        b"null",
        b'{"characters": null}',
        b'{"characters": 7}',
        b'{"characters": ["ab"]}',
        b'{"characters": [""]}',
        b'{"characters": ["a", "a"]}',
        b'{"characters": [1]}',
        b'{"characters": [["a"]]}',
        b'{"characters": ["a", null]}',
        b'{"characters": ["a"',
        b"\xff\xfe\xff",
        b"\x80\x04\x95 a pickle",
    ],
)
def test_a_broken_character_table_is_told_with_its_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(tmp_path, "char")
    assert str(tmp_path / "tokenizer.json") in str(caught.value)


def test_a_character_table_nested_too_deep_to_read_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("[" * 100_000)
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(tmp_path, "char")
    assert str(tmp_path / "tokenizer.json") in str(caught.value)


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.1, 0.5, 0.9])
def test_a_sentencepiece_model_cut_short_is_told_with_its_file(
    trained: dict[TokenizerType, Tokenizer], kept: float, tmp_path: Path
) -> None:
    file = tmp_path / "tokenizer.model"
    trained["bpe"].save(tmp_path)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(tmp_path, "bpe")
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("content", [b"garbage" * 50, b"\0" * 100, json.dumps({"characters": ["a"]}).encode()])
def test_a_file_that_is_no_sentencepiece_model_is_told_with_its_name(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(content)
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(tmp_path, "unigram")
    assert str(tmp_path / "tokenizer.model") in str(caught.value)


def test_a_damaged_byte_in_a_sentencepiece_model_is_told_with_its_file(
    trained: dict[TokenizerType, Tokenizer], tmp_path: Path
) -> None:
    file = tmp_path / "tokenizer.model"
    trained["bpe"].save(tmp_path)
    # sentencepiece quotes the damaged name in its message, which then is not valid UTF-8.
    file.write_bytes(file.read_bytes().replace(b"<0x41>", b"<\x9bx41>"))
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(tmp_path, "bpe")
    assert str(file) in str(caught.value)


def message_field(number: int, content: bytes) -> bytes:
    """Return a field of a protocol buffer that holds a message or bytes of 128 bytes to 256 MB."""
    length = bytes(((len(content) >> shift) & 0x7F) | 0x80 for shift in (0, 7, 14)) + bytes([len(content) >> 21])
    return bytes([number << 3 | 2]) + length + content


TRIE = bytes([0, 0xFC, 0xFF, 0xFF] * 256)  # each unit points far behind the end
MALICIOUS_FIELDS = {
    "piece of 400,000 bytes": message_field(1, message_field(1, b"a" * 400_000)),
    "trie that leaves its array": message_field(3, message_field(2, len(TRIE).to_bytes(4, "little") + TRIE + b"\0")),
}


@pytest.mark.parametrize("field", MALICIOUS_FIELDS.values(), ids=MALICIOUS_FIELDS)
def test_a_malicious_sentencepiece_model_is_refused_and_ends_no_process(
    trained: dict[TokenizerType, Tokenizer], tmp_path: Path, field: bytes
) -> None:
    """sentencepiece 0.2.1 crashes while it loads such a model or encodes the first text."""
    file = tmp_path / "tokenizer.model"
    trained["bpe"].save(tmp_path)
    file.write_bytes(file.read_bytes() + field)
    with pytest.raises(TokenizerError, match=re.escape(str(file))):
        load_tokenizer(tmp_path, "bpe")


def test_a_character_table_cannot_hold_a_character_twice_or_a_word() -> None:
    for characters in (["a", "a"], ["ab"], [""]):
        with pytest.raises(TokenizerError):
            CharTokenizer(characters)


def test_a_small_character_vocabulary_keeps_the_most_common_characters() -> None:
    text = "aaaa bbb cc d"
    tokenizer = char_tokenizer(text, vocab_size=4)
    assert tokenizer.vocab_size == 4
    assert tokenizer.characters == ["a", " ", "b"]
    assert tokenizer.unknown_characters(text) == ["c", "d"]
    assert tokenizer.decode(tokenizer.encode("bad")) == "ba\N{REPLACEMENT CHARACTER}"


@repeatable
@given(st.text(min_size=1, max_size=40), st.integers(2, 50))
def test_no_character_vocabulary_is_larger_than_asked_for(text: str, vocab_size: int) -> None:
    tokenizer = char_tokenizer(text, vocab_size)
    assert tokenizer.vocab_size == min(vocab_size, len(set(text)) + 1)
    rarest_kept = min(text.count(c) for c in tokenizer.characters)
    assert all(text.count(c) <= rarest_kept for c in tokenizer.unknown_characters(text))


@pytest.mark.parametrize("vocab_size", [300, 320, 5000])
@pytest.mark.parametrize("kind", SUBWORDS)
def test_no_subword_vocabulary_is_larger_than_asked_for(kind: TokenizerType, vocab_size: int) -> None:
    assert 258 < subword_tokenizer(small_corpus(), kind, vocab_size).vocab_size <= vocab_size


def test_a_larger_vocabulary_takes_fewer_tokens_for_the_same_text() -> None:
    text = small_corpus()
    small, large = (subword_tokenizer(text, "bpe", size) for size in (300, 380))
    assert len(large.encode(text)) < len(small.encode(text)) < len(text)


@pytest.mark.parametrize("vocab_size", [2, 256, 299])
@pytest.mark.parametrize("kind", SUBWORDS)
def test_a_subword_vocabulary_without_room_for_the_bytes_is_refused_by_its_flag(
    kind: TokenizerType, vocab_size: int
) -> None:
    with pytest.raises(UsageError, match=rf"--vocab-size must be 300 or more .*{kind}.*got {vocab_size}"):
        subword_tokenizer(small_corpus(), kind, vocab_size)
    assert subword_tokenizer(small_corpus(), kind, SMALLEST_SUBWORDS).vocab_size <= SMALLEST_SUBWORDS
    for config in (TokenizerConfig, Seq2SeqTokenizerConfig, ClassifierTokenizerConfig):
        assert f"{SMALLEST_SUBWORDS} at least for BPE and unigram" in settings_of(config)["vocab_size"].help


@pytest.mark.parametrize("kind", SUBWORDS)
@repeatable_training
@given(any_text)
def test_a_text_too_small_for_the_vocabulary_gives_a_smaller_one_or_says_so(kind: TokenizerType, text: str) -> None:
    try:
        tokenizer = subword_tokenizer(text, kind, 2000)
    except TokenizerError as error:
        assert "too little text" in str(error)  # noqa: PT017 -- either outcome is right; which one depends on the text
        return
    assert tokenizer.vocab_size < 2000
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("text", ["", "\n\n\n", "\u2581" * 9, "\0\0"])
@pytest.mark.parametrize("kind", SUBWORDS)
def test_no_text_at_all_is_too_little_for_subwords(kind: TokenizerType, text: str) -> None:
    with pytest.raises(TokenizerError, match="too little text"):
        subword_tokenizer(text, kind)


@pytest.mark.parametrize("vocab_size", [300, 600])
@pytest.mark.parametrize("kind", SUBWORDS)
def test_a_script_with_more_characters_than_the_vocabulary_has_room_for_trains_and_comes_back(
    kind: TokenizerType, vocab_size: int
) -> None:
    draw = random.Random(3)
    # Common characters and a long tail of rare ones, as in real text.
    characters = [chr(0x4E00 + min(int(draw.expovariate(0.01)), 2999)) for _ in range(6000)]
    text = "".join(c + ("\n" if i % 20 == 19 else " " if i % 7 == 6 else "") for i, c in enumerate(characters))
    text += "".join(map(chr, range(0x4E00, 0x4E00 + 1000)))
    assert len(set(text)) > vocab_size
    tokenizer = subword_tokenizer(text, kind, vocab_size)
    assert 258 < tokenizer.vocab_size <= vocab_size
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert "".join(streamed(tokenizer, text)[0]) == text


@pytest.mark.parametrize("kind", SUBWORDS)
def test_a_corpus_about_tokenizers_that_is_full_of_their_marks_trains_and_comes_back(kind: TokenizerType) -> None:
    text = "the <unk> and <0x41> and <s> </s> \u2581 \u2585 \u2047\n" * 100 + small_corpus()
    tokenizer = subword_tokenizer(text, kind)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.unknown_id not in ids


@pytest.mark.parametrize("kind", SUBWORDS)
def test_lines_too_long_for_the_trainer_are_learnt_from_all_the_same(kind: TokenizerType) -> None:
    # sentencepiece ignores long sentences; a book with one paragraph per line must not be encoded as bytes.
    text = small_corpus().replace("\n", " ")
    assert len(text.encode()) > 8000
    tokenizer = subword_tokenizer(text, kind)
    assert len(tokenizer.encode(text)) < 0.8 * len(text)


@pytest.mark.parametrize("kind", SUBWORDS)
def test_the_same_corpus_gives_the_same_subwords_again(
    trained: dict[TokenizerType, Tokenizer], kind: TokenizerType
) -> None:
    again = subword_tokenizer(small_corpus(), kind)
    pieces = [trained[kind].token_text(token) for token in range(trained[kind].vocab_size)]
    assert [again.token_text(token) for token in range(again.vocab_size)] == pieces


@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(st.text(alphabet="the riverbank été日👩  \n\t\u00a0\u2581\ud800", max_size=120))
def test_a_long_text_has_the_ids_of_sentencepiece_however_it_is_encoded(
    bpe_of_words: SubwordTokenizer, text: str
) -> None:
    whole = bpe_of_words.encode(text).tolist()
    batch = DocumentBatch.join(text.split("\n"))
    documents = bpe_of_words.encode_documents(batch).tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnntui.text.subword_tokenizer._MIN_WORDWISE", 0)
        patch.setattr("rnntui.text.subword_tokenizer._MAX_WORDS", 3)
        assert bpe_of_words.encode(text).tolist() == whole
        assert bpe_of_words.encode_documents(batch).tolist() == documents


@pytest.fixture(scope="module")
def bpe_of_words() -> SubwordTokenizer:
    """BPE with `<eos>`, whose pieces keep to words."""
    tokenizer = SubwordTokenizer.train([small_corpus()], "bpe", 380, 30, has_end=True)
    assert tokenizer.encodes_words
    return tokenizer


def test_words_are_not_encoded_one_by_one_where_a_piece_is_part_of_two() -> None:
    text = "the river and the stone. " * 300
    joined = SubwordTokenizer.train([text], "bpe", 300, 20, symbols=("river and",))
    assert not joined.encodes_words
    assert joined.decode(joined.encode(text)) == text
    assert not subword_tokenizer(small_corpus(), "unigram").encodes_words
