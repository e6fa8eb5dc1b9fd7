"""A conversation of a person and a model: generating, stopping, editing, undo, other models, and its threads."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_runs import NGRAMS, TWO_LAYERS, make_run, subwords, word_tokenizer

from rnntui.config_generation import (
    MAX_CHARS_PER_SECOND,
    UNLIMITED_LENGTH,
    GenerationConfig,
    NoveltyConfig,
    SamplingConfig,
)
from rnntui.errors import UnconfirmedError, UsageError
from rnntui.inference.generate import Token, initial_context_ids
from rnntui.inference.loaded_model import LoadedLanguageModel, load_language_model
from rnntui.kinds.corpus_info import TurnFormat
from rnntui.sessions.conversation import Conversation
from rnntui.sessions.generation_worker import GenerationWorker
from rnntui.sessions.model_cursor import CHECKPOINT_SPACING, StateCheckpoint, StateCheckpoints
from rnntui.sessions.saved_transcript import turn_lines
from rnntui.sessions.text_files import free_name
from rnntui.sessions.transcript import Transcript, Turn
from rnntui.sessions.transcript_files import read, save
from rnntui.text.turns import SpeakerLabels

MESSAGES = SpeakerLabels("Ann", "Ben", TurnFormat(multiline=True, others=("Annie",)))
FAST = GenerationConfig(length=50, chars_per_second=MAX_CHARS_PER_SECOND)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LoadedLanguageModel]:
    folder = tmp_path_factory.mktemp("runs")
    made = {
        "characters": make_run(folder, "characters", model=NGRAMS),
        "others": make_run(folder, "others", seed=2, model=TWO_LAYERS),
        "subwords": make_run(folder, "subwords", tokenizer=subwords()),
        "turns": make_run(folder, "turns", speakers=("A", "B")),
        "messages": make_run(folder, "messages", speakers=MESSAGES),
        "words": make_run(folder, "words", tokenizer=word_tokenizer()),
        "word turns": make_run(folder, "word-turns", speakers=("A", "B"), tokenizer=word_tokenizer()),
        "subword messages": make_run(folder, "subword-messages", speakers=MESSAGES, tokenizer=subwords()),
    }
    return {name: load_language_model(run) for name, run in made.items()}


@pytest.fixture
def conversation(runs: dict[str, LoadedLanguageModel]) -> Conversation:
    return started(runs["characters"])


def started(run: LoadedLanguageModel, seed: int | None = 7, **generation: int) -> Conversation:
    conversation = Conversation(run, "tiny")
    conversation.generation = replace(FAST, **generation)
    conversation.seed = seed
    return conversation


def work(conversation: Conversation, rounds: int = 10_000, now: float = 1e6) -> None:
    """Run the worker's rounds in this thread until there is nothing to do or it would wait."""
    for _ in range(rounds):
        when = conversation.work(now)
        if when is None or when > now:
            return


def written(conversation: Conversation) -> str:
    """Let the model generate to its end, and return the text on the screen."""
    while conversation.is_generating or conversation.unread:
        work(conversation)
        conversation.drain()
    return conversation.transcript.text


def state_of_reading(run: LoadedLanguageModel, text: str) -> np.ndarray:
    """Return the state after a text that was read in one call."""
    ids = np.concatenate((initial_context_ids(run.tokenizer), run.tokenizer.encode(text)))
    return run.network.feed(ids[:, None], run.network.initial_state())[1]


def test_a_model_goes_on_from_what_a_person_types(conversation: Conversation) -> None:
    conversation.say("Hello")
    text = written(conversation)
    assert text.startswith("Hello") and len(text) == 55
    assert [turn.role for turn in conversation.transcript.turns] == ["prompt", "model"]


def test_the_state_is_that_of_the_whole_text_however_it_came_about(
    conversation: Conversation, runs: dict[str, LoadedLanguageModel]
) -> None:
    for line in ("Hello", "and then", " on"):
        conversation.say(line)
        written(conversation)
    expected = state_of_reading(runs["characters"], conversation.transcript.text)
    np.testing.assert_allclose(conversation._cursor.generation.state, expected, atol=1e-4)


def test_a_line_starts_anew_unless_it_begins_with_a_space(conversation: Conversation) -> None:
    conversation.say("one")
    first = written(conversation)
    conversation.say(" two")
    assert conversation.transcript.text == first + " two"
    second = written(conversation)
    conversation.say("three")
    assert conversation.transcript.text == second + "\nthree"


