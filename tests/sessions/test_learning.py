"""A conversation whose model learns from what the person writes: exactly from what stands, and never for good."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_runs import TWO_LAYERS, make_run, subwords

from rnntui.config_generation import MAX_CHARS_PER_SECOND, GenerationConfig, SamplingConfig
from rnntui.inference.loaded_model import LoadedLanguageModel, load_language_model
from rnntui.sessions.alternatives import Alternative
from rnntui.sessions.conversation import Conversation
from rnntui.sessions.saved_transcript import turn_lines
from rnntui.sessions.transcript_files import read, save

FAST = GenerationConfig(length=20, chars_per_second=MAX_CHARS_PER_SECOND)
LINE = "the sea went on and the old man went on until the sea was old"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LoadedLanguageModel]:
    folder = tmp_path_factory.mktemp("runs")
    made = {
        "characters": make_run(folder, "characters"),
        "others": make_run(folder, "others", seed=2, model=TWO_LAYERS),
        "turns": make_run(folder, "turns", speakers=("A", "B")),
        "subwords": make_run(folder, "subwords", tokenizer=subwords()),
    }
    return {name: load_language_model(run) for name, run in made.items()}


def started(run: LoadedLanguageModel, *, learns: bool = True) -> Conversation:
    conversation = Conversation(run, "tiny")
    conversation.generation, conversation.seed, conversation.learns = FAST, 7, learns
    return conversation


def finish(conversation: Conversation) -> Conversation:
    """Let the model read and generate to the end."""
    while conversation.is_busy:
        conversation.work(1e6)
        conversation.drain()
    return conversation


def says(conversation: Conversation, line: str) -> Conversation:
    conversation.say(line)
    return finish(conversation)


def next_tokens(conversation: Conversation) -> dict[int, float]:
    """The model's distribution after the text, once all is read: probabilities by token id."""
    conversation.stop()
    conversation.generation = replace(FAST, length=0)
    conversation.generate()
    finish(conversation)
    conversation.generation = FAST
    found: list[Alternative] = conversation.alternatives(len(conversation.transcript), 40)
    return {alternative.id: alternative.probability for alternative in found}


def reread(conversation: Conversation, *, learns: bool = True) -> dict[int, float]:
    """The same of another conversation that reads the text as it stands."""
    other = started(conversation.loaded, learns=learns)
    other.uses_turns = conversation.uses_turns
    other.tree.current.tail = conversation.transcript.copy()
    return next_tokens(other)


def same(found: dict[int, float], expected: dict[int, float]) -> bool:
    return {**found} == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_a_line_that_was_said_gets_likelier_and_is_forgotten_with_the_key(runs: dict[str, LoadedLanguageModel]) -> None:
    conversation = started(runs["characters"], learns=False)
    assert not conversation.learns
    plain_output = runs["characters"].network.output_layer[0].copy()
    says(conversation, LINE * 3)
    plain = conversation.transcript.bits_per_character(0)
    before = next_tokens(conversation)
    conversation.learns = True
    finish(conversation.generate() or conversation)  # reads the text again, then continues
    learned = conversation.transcript.bits_per_character(0)
    assert plain is not None and learned is not None and learned < plain - 0.3
    conversation.rewind(len(LINE) * 3 + FAST.length)
    assert not same(next_tokens(conversation), before)
    conversation.learns = False
    assert same(next_tokens(conversation), before)
    assert (runs["characters"].network.output_layer[0] == plain_output).all()  # which other panes share


def test_the_same_seed_writes_the_same_and_the_models_own_words_teach_nothing(
    runs: dict[str, LoadedLanguageModel],
) -> None:
    texts = {says(says(started(runs["characters"]), LINE), LINE).transcript.text for _ in range(2)}
    assert len(texts) == 1
    written = started(runs["characters"])
    written.generation = replace(FAST, length=300)
    written.generate()
    plain = started(runs["characters"], learns=False)
    plain.generation = written.generation
    plain.generate()
    assert finish(written).transcript.text == finish(plain).transcript.text


