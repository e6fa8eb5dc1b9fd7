"""Format of a saved text: JSON lines of its turns, other branches and bookmarks, and of what was typed beside it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate, chain
from typing import Any, get_args
from weakref import WeakKeyDictionary

from rnntui.config_generation import SamplingConfig
from rnntui.errors import RnntuiError
from rnntui.sessions.branch_tree import Bookmark, Branch, BranchTree, UnknownLine
from rnntui.sessions.transcript import Role, Transcript, Turn
from rnntui.sessions.transcript_editing import NOT_ENCODED, append_turns
from rnntui.untrusted_files import parse_bounded_json

TurnTexts = list[tuple[Turn, str]]

_KEYS = frozenset(
    {
        *("role", "text", "run", "seed", "settings", "learned", "continues", "current", "name", "learns"),
        *("branch", "parent", "start", "turns", "bookmark", "offset", "unsent", "edited"),
    }
)
"""Keys of the lines of all known kinds."""

_written_turns: WeakKeyDictionary[Branch, tuple[Transcript, int, str]] = WeakKeyDictionary()
"""The turns of each branch beside the current one as they were written last: these hardly ever change."""


@dataclass
class SavedBranch:
    """A branch as it was saved. `parent` is the number of the one that it parts from, after `start` characters."""

    number: int
    parent: int
    start: int
    name: str
    turn_texts: TurnTexts


@dataclass
class SavedTranscript:
    """A saved text: the turns of its current branch, the other branches, and bookmarks by the number of their branch.

    `learns` is True if the model was learning from it when it was saved. `unsent` is what was typed and not sent;
    `edited` is the text as it was being edited, or None if it was not. `unknown_lines` are of kinds that this version
    does not know.
    """

    turn_texts: TurnTexts = field(default_factory=list)
    number: int = 1
    name: str = ""
    learns: bool = False
    branches: list[SavedBranch] = field(default_factory=list)
    bookmarks: list[tuple[int, Bookmark]] = field(default_factory=list)
    unsent: str = ""
    edited: str | None = None
    unknown_lines: list[UnknownLine] = field(default_factory=list)

    @property
    def run(self) -> str:
        """The name of the model that wrote last in the current branch, or ""."""
        return next((turn.run for turn, _ in reversed(self.turn_texts) if turn.role == "model" and turn.run), "")

    def add_to(self, tree: BranchTree) -> None:
        """Add branches, bookmarks and unknown lines to a tree that has the turns."""
        tree.unknown_lines = list(self.unknown_lines)
        tree.current.number, tree.current.name = self.number, self.name
        branches = {self.number: tree.current}
        for saved in self.branches:
            tail = Transcript()
            append_turns(tail, saved.turn_texts, NOT_ENCODED)
            branches[saved.number] = Branch(saved.number, tail, NOT_ENCODED, saved.start, saved.name)
            tree.attach(branches[saved.number], branches[saved.parent])
        for number, bookmark in self.bookmarks:
            tree.restore_bookmark(branches[number], bookmark)


# -- writing ---------------------------------------------------------------------------------------------------------


def turn_lines(transcript: Transcript) -> str:
    """Return a JSON object for each turn, one a line.

    Keys are `role` and `text`; for a model's turn also `run`, `seed` and `settings`: a list of the settings in force
    from a `token` of the turn on, counted from 0; and `learned`, true, if the model had learned from the text before.
    """
    return "".join(json.dumps(_turn_values(turn, text)) + "\n" for turn, text in transcript.turn_texts())


def _turn_values(turn: Turn, text: str) -> dict[str, object]:
    values: dict[str, object] = {"role": turn.role, "text": text}
    if turn.role == "model":
        changes = [{"token": token - turn.start, **asdict(settings)} for token, settings in turn.settings]
        values |= {"run": turn.run, "seed": turn.seed, "settings": changes}
        if turn.learned:
            values["learned"] = True
    if turn.continues:
        values["continues"] = True
    return values


def text_lines(tree: BranchTree, *, learns: bool) -> str:
    """Return the lines of a text: the turns of the current branch, then what else there is.

    The line after the turns has the number and the name of the `current` branch; `learns` is true if the model learns
    from the text. Another branch has its number as `branch`, that of its `parent`, the `start` in characters at which
    it parts from it, its `name`, and its `turns`, of which the first one may continue the turn before (`continues`). A
    `bookmark` has the number of its `branch` and its `offset` in characters. Lines of kinds that only another version
    knows are as they were read, each after the line that it followed, or last if that is gone.
    """
    counts = accumulate(bool(text) for _, text in tree.transcript.turn_texts())  # of turns with a text
    turns = list(zip(counts, turn_lines(tree.transcript).splitlines(), strict=True))
    turn_count = turns[-1][0] if turns else 0
    following: defaultdict[int | str, list[str]] = defaultdict(list)
    for line in tree.unknown_lines:
        following[min(line.after, turn_count) if isinstance(line.after, int) else line.after].append(line.text)
    lines = following.pop(0, [])
    known_lines: list[tuple[int | str, str]] = [*turns, *_lines_after_turns(tree, learns=learns)]
    for place, known in known_lines:
        lines += [known, *following.pop(place, [])]
    return "".join(f"{line}\n" for line in chain(lines, *following.values()))


def _lines_after_turns(tree: BranchTree, *, learns: bool) -> list[tuple[str, str]]:
    """Return the name of each line (see `UnknownLine`) and the line."""
    branches = list(tree.branches())
    lines = [
        (_branch_place(branch.number), _branch_line(branch, branch.parent))
        for branch in branches
        if branch.parent is not None
    ]
    lines += [
        (_bookmark_place(mark), json.dumps({"bookmark": mark.name, "branch": branch.number, "offset": mark.offset}))
        for branch in branches
        for mark in branch.bookmarks
    ]
    current = tree.current
    if lines or learns or current.name:
        facts = {"current": current.number, "name": current.name, "learns": learns}
        lines.insert(0, (_CURRENT, json.dumps(facts)))
    return lines


_CURRENT = "current"


def _branch_place(number: int) -> str:
    return f"branch {number}"


def _bookmark_place(bookmark: Bookmark) -> str:
    """Return the name of a bookmark's line; the number of its branch may change, its offset stays."""
    return f"bookmark {bookmark.offset} {bookmark.name}"


