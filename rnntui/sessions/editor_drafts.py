"""Drafts of an editor whose lines a model reads: autosave, the saved texts, and opening one or a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rnntui.atomic_files import write_user_file
from rnntui.sessions.autosave import Autosave, SaveJob

if TYPE_CHECKING:
    from rnntui.sessions.saved_texts import OpenedSource, SavedTexts


class EditorContent(NamedTuple):
    """A text, and the name of the model that reads it."""

    text: str
    run: str


class EditorDrafts:
    """Saves the text of an editor automatically, beside the name of its model."""

    def __init__(
        self,
        folder: Callable[[], Path],
        content: Callable[[], EditorContent],
        read_file: Callable[[str], OpenedSource],
    ) -> None:
        """
        Args:
            folder: the folder of the drafts; asked anew each time.
            content: returns what the editor has now.
            read_file: reads a text file by its path as typed. Raises `UsageError` if it cannot be read.
        """
        self._folder, self._content, self._read_file = folder, content, read_file
        self.autosave = Autosave(folder, "*.txt", _write_draft)

    def pending(self) -> SaveJob | None:
        """Return the job that saves the text automatically, or None if it is blank or saved already."""
        text, run = self._content()
        return self.autosave.pending(text, lambda: json.dumps({"run": run}) + "\n") if text.strip() else None

    def count_as_saved(self) -> None:
        """Let the present text count as saved: the user saved it elsewhere, as its draft cannot be."""
        self.autosave.count_as_saved(self._content().text)

    @cached_property
    def saved_texts(self) -> SavedTexts:
        """The saved texts of the folder."""
        from rnntui.sessions.saved_texts import SavedTexts

        return SavedTexts(self._folder, lambda: [self.autosave])

    def read(self, name: str) -> OpenedSource:
        """Read a saved text or a file, given by its path as typed. Raises `UsageError` if it cannot be read."""
        from rnntui.sessions.saved_texts import read_saved_source
        from rnntui.sessions.text_files import path_from

        path = path_from(name)
        if not self.saved_texts.contains(path):
            return self._read_file(name)
        opened = read_saved_source(path.with_suffix(".txt"))
        self.saved_texts.touch(path)
        return opened

    def read_last(self) -> OpenedSource | None:
        """Return the text that was saved or opened last, for the editor to show.

        None if there is none, or if something is typed already. Raises `UsageError` if it cannot be read.
        """
        from rnntui.sessions.saved_texts import read_saved_source

        path = self.autosave.newest()
        return None if path is None or self._content().text else read_saved_source(path)

    def begin(self, opened: OpenedSource) -> None:
        """Autosave the opened text from now on. The caller has saved the one before, and fills the editor."""
        if opened.path is not None:
            self.autosave.open(opened.path, opened.text)
        else:
            self.autosave.begin()


def _write_draft(job: SaveJob) -> None:
    job.path.parent.mkdir(parents=True, exist_ok=True)
    write_user_file(job.path, job.text.encode("utf-8", "surrogatepass"))
    write_user_file(job.path.with_suffix(".json"), job.companion.encode())
