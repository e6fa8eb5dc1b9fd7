"""A transcript on disk: the text in one file, and a JSON line for each turn in another."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from rnntui.atomic_files import atomic_write, parse_json
from rnntui.config_generation import SamplingConfig
from rnntui.errors import RnntuiError, UnconfirmedError, UsageError
from rnntui.sessions.autosave import Autosave, SaveJob

if TYPE_CHECKING:  # the app makes its autosaves before its first paint, and numpy is not loaded then
    from rnntui.sessions.transcript import Transcript, Turn


def transcript_autosave(folder: Callable[[], Path]) -> Autosave:
    """Return an autosave for transcripts: their text, and beside it their turns as JSON lines."""
    return Autosave(folder, "*.jsonl", _write_draft)


def pending_transcript(autosave: Autosave, transcript: Transcript) -> SaveJob | None:
    """Return the job that saves a transcript, or None if it is empty or saved already."""
    return autosave.pending(transcript.text, lambda: json_lines(transcript))


def _write_draft(job: SaveJob) -> None:
    write(job.text, job.companion, job.path)


def json_lines(transcript: Transcript) -> str:
    """Return a JSON object for each turn, one a line.

    Keys are `role` and `text`; for a model's turn also `run`, `seed` and `settings`: a list of the settings in force
    from a `token` of the turn on, counted from 0; and `learned`, true, if the model had learned from the text before.
    """
    lines = []
    for turn, text in transcript.turn_texts():
        line: dict[str, object] = {"role": turn.role, "text": text}
        if turn.role == "model":
            changes = [{"token": token - turn.start, **asdict(settings)} for token, settings in turn.settings]
            line |= {"run": turn.run, "seed": turn.seed, "settings": changes}
            if turn.learned:
                line["learned"] = True
        lines.append(json.dumps(line) + "\n")
    return "".join(lines)


def save(transcript: Transcript, name: str, run_name: str, *, confirmed: bool = False) -> tuple[Path, Path]:
    """Write the text under a typed name and the turns beside it as `.jsonl`. Return both paths.

    Args:
        transcript: the text and its turns.
        name: as typed; `.txt` is appended if it has no suffix. In a folder the file is named after the model.
        run_name: the name of the model.
        confirmed: the user has agreed to overwrite the files, or to create their folder.

    Raises `UnconfirmedError` where the user has to agree, `RnntuiError` if the files cannot be written.
    """
    from rnntui.sessions.text_files import free_name, path_to_save

    path = path_to_save(name, lambda path: file_pair(path)[0], lambda folder: free_name(run_name, folder), confirmed)
    text_file, turns = file_pair(path)
    if turns.exists() and not confirmed:
        raise UnconfirmedError(f"{turns} exists already", hint="Enter again overwrites it")
    write(transcript.text, json_lines(transcript), path)
    return text_file, turns


def write(text: str, turns: str, path: Path) -> None:
    """Write a text and its turns, overwriting the files. Raises `OSError` if they cannot be written."""
    text_path, turns_path = file_pair(path)
    text_path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(text_path, text.encode("utf-8", "surrogatepass"))
    atomic_write(turns_path, turns.encode())


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


def read(path: Path) -> list[tuple[Turn, str]]:
    """Read a text for `Conversation.reopen`: the turns beside it that `save` wrote, else the file as a prompt.

    Raises `UsageError` naming the first line that is not a turn, `OSError` if the file cannot be read.
    """
    from rnntui.sessions.text_files import read_text_file
    from rnntui.sessions.transcript import Role, Turn

    text_path, path = path, turns_file(path)
    if text_path != path and text_path.is_file() and not path.exists():
        text = read_text_file(text_path)
        return [(Turn("prompt", 0), text)] if text else []
    turns: list[tuple[Turn, str]] = []
    for line_number, line in enumerate(read_text_file(path).removesuffix("\n").split("\n"), start=1):
        try:
            values = parse_json(line)
            role, text, seed = values["role"], values["text"], values.get("seed")
            if role not in get_args(Role) or not isinstance(text, str):
                raise ValueError("role or text")
            valid_seed = seed is None or (isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**64)
            if not valid_seed or not isinstance(values.get("run", ""), str):
                raise ValueError("seed or run")
            turn = Turn(role, 0, values.get("run", ""), seed, learned=values.get("learned") is True)
            for change in values.get("settings", []):
                token = change.pop("token")
                if not isinstance(token, int) or not 0 <= token <= len(text) * 8:
                    raise ValueError("token")
                turn.settings.append((token, SamplingConfig.from_json(change)))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RnntuiError) as error:
            raise UsageError(f"{path}: line {line_number} is not a turn of a saved text") from error
        turns.append((turn, text))
    return turns
