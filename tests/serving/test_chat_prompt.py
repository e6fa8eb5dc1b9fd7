"""Messages of a chat as the text that a model of turns continues."""

from __future__ import annotations

import pytest

from rnntui.kinds.corpus_info import TurnFormat
from rnntui.serving.chat_prompt import ChatMessage, dialogue_text, stop_strings
from rnntui.text.turns import SpeakerLabels

LINES = SpeakerLabels("A", "B")
BLOCKS = SpeakerLabels("Me", "You", TurnFormat(": ", "\n\n", multiline=True, others=("Ann",)))


def user(text: str) -> ChatMessage:
    return ChatMessage(True, text)


def model(text: str) -> ChatMessage:
    return ChatMessage(False, text)


@pytest.mark.parametrize(
    ("speakers", "messages", "text"),
    [
        (LINES, [user("hello")], "A: hello\nB:"),
        (LINES, [user("hi"), model(" yes\n indeed "), user("why?")], "A: hi\nB: yes indeed\nA: why?\nB:"),
        (LINES, [user("one"), user("two\nlines")], "A: one\nA: two lines\nB:"),
        (LINES, [model("hello")], "B: hello\nB:"),
        (LINES, [user("say B:"), model("B:"), user("no")], "A: say B:\nB: B:\nA: no\nB:"),
        (LINES, [model("one"), model("two"), user("a")], "B: one\nB: two\nA: a\nB:"),
        (BLOCKS, [user("a\nb"), model("c\n\nd"), user("e")], "Me: a\nb\n\nYou: c\n\nd\n\nMe: e\n\nYou:"),
    ],
)
def test_messages_are_turns(speakers: SpeakerLabels, messages: list[ChatMessage], text: str) -> None:
    assert dialogue_text(messages, speakers) == text


def test_what_ends_an_answer() -> None:
    assert stop_strings(LINES) == ("\n", "\r\n")
    assert stop_strings(BLOCKS) == ("\n\nMe:", "\n\nYou:", "\n\nAnn:", "\nMe:", "\nYou:", "\nAnn:")