def test_stopping_keeps_what_was_taken_and_drops_what_was_not(conversation: Conversation) -> None:
    conversation.say("Hello")
    work(conversation, 31)  # one to read, thirty to write
    conversation.drain()
    work(conversation, 10)
    shown = conversation.transcript.text
    assert len(shown) == 5 + 30
    conversation.stop()
    assert not conversation.is_generating and conversation.drain() == 0
    assert conversation.transcript.text == shown


def test_what_follows_a_stop_is_what_follows_that_text(runs: dict[str, LoadedLanguageModel]) -> None:
    stopped, fresh = started(runs["characters"]), started(runs["characters"])
    stopped.say("Hello")
    work(stopped, 101)
    stopped.drain()
    stopped.stop()
    fresh.replace(stopped.transcript.text)
    for conversation in (stopped, fresh):
        conversation.generate()
    assert written(stopped) == written(fresh)


def test_the_same_seed_writes_the_same_and_another_something_else(runs: dict[str, LoadedLanguageModel]) -> None:
    texts = []
    for seed in (3, 3, 4):
        conversation = started(runs["characters"], seed)
        conversation.say("x")
        texts.append(written(conversation))
    assert texts[0] == texts[1] != texts[2]


def test_regenerating_writes_the_last_turn_again_with_a_new_seed(runs: dict[str, LoadedLanguageModel]) -> None:
    conversation = started(runs["characters"], seed=None)
    assert not conversation.regenerate()
    conversation.say("Hello")
    first = written(conversation)
    seed = conversation.transcript.turns[-1].seed
    assert conversation.regenerate()
    second = written(conversation)
    assert first != second and first[:5] == second[:5]
    assert conversation.transcript.turns[-1].seed not in (None, seed)


@pytest.mark.parametrize("offset", [0, 3, 5, 6, 70, 128, 205])
def test_rewinding_returns_to_the_state_of_that_place(
    conversation: Conversation, runs: dict[str, LoadedLanguageModel], offset: int
) -> None:
    conversation.generation = replace(FAST, length=200)
    conversation.say("Hello")
    whole = written(conversation)
    assert conversation.rewind(offset) == whole[offset:]
    assert conversation.unread <= CHECKPOINT_SPACING  # the nearest state is there; only what follows it is read again
    written(conversation)
    assert conversation.transcript.text == whole[:offset]
    expected = state_of_reading(runs["characters"], whole[:offset])
    np.testing.assert_allclose(conversation._cursor.generation.state, expected, atol=1e-5)


def test_a_change_of_settings_is_in_the_very_next_token(conversation: Conversation) -> None:
    conversation.say("Hello")
    work(conversation, 11)
    conversation.sampling = SamplingConfig(temperature=0.0)
    work(conversation, 10)
    conversation.drain()
    changes = conversation.transcript.turns[-1].settings
    assert [(at, config.temperature) for at, config in changes] == [(5, 0.8), (15, 0.0)]


def test_the_pace_is_kept_and_not_caught_up_with_after_a_wait(conversation: Conversation) -> None:
    conversation.generation = replace(FAST, chars_per_second=20, length=UNLIMITED_LENGTH)
    conversation.say("x")
    assert conversation.work(100.0) == 0.0  # reads
    assert conversation.work(100.0) == pytest.approx(99.9)
    for now in (100.0, 100.04):
        work(conversation, now=now)
    assert conversation.drain() <= 4
    work(conversation, now=200.0)
    assert conversation.drain() <= 4  # not two thousand


def test_the_model_waits_for_a_screen_that_takes_nothing(conversation: Conversation) -> None:
    conversation.generation = replace(FAST, length=UNLIMITED_LENGTH)
    conversation.say("x")
    work(conversation)
    assert 0 < conversation.drain() <= 256
    work(conversation)
    assert conversation.drain() > 0


def test_it_ends_at_its_length(conversation: Conversation) -> None:
    conversation.generation = replace(FAST, length=3)
    conversation.say("x")
    assert len(written(conversation)) == 4
    conversation.generate()
    assert len(written(conversation)) == 7
    conversation.generation = replace(FAST, length=0)
    conversation.generate()
    assert not conversation.is_generating and len(written(conversation)) == 7


def test_a_character_no_model_knows_stays_as_it_was_typed(conversation: Conversation) -> None:
    assert conversation.say("año") == ["ñ"]
    assert written(conversation).startswith("año")


def test_bits_are_those_of_the_models_own_distribution_for_what_is_typed_and_for_what_is_written(
    conversation: Conversation, runs: dict[str, LoadedLanguageModel]
) -> None:
    conversation.sampling = SamplingConfig(temperature=0.3, top_k=5)
    conversation.say("Hello there")
    assert conversation.transcript.bits(0) is None
    text = written(conversation)
    ours = [conversation.transcript.bits(token) for token in range(len(text))]
    fresh = started(runs["characters"])
    fresh.replace(text)
    written(fresh)
    np.testing.assert_allclose(ours, [fresh.transcript.bits(token) for token in range(len(text))], atol=2e-3)
    assert conversation.transcript.bits_per_character(conversation.loaded.tokenizer.unknown_id) == pytest.approx(
        np.mean(ours), abs=1e-3
    )


