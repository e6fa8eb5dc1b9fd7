"""Messages of a chat as the text of a dialogue that a model of turns continues."""

from __future__ import annotations

from typing import NamedTuple

from rnntui.text.turns import SpeakerLabels


class ChatMessage(NamedTuple):
    """A message; `is_person` is True for the user's, False for the model's."""

    is_person: bool
    text: str


def dialogue_text(messages: list[ChatMessage], speakers: SpeakerLabels) -> str:
    """Return the messages as turns, up to the label after which the model's next message begins.

    The user is the first speaker of the training text, the model the second.
    """
    text = ""
    is_model_next = False  # the text ends with the label of the model
    label_end = speakers.format.label_end
    space = label_end[len(label_end.rstrip(" ")) :]
    for message in messages:
        if message.is_person:
            before = text.removesuffix(speakers.model_label) if is_model_next else text
            text = before + speakers.prompt(message.text, before)
            is_model_next = True
        else:
            turn = message.text.strip() if speakers.format.multiline else " ".join(message.text.split())
            text += ("" if is_model_next else speakers.model_prompt(text)) + space + turn
            is_model_next = False
    return text if is_model_next else text + speakers.model_prompt(text)


def stop_strings(speakers: SpeakerLabels) -> tuple[str, ...]:
    """Return the strings that end a message of the model.

    They are a line break, or where messages have several lines the label of a speaker that begins a line.
    """
    if not speakers.format.multiline:
        return ("\n", "\r\n")
    separators = dict.fromkeys((speakers.format.separator, "\n"))
    return tuple(separator + label for separator in separators for label in speakers.turn_starts)
