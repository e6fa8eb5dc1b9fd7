"""Versions of a generated turn, and turns that are taken back to be edited."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_runs import make_run, subwords

from rnntui.config_generation import MAX_CHARS_PER_SECOND, GenerationConfig
from rnntui.inference.generate import initial_context_ids
from rnntui.inference.loaded_model import LoadedLanguageModel, load_language_model
from rnntui.sessions.conversation import Conversation
from rnntui.sessions.saved_transcript import SavedTranscript


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LoadedLanguageModel]:
    folder = tmp_path_factory.mktemp("runs")
    runs = {
        "characters": make_run(folder, "characters"),
        "subwords": make_run(folder, "subwords", tokenizer=subwords()),
        "turns": make_run(folder, "turns", speakers=("A", "B")),
    }
    return {name: load_language_model(run) for name, run in runs.items()}


@pytest.fixture
def conversation(models: dict[str, LoadedLanguageModel]) -> Conversation:
    return started(models["characters"])


def started(model: LoadedLanguageModel) -> Conversation:
    conversation = Conversation(model, "tiny")
    conversation.generation = GenerationConfig(length=20, chars_per_second=MAX_CHARS_PER_SECOND)
    return conversation


def generated(conversation: Conversation, seed: int | None = None) -> str:
    """Let the model generate to its end, and return the text."""
    while conversation.is_generating or conversation.unread:
        conversation.work(1e6)
        conversation.drain()
    return conversation.transcript.text


def say(conversation: Conversation, line: str) -> str:
    conversation.say(line)
    return generated(conversation)


def regenerate(conversation: Conversation) -> str:
    assert conversation.regenerate()
    return generated(conversation)


def choose(conversation: Conversation, step: int) -> str:
    assert conversation.choose_version(step)
    assert not conversation.is_generating
    return generated(conversation)


def assert_state_is_that_of_the_text(conversation: Conversation) -> None:
    """The model has read exactly the text."""
    generated(conversation)
    loaded, ids = conversation.loaded, conversation.transcript.ids()
    state = loaded.network.feed(
        np.concatenate((initial_context_ids(loaded.tokenizer), ids))[:, None], loaded.network.initial_state()
    )[1]
    np.testing.assert_allclose(conversation._cursor.generation.state, state, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["characters", "subwords", "turns"])
def test_every_version_of_the_last_turn_can_be_put_back(models: dict[str, LoadedLanguageModel], name: str) -> None:
    conversation = started(models[name])
    before = say(conversation, "to be")
    texts = [say(conversation, "or not")]
    assert conversation.version is None and not conversation.choose_version(-1)
    texts += [regenerate(conversation), regenerate(conversation)]
    seeds = {turn.seed for turn in conversation.transcript.turns if turn.role == "model"}
    assert conversation.version == (3, 3) and len(set(texts)) == 3
    assert [choose(conversation, step) for step in (-1, -1, 1)] == [texts[1], texts[0], texts[1]]
    assert conversation.version == (2, 3) and not conversation.choose_version(-2)
    assert seeds != {turn.seed for turn in conversation.transcript.turns if turn.role == "model"}
    assert all(conversation.transcript.bits(token) is not None for token in range(len(conversation.transcript)))
    assert_state_is_that_of_the_text(conversation)
    following = say(conversation, "that")
    assert following.startswith(texts[1]) and texts[1].startswith(before)
    assert conversation.version is None  # of the new last turn
    assert conversation.take_back() == "that" and conversation.transcript.text == texts[1]
    assert conversation.version == (2, 3)


def test_a_version_takes_along_what_the_model_went_on_with(conversation: Conversation) -> None:
    first = say(conversation, "to be")
    regenerate(conversation)
    conversation.generate()
    longer = generated(conversation)
    assert len(longer) == len(first) + 20 and conversation.version == (2, 2)
    assert choose(conversation, -1) == first and choose(conversation, 1) == longer
    # A turn after it has versions of its own, and those before are there again once it is cut.
    again = regenerate(conversation)
    assert conversation.version == (2, 2) and again[: len(first)] == longer[: len(first)] and again != longer
    conversation.rewind(len(first))
    assert conversation.version == (2, 2) and choose(conversation, -1) == first


def test_undo_and_redo_go_through_versions_too_and_change_the_text_each_time(conversation: Conversation) -> None:
    first = say(conversation, "to be")
    second = regenerate(conversation)
    assert conversation.undo() and generated(conversation) == first and conversation.version == (1, 2)
    assert choose(conversation, 1) == second
    assert choose(conversation, -1) == first
    assert conversation.redo() and generated(conversation) == second and conversation.version == (2, 2)
    choose(conversation, -1)
    assert conversation.last_change is None and not conversation.undo()  # the text is what the undo would restore
    conversation.rewind(8)
    assert conversation.undo() and generated(conversation) == first
    assert choose(conversation, 1) == second
    assert_state_is_that_of_the_text(conversation)


def test_a_version_without_any_text_is_not_kept(conversation: Conversation) -> None:
    first = say(conversation, "to be")
    for _ in range(3):
        conversation.regenerate()
        conversation.stop()
    assert conversation.transcript.text == "to be" and conversation.version == (2, 2)
    assert choose(conversation, -1) == first and conversation.version is None
    assert not conversation.choose_version(1)


def test_text_typed_behind_a_turn_comes_back_with_its_version(conversation: Conversation) -> None:
    first = say(conversation, "to be")
    conversation.replace(first + " typed")
    regenerate(conversation)
    assert choose(conversation, -1) == first + " typed"


def test_versions_outlive_a_switch_of_the_model(models: dict[str, LoadedLanguageModel]) -> None:
    conversation = started(models["characters"])
    texts = [say(conversation, "to be"), regenerate(conversation)]
    conversation.switch_model(models["subwords"], "subwords")
    texts.append(regenerate(conversation))
    assert [choose(conversation, step) for step in (-1, -1, 1, 1)] == [texts[1], texts[0], texts[1], texts[2]]
    assert_state_is_that_of_the_text(conversation)


def test_a_fork_has_versions_of_its_own(conversation: Conversation) -> None:
    say(conversation, "to be")
    regenerate(conversation)
    other = conversation.fork()
    generated(other)
    regenerate(other)
    regenerate(other)
    assert other.version == (3, 3) and conversation.version == (2, 2)
    text = conversation.transcript.text
    say(conversation, "or not")
    another = conversation.fork()
    for each in (another, conversation):
        each.rewind(len(text))
    assert another.version is None and conversation.version == (2, 2)
    regenerate(another)
    assert another.version == conversation.version == (2, 2)
    assert choose(another, -1) == text and not another.choose_version(-1)


def test_a_turn_that_is_taken_back_is_put_back_exactly(conversation: Conversation) -> None:
    say(conversation, "one")
    first = say(conversation, "two")
    second = regenerate(conversation)
    lines = list(conversation.transcript.turn_texts())
    assert conversation.take_back() == "two" and conversation.can_put_back
    assert conversation.transcript.text != second
    assert conversation.take_back() == "one" and conversation.transcript.text == ""
    assert conversation.take_back() is None
    assert conversation.put_back() and not conversation.can_put_back
    assert list(conversation.transcript.turn_texts()) == lines
    assert_state_is_that_of_the_text(conversation)
    assert conversation.version == (2, 2) and conversation.undo() and generated(conversation) == first
    assert not conversation.put_back()
    assert conversation.take_back() == "two" and conversation.put_back()
    assert conversation.redo() and generated(conversation) == second  # the undo history is that of before as well


def test_after_any_change_there_is_nothing_to_put_back_but_an_undo(models: dict[str, LoadedLanguageModel]) -> None:
    model = models["characters"]
    changes = [
        lambda c: c.say("x"), lambda c: c.generate(), lambda c: c.replace("x"), lambda c: c.clear(),
        lambda c: c.undo(), lambda c: c.reopen(SavedTranscript()),
        lambda c: c.branch(1, 5), lambda c: c.rewind(1), lambda c: c.regenerate(),
    ]  # fmt: skip
    for change in changes:
        conversation = started(model)
        say(conversation, "one")
        text = say(conversation, "two")
        assert conversation.take_back() == "two"
        change(conversation)
        assert not conversation.can_put_back
        while conversation.transcript.text != text:
            assert conversation.undo()


def test_a_turn_can_be_put_back_under_another_model(models: dict[str, LoadedLanguageModel]) -> None:
    conversation = started(models["characters"])
    text = say(conversation, "two")
    conversation.take_back()
    conversation.switch_model(models["subwords"], "subwords")
    assert conversation.put_back() and conversation.transcript.text == text
    assert_state_is_that_of_the_text(conversation)
    typed = started(models["subwords"])
    typed.reopen(SavedTranscript(list(conversation.transcript.turn_texts())))
    assert list(conversation.transcript.ids()) == list(typed.transcript.ids())


NAMES = [
    "say", "generate", "again", "again", "earlier", "later", "undo", "redo", "rewind", "edit", "take", "put", "clear",
    "switch", "stop",
]  # fmt: skip
ACTIONS = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 60), st.integers(0, 12)), max_size=14)


@given(ACTIONS)
@settings(max_examples=60, deadline=None)
def test_whatever_is_done_versions_and_states_stay_right(
    models: dict[str, LoadedLanguageModel], actions: list[tuple[str, int, int]]
) -> None:
    conversation = started(models["characters"])
    conversation.generation = replace(conversation.generation, length=8)
    say(conversation, "to")
    for name, place, rounds in actions:
        conversation.work(1e6)
        for _ in range(rounds):  # some are done while the model generates
            conversation.work(1e6)
        conversation.drain()
        text = conversation.transcript.text
        match name:
            case "say":
                conversation.say("be")
            case "generate":
                conversation.generate()
            case "again":
                conversation.regenerate()
            case "earlier" | "later":
                step = -1 if name == "earlier" else 1
                current = conversation.version
                if conversation.choose_version(step):
                    assert current is not None and 1 <= current[0] + step <= current[1]
                    reached = conversation.transcript.text
                    if conversation.choose_version(-step):
                        assert conversation.transcript.text in (text, text[: len(conversation.transcript.text)])
                        assert conversation.choose_version(step) and conversation.transcript.text == reached
            case "undo":
                assert not conversation.undo() or conversation.transcript.text != text
            case "redo":
                conversation.redo()
            case "rewind":
                conversation.rewind(min(place, len(text)))
            case "edit":
                conversation.replace(text[:place] + "x" + text[place + 2 :])
            case "take":
                conversation.stop()
                whole = conversation.transcript.text
                taken_before = conversation.can_put_back
                if conversation.take_back() is not None:
                    assert conversation.put_back() and (taken_before or conversation.transcript.text == whole)
                    conversation.take_back()
            case "put":
                conversation.put_back()
            case "clear":
                conversation.clear()
            case "switch":
                conversation.switch_model(models["subwords" if place % 2 else "characters"], "other")
            case "stop":
                conversation.stop()
        turns = [turn.start for turn in conversation.transcript.turns]
        assert turns == sorted(set(turns))
    conversation.generate()
    assert_state_is_that_of_the_text(conversation)
