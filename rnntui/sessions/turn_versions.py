"""Versions of a generated turn: what "generate again" has put in its place, to go back to."""

from __future__ import annotations

from dataclasses import dataclass

from rnntui.sessions.transcript import Transcript, Turn
from rnntui.sessions.transcript_editing import append_turns
from rnntui.text.documents import DocumentFormat


@dataclass(frozen=True)
class _Version:
    """The turn and what follows it, as tokens of the model of `documents`."""

    tail: Transcript
    documents: DocumentFormat


class TurnVersions:
    """The versions of one turn. That which is in the text is up to date there, and stored when it leaves the text."""

    def __init__(self) -> None:
        self._versions: list[_Version | None] = []  # None until the version leaves the text

    def __len__(self) -> int:
        return len(self._versions)

    def begin(self) -> int:
        """Begin another version, and return its index."""
        self._versions.append(None)
        return len(self._versions) - 1

    def store(self, index: int, tail: Transcript, documents: DocumentFormat) -> None:
        """Store the version that leaves the text; without any text it is dropped, if it is the newest."""
        if len(tail):
            self._versions[index : index + 1] = [_Version(tail, documents)]
        elif index == len(self._versions) - 1 and self._versions[index] is None:
            self._versions.pop()

    def append_to(self, transcript: Transcript, index: int, documents: DocumentFormat) -> None:
        """Append a version that is stored to a transcript, encoded anew if it is by another model than `documents`."""
        version = self._versions[index]
        assert version is not None
        if version.documents is documents:
            transcript.extend(version.tail)
        else:
            append_turns(transcript, version.tail.turn_texts(), documents, version.tail)


def turn_with_versions(transcript: Transcript) -> Turn | None:
    """Return the turn at the end that has versions, other turns of the model may follow it; None if there is none."""
    for turn in reversed(transcript.turns):
        if turn.role != "model":
            return None
        if turn.versions is not None:
            return turn
    return None
