"""Keeping the texts of the Chat tab, with their turns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rnntui.sessions import autosave
from rnntui.sessions.autosave import Job
from rnntui.tui.preferences import texts_folder

if TYPE_CHECKING:
    from rnntui.sessions.transcript import Transcript

_TURNS = "*.jsonl"


class Kept(autosave.Kept):
    """Where one transcript is kept: its text, and its turns as JSON lines."""

    def __init__(self) -> None:
        super().__init__(texts_folder, _write)

    def pending(self, transcript: Transcript) -> Job | None:
        """What to write, if the text is another than what is written."""
        return self.job(transcript.text, lambda: _json_lines(transcript))


def _json_lines(transcript: Transcript) -> str:
    from rnntui.sessions.transcript_files import json_lines

    return json_lines(transcript)


def _write(job: Job) -> None:
    from rnntui.sessions.transcript_files import write

    write(job.text, job.beside, job.path)


def last_text() -> Path | None:
    """The text that was written last; None if there is none."""
    turns = autosave.last_kept(texts_folder(), _TURNS)
    return turns.with_suffix(".txt") if turns is not None else None


def tidy() -> None:
    """Delete the oldest texts beyond those that are kept."""
    autosave.tidy(texts_folder(), _TURNS)