def test_alternatives_are_the_likeliest_tokens_at_a_place(conversation: Conversation) -> None:
    conversation.say("Hello")
    text = written(conversation)
    for token in (0, 1, 40, len(text)):
        found = conversation.alternatives(token)
        assert len(found) == 5
        assert [a.probability for a in found] == sorted((a.probability for a in found), reverse=True)
        if token < len(text):
            match = [a for a in found if a.text == text[token]]
            bits = conversation.transcript.bits(token)
            assert bits is not None
            assert not match or -np.log2(match[0].probability) == pytest.approx(bits, abs=1e-3)


def test_branching_puts_an_alternative_in_a_tokens_place(conversation: Conversation) -> None:
    conversation.say("Hello")
    text = written(conversation)
    other = next(a for a in conversation.alternatives(20) if a.text != text[20])
    conversation.branch(20, other.id)
    assert conversation.transcript.text == text[:20] + other.text
    assert len(written(conversation)) == 21 + 50


def test_editing_goes_on_from_where_the_texts_part(
    conversation: Conversation, runs: dict[str, LoadedLanguageModel]
) -> None:
    conversation.say("Hello")
    text = written(conversation)
    conversation.replace(text[:30] + "?" + text[31:])
    assert conversation.transcript.text == text[:30] + "?" + text[31:]
    written(conversation)
    expected = state_of_reading(runs["characters"], conversation.transcript.text)
    np.testing.assert_allclose(conversation._cursor.generation.state, expected, atol=1e-5)


def test_another_model_reads_the_text_and_the_turns_stay(
    conversation: Conversation, runs: dict[str, LoadedLanguageModel]
) -> None:
    conversation.say("Hello")
    text = written(conversation)
    roles = [(turn.role, stretch) for turn, stretch in conversation.transcript.turn_texts()]
    for name in ("others", "subwords"):
        conversation.switch_model(runs[name], name)
        assert conversation.unread > 0
        assert written(conversation) == text
        assert [(turn.role, stretch) for turn, stretch in conversation.transcript.turn_texts()] == roles
        np.testing.assert_allclose(
            conversation._cursor.generation.state, state_of_reading_pieces(runs[name], roles), atol=1e-5
        )


def state_of_reading_pieces(run: LoadedLanguageModel, pieces: list[tuple[str, str]]) -> np.ndarray:
    """Return the state after texts that are encoded separately, as turns are."""
    ids = np.concatenate([initial_context_ids(run.tokenizer), *(run.tokenizer.encode(text) for _, text in pieces)])
    return run.network.feed(ids[:, None], run.network.initial_state())[1]


def test_a_fork_is_another_text_from_the_same_prompt(runs: dict[str, LoadedLanguageModel]) -> None:
    conversation = started(runs["characters"], seed=None)
    conversation.say("Hello")
    text = written(conversation)
    other = conversation.fork()
    assert other.transcript.text == "Hello"
    assert written(other) != text and len(other.transcript.text) == len(text)
    assert conversation.transcript.text == text


def test_what_was_cut_can_be_taken_back(conversation: Conversation, runs: dict[str, LoadedLanguageModel]) -> None:
    assert not conversation.undo()
    conversation.say("Hello")
    whole = written(conversation)
    turns = [(turn.role, text) for turn, text in conversation.transcript.turn_texts()]
    conversation.rewind(9)
    conversation.generate()
    written(conversation)
    conversation.replace("Another")
    conversation.clear()
    for text in ("Another", None, whole):
        assert conversation.undo()
        assert text is None or written(conversation) == text
    assert [(turn.role, text) for turn, text in conversation.transcript.turn_texts()] == turns
    expected = state_of_reading(runs["characters"], whole)
    np.testing.assert_allclose(conversation._cursor.generation.state, expected, atol=1e-5)
    assert not conversation.undo()


def test_after_an_undo_the_model_stands_where_that_text_ends(
    conversation: Conversation, runs: dict[str, LoadedLanguageModel]
) -> None:
    conversation.generation = replace(FAST, length=200)
    conversation.say("Hello")
    whole = written(conversation)
    conversation.rewind(70)
    conversation.seed = 8
    conversation.generate()
    other = written(conversation)
    assert conversation.undo() and written(conversation) == whole
    conversation.generate()
    fresh = started(runs["characters"], 8, length=200)
    fresh.replace(whole)
    fresh.generate()
    assert written(conversation) == written(fresh)
    conversation.undo()
    assert conversation.transcript.text != other


