"""Versions of a generated turn: what "generate again" has put in its place, to go back to."""

from __future__ import annotations

from rnntui.sessions.transcript import Transcript, Turn, TurnVersion
from rnntui.sessions.transcript_editing import append_turns
from rnntui.text.documents import DocumentFormat


def turn_with_versions(transcript: Transcript) -> Turn | None:
    """Return the turn at the end that has versions, other turns of the model may follow it; None if there is none."""
    for turn in reversed(transcript.turns):
        if turn.role != "model":
            return None
        if turn.versions is not None:
            return turn
    return None


def store_version(transcript: Transcript, turn: Turn, documents: DocumentFormat) -> None:
    """Store the version of a turn that is about to leave the text, with what follows it.

    Without any text it is dropped, if it is the newest.
    """
    versions = turn.versions
    assert versions is not None
    if turn.start < len(transcript):
        versions[turn.version : turn.version + 1] = [TurnVersion(transcript.tail(turn.start), documents)]
    elif turn.version == len(versions) - 1 and versions[turn.version] is None:
        versions.pop()


def append_version(transcript: Transcript, version: TurnVersion, documents: DocumentFormat) -> None:
    """Append a stored version to a transcript, encoded anew if it is by another model than that of `documents`."""
    if version.documents is documents:
        transcript.extend(version.tail)
    else:
        append_turns(transcript, version.tail.turn_texts(), documents, version.tail)
