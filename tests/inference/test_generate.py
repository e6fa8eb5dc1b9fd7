"""Generation: sampling settings, snapshots, batches, prompts and streaming; and the score of a given text."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnntui.config import Cell
from rnntui.config_generation import SamplingConfig
from rnntui.config_language_model import LanguageModelConfig
from rnntui.inference.generate import (
    Generation,
    Token,
    begin_generation,
    generate_tokens,
    generators_from,
    initial_context_ids,
)
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.inference.sampling import softmax
from rnntui.inference.scoring import Score, score
from rnntui.inference.text_stream import TextStream
from rnntui.ngram_index import NgramIndex
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.subword_tokenizer import SubwordTokenizer
from rnntui.text.tokenizer import Tokenizer

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=120)

Ids = NDArray[np.int64]
Weights = dict[str, NDArray[np.float32]]

VOCAB = 24
CELLS: tuple[Cell, ...] = ("lstm", "gru", "rnn")
EVERY_SHAPE = [(cell, layers, tied) for cell in CELLS for layers, tied in ((1, False), (2, True))]
WILD = SamplingConfig(temperature=1.0)


def random_weights(config: LanguageModelConfig, vocab_size: int, seed: int = 1) -> Weights:
    """Random weights, large enough that the distributions are far from uniform."""
    rng = np.random.default_rng(seed)
    hidden, embedding = config.hidden, config.embedding or config.hidden
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[config.cell] * hidden
    shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (vocab_size, embedding), "output.bias": (vocab_size,)}
    for layer in range(config.layers):
        shapes[f"rnn.weight_ih_l{layer}"] = (gates, hidden if layer else embedding)
        shapes[f"rnn.weight_hh_l{layer}"] = (gates, hidden)
        shapes[f"rnn.bias_ih_l{layer}"] = shapes[f"rnn.bias_hh_l{layer}"] = (gates,)
    for length, rows in NgramIndex.of(config, vocab_size, None).table_sizes.items():
        shapes[f"ngram_embeddings.{length}"] = (rows, embedding)
    if not config.tied:
        shapes["output.weight"] = (vocab_size, hidden)
    return {name: rng.normal(0.0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def small_model(
    cell: Cell = "lstm", layers: int = 1, tied: bool = False, vocab_size: int = VOCAB
) -> NumpyLanguageModel:
    """A model with random weights; one of a single layer has n-grams."""
    config = LanguageModelConfig(
        cell=cell, layers=layers, hidden=12, embedding=12 if tied else 7, tied=tied, ngrams=3 if layers == 1 else 1
    )
    return NumpyLanguageModel(random_weights(config, vocab_size), config, vocab_size)


def steady_model(*logits: float) -> NumpyLanguageModel:
    """A model that gives these logits after any text."""
    config = LanguageModelConfig(hidden=2, embedding=2, tied=True)
    weights = {name: np.zeros_like(weight) for name, weight in random_weights(config, len(logits)).items()}
    weights["output.bias"] = np.array(logits, dtype=np.float32)
    return NumpyLanguageModel(weights, config, len(logits))


def ids(*numbers: int) -> Ids:
    return np.array(numbers, dtype=np.int64)


def drawn(generation: Generation, count: int, config: SamplingConfig = WILD) -> list[list[int]]:
    """The token ids of `count` steps, a row for each text."""
    steps = [[token.id for token in step] for step in generate_tokens(generation, config, count)]
    return [list(row) for row in zip(*steps, strict=True)]


PROMPT = ids(3, 1, 4, 1, 5, 9, 2, 6)


# Sampling settings.


def test_a_change_of_settings_acts_on_the_very_next_token() -> None:
    generation = Generation(small_model(), generators_from(1, 1))
    unlikely = 0
    for index in range(60):
        likeliest = int(generation.logits[0].argmax())
        greedy = index % 2 == 1
        (token,) = generation.step(SamplingConfig(temperature=0.0 if greedy else 50.0))
        if greedy:
            assert token.id == likeliest
        unlikely += not greedy and token.id != likeliest
    assert unlikely > 15, "a high temperature must have an effect too"


def test_every_setting_acts_on_the_very_next_token() -> None:
    model = steady_model(3.0, 2.0, 1.0, 0.0)
    for config in (
        SamplingConfig(50.0, top_k=1),
        SamplingConfig(50.0, top_p=0.0),
        SamplingConfig(50.0, min_p=1.0),
    ):
        generation = Generation(model, generators_from(1, 1))
        wild = drawn(generation, 20, SamplingConfig(50.0))[0]
        assert set(wild) == {0, 1, 2, 3}
        assert drawn(generation, 3, config) == [[0, 0, 0]]


def test_a_wider_repetition_window_covers_tokens_generated_before() -> None:
    # Lower ids have higher logits; under a strong penalty, the lowest id outside the window comes next.
    generation = Generation(steady_model(*np.arange(40.0, 20.0, -1.0)), generators_from(1, 1))
    generation.feed(ids(*range(8)))
    short = SamplingConfig(0.0, repetition_penalty=50.0, repetition_window=1)
    assert drawn(generation, 1, short) == [[0]]
    assert drawn(generation, 1, SamplingConfig(0.0, repetition_penalty=50.0, repetition_window=64)) == [[8]]


def test_the_repetition_window_covers_prompt_and_generated_tokens_and_slides() -> None:
    generation = Generation(steady_model(5.0, 4.0, 3.0, 2.0), generators_from(1, 1))
    generation.feed(ids(0))
    config = SamplingConfig(0.0, repetition_penalty=50.0, repetition_window=2)
    assert drawn(generation, 8, config) == [[1, 2, 0, 1, 2, 0, 1, 2]]


@pytest.mark.parametrize("window", [1, 7, 256, 300])
def test_the_repetition_window_has_its_width_however_long_the_text_becomes(window: int) -> None:
    # Lower ids have higher logits; the lowest that is not among the last `window` tokens is always the oldest of them.
    generation = Generation(steady_model(*np.arange(400.0, 0.0, -1.0)), generators_from(1, 1))
    config = SamplingConfig(0.0, repetition_penalty=100.0, repetition_window=window)
    assert drawn(generation, 1500, config) == [[step % (window + 1) for step in range(1500)]]


@pytest.mark.parametrize(("window", "expected"), [(599, 1), (600, 2)])
def test_the_repetition_window_reaches_back_into_a_long_prompt(window: int, expected: int) -> None:
    # Lower ids have higher logits: the next token is the lowest id that is not in the window.
    generation = Generation(steady_model(9.0, 8.0, 7.0, 6.0), generators_from(1, 1))
    generation.feed(np.array([1] + [0] * 599))
    assert drawn(generation, 1, SamplingConfig(0.0, repetition_penalty=100.0, repetition_window=window)) == [[expected]]


def test_what_is_dropped_of_a_long_text_is_its_beginning() -> None:
    generation = Generation(steady_model(*np.arange(9.0, 0.0, -1.0)), generators_from(1, 1))
    config = SamplingConfig(0.0, repetition_penalty=100.0, repetition_window=300)
    generation.feed(np.array([3] * 200 + [4] * 249))
    assert drawn(generation, 2, config) == [[0, 1]]
    assert len(generation.recent[0]) == 300, "older ones were dropped"
    assert drawn(generation, 2, config) == [[2, 5]], "3 and 4 are in the window still"


def test_each_text_is_penalized_for_its_own_tokens_alone() -> None:
    generation = Generation(steady_model(5.0, 4.0, 3.0), generators_from(1, 2))
    generation.recent[0].append(0)
    generation.recent[1].append(1)
    assert [token.id for token in generation.step(SamplingConfig(0.0, repetition_penalty=50.0))] == [1, 0]


def test_a_banned_token_is_never_generated() -> None:
    model = steady_model(9.0, 0.0, 0.0)
    everything = [SamplingConfig(0.0), SamplingConfig(100.0), SamplingConfig(1.0, top_k=1), SamplingConfig(1.0, 2, 0.5)]
    for config in everything:
        free = Generation(model, generators_from(1, 1))
        banned = Generation(model, generators_from(1, 1), banned=(0,))
        assert 0 in drawn(free, 50, config)[0]
        assert 0 not in drawn(banned, 50, config)[0]


def test_a_tokens_bits_are_the_models_own_whatever_the_settings() -> None:
    generation = Generation(small_model(), generators_from(1, 1))
    for temperature in (0.0, 0.5, 30.0) * 5:
        before = softmax(generation.logits[0]).astype(np.float64)
        (token,) = generation.step(SamplingConfig(temperature, repetition_penalty=2.0))
        assert token.bits == pytest.approx(-math.log2(before[token.id]), rel=1e-4)


def test_tokens_are_drawn_from_the_distribution_of_the_settings() -> None:
    count = 6000
    logits = np.array([2.0, 1.5, 1.0, 0.5, 0.0, -3.0], dtype=np.float32)
    config = SamplingConfig(0.7, top_k=4, min_p=0.05, repetition_penalty=1.3)
    generation = Generation(steady_model(*logits), generators_from(1, count))
    generation.feed(ids(1))
    drawn_ids = [token.id for token in generation.step(config)]
    # The second token is the repeated one; the last two are not among the four likeliest.
    scores = [score / 0.7 for score in (2.0, 1.5 / 1.3, 1.0, 0.5)]
    expected = [count * math.exp(score) / sum(map(math.exp, scores)) for score in scores]
    assert set(drawn_ids) == {0, 1, 2, 3}
    # Chi-square with three degrees of freedom exceeds 21.1 once in ten thousand times.
    assert sum((drawn_ids.count(id) - mean) ** 2 / mean for id, mean in enumerate(expected)) < 21.1


# Snapshots.


@pytest.mark.parametrize(("cell", "layers", "tied"), EVERY_SHAPE)
def test_restoring_a_snapshot_gives_exactly_the_same_text_again(cell: Cell, layers: int, tied: bool) -> None:
    config = SamplingConfig(1.0, repetition_penalty=1.5, repetition_window=6)
    generation = Generation(small_model(cell, layers, tied), generators_from(3, 2))
    generation.feed(PROMPT)
    drawn(generation, 10, config)
    point = generation.snapshot()

    def generate() -> tuple[list[list[Token]], NDArray[np.float32]]:
        return list(generate_tokens(generation, config, 30)), generation.logits.copy()

    first, first_logits = generate()
    for _ in range(2):
        generation.restore(point)
        again, again_logits = generate()
        # The comparison of tokens includes their bits.
        assert again == first
        assert np.array_equal(again_logits, first_logits)


def test_a_snapshot_is_not_changed_by_generation_after_it() -> None:
    generation = Generation(small_model(), generators_from(3, 3))
    generation.feed(PROMPT)
    point = generation.snapshot()
    expected = drawn(generation, 20)
    generation.restore(point)
    generation.feed(ids(7, 7, 7))
    generation.keep([1])
    drawn(generation, 9, SamplingConfig(5.0))
    generation.restore(point)
    assert drawn(generation, 20) == expected


def test_a_snapshot_can_be_restored_in_another_generation_of_the_same_model() -> None:
    model = small_model()
    generation = Generation(model, generators_from(3, 2))
    drawn(generation, 5)
    point = generation.snapshot()
    expected = drawn(generation, 20)
    other = Generation(model, generators_from(99, 1))
    other.restore(point)
    assert drawn(other, 20) == expected


# Batches of texts.


@pytest.mark.parametrize(("cell", "layers", "tied"), EVERY_SHAPE)
def test_texts_generated_in_a_batch_equal_those_generated_alone(cell: Cell, layers: int, tied: bool) -> None:
    model = small_model(cell, layers, tied)
    config = SamplingConfig(0.9, repetition_penalty=1.2)
    together = Generation(model, generators_from(10, 4))
    together.feed(PROMPT)
    rows = drawn(together, 40, config)
    assert len({tuple(row) for row in rows}) == 4, "equal texts would prove nothing"
    for i, row in enumerate(rows):
        alone = Generation(model, generators_from(10 + i, 1))
        alone.feed(PROMPT)
        assert drawn(alone, 40, config) == [row]


def test_the_text_depends_on_the_seed_alone() -> None:
    model = small_model()
    texts = [drawn(Generation(model, generators_from(seed, 1)), 30) for seed in (5, 5, 6)]
    assert texts[0] == texts[1] != texts[2]


def test_dropping_some_texts_does_not_change_the_others() -> None:
    model = small_model()
    generation, undisturbed = (Generation(model, generators_from(20, 4)) for _ in range(2))
    config = SamplingConfig(1.0, repetition_penalty=1.5, repetition_window=8)
    for each in (generation, undisturbed):
        each.feed(PROMPT)
        drawn(each, 10, config)
    generation.keep([2, 0])
    rows = drawn(undisturbed, 20, config)
    assert drawn(generation, 20, config) == [rows[2], rows[0]]
    generation.keep([1])
    rows = drawn(undisturbed, 20, config)
    assert drawn(generation, 20, config) == [rows[0]]


def test_a_prompt_is_read_by_each_text_from_its_own_state() -> None:
    model = small_model()
    together = Generation(model, generators_from(30, 3))
    rows = drawn(together, 5)
    together.feed(PROMPT)
    for i, row in enumerate(rows):
        alone = Generation(model, generators_from(30 + i, 1))
        alone.feed(ids(*row))
        alone.feed(PROMPT)
        assert np.allclose(together.logits[i], alone.logits[0], atol=1e-5)


# Prompts.


@pytest.mark.parametrize("vocab_size", [VOCAB, 1500], ids=["few tokens", "many tokens"])
@pytest.mark.parametrize(("cell", "layers", "tied"), EVERY_SHAPE)
def test_feeding_a_prompt_equals_stepping_through_it(cell: Cell, layers: int, tied: bool, vocab_size: int) -> None:
    model = small_model(cell, layers, tied, vocab_size)
    prompt = np.random.default_rng(4).integers(0, vocab_size, 50)
    for batch in (1, 3):
        generation = Generation(model, generators_from(1, batch))
        generation.feed(prompt)
        logits, state = model.initial_logits(batch), model.initial_state(batch)
        for token in prompt:
            logits, state = model.step(np.repeat(token, batch), state)
        assert np.allclose(generation.logits, logits, atol=1e-5)
        assert np.allclose(generation.state, state, atol=1e-5)


@repeatable
@given(st.lists(st.integers(0, VOCAB - 1), max_size=12), st.integers(0, 12))
def test_a_prompt_may_be_fed_in_parts_or_be_empty(prompt: list[int], cut: int) -> None:
    model = small_model()
    whole, parts = (Generation(model, generators_from(1, 2)) for _ in range(2))
    whole.feed(ids(*prompt))
    parts.feed(ids(*prompt[:cut]))
    parts.feed(ids(*prompt[cut:]))
    assert np.allclose(whole.logits, parts.logits, atol=1e-5)
    assert whole.recent == parts.recent == [prompt, prompt]


def test_no_method_changes_a_state_in_place() -> None:
    model = small_model("gru", 2)
    state = model.initial_state(2)
    state.flags.writeable = False
    _, state = model.step(ids(1, 2), state)
    state.flags.writeable = False
    before = state.copy()
    model.feed(ids(3, 4)[:, None].repeat(2, axis=1), state)
    model.forward(ids(3, 4)[:, None].repeat(2, axis=1), state)
    assert np.array_equal(state, before)


def test_memory_does_not_grow_with_the_length_of_the_text() -> None:
    generation = Generation(small_model(), generators_from(1, 2))
    config = SamplingConfig(1.0, repetition_penalty=1.1, repetition_window=16)
    held = []
    for _ in range(60):
        generation.feed(PROMPT)
        drawn(generation, 50, config)
        point = generation.snapshot()
        held.append(point.state.nbytes + point.logits.nbytes + 8 * sum(map(len, point.recent)))
    # The stored recent tokens grow to a bound and are then cut back, so their number goes up and down below it.
    assert max(held[30:]) <= 1.1 * max(held[:30])


def test_a_prompt_is_read_once_however_many_texts_begin_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    generation = Generation(small_model(), generators_from(1, 50))
    read: list[tuple[int, ...]] = []
    feed = NumpyLanguageModel.feed

    def counted(model: NumpyLanguageModel, tokens: Ids, *args: Any) -> Any:
        read.append(tokens.shape)
        return feed(model, tokens, *args)

    monkeypatch.setattr(NumpyLanguageModel, "feed", counted)
    generation.feed(PROMPT)
    drawn(generation, 3)
    generation.feed(PROMPT)
    assert read == [(8, 1), (8, 50)], "later the texts differ"


@pytest.mark.parametrize("texts_differ", [False, True])
def test_progress_of_a_prompt_is_told_as_fractions(texts_differ: bool) -> None:
    generation = Generation(small_model(), generators_from(1, 2))
    if texts_differ:
        drawn(generation, 5)
    fractions: list[float] = []
    generation.feed(ids(*range(20)).repeat(50), fractions.append)
    assert fractions == sorted(set(fractions)) and len(fractions) > 1 and fractions[-1] == 1.0


def test_a_generation_begins_at_the_start_of_a_document_whose_end_is_not_penalized() -> None:
    tokenizer = CharTokenizer(["a", "b"], has_end=True)  # <unk>, a, b, <eos>
    generation = begin_generation(steady_model(9.0, 4.0, 3.0, 5.0), tokenizer, generators_from(1, 2))
    model = generation.model
    assert np.array_equal(generation.logits[:1], model.step(ids(3), model.initial_state(1))[0])
    config = SamplingConfig(0.0, repetition_penalty=50.0)
    assert drawn(generation, 3, config) == [[3, 3, 3]] * 2, "neither <unk>, nor another because <eos> came before"
    generation.feed(ids(3, 3))
    assert drawn(generation, 1, config) == [[3], [3]]


def test_a_generation_of_bytes_has_whole_characters_only(tokenizers: list[Tokenizer]) -> None:
    subword = tokenizers[1]
    logits = np.zeros(subword.vocab_size)
    logits[list(subword.byte_tokens)] = 4.0
    generation = begin_generation(steady_model(*logits), subword, generators_from(1, 3))
    for row in drawn(generation, 60):
        assert "\N{REPLACEMENT CHARACTER}" not in subword.decode(row)
        assert len(subword.decode(row)) < 60, "some characters have several bytes"


def test_the_initial_context_is_the_end_of_the_document_before() -> None:
    context = initial_context_ids(CharTokenizer(["a", "\n"], has_end=True))
    assert context.tolist() == [3] and context.dtype == np.int64


def test_the_initial_context_is_a_line_break() -> None:
    knows = CharTokenizer([*"\n ABCDEFGHIJKLMNOPQRSTUVWXYZ"])
    assert initial_context_ids(knows).tolist() == knows.encode("\n").tolist(), "and nothing else"
    assert initial_context_ids(CharTokenizer(["a"])).tolist() == [], "<unk> is not a line break"


def test_generate_tokens_takes_the_given_number_of_steps() -> None:
    generation = Generation(small_model(), generators_from(1, 3))
    steps = list(generate_tokens(generation, WILD, 5))
    assert [len(step) for step in steps] == [3] * 5
    assert list(generate_tokens(generation, WILD, 0)) == []


# Streaming text.


class Pieces:
    """A decoder whose tokens are pieces of one text."""

    is_incomplete = False

    def __init__(self, pieces: Sequence[str]) -> None:
        self._pieces = pieces

    def push(self, token: int) -> str:
        return self._pieces[token]


def shown(pieces: Sequence[str], stops: Sequence[str], keep_stop: bool = False) -> str:
    """All text that a stream returns for these pieces."""
    stream = TextStream(Pieces(pieces), stops, keep_stop)
    return "".join([stream.push(token) for token in range(len(pieces))]) + stream.finish()


def split_at(text: str, cuts: set[int]) -> list[str]:
    bounds = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    return [text[start:end] for start, end in pairwise(bounds)]


letters = st.text(alphabet="abc", max_size=14)
cuts = st.sets(st.integers(0, 14), max_size=6)
stop_strings = st.lists(st.text(alphabet="abc", min_size=1, max_size=4), max_size=3)


def before_first(text: str, stops: Sequence[str]) -> str:
    """The text before the first place where any stop string begins."""
    return text[: min((text.index(stop) for stop in stops if stop in text), default=len(text))]


def none_inside_another(stops: Sequence[str]) -> bool:
    return not any(a != b and a in b for a in stops for b in stops)


@repeatable
@given(letters, cuts, stop_strings.filter(none_inside_another))
def test_text_ends_before_the_first_stop_string_however_it_is_split(text: str, at: set[int], stops: list[str]) -> None:
    assert shown(split_at(text, at), stops) == before_first(text, stops)


@repeatable
@given(letters, cuts, stop_strings)
@example("abc", set(), ["abc", "b"])
def test_the_end_of_a_text_does_not_depend_on_its_split_into_tokens(text: str, at: set[int], stops: list[str]) -> None:
    assert shown(split_at(text, at), stops) == shown(list(text), stops)


@repeatable
@given(letters, cuts, stop_strings)
def test_the_returned_text_is_a_prefix_without_any_stop_string(text: str, at: set[int], stops: list[str]) -> None:
    result = shown(split_at(text, at), stops)
    assert text.startswith(result)
    assert not any(stop in result for stop in stops)
    assert result == text or any(stop in text for stop in stops)


@repeatable
@given(letters, cuts, stop_strings)
def test_text_is_held_back_only_while_it_may_start_a_stop_string(text: str, at: set[int], stops: list[str]) -> None:
    pieces = split_at(text, at)
    stream = TextStream(Pieces(pieces), stops)
    longest = max((len(stop) for stop in stops), default=1)
    pushed, returned = "", ""
    for token, piece in enumerate(pieces):
        pushed += piece
        returned += stream.push(token)
        if stream.stopped:
            break
        held = pushed.removeprefix(returned)
        assert len(held) < longest
        assert not held or any(stop.startswith(held) for stop in stops)


def test_nothing_is_returned_after_a_stop_string() -> None:
    stream = TextStream(Pieces(["one.", " two. three", " four"]), ["."])
    assert stream.push(0) == "one"
    assert stream.stopped
    assert [stream.push(1), stream.push(2), stream.finish()] == ["", "", ""]


def test_text_that_was_held_back_in_vain_is_returned() -> None:
    stream = TextStream(Pieces(["a\n", "\n", "b", "!\n"]), ["\n\n\n"])
    assert [stream.push(0), stream.push(1)] == ["a", ""]
    assert stream.push(2) == "\n\nb"
    assert not stream.stopped
    assert (stream.push(3), stream.finish()) == ("!", "\n")
    assert shown(["a\n"], ["\n\n"]) == "a\n"


@repeatable
@given(letters, cuts, stop_strings)
def test_a_kept_stop_string_is_returned_and_nothing_after_it(text: str, at: set[int], stops: list[str]) -> None:
    pieces = split_at(text, at)
    without, result = shown(pieces, stops), shown(pieces, stops, keep_stop=True)
    assert text.startswith(result)
    ended_by = [stop for stop in stops if result == without + stop]
    assert ended_by if any(stop in text for stop in stops) else result == text


def test_without_stop_strings_no_text_is_held_back() -> None:
    for stops in ((), ("",)):
        stream = TextStream(Pieces(["a", "", "\n"]), stops)
        assert [stream.push(token) for token in range(3)] == ["a", "", "\n"]
        assert stream.finish() == ""


@pytest.fixture(scope="module")
def tokenizers() -> list[Tokenizer]:
    text = "the hedgehog 🦔 und die Igel: 日本 été\n" * 20
    return [CharTokenizer(sorted(set(text))), SubwordTokenizer.train([text], "bpe", 300, len(set(text)))]


@pytest.mark.parametrize("stop", ["🦔", "🦔 und", " ", "日", "\n", "é", "nowhere"])
def test_tokenizers_stop_at_any_character_and_never_return_half_of_one(tokenizers: list[Tokenizer], stop: str) -> None:
    text = " the 🦔 und 日本 été 👩‍👧 \n".replace("👩‍👧", "")
    for tokenizer in tokenizers:
        stream = TextStream(tokenizer.stream(), [stop])
        result = "".join([stream.push(int(token)) for token in tokenizer.encode(text)]) + stream.finish()
        assert result == before_first(text, [stop])


# Scoring.


def reference_lstm(weights: Weights, text: Ids) -> list[float]:
    """Log-probabilities in nats of each token under a one-layer LSTM, from its equations, in float64."""
    w = {name: weight.astype(np.float64) for name, weight in weights.items()}
    size = w["rnn.weight_hh_l0"].shape[1]
    h, c = np.zeros(size), np.zeros(size)
    result = []
    for token in text:
        logits = w["output.weight"] @ h + w["output.bias"]
        result.append(float(logits[token] - np.logaddexp.reduce(logits)))
        read = w["rnn.weight_ih_l0"] @ w["embedding.weight"][token] + w["rnn.bias_ih_l0"]
        gates = read + w["rnn.weight_hh_l0"] @ h + w["rnn.bias_hh_l0"]
        i, f, g, o = gates.reshape(4, size)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
    return result


@pytest.mark.parametrize("length", [1, 2, 50, 1023, 1024, 1025, 2500])
@pytest.mark.parametrize("context", [0, 1, 9])
def test_a_score_is_the_sum_of_log_probabilities_however_long_the_text(context: int, length: int) -> None:
    config = LanguageModelConfig(hidden=6, embedding=5, tied=False)
    weights = random_weights(config, VOCAB)
    text = np.random.default_rng(length).integers(0, VOCAB, context + length)
    result = score(NumpyLanguageModel(weights, config, VOCAB), text[:context], text[context:], 2 * length)
    expected = sum(reference_lstm(weights, text)[context:])
    assert result.log_probability == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert (result.tokens, result.characters) == (length, 2 * length)
    assert result.bits_per_character == pytest.approx(-expected / math.log(2) / (2 * length), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(("cell", "layers", "tied"), EVERY_SHAPE)
@pytest.mark.parametrize("window", [1, 2, 7, 64])
def test_a_score_does_not_depend_on_the_window(
    window: int, cell: Cell, layers: int, tied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_model(cell, layers, tied)
    text = np.random.default_rng(5).integers(0, VOCAB, 60)
    at_once = score(model, PROMPT, text, 60)
    monkeypatch.setattr("rnntui.inference.scoring._WINDOW", window)
    assert score(model, PROMPT, text, 60).log_probability == pytest.approx(at_once.log_probability, rel=1e-5)


def test_a_blank_text_has_no_tokens_and_no_bits_per_character() -> None:
    result = score(small_model(), PROMPT, ids(), 0)
    assert (result.log_probability, result.tokens, result.characters) == (0.0, 0, 0)
    assert result.bits_per_character is None


def test_the_bits_of_a_score_count_the_spelling_of_unknown_words() -> None:
    result = Score(log_probability=-3 * math.log(2), tokens=2, characters=10, spelling_bits=7.0)
    assert result.bits == pytest.approx(10.0) and result.bits_per_character == pytest.approx(1.0)


def test_the_bits_of_generated_tokens_add_up_to_the_score_of_their_text() -> None:
    model = small_model()
    generation = Generation(model, [random.Random(1)])
    generation.feed(PROMPT)
    written = [step[0] for step in generate_tokens(generation, SamplingConfig(3.0), 40)]
    result = score(model, PROMPT, ids(*(token.id for token in written)), 40)
    assert result.bits_per_character == pytest.approx(sum(token.bits for token in written) / 40, rel=1e-5)


def test_a_uniform_model_gives_every_text_the_same_bits() -> None:
    assert score(steady_model(*[0.5] * 16), ids(), ids(1, 2, 15), 3).bits_per_character == pytest.approx(4.0)