def _branch_line(branch: Branch, parent: Branch) -> str:
    facts = {"branch": branch.number, "parent": parent.number, "start": branch.start, "name": branch.name}
    return f'{json.dumps(facts)[:-1]}, "turns": {_turns_json(branch)}}}'


def _turns_json(branch: Branch) -> str:
    written = _written_turns.get(branch)
    if written is None or written[0] is not branch.tail or written[1] != len(branch.tail):
        turns = json.dumps([_turn_values(turn, text) for turn, text in branch.tail.turn_texts()])
        written = _written_turns[branch] = branch.tail, len(branch.tail), turns
    return written[2]


def typed_lines(unsent: str, edited: str | None = None) -> str:
    """Return the last lines of a text's: what was typed and not sent, and the text as it is being edited, if it is."""
    values = ({"unsent": unsent} if unsent else None, {"edited": edited} if edited is not None else None)
    return "".join(json.dumps(value) + "\n" for value in values if value is not None)


# -- reading ---------------------------------------------------------------------------------------------------------


class SavedLineError(ValueError):
    """A line of a saved text is damaged, or as only another version writes it. `number` counts from 1."""

    def __init__(self, number: int) -> None:
        super().__init__(f"line {number} is not a turn of a saved text that this version of rnntui knows")


def parse_lines(lines: Iterable[str]) -> SavedTranscript:
    """Return the text that lines describe. Raises `SavedLineError` at the first wrong line.

    An object without the key that makes it one of the known kinds (`current`, `unsent`, `edited`, `bookmark`, the
    `turns` of a branch, or the `role` of a turn) is of another kind, as a later version may write, if it has a key or a
    role that no known kind has. It may share other keys with them, such as the `branch` that it refers to. A file with
    nothing else is no saved text.
    """
    saved = SavedTranscript()
    numbers = {saved.number}  # of all branches so far
    has_current = False
    line_number, turn_count = 0, 0
    after: int | str = 0  # what an unknown line would follow
    for line_number, line in enumerate(lines, start=1):
        try:
            values = parse_bounded_json(line.encode("utf-8", "surrogatepass"))
            if "current" in values:
                if has_current or saved.branches or saved.bookmarks:  # they belong to branches by their numbers
                    raise ValueError("current")
                has_current = True
                saved.number, saved.name = _count(values["current"]), _text(values["name"])
                saved.learns = values["learns"] is True
                numbers, after = {saved.number}, _CURRENT
            elif "unsent" in values:
                saved.unsent, after = _text(values["unsent"]), "typed"
            elif "edited" in values:
                saved.edited, after = _text(values["edited"]), "typed"
            elif "bookmark" in values:
                saved.bookmarks.append(_parse_bookmark(values, numbers))
                after = _bookmark_place(saved.bookmarks[-1][1])
            elif "branch" in values and "turns" in values:
                saved.branches.append(_parse_branch(values, numbers))
                numbers.add(saved.branches[-1].number)
                after = _branch_place(saved.branches[-1].number)
            elif _is_of_unknown_kind(values):
                saved.unknown_lines.append(UnknownLine(line, after))
            else:
                turn, text = _parse_turn(values)
                saved.turn_texts.append((replace(turn, continues=False), text))
                turn_count += bool(text)
                after = turn_count
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RnntuiError) as error:
            raise SavedLineError(line_number) from error
    if line_number and line_number == len(saved.unknown_lines):
        raise SavedLineError(1)
    if not has_current:  # before branches were saved, only the turns said that the model learned
        turns = [turn for turn, _ in saved.turn_texts if turn.role == "model"]
        saved.learns = bool(turns) and turns[-1].learned
    return saved