def test_what_an_undo_took_can_be_brought_back_until_the_text_is_changed(conversation: Conversation) -> None:
    assert not conversation.redo()
    conversation.say("Hello")
    whole = written(conversation)
    conversation.rewind(9)
    conversation.undo()
    assert conversation.redo() and conversation.transcript.text == whole[:9]
    assert conversation.undo() and written(conversation) == whole
    conversation.rewind(3)
    assert not conversation.redo()


def test_what_was_cut_is_undone_under_another_model_too(
    conversation: Conversation, runs: dict[str, LoadedLanguageModel]
) -> None:
    conversation.say("Hello")
    whole = written(conversation)
    conversation.rewind(9)
    conversation.switch_model(runs["subwords"], "subwords")
    assert conversation.undo() and conversation.transcript.text == whole
    assert conversation.redo() and conversation.transcript.text == whole[:9]
    conversation.clear()
    conversation.switch_model(runs["characters"], "characters")
    assert conversation.undo() and conversation.transcript.text == whole[:9]
    assert list(conversation.transcript.ids()) == runs["characters"].documents.encode(whole[:9])[0]


def test_an_edit_leaves_the_turns_around_it_as_they_were(conversation: Conversation) -> None:
    conversation.say("Hello")
    first = written(conversation)
    conversation.say("more")
    text = written(conversation)
    conversation.replace(text[:20] + "XYZ" + text[22:])
    turns = [(turn.role, part) for turn, part in conversation.transcript.turn_texts()]
    assert turns == [
        ("prompt", "Hello"), ("model", text[5:20]), ("prompt", "XYZ"), ("model", first[22:]),
        ("prompt", "\nmore"), ("model", text[len(first) + 5 :]),
    ]  # fmt: skip
    seeds = [turn.seed for turn in conversation.transcript.turns]
    assert seeds[1] == 7 and seeds[3] is None and seeds[5] is None  # they are not what that seed writes any more


@given(st.text("ab\n⛵日", max_size=30), st.text("ab\n⛵日", max_size=30), st.booleans())
@settings(derandomize=True, deadline=None, database=None, max_examples=80)
def test_any_edit_gives_that_text_and_its_state(
    runs: dict[str, LoadedLanguageModel], before: str, after: str, subword: bool
) -> None:
    run = runs["subwords" if subword else "characters"]
    conversation = started(run)
    conversation.replace(before)
    work(conversation)
    conversation.replace(after)
    assert conversation.transcript.text == after
    conversation.rewind(10**6)
    work(conversation)
    ids = np.concatenate((initial_context_ids(run.tokenizer), conversation.transcript.ids()))
    expected = run.network.feed(ids[:, None], run.network.initial_state())[1]
    np.testing.assert_allclose(conversation._cursor.generation.state, expected, atol=1e-4)


def test_settings_of_a_turn_stand_at_the_same_characters_under_another_tokenizer(
    conversation: Conversation, runs: dict[str, LoadedLanguageModel]
) -> None:
    conversation.say("the sea the old man ")
    work(conversation, 21)
    conversation.sampling = SamplingConfig(temperature=0.1)
    written(conversation)
    before = conversation.transcript
    character = before.start_of(before.turns[1].settings[1][0])
    conversation.switch_model(runs["subwords"], "subwords")
    after = conversation.transcript
    assert [config.temperature for _, config in after.turns[1].settings] == [0.8, 0.1]
    assert after.token_at(character) == after.turns[1].settings[1][0]


def test_a_longer_length_acts_on_a_text_that_is_being_written(conversation: Conversation) -> None:
    conversation.say("x")
    work(conversation, 11)
    conversation.generation = replace(FAST, length=12)
    assert len(written(conversation)) == 13


def test_where_the_model_has_not_read_there_are_no_alternatives_yet(conversation: Conversation) -> None:
    conversation.replace("word " * 1000)
    assert conversation.alternatives(5000) == []
    assert len(conversation.alternatives(1000)) == 5


def test_alternatives_never_name_the_unknown_token(conversation: Conversation) -> None:
    conversation.say("x")
    for token in range(len(written(conversation))):
        assert all(alternative.id != 0 for alternative in conversation.alternatives(token, 60))


