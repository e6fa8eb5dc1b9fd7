"""Turns of a dialogue between two speakers: formatting the person's turn, and the labels that end the model's."""

from __future__ import annotations

from dataclasses import dataclass

from rnntui.kinds.corpus_info import CorpusInfo, TextCorpusInfo, TurnFormat


@dataclass(frozen=True)
class SpeakerLabels:
    """The labels of the two speakers of a dialogue, such as `A` and `B`; the first is the person."""

    person: str
    model: str
    format: TurnFormat = TurnFormat()

    def prompt(self, message: str, before: str) -> str:
        """Return the person's turn and the model's label, to append to the text `before`.

        Where a line break ends a turn, line breaks inside the message become spaces; elsewhere they are kept.
        """
        multiline, separator = self.format.multiline, self.format.separator
        turn = message.strip() if multiline else " ".join(message.split())
        return (
            f"{_missing_end(before, separator)}{self.person}{self.format.label_end}{turn}{separator}{self.model_label}"
        )

    def model_prompt(self, before: str) -> str:
        """Return the model's label, to append to the text `before`, for a turn of the model that follows no message."""
        return f"{_missing_end(before, self.format.separator)}{self.model_label}"

    def message(self, turn: str) -> str:
        """Return the message in the person's turn that `prompt` formatted."""
        text = turn.lstrip("\r\n").removesuffix(self.model_label).rstrip("\r\n")
        return text.removeprefix(f"{self.person}{self.format.label_end}")

    @property
    def model_label(self) -> str:
        """The text after which the model's message begins: its label without a space, which belongs to the message."""
        return self.model + self.format.label_end.rstrip(" ")

    @property
    def turn_starts(self) -> tuple[str, ...]:
        """The labels with their colons, of all speakers: texts that begin a turn where they begin a line."""
        return tuple(label + self.format.label_end.rstrip() for label in (self.person, self.model, *self.format.others))


def _missing_end(text: str, separator: str) -> str:
    """Return what has to be appended to a text, so that it ends with the separator of turns."""
    if not text:
        return ""
    lines = separator.count("\n")
    breaks = len(text) - len(text.rstrip("\r\n"))
    present = min(lines, text.count("\n", len(text) - breaks))
    return separator[: len(separator) // lines] * (lines - present)


def speaker_labels_of(corpus: CorpusInfo) -> SpeakerLabels | None:
    """Return the speakers of the dialogue that a run was trained on; None for any other text."""
    if not isinstance(corpus, TextCorpusInfo) or not corpus.speakers:
        return None
    return SpeakerLabels(*corpus.speakers, corpus.turn_format or TurnFormat())