def _is_of_unknown_kind(values: object) -> bool:
    """Return True for an object that no known kind has claimed, and that is no damaged line of one of them."""
    if not isinstance(values, dict):
        return False
    if "role" in values:
        return isinstance(values["role"], str) and values["role"] not in get_args(Role)
    return not _KEYS.issuperset(values)


def _parse_turn(values: dict[str, Any]) -> tuple[Turn, str]:
    role, text, seed = values["role"], values["text"], values.get("seed")
    if role not in get_args(Role) or not isinstance(text, str):
        raise ValueError("role or text")
    valid_seed = seed is None or (isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**64)
    if not valid_seed or not isinstance(values.get("run", ""), str):
        raise ValueError("seed or run")
    turn = Turn(role, 0, values.get("run", ""), seed, learned=values.get("learned") is True)
    turn.continues = values.get("continues") is True
    for change in values.get("settings", []):
        token = change.pop("token")
        if not isinstance(token, int) or not 0 <= token <= len(text) * 8:
            raise ValueError("token")
        turn.settings.append((token, SamplingConfig.from_json(change)))
    return turn, text


def _parse_branch(values: dict[str, Any], numbers: set[int]) -> SavedBranch:
    turn_texts = [_parse_turn(turn) for turn in values["turns"]]
    if not any(text for _, text in turn_texts) or any(turn.continues for turn, _ in turn_texts[1:]):
        raise ValueError("turns")
    number, parent = _count(values["branch"]), _count(values["parent"])
    if number in numbers or parent not in numbers:
        raise ValueError("branch or parent")
    return SavedBranch(number, parent, _count(values["start"]), _text(values["name"]), turn_texts)


def _parse_bookmark(values: dict[str, Any], numbers: set[int]) -> tuple[int, Bookmark]:
    number = _count(values["branch"])
    if number not in numbers:
        raise ValueError("branch")
    return number, Bookmark(_text(values["bookmark"]), _count(values["offset"]))


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise ValueError("not a count")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