def test_a_character_of_several_tokens_is_replaced_whole(runs: dict[str, LoadedLanguageModel]) -> None:
    conversation = started(runs["subwords"])
    conversation.replace("the 日 sea")
    token = conversation.transcript.first_token_of_char(4)
    assert conversation.transcript.start_of(token) == 4
    assert conversation.transcript.first_token_of_char(5) > token + 1
    found = conversation.alternatives(token)
    assert all(runs["subwords"].tokenizer.stream().push(alternative.id) for alternative in found)
    conversation.branch(token, found[0].id)
    assert conversation.transcript.text == "the " + found[0].text


def test_your_last_line_is_neither_a_label_nor_an_alternative(
    conversation: Conversation, runs: dict[str, LoadedLanguageModel]
) -> None:
    conversation.say("Hello")
    text = written(conversation)
    conversation.branch(20, next(a.id for a in conversation.alternatives(20) if a.text != text[20]))
    assert conversation.last_prompt() == (0, "Hello")
    talking = started(runs["turns"], length=UNLIMITED_LENGTH)
    talking.say("hi")
    written(talking)
    talking.generate()
    assert written(talking).count("B:") == 2
    assert talking.last_prompt() == (0, "hi")


def test_a_fork_has_the_seed_too(conversation: Conversation) -> None:
    conversation.say("Hello")
    text = written(conversation)
    assert written(conversation.fork()) == text


def test_clearing_starts_over(conversation: Conversation, runs: dict[str, LoadedLanguageModel]) -> None:
    conversation.say("Hello")
    first = written(conversation)
    conversation.clear()
    assert conversation.transcript.text == "" and not conversation.is_generating
    conversation.say("Hello")
    assert written(conversation) == first


# Turns.


def test_a_model_of_turns_answers_and_stops_at_its_lines_end(runs: dict[str, LoadedLanguageModel]) -> None:
    conversation = started(runs["turns"], length=UNLIMITED_LENGTH)
    conversation.say("how\nare  you")
    text = written(conversation)
    assert text.startswith("A: how are you\nB:")
    assert text.endswith("\n") and text.count("\n") == 2
    conversation.say("fine")
    assert conversation.transcript.text == text + "A: fine\nB:"
    conversation.stop()
    assert conversation.last_prompt() == (len(text), "fine")
    conversation.say("really")
    assert conversation.transcript.text == text + "A: fine\nB:\nA: really\nB:"


def test_a_model_of_turns_may_be_used_as_any_other(runs: dict[str, LoadedLanguageModel]) -> None:
    conversation = started(runs["turns"])
    conversation.uses_turns = False
    conversation.say("how")
    assert conversation.transcript.text == "how"
    assert len(written(conversation)) == 53


