"""A transcript on disk: the text in one file, its turns and branches as JSON lines in another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rnntui.atomic_files import write_user_file
from rnntui.errors import UnconfirmedError, UsageError
from rnntui.sessions.autosave import Autosave, SaveJob

if TYPE_CHECKING:  # the app makes its autosaves before its first paint, and numpy is not loaded then
    from rnntui.sessions.conversation import Conversation
    from rnntui.sessions.saved_transcript import SavedTranscript


def transcript_autosave(folder: Callable[[], Path]) -> Autosave:
    """Return an autosave for transcripts: their text, and beside it their turns and branches as JSON lines."""
    return Autosave(folder, "*.jsonl", _write_draft, companion_keeps_cuts=True)


@dataclass(frozen=True)
class TextVersion:
    """A text as it was: the text, the lines of its turns and branches, and the revision of these."""

    text: str
    lines: str
    revision: int


def version_of(conversation: Conversation) -> TextVersion:
    """Return the text of a conversation as it is now."""
    from rnntui.sessions.saved_transcript import text_lines

    tree = conversation.tree
    return TextVersion(tree.transcript.text, text_lines(tree, learns=conversation.learns), tree.revision)


def pending_transcript(
    autosave: Autosave,
    text: Conversation | TextVersion | None,
    unsent: str,
    edited: str | None = None,
) -> SaveJob | None:
    """Return the job that saves a text with what is typed beside it, or None if all is empty or saved.

    Args:
        autosave: that of the text.
        text: the conversation, or a version to save instead; None as long as no model is open, and there is no text.
        unsent: what is typed and not sent.
        edited: the text as it is being edited, None if it is not.
    """
    from rnntui.sessions.saved_transcript import text_lines, typed_lines

    typed = typed_lines(unsent, edited)
    if text is None:
        return autosave.pending("", lambda: typed, 0, typed)
    if isinstance(text, TextVersion):
        return autosave.pending(text.text, lambda: text.lines + typed, text.revision, typed)
    tree, learns = text.tree, text.learns
    return autosave.pending(tree.transcript.text, lambda: text_lines(tree, learns=learns) + typed, tree.revision, typed)


def _write_draft(job: SaveJob) -> None:
    write(job.text, job.companion, job.path)


def save(
    conversation: Conversation, name: str, run_name: str, *, confirmed: bool = False, unsent: str = ""
) -> tuple[Path, Path]:
    """Write a text under a typed name, with its turns and branches beside it as `.jsonl`. Return both paths.

    Args:
        conversation: the text and its branches; the text file has the current one.
        name: as typed; `.txt` is appended if it has no suffix. In a folder the file is named after the model.
        run_name: the name of the model.
        confirmed: the user has agreed to overwrite the files, or to create their folder.
        unsent: a line that was typed and not sent, for the file of turns.

    Raises `UnconfirmedError` where the user has to agree, `RnntuiError` if the files cannot be written.
    """
    from rnntui.sessions.saved_transcript import text_lines, typed_lines
    from rnntui.sessions.text_files import free_name, path_to_save

    path = path_to_save(name, lambda path: file_pair(path)[0], lambda folder: free_name(run_name, folder), confirmed)
    text_file, turns = file_pair(path)
    if turns.exists() and not confirmed:
        raise UnconfirmedError(f"{turns} exists already", hint="Enter again overwrites it")
    turn_lines = text_lines(conversation.tree, learns=conversation.learns) + typed_lines(unsent)
    write(conversation.transcript.text, turn_lines, path)
    return text_file, turns


def write(text: str, turns: str, path: Path) -> None:
    """Write a text and its turns, overwriting the files. Raises `OSError` if they cannot be written."""
    text_path, turns_path = file_pair(path)
    text_path.parent.mkdir(parents=True, exist_ok=True)
    write_user_file(text_path, text.encode("utf-8", "surrogatepass"))
    write_user_file(turns_path, turns.encode())


def file_pair(path: Path) -> tuple[Path, Path]:
    """Return the paths for a text, `.txt` if `path` has no suffix, and for its turns.

    Raises `UsageError` if they would be the same.
    """
    turns = turns_file(path)
    text = path if path.suffix else path.with_suffix(".txt")
    if text == turns:
        raise UsageError(f"{text} is the name for the turns; choose one that ends in .txt")
    return text, turns


def turns_file(path: Path) -> Path:
    """Return the path of the turns that belong to a path. Raises `UsageError` if the path names a folder."""
    if not path.name:
        raise UsageError(f"{path} is a folder; choose a file name")
    return path.with_suffix(".jsonl")


def read(path: Path) -> SavedTranscript:
    """Read a text: the turns and branches beside it that `save` wrote, else the file as a prompt.

    Raises `UsageError` naming the first line that is not a turn, `OSError` if the file cannot be read.
    """
    from rnntui.sessions.saved_transcript import SavedLineError, SavedTranscript, parse_lines
    from rnntui.sessions.text_files import read_text_file
    from rnntui.sessions.transcript import Turn

    text_path, path = path, turns_file(path)
    if text_path != path and text_path.is_file() and not path.exists():
        text = read_text_file(text_path)
        return SavedTranscript([(Turn("prompt", 0), text)] if text else [])
    try:
        return parse_lines(read_text_file(path).removesuffix("\n").split("\n"))
    except SavedLineError as error:
        raise UsageError(f"{path}: {error}", hint="the file is left as it is") from error
