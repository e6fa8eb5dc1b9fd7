"""UTF-8 masks: whatever a model prefers, the text of a subword model has whole characters only."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rnntui.config_generation import SamplingConfig
from rnntui.config_language_model import LanguageModelConfig
from rnntui.inference.copy_guard import CopyGuard
from rnntui.inference.generate import Generation, generate_tokens, generators_from
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.inference.utf8_masks import Utf8Masks, utf8_masks
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.subword_tokenizer import SubwordTokenizer

ALL_BYTES = {token: token - 10 for token in range(10, 266)}  # ten tokens that are words, then the bytes
CHARACTERS = "aé\u07ff\u0800\u0fff\ud7ff\ue000日\U00010000🦔\U0003ffff\U00040000\U0010ffff"
SETTINGS = [
    SamplingConfig(1.0),
    SamplingConfig(0.0),
    SamplingConfig(1.0, top_k=1),
    SamplingConfig(30.0, top_k=5, repetition_penalty=2.0, repetition_window=16),
    SamplingConfig(1.0, top_p=0.1, min_p=0.5),
]


def prefixes() -> list[bytes]:
    """The incomplete starts of characters at the bounds of each length."""
    starts = {character.encode()[:size] for character in CHARACTERS for size in range(4)}
    return sorted(start for start in starts if start and not is_utf8(start))


def is_prefix_of_utf8(data: bytes) -> bool:
    # Python's incremental decoder would take the first two bytes of a surrogate.
    return any(is_utf8(data + bytes([byte] * size)) for byte in (0x80, 0xBF) for size in range(4))


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("pending", [b"", *prefixes()], ids=bytes.hex)
@pytest.mark.parametrize("before", [[], [3], [10 + ord("a")], [10 + byte for byte in "🦔".encode()]])
def test_a_byte_may_follow_where_pythons_decoder_accepts_it_and_a_word_only_between_characters(
    pending: bytes, before: list[int]
) -> None:
    masks = Utf8Masks(ALL_BYTES, 266, banned=(0,))
    recent = [*before, *(10 + byte for byte in pending)]
    expected = {10 + byte for byte in range(256) if is_prefix_of_utf8(pending + bytes([byte]))}
    if not pending:
        expected |= set(range(1, 10))
    assert {token for token in range(266) if masks.allows(token, recent)} == expected
    assert set(range(266)) - set(masks.banned_after(recent).tolist()) == expected


def test_bytes_that_are_no_character_count_as_nothing() -> None:
    masks = Utf8Masks(ALL_BYTES, 266)
    start = masks.banned_after([]).tolist()
    for data in (b"\x80", b"\x80\x80\x80", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe6A", "🦔".encode() + b"\x80"):
        assert masks.banned_after([10 + byte for byte in data]).tolist() == start


def test_a_byte_that_the_vocabulary_cannot_complete_is_banned() -> None:
    # F0 needs a byte from 90 on after it.
    masks = Utf8Masks({1: 0xF0, 2: 0x85, 3: 0xC3, 4: 0x89}, 5)
    assert masks.banned_after([]).tolist() == [1, 2, 4]
    assert masks.banned_after([3]).tolist() == [0, 1, 3]


def test_something_can_always_be_sampled() -> None:
    masks = Utf8Masks({0: 0x80, 1: 0xFF}, 2)
    assert masks.banned_after([]).tolist() == []


def test_a_tokenizer_of_characters_needs_no_masks() -> None:
    assert utf8_masks(CharTokenizer(["a", "é"])) is None


@pytest.fixture(scope="module")
def tokenizer() -> SubwordTokenizer:
    text = "the hedgehog und die Igel: 日本 été\n" * 20
    return SubwordTokenizer.train([text], "bpe", 300, len(set(text)))


def model_of(logits: NDArray[np.float32]) -> NumpyLanguageModel:
    """A model that gives these logits after any text."""
    config = LanguageModelConfig(hidden=2, embedding=2, tied=True)
    shapes = {"embedding.weight": (len(logits), 2), "rnn.weight_ih_l0": (8, 2), "rnn.weight_hh_l0": (8, 2)}
    shapes |= {"rnn.bias_ih_l0": (8,), "rnn.bias_hh_l0": (8,)}
    weights = {name: np.zeros(shape, dtype=np.float32) for name, shape in shapes.items()}
    return NumpyLanguageModel({**weights, "output.bias": logits}, config, len(logits))


def masked(model: NumpyLanguageModel, tokenizer: SubwordTokenizer, seed: int, texts: int = 1) -> Generation:
    return Generation(
        model, generators_from(seed, texts), banned=(tokenizer.unknown_id,), utf8_masks=utf8_masks(tokenizer)
    )


def rows(generation: Generation, config: SamplingConfig, count: int) -> list[list[int]]:
    steps = [[token.id for token in step] for step in generate_tokens(generation, config, count)]
    return [list(row) for row in zip(*steps, strict=True)]


@pytest.mark.parametrize("config", SETTINGS, ids=str)
@pytest.mark.parametrize("preferred", [None, 0x80, 0xFF, 0xC0, 0xE0, 0xED, 0xF0, 0xF4], ids=str)
def test_no_half_characters_whatever_the_model_prefers(
    tokenizer: SubwordTokenizer, preferred: int | None, config: SamplingConfig
) -> None:
    logits = np.zeros(tokenizer.vocab_size, dtype=np.float32)
    if preferred is not None:
        token_of_byte = {byte: token for token, byte in tokenizer.byte_tokens.items()}
        logits[token_of_byte[preferred]] = 5.0
    for row in rows(masked(model_of(logits), tokenizer, 1, 3), config, 60):
        assert "\N{REPLACEMENT CHARACTER}" not in tokenizer.decode(row)
        assert tokenizer.unknown_id not in row


def uneven_model(tokenizer: SubwordTokenizer) -> NumpyLanguageModel:
    """A model that often draws bytes."""
    rng = np.random.default_rng(1)
    return model_of(rng.normal(0.0, 2.0, tokenizer.vocab_size).astype(np.float32))


def test_texts_of_a_batch_and_restored_texts_are_the_same_within_characters_too(tokenizer: SubwordTokenizer) -> None:
    model = uneven_model(tokenizer)
    together = rows(masked(model, tokenizer, 5, 4), SETTINGS[0], 80)
    assert [rows(masked(model, tokenizer, 5 + i), SETTINGS[0], 80)[0] for i in range(4)] == together
    generation = masked(model, tokenizer, 5)
    within = 0
    for _ in range(40):
        rows(generation, SETTINGS[0], 1)
        stream = tokenizer.stream()
        for token in generation.recent[0]:
            stream.push(token)
        within += stream.is_incomplete
        point = generation.snapshot()
        expected = rows(generation, SETTINGS[0], 8)
        other = masked(model, tokenizer, 99)
        other.restore(point)
        assert rows(other, SETTINGS[0], 8) == expected
        generation.restore(point)
    assert within > 5, "snapshots within a character are what this is about"


class EvenCharacters:
    """A training text in which every stretch ends with a character of an even number."""

    def contains(self, text: str) -> bool:
        return ord(text[-1]) % 2 == 0


def test_what_is_drawn_in_place_of_a_copy_is_whole_characters_too(tokenizer: SubwordTokenizer) -> None:
    logits = np.zeros(tokenizer.vocab_size, dtype=np.float32)
    logits[list(tokenizer.byte_tokens)] = 1.0
    generation = masked(model_of(logits), tokenizer, 1, 3)
    generation.copy_guard = guard = CopyGuard(EvenCharacters(), tokenizer, 1, 3)
    for row in rows(generation, SETTINGS[0], 80):
        text = tokenizer.decode(row)
        assert "\N{REPLACEMENT CHARACTER}" not in text[:-1] and tokenizer.unknown_id not in row
        assert any(ord(character) > 0x7F for character in text)
    assert guard.refused > 20 and guard.exceeded == 0


def test_a_text_without_invalid_bytes_is_the_same_as_without_masks(tokenizer: SubwordTokenizer) -> None:
    logits = np.zeros(tokenizer.vocab_size, dtype=np.float32)
    logits[[token for token, byte in tokenizer.byte_tokens.items() if byte >= 0x80]] = -4.0
    model = model_of(logits)
    unmasked = Generation(model, generators_from(7, 1), banned=(tokenizer.unknown_id,))
    expected, result = rows(unmasked, SETTINGS[0], 400)[0], rows(masked(model, tokenizer, 7), SETTINGS[0], 400)[0]
    masks = utf8_masks(tokenizer)
    assert masks is not None
    first_invalid = next(i for i in range(400) if not masks.allows(expected[i], expected[:i]))
    assert first_invalid > 10
    assert result[:first_invalid] == expected[:first_invalid] and result[first_invalid] != expected[first_invalid]