def dictate(conversation: Conversation, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the model generate this text, and then its own."""
    cursor = conversation._cursor
    step, ids = cursor.step, iter(conversation.loaded.tokenizer.encode(text).tolist())

    def scripted_step(sampling: SamplingConfig) -> Token:
        token = next(ids, None)
        if token is not None:
            cursor.generation.logits = np.full_like(cursor.generation.logits, -100.0)
            cursor.generation.logits[:, token] = 0.0
        return step(sampling)

    monkeypatch.setattr(cursor, "step", scripted_step)


@pytest.mark.parametrize("name", ["messages", "subword messages"])
@pytest.mark.parametrize("label", ["Ann:", "Ben:", "Annie:"])
@pytest.mark.parametrize(
    "message",
    [
        " one",
        " one\ntwo",
        " one\n\ntwo",
        " Ann: one\ntwo",
        " A\nAn\nAnn\nAnnie",
        "",
        " one\nAnn one\nBenAnn:",
        " one\n",
    ],
)
def test_a_message_of_several_lines_ends_at_a_label_that_is_never_seen(
    runs: dict[str, LoadedLanguageModel], name: str, label: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = started(runs[name], length=UNLIMITED_LENGTH)
    dictate(conversation, f"{message}\n{label} and more\nand more\n", monkeypatch)
    conversation.say("how\nare you")
    expected = f"Ann: how\nare you\nBen:{message}\n"
    shown = ""
    while conversation.is_generating or conversation.unread:
        work(conversation, rounds=1)
        conversation.drain()
        assert conversation.transcript.text.startswith(shown)
        shown = conversation.transcript.text
        assert expected.startswith(shown)
    assert shown == expected
    assert conversation.last_prompt() == (0, "how\nare you")
    monkeypatch.undo()
    conversation.say("fine")
    work(conversation, rounds=1)
    conversation.stop()
    assert conversation.transcript.text == expected + "Ann: fine\nBen:"
    conversation.rewind(10**6)  # cuts nothing, and lets the model read to the end
    work(conversation)
    ids = np.concatenate((initial_context_ids(runs[name].tokenizer), conversation.transcript.ids()))
    state = runs[name].network.feed(ids[:, None], runs[name].network.initial_state())[1]
    np.testing.assert_allclose(conversation._cursor.generation.state, state, atol=1e-4)


def test_text_that_may_be_a_label_is_kept_at_the_length_limit(
    runs: dict[str, LoadedLanguageModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = started(runs["messages"], length=7)
    dictate(conversation, " one\nAnn: two", monkeypatch)
    conversation.say("how")
    assert written(conversation) == "Ann: how\nBen: one\nAn"


def test_a_stop_drops_text_that_may_be_a_label(
    runs: dict[str, LoadedLanguageModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = started(runs["messages"], length=UNLIMITED_LENGTH)
    dictate(conversation, " one\nAnn: two", monkeypatch)
    conversation.say("how")
    conversation.drain()
    while not conversation.transcript.text.endswith("one\n"):
        work(conversation, rounds=1)
        conversation.drain()
    work(conversation, rounds=2)
    conversation.drain()
    conversation.stop()
    assert conversation.transcript.text == "Ann: how\nBen: one\n"
    assert conversation._cursor.position <= len(conversation.transcript)
    conversation.generate()
    assert conversation.transcript.text == "Ann: how\nBen: one\nBen:"


# Subwords.


@given(st.lists(st.integers(0, 120), max_size=12), st.integers(0, 10_000))
@settings(derandomize=True, deadline=None, database=None, max_examples=40)
def test_wherever_a_stop_falls_the_text_is_whole_characters(
    runs: dict[str, LoadedLanguageModel], stops: list[int], seed: int
) -> None:
    conversation = started(runs["subwords"], seed)
    conversation.sampling = SamplingConfig(temperature=3.0)  # lone bytes come often
    conversation.say("the sea ⛵ ")
    for rounds in stops:
        work(conversation, rounds)
        conversation.drain()
        conversation.stop()
        transcript = conversation.transcript
        assert not len(transcript) or transcript.start_of(len(transcript)) > transcript.start_of(len(transcript) - 1)
        assert "\N{REPLACEMENT CHARACTER}" not in transcript.text
        conversation.generate()
    conversation.stop()
    conversation.rewind(10**6)  # cuts nothing, and lets it read what it has yet to read
    work(conversation)
    run = runs["subwords"]
    ids = np.concatenate((initial_context_ids(run.tokenizer), conversation.transcript.ids()))
    expected = run.network.feed(ids[:, None], run.network.initial_state())[1]
    np.testing.assert_allclose(conversation._cursor.generation.state, expected, atol=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_a_turn_ends_with_a_whole_character_three_tokens_late_at_most(
    runs: dict[str, LoadedLanguageModel], seed: int
) -> None:
    conversation = started(runs["subwords"], seed)
    conversation.sampling = SamplingConfig(temperature=3.0)
    ends = []
    for length in range(1, 9):
        conversation.generation = replace(FAST, length=length)
        before = len(conversation.transcript)
        conversation.generate()
        written(conversation)
        transcript = conversation.transcript
        assert transcript.start_of(len(transcript)) > transcript.start_of(len(transcript) - 1)
        ends.append(len(transcript) - before - length)
    assert set(ends) <= {0, 1, 2, 3} and "\N{REPLACEMENT CHARACTER}" not in conversation.transcript.text
    assert conversation.transcript.text == runs["subwords"].tokenizer.decode(conversation.transcript.ids())


def test_alternatives_are_whole_characters(runs: dict[str, LoadedLanguageModel]) -> None:
    conversation = started(runs["subwords"])
    conversation.replace("the 日 sea")
    conversation.generation = GenerationConfig(length=0)
    work(conversation)
    texts = [alternative.text for alternative in conversation.alternatives(len(conversation.transcript), 150)]
    assert len(texts) == 150 and not any("\N{REPLACEMENT CHARACTER}" in text for text in texts)


# State checkpoints.


def test_states_stay_within_their_room_and_none_is_far(runs: dict[str, LoadedLanguageModel]) -> None:
    network = runs["characters"].network
    states = StateCheckpoints(StateCheckpoint(np.zeros(4, dtype=np.float32), network), 10)
    for tokens in range(1, 100_000):
        if states.wants(tokens):
            states.add(tokens, StateCheckpoint(np.full(4, tokens, dtype=np.float32), network))
    assert len(states) <= 10
    for tokens in (0, 63, 64, 5_000, 99_999):
        at, checkpoint = states.before(tokens)
        assert checkpoint.state[0] == at and 0 <= tokens - at < states.spacing
    states.cut(20_000)
    assert states.before(99_999)[0] <= 20_000


# Saving.


def test_a_saved_text_can_be_written_again_from_its_turns(conversation: Conversation, tmp_path: Path) -> None:
    conversation.say("Hello")
    work(conversation, 21)
    conversation.sampling = SamplingConfig(temperature=1.5, top_k=9)
    text = written(conversation)
    text_file, turns_file = save(conversation, str(tmp_path / "kept.txt"), "tiny")
    assert text_file.read_text() == text
    turns = [json.loads(line) for line in turns_file.read_text().splitlines()]
    assert "".join(turn["text"] for turn in turns) == text
    again = started(conversation.loaded, turns[1]["seed"])
    again.say(turns[0]["text"])
    changes = {change.pop("token"): SamplingConfig.from_json(change) for change in turns[1]["settings"]}
    work(again, 1)
    for token in range(50):
        again.sampling = changes.get(token, again.sampling)
        work(again, 1)
    again.drain()
    assert again.transcript.text == text


def test_saving_overwrites_nothing_unless_confirmed(conversation: Conversation, tmp_path: Path) -> None:
    (tmp_path / "kept.jsonl").write_text("mine")
    with pytest.raises(UnconfirmedError, match=r"kept\.jsonl exists already; Enter again overwrites it"):
        save(conversation, str(tmp_path / "kept.txt"), "tiny")
    with pytest.raises(UsageError, match=r"kept\.jsonl is the name for the turns"):
        save(conversation, str(tmp_path / "kept.jsonl"), "tiny", confirmed=True)
    assert list(tmp_path.iterdir()) == [tmp_path / "kept.jsonl"]
    assert free_name("kept", tmp_path) == tmp_path / "kept-1.txt"
    (tmp_path / "kept-1.txt").touch()
    assert free_name("kept", tmp_path) == tmp_path / "kept-2.txt"
    save(conversation, str(tmp_path / "kept"), "tiny", confirmed=True)
    assert (tmp_path / "kept.txt").is_file() and (tmp_path / "kept.jsonl").read_text() != "mine"


@pytest.mark.parametrize(
    "line",
    [
        "", "[1]", '{"role": "model"}', '{"role": "model", "text": "x", "seed": true}',
        '{"role": "model", "text": "x", "seed": -1}', '{"role": "model", "text": "x", "run": 3}',
        '{"role": "model", "text": "x", "settings": [{"token": 1e400}]}',
        '{"role": "model", "text": "x", "settings": [{"token": -1}]}',
        '{"role": "model", "text": "x", "settings": [{"token": 0, "temperature": -1}]}',
    ],
)  # fmt: skip
def test_a_file_that_holds_no_turns_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "bad.jsonl").write_text('{"role": "prompt", "text": "fine"}\n' + line + "\n")
    with pytest.raises(UsageError, match="line 2 is not a turn"):
        read(tmp_path / "bad.jsonl")


def test_a_name_made_of_a_hostile_run_is_harmless(tmp_path: Path) -> None:
    assert free_name("a\x1b[2Jb/../c", tmp_path).name == "a-2Jb-..-c-1.txt"


def test_an_empty_transcript_is_no_lines() -> None:
    assert turn_lines(Transcript()) == ""


def test_an_empty_turn_leaves_no_trace() -> None:
    transcript = Transcript()
    transcript.begin_turn(Turn("prompt", 0))
    transcript.begin_turn(Turn("model", 0))
    transcript.append([1], ["x"])
    assert [turn.role for turn in transcript.turns] == ["model"]


# The worker's thread.


def wait_until(done: object, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not done():  # type: ignore[operator]
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.002)


def test_a_thread_writes_for_all_conversations(runs: dict[str, LoadedLanguageModel]) -> None:
    both = [started(runs["characters"], length=300), started(runs["others"], length=300)]
    alone = [started(runs["characters"], length=300), started(runs["others"], length=300)]
    writer = GenerationWorker(lambda conversation, error: pytest.fail(str(error)))
    writer.start()
    for conversation in both:
        conversation.say("Hello")
    writer.serve(both)
    try:
        wait_until(lambda: [c.drain() for c in both] and not any(c.is_generating for c in both))
    finally:
        writer.close()
    for conversation in alone:
        conversation.say("Hello")
        written(conversation)
    assert [c.transcript.text for c in both] == [c.transcript.text for c in alone]


def test_stopping_and_rewinding_while_a_thread_writes_never_mixes_texts_up(
    runs: dict[str, LoadedLanguageModel],
) -> None:
    conversation = started(runs["characters"], length=UNLIMITED_LENGTH)
    writer = GenerationWorker(lambda conversation, error: pytest.fail(str(error)))
    writer.start()
    writer.serve([conversation])
    try:
        for round_ in range(30):
            conversation.say("Hello")
            writer.wake()
            wait_until(lambda: conversation.drain() > 0)
            conversation.rewind(len(conversation.transcript.text) * round_ // 30)
            writer.wake()
        wait_until(lambda: conversation.unread == 0)
    finally:
        writer.close()
    expected = state_of_reading(runs["characters"], conversation.transcript.text)
    np.testing.assert_allclose(conversation._cursor.generation.state, expected, atol=1e-4)


def test_a_model_that_fails_is_told_of_and_the_others_go_on(runs: dict[str, LoadedLanguageModel]) -> None:
    told = []
    broken, sound = started(runs["characters"]), started(runs["others"])
    writer = GenerationWorker(lambda conversation, error: told.append((conversation, str(error))))
    broken.say("x")
    sound.say("x")

    def fail(*_: object) -> None:
        raise ValueError("no more")

    broken._cursor.generation.step = fail  # type: ignore[method-assign, assignment]
    writer.serve([broken, sound])
    for _ in range(100):
        writer.work()
    sound.drain()
    assert told == [(broken, "no more")]
    assert "no more" in broken.problem and not broken.is_generating
    writer.serve([broken, sound])  # as at every change of a setting
    broken.generate()
    writer.work()
    assert len(told) == 1 and not broken.is_generating
    assert len(sound.transcript.text) == 51


# -- words ---------------------------------------------------------------------------------------------------------


def test_a_typed_space_is_not_written_twice_and_an_unknown_word_stays(runs: dict[str, LoadedLanguageModel]) -> None:
    conversation = started(runs["words"])
    assert conversation.say("the zebra and ") == ["zebra"]
    assert conversation.transcript.ids()[1] == runs["words"].tokenizer.unknown_id
    text = written(conversation)
    assert text.startswith("the zebra and ") and "  " not in text and "<unk>" not in text
    assert runs["words"].tokenizer.encode("the zebra and ").tolist() == conversation.transcript.ids(0, 3).tolist()
    conversation.branch(3, int(runs["words"].tokenizer.encode(" sea")[0]))
    assert written(conversation).startswith("the zebra and sea")
    transcript = conversation.transcript
    known = [token for token in range(len(transcript)) if token != 1]  # all but the zebra
    characters = len(transcript.text) - len(" zebra")
    expected = sum(transcript.bits(token) or 0.0 for token in known) / characters
    assert transcript.bits_per_character(runs["words"].tokenizer.unknown_id) == pytest.approx(expected, rel=1e-4)


def test_a_turn_of_words_follows_its_label_with_one_space(runs: dict[str, LoadedLanguageModel]) -> None:
    conversation = started(runs["word turns"], length=3)
    conversation.say("the old man")
    assert re.fullmatch(r"A: the old man\nB: ?[^ ].*", written(conversation), re.DOTALL)


def test_an_edit_within_a_word_reads_the_whole_word_again(runs: dict[str, LoadedLanguageModel]) -> None:
    conversation = started(runs["words"])
    conversation.replace("the old man")
    conversation.replace("the older man ")
    assert conversation.transcript.text == "the older man "
    conversation.replace("the old man and sea")
    assert conversation.transcript.text == "the old man and sea"
    assert conversation.transcript.ids().tolist() == runs["words"].tokenizer.encode("the old man and sea").tolist()


class EveryStretchWithAnE:
    """A training text in which every stretch stands that has an e."""

    def contains(self, text: str) -> bool:
        return "e" in text


def test_a_limit_of_copies_holds_from_the_next_token_on_and_for_forks(runs: dict[str, LoadedLanguageModel]) -> None:
    limit, training_text = NoveltyConfig(novel=1), EveryStretchWithAnE()
    conversation = started(runs["characters"], length=400)
    conversation.say("he")
    work(conversation, 200)
    conversation.drain()
    work(conversation, 10)  # tokens that the screen has not taken
    before = len(conversation.transcript.text) + len(conversation._paced_generation.waiting_text)
    assert before > 150
    conversation.limit_copies(limit, training_text)
    text = written(conversation)
    assert "e" in text[2:before] and len(text) > before + 100
    assert "e" not in text[before + 1 :], "one more may be there, if every next token is a copy"
    fork = conversation.fork()
    assert "e" not in written(fork)[2:], "what a person wrote does not count"
    fork.limit_copies(NoveltyConfig(), training_text)
    fork.generate()
    assert "e" in written(fork)[2:]
    fork.limit_copies(limit, training_text)
    fork.switch_model(runs["others"], "others")
    assert fork.novelty == limit and fork.training_text is None, "another model has another training text"
