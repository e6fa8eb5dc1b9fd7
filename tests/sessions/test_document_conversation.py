"""Conversations with a model of documents: its text ends where a document ends, and goes on with a new one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_conversation import started, work, written
from tiny_runs import CHARACTERS, make_document_run, subwords

from rnntui.config_generation import SamplingConfig
from rnntui.inference.loaded_model import LoadedLanguageModel, load_language_model
from rnntui.kinds.corpus_info import DocumentUnit
from rnntui.runs.weights_file import load_weights, save_arrays
from rnntui.sessions.conversation import Conversation
from rnntui.sessions.saved_transcript import SavedTranscript
from rnntui.text.char_tokenizer import CharTokenizer

SEPARATORS: dict[DocumentUnit, str] = {"line": "\n", "blank": "\n\n", "file": "\n---\n"}


@pytest.fixture(scope="module", params=SEPARATORS)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedLanguageModel:
    """A model of documents of each unit, which ends them soon."""
    characters = [character for character in CHARACTERS if character != "\n" or request.param != "line"]
    tokenizer = CharTokenizer(characters, has_end=True)
    run = make_document_run(tmp_path_factory.mktemp("runs"), tokenizer, request.param)
    weights = dict(load_weights(run.weights_file))
    weights["output.bias"] = weights["output.bias"].copy()
    weights["output.bias"][tokenizer.end_id] += 3
    save_arrays(run.weights_file, weights, {})
    return load_language_model(run)


@pytest.fixture
def conversation(loaded: LoadedLanguageModel) -> Conversation:
    return started(loaded, length=500)


def ids_of(conversation: Conversation) -> list[int]:
    return conversation.transcript.ids().tolist()


def state_of(conversation: Conversation) -> np.ndarray:
    work(conversation)
    return conversation._cursor.generation.state


def test_a_turn_ends_with_the_document(conversation: Conversation, loaded: LoadedLanguageModel) -> None:
    conversation.say("Ann")
    text = written(conversation)
    separator = SEPARATORS[loaded.documents.unit]
    assert text.startswith("Ann") and text.endswith(separator)
    assert ids_of(conversation).count(loaded.tokenizer.end_id) == 1
    assert ids_of(conversation)[-1] == loaded.tokenizer.end_id
    assert conversation.transcript.bits(len(conversation.transcript) - 1) is not None


def test_the_next_turn_begins_a_new_document(conversation: Conversation, loaded: LoadedLanguageModel) -> None:
    conversation.say("Ann")
    first = written(conversation)
    conversation.generate()
    conversation.stop()
    conversation._cursor.target = len(conversation.transcript)
    end = np.array([loaded.tokenizer.end_id])
    ids = np.concatenate((end, conversation.transcript.ids()))
    np.testing.assert_array_equal(
        state_of(conversation), loaded.network.feed(ids[:, None], loaded.network.initial_state())[1]
    )
    conversation.say("Ben")
    assert conversation.transcript.text == first + "Ben", "it is on a new line already"


def test_the_ends_survive_saving_and_opening_the_text(conversation: Conversation, loaded: LoadedLanguageModel) -> None:
    for _ in range(3):
        conversation.generate()
        written(conversation)
    other = Conversation(loaded, "tiny")
    other.reopen(SavedTranscript(list(conversation.transcript.turn_texts())))
    assert other.transcript.text == conversation.transcript.text
    assert ids_of(other) == ids_of(conversation)
    third = conversation.fork()
    conversation.rewind(third.transcript.start_of(len(third.transcript)))
    assert ids_of(third)[: len(conversation.transcript)] == ids_of(conversation)


def test_the_end_is_offered_as_an_alternative_and_ends_the_text(
    conversation: Conversation, loaded: LoadedLanguageModel
) -> None:
    conversation.say("Ann")
    written(conversation)
    token = 3
    alternatives = conversation.alternatives(token, count=100)
    [end] = [alternative for alternative in alternatives if alternative.is_end]
    assert (end.id, end.text) == (loaded.tokenizer.end_id, SEPARATORS[loaded.documents.unit])
    conversation.branch(token, end.id)
    assert not conversation.is_generating
    assert conversation.transcript.text == "Ann" + end.text
    letter = next(alternative for alternative in alternatives if not alternative.is_end and alternative.text.isalpha())
    conversation.branch(token, letter.id)
    assert conversation.is_generating
    assert written(conversation).startswith("Ann" + letter.text)


def test_ends_are_not_penalized_for_being_repeated(conversation: Conversation, loaded: LoadedLanguageModel) -> None:
    conversation.sampling = SamplingConfig(repetition_penalty=100.0)
    conversation.generate()
    written(conversation)
    assert conversation._cursor.generation.recent[0].count(loaded.tokenizer.end_id or 0) == 0
    conversation.rewind(len(conversation.transcript.text))
    state_of(conversation)
    assert conversation._cursor.generation.recent[0].count(loaded.tokenizer.end_id or 0) == 0


def test_no_line_break_is_reported_as_unknown(conversation: Conversation) -> None:
    assert conversation.replace("Ann\nBen") == []


def test_subwords_end_too(tmp_path: Path) -> None:
    run = make_document_run(tmp_path, subwords(has_end=True), "line")
    conversation = started(load_language_model(run))
    conversation.say("the old\nman")
    end = conversation.loaded.tokenizer.end_id
    assert [piece for piece in ids_of(conversation) if piece == end] == [end]
    assert "".join(written(conversation)).startswith("the old\nman")
