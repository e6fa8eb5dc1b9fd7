"""Faults where the app writes its texts, its prompt history and its preferences, and what must hold after each.

Each work is done once undisturbed, then in a fork for each place where it touches the disk and each fault (see
`disk_faults`). After each, the old or the new version is whole, as the app reads it, and everything else is as it was.
An error is one line, and doing the work again gives exactly the new version, in the same files.

As a program it prints the results as JSON lines: app_faults.py FOLDER [EVERY], with every so many of the kills.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from disk_faults import ERRORS, Result, Sites, forked

from rnntui.errors import RnntuiError
from rnntui.sessions import transcript_files
from rnntui.sessions.autosave import Autosave
from rnntui.sessions.editor_drafts import EditorContent, EditorDrafts
from rnntui.sessions.prompt_history import PromptHistory
from rnntui.sessions.saved_texts import SavedTexts, read_saved_source
from rnntui.tui.preferences import PreferencesFile

State = list[list[str]]
"""Names, empty for drafts, and contents of all that there is."""

KILLS = ("kill-before", "kill-after", "kill-within")
OLD, NEW = "the old text\n", "the new text, which is longer\n"


@dataclass(frozen=True)
class Work:
    """Something that the app writes.

    Args:
        begin: prepares the files of a folder and returns the work; that returns what failed in a line, or "".
        read: returns what is there, as the app reads it.
        is_one: False if the work is two, so that being killed between them leaves neither the old nor the new version.
    """

    begin: Callable[[Path], Callable[[], str]]
    read: Callable[[Path], State]
    is_one: bool = True


def _caught(work: Callable[[], object]) -> Callable[[], str]:
    """Return the work as the app does it, with its error as a line."""

    def caught() -> str:
        try:
            work()
        except (OSError, RnntuiError) as error:
            return str(error)
        return ""

    return caught


# -- texts of Chat ----------------------------------------------------------------------------------------------------


def _turns(text: str) -> str:
    return json.dumps({"role": "prompt", "text": text}) + "\n"


def _autosave(autosave: Autosave, text: str) -> Callable[[], str]:
    """Return the saving of the autosave's present text, as often as it is asked; tried last, each failure is told."""
    return lambda: autosave.write_last(autosave.pending(text, lambda: _turns(text), len(text)))


def _chat(folder: Path) -> tuple[Autosave, SavedTexts]:
    """Return the autosave and the texts of a folder with two texts: a draft, and one that has a name."""
    other, autosave = (transcript_files.transcript_autosave(lambda: folder) for _ in range(2))
    assert _autosave(other, "another text\n")() == ""
    texts = SavedTexts(lambda: folder, lambda: [autosave])
    other.begin()
    assert _autosave(other, OLD)() == "" and other.path is not None
    texts.rename(other.path, "Named")
    return autosave, texts


def _named(folder: Path) -> Path:
    return folder / "Named.txt"


def _first_save(folder: Path) -> Callable[[], str]:
    return _autosave(_chat(folder)[0], NEW)


def _later_save(folder: Path) -> Callable[[], str]:
    autosave, _ = _chat(folder)
    autosave.open(_named(folder), OLD, 0)
    return _autosave(autosave, NEW)


def _rename(folder: Path) -> Callable[[], str]:
    _, texts = _chat(folder)
    return _caught(lambda: texts.rename(_named(folder), "New name"))


def _delete(folder: Path) -> Callable[[], str]:
    _, texts = _chat(folder)
    return _caught(lambda: texts.delete(_named(folder)))


def _restore(folder: Path) -> Callable[[], str]:
    _, texts = _chat(folder)
    texts.delete(_named(folder))
    return _caught(texts.restore)


def _delete_and_restore(folder: Path) -> Callable[[], str]:
    _, texts = _chat(folder)

    def work() -> None:
        if _named(folder).exists():
            texts.delete(_named(folder))
        texts.restore()

    return _caught(work)