def retype(conversation: Conversation) -> None:
    """Rewind, and type what the model had written there."""
    text = conversation.transcript.text
    space = text.find(" ", len(text) // 2)
    if space > 0:
        conversation.rewind(space)
        conversation.generation = replace(FAST, length=0)
        says(conversation, text[space:])
        conversation.generation = FAST


ACTIONS = {
    "say": lambda c, r: c.say(r.choice([LINE, "Hello", "So?", LINE * 3])),
    "again": lambda c, r: c.regenerate(),
    "version": lambda c, r: c.choose_version(-1),
    "rewind": lambda c, r: c.rewind(r.randrange(len(c.transcript.text) + 1)),
    "edit": lambda c, r: c.replace(c.transcript.text[: r.randrange(60)] + "Oh! " + c.transcript.text[60:]),
    "retype": lambda c, r: (retype(c), r.random() < 0.5 and c.undo()),
    "undo": lambda c, r: c.undo(),
    "redo": lambda c, r: c.redo(),
    "take back": lambda c, r: (c.take_back(), r.random() < 0.5 and c.put_back()),
    "stop": lambda c, r: (c.generate(), [c.work(1e6) for _ in range(r.randrange(30))], c.drain(), c.stop()),
    "branch": lambda c, r: c.branch(len(c.transcript) // 2, 5),
    "off and on": lambda c, r: (setattr(c, "learns", False), c.work(1e6), setattr(c, "learns", True)),
    "clear": lambda c, r: r.random() < 0.2 and c.clear(),
}  # fmt: skip


@pytest.mark.parametrize(("run", "seed"), [("characters", 1), ("turns", 2), ("subwords", 3), ("others", 4)])
def test_whatever_is_done_the_model_is_as_if_it_had_read_what_stands(
    runs: dict[str, LoadedLanguageModel], run: str, seed: int
) -> None:
    conversation, rng = says(started(runs[run]), LINE * 2), random.Random(seed)
    for _ in range(12):
        name = rng.choice(list(ACTIONS))
        ACTIONS[name](conversation, rng)
        if rng.random() < 0.6:
            finish(conversation)
        conversation.stop()
        text = conversation.transcript.text
        expected = reread(conversation)
        assert same(next_tokens(conversation), expected), (name, text)


def test_an_undo_of_typing_what_the_model_wrote_forgets_it(runs: dict[str, LoadedLanguageModel]) -> None:
    conversation = started(runs["characters"])
    conversation.generation = replace(FAST, length=150)
    says(conversation, LINE)
    text = conversation.transcript.text
    retype(conversation)
    assert conversation.transcript.text == text
    conversation.generate()
    finish(conversation)
    assert conversation.undo() and conversation.transcript.text == text  # by the model again, not by the person
    assert same(next_tokens(conversation), reread(conversation))


def test_another_model_and_another_pane_learn_from_the_text(runs: dict[str, LoadedLanguageModel]) -> None:
    conversation = says(started(runs["characters"]), LINE * 2)
    fork = conversation.fork()
    assert fork.learns
    assert same(next_tokens(finish(fork)), reread(fork))
    conversation.switch_model(runs["others"], "others")
    assert same(next_tokens(conversation), reread(conversation))
    assert not same(next_tokens(conversation), reread(conversation, learns=False))


def test_a_saved_turn_says_that_the_model_had_learned(runs: dict[str, LoadedLanguageModel], tmp_path: Path) -> None:
    conversation = says(started(runs["characters"]), LINE)
    conversation.learns = False
    finish(conversation.generate() or conversation)
    assert turn_lines(conversation.transcript).count('"learned": true') == 1
    _, turns = save(conversation, str(tmp_path / "kept.txt"), "tiny")
    assert [turn.learned for turn, _ in read(turns).turn_texts] == [False, True, False]
    assert conversation.sampling == SamplingConfig()
