"""Dialogues of two speakers: detected by their labels, and continued turn by turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.text.corpus import find_corpus
from rnntui.text.token_ids import corpus_stats
from rnntui.text.turns import SpeakerLabels, find_speaker_labels, speaker_labels_of

ROOT = Path(__file__).resolve().parents[2]
CHAT = "A: hello\nB: hi there\nA: how are you\nB: fine\n\n" * 10


def test_two_labels_on_nearly_every_line_are_speakers() -> None:
    assert find_speaker_labels(CHAT) == SpeakerLabels("A", "B")
    assert find_speaker_labels(CHAT.replace("A:", "You:").replace("B:", "Bot 2:")) == SpeakerLabels("Bot 2", "You")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A: only a few\nB: lines\n",
        "A: one speaker\n" * 50,
        "A: one\nB: two\nC: three\n" * 20,
        ("A: one\n" * 9 + "B: two\n") * 10,
        "A: one\nB: two\nand a line of neither\n" * 20,
        "words and words\n" * 100,
    ],
)
def test_other_texts_are_not_taken_for_it(text: str) -> None:
    assert find_speaker_labels(text) is None


@pytest.mark.parametrize(
    ("name", "expected"), [("chat.txt", SpeakerLabels("A", "B")), ("shakespeare.txt", None), ("names.txt", None)]
)
def test_a_survey_finds_the_speakers_of_a_corpus(name: str, expected: SpeakerLabels | None) -> None:
    assert corpus_stats(find_corpus([str(ROOT / "corpora" / name)], "utf-8", "strict")).speakers == expected


def test_a_line_said_is_a_turn_and_the_models_turn_begins() -> None:
    speakers = SpeakerLabels("A", "B")
    assert speakers.prompt("hi", "") == "A: hi\nB:"
    assert speakers.prompt("two\n lines ", "B: oh\n") == "A: two lines\nB:"
    assert speakers.prompt("hi", "A: x\nB: cut o") == "\nA: hi\nB:"


@pytest.mark.parametrize("named", [None, [], ["A"], ["A", ""], ["A", 3], "AB", {"A": "B"}])
def test_a_config_that_names_no_two_speakers_has_none(named: object) -> None:
    assert speaker_labels_of(TextCorpusInfo.from_json({"speakers": named})) is None


def test_a_config_names_them() -> None:
    assert speaker_labels_of(TextCorpusInfo.from_json({"speakers": ["A", "B"]})) == SpeakerLabels("A", "B")