def _save_as(folder: Path) -> Callable[[], str]:
    _chat(folder)
    return _caught(lambda: transcript_files.write(NEW, _turns(NEW), _named(folder)))


def _read_chat(folder: Path) -> State:
    texts = SavedTexts(lambda: folder, lambda: [])
    contents = [
        [saved.name, "".join(text for _, text in transcript_files.read(saved.path).turn_texts)]
        for saved in texts.read_all()
    ]
    return sorted(contents)


# -- texts of Translate and Classify ----------------------------------------------------------------------------------


def _editor(folder: Path) -> tuple[EditorDrafts, list[str]]:
    """Return the drafts of an editor, and its text, with a text that has a name and is open."""
    content = [OLD]
    drafts = EditorDrafts(lambda: folder, lambda: EditorContent(content[0], "en-es"), read_saved_source_by_name)
    assert drafts.autosave.write_last(drafts.pending()) == "" and drafts.autosave.path is not None
    drafts.saved_texts.rename(drafts.autosave.path, "Named")
    drafts.begin(read_saved_source(_named(folder)))
    return drafts, content


def read_saved_source_by_name(name: str) -> Any:
    return read_saved_source(Path(name))


def _edit(text: str) -> Callable[[Path], Callable[[], str]]:
    def begin(folder: Path) -> Callable[[], str]:
        drafts, content = _editor(folder)
        content[0] = text
        return lambda: drafts.autosave.write_last(drafts.pending())

    return begin


def _rename_source(folder: Path) -> Callable[[], str]:
    drafts, _ = _editor(folder)
    return _caught(lambda: drafts.saved_texts.rename(_named(folder), "New name"))


def _read_editor(folder: Path) -> State:
    texts = SavedTexts(lambda: folder, lambda: [])
    return sorted([saved.name, read_saved_source(saved.path).text] for saved in texts.read_all())


# -- prompt history and preferences -----------------------------------------------------------------------------------


def _history(folder: Path) -> Callable[[], str]:
    history = PromptHistory(lambda: folder / "history.jsonl")
    history.add("an old line")
    history.save()
    history.add("a new line")
    return _caught(history.save)


def _read_history(folder: Path) -> State:
    history = PromptHistory(lambda: folder / "history.jsonl")
    lines: list[str] = []
    while (line := history.older("")) is not None:
        lines.append(line)
    return [["", line] for line in reversed(lines)]


def _preferences(folder: Path) -> Callable[[], str]:
    file = PreferencesFile(folder / "settings.json")
    file.save({"theme": "nord", "keymap": {"chat.stop": "ctrl+x"}})
    return _caught(lambda: file.save({"theme": "gruvbox", "surprisal": True}))


def _read_preferences(folder: Path) -> State:
    values, problems = PreferencesFile(folder / "settings.json").load()
    return [[name, json.dumps(value)] for name, value in asdict(values).items()] + [["problem", p] for p in problems]


def _damaged_preferences(folder: Path) -> Callable[[], str]:
    path = folder / "settings.json"
    path.write_text('{"theme": "nord"')
    return _caught(lambda: PreferencesFile(path).save({"theme": "gruvbox"}))


def _read_all_preferences(folder: Path) -> State:
    """Return the contents of the file and of those that were set aside, each once."""
    return [["", content] for content in sorted({file.read_text() for file in folder.glob("settings.json*")})]


WORKS = {
    "first save of a chat": Work(_first_save, _read_chat),
    "later save of a chat": Work(_later_save, _read_chat),
    "rename of a chat": Work(_rename, _read_chat),
    "deletion of a chat": Work(_delete, _read_chat),
    "restoring of a chat": Work(_restore, _read_chat),
    "deletion of a chat, and restoring": Work(_delete_and_restore, _read_chat, is_one=False),
    "overwriting of a chat": Work(_save_as, _read_chat),
    "save of a text that grows": Work(_edit(OLD + NEW), _read_editor),
    "save of a text that is cut": Work(_edit(NEW), _read_editor),
    "rename of a text": Work(_rename_source, _read_editor),
    "prompt history": Work(_history, _read_history),
    "preferences": Work(_preferences, _read_preferences),
    "preferences, where the file is damaged": Work(_damaged_preferences, _read_all_preferences),
}


def choose(events: list[str], every: int) -> Iterator[tuple[str, int]]:
    """Yield faults with the indexes of their places: all, or one error at each place and every so many of the kills."""
    kills = [(fault, site) for site, event in enumerate(events) for fault in KILLS if _can(fault, event)]
    for site in range(len(events)):
        yield from ((fault, site) for index, fault in enumerate(ERRORS) if every == 1 or index == site % len(ERRORS))
    yield from kills[::every]


def _can(fault: str, event: str) -> bool:
    return fault != "kill-within" or event.startswith("open ")


def trials(name: str, root: Path, every: int = 1) -> Iterator[Result]:
    """Try faults at the places of a work, in forks of this process; see `choose`."""
    work = WORKS[name]

    def fresh() -> Path:
        shutil.rmtree(root, ignore_errors=True)
        (root / "texts").mkdir(parents=True)
        return root / "texts"

    def straight(folder: Path) -> tuple[State, State, list[str]]:
        do = work.begin(folder)
        old = work.read(folder)
        sites = Sites(folder)
        sites.install()
        assert do() == ""
        events = list(sites.events)
        return old, work.read(folder), events

    folder = fresh()
    _, counted = forked(lambda: straight(folder), root)
    assert counted is not None, (root / "stderr").read_text()
    old, new, events = counted
    for fault, site in choose(events, every):
        if fault in KILLS and not work.is_one:
            continue
        folder = fresh()

        def disturbed(folder: Path = folder, site: int = site, fault: str = fault) -> tuple[str, State, str]:
            do = work.begin(folder)
            Sites(folder, site, fault).install()
            problem = do()
            between = work.read(folder)
            return problem, between, do() if problem else ""

        status, answer = forked(disturbed, root)
        problem = _problem(work, folder, (old, new), status, answer)
        outcome = "killed" if os.WIFSIGNALED(status) else "failed" if answer and answer[0] else "done"
        yield Result(
            name, fault, site, events[site], outcome, problem and f"{problem}; {(root / 'stderr').read_text()}"
        )


def _problem(
    work: Work, folder: Path, versions: tuple[State, State], status: int, answer: tuple[str, State, str] | None
) -> str:
    """Return what is wrong after a work that was disturbed; empty if nothing is."""
    try:
        state = work.read(folder)
    except RnntuiError as error:
        return f"cannot be read: {error}"
    if os.WIFSIGNALED(status):
        return _lost(state, versions)
    if answer is None:
        return f"ended with {status}"
    problem, between, again = answer
    if "\n" in problem or again:
        return f"said {answer}"
    if problem and work.is_one and (lost := _lost(between, versions)):
        return lost
    return "" if state == versions[1] else f"left {state} for {versions[1]} ({problem})"


def _lost(state: State, versions: tuple[State, State]) -> str:
    """Return what is wrong with a state if neither the old nor the new version is whole, or anything else is there."""
    old, new = versions
    copies = [["", content] for _, content in old]  # of what an edit is about to cut
    has_either = all(item in state for item in old) or all(item in state for item in new)
    is_known = all(item in [*old, *new, *copies] for item in state)
    return "" if has_either and is_known else f"left {state} of {old} and {new}"


if __name__ == "__main__":
    gc.freeze()  # a fork then copies fewer pages
    for work_name in WORKS:
        for trial in trials(work_name, Path(sys.argv[1]), *map(int, sys.argv[2:])):
            print(json.dumps(asdict(trial)), flush=True)
