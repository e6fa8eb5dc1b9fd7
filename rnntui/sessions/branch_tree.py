"""The branches of a text: the current one, which the model continues, and those that it parts from.

Whatever cuts the text (a rewind, an edit, generating again) leaves a branch behind. A branch is stored from where it
parts from another one, so every part of the tree is in memory once. The current branch is the trunk: it is stored from
its start, and all others hang on it. Going to another branch makes that one the trunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from rnntui.sessions.transcript import Transcript
from rnntui.sessions.transcript_editing import append_tail, append_turns, split
from rnntui.text.documents import DocumentFormat

MAX_BRANCHES = 500
MAX_CHARACTERS = 1_000_000
"""Limits of the branches beside the current one. Beyond them, those left longest ago go, if they have no name."""

_ALWAYS_KEPT = 8  # branches left last, however long they are: what can be undone


@dataclass(eq=False)
class Bookmark:
    """A named place: `offset` characters of the text of its branch are before it."""

    name: str
    offset: int


@dataclass(eq=False)
class Branch:
    """A branch from where it parts from its parent: after `start` characters of the parent's text.

    `number` is its place in the order of creation. `tail` is in tokens of the model of `documents`. `shown_end` is the
    length at which its text was left, if it had been cut there.
    """

    number: int
    tail: Transcript
    documents: DocumentFormat
    start: int = 0
    name: str = ""
    parent: Branch | None = None
    children: list[Branch] = field(default_factory=list)
    bookmarks: list[Bookmark] = field(default_factory=list)
    left: int = 0  # when it was left last, in an order of its own
    shown_end: int | None = None

    @property
    def end(self) -> int:
        """The length in characters of its whole text."""
        return self.start + len(self.tail.text)

    @property
    def shown(self) -> BranchPosition:
        """The text as it was when it was left."""
        return BranchPosition(self, self.end if self.shown_end is None else self.shown_end)

    @property
    def last_fork(self) -> int:
        """The offset where the last of its children parts; its start without children."""
        return max((child.start for child in self.children), default=self.start)

    def first_number(self, offset: int) -> int:
        """Return the lowest number of this branch and of all that part from it after an offset."""
        number, waiting = self.number, [child for child in self.children if child.start > offset]
        while waiting:
            branch = waiting.pop()
            number = min(number, branch.number)
            waiting += branch.children
        return number

    def adopt(self, child: Branch) -> None:
        """Let a child part from this branch."""
        child.parent = self
        self.children.append(child)


class BranchPosition(NamedTuple):
    """A text of the tree: the first `length` characters of a branch."""

    branch: Branch
    length: int


class UnknownLine(NamedTuple):
    """A line of a saved text that only another version knows, to be saved again as it is.

    `after` is the line that it follows: the number of turns with a text before it, or else the name of the line.
    """

    text: str
    after: int | str


class DeletedBranch(NamedTuple):
    """A branch that was deleted, and the one that it parted from."""

    branch: Branch
    parent: Branch


class BranchTree:
    """The current branch, whose `transcript` is the text, and all that part from it.

    All offsets are in characters, so that they hold under every model.
    """

    def __init__(self, documents: DocumentFormat) -> None:
        """Begin an empty text, in tokens of the model of `documents`."""
        self.current = Branch(1, Transcript(), documents)
        self.revision = 0  # counts changes of branches and bookmarks, to be saved
        self.unknown_lines: list[UnknownLine] = []
        self._numbers, self._departures = 1, 0

    @property
    def transcript(self) -> Transcript:
        """The text of the current branch, with tokens and turns."""
        return self.current.tail

    # -- looking ---------------------------------------------------------------------------------------------------

    def branches(self) -> Iterator[Branch]:
        """Yield all branches, each after the one that it parts from; the current one is the first."""
        waiting = [self.current]
        while waiting:
            branch = waiting.pop()
            yield branch
            waiting += branch.children

    def contains(self, branch: Branch) -> bool:
        """Return False for a branch that was deleted or had no text of its own."""
        return self._path(branch)[0] is self.current

    def _path(self, branch: Branch) -> list[Branch]:
        """Return a branch with those that it hangs on, the current one first."""
        path = [branch]
        while path[-1].parent is not None:
            path.append(path[-1].parent)
        return path[::-1]

    def pieces(self, branch: Branch, start: int = 0, end: int | None = None) -> Iterator[tuple[Branch, int, int]]:
        """Yield the parts of a branch's text between two offsets: the branch that stores each, and its offsets."""
        path = self._path(branch)
        bounds = [part.start for part in path] + [branch.end if end is None else end]
        for part, part_start, part_end in zip(path, bounds, bounds[1:], strict=False):
            first, last = max(part_start, start), min(part_end, bounds[-1])
            if first < last:
                yield part, first, last

    def text_of(self, branch: Branch, start: int = 0, end: int | None = None) -> str:
        """Return the text of a branch between two offsets."""
        return "".join(
            part.tail.text[first - part.start : last - part.start]
            for part, first, last in self.pieces(branch, start, end)
        )

    def bits_per_character(self, branch: Branch, start: int) -> float | None:
        """Return the mean surprisal of a branch's text from an offset on, as far as it has been read, or None."""
        bits, characters = 0.0, 0
        for part, first, last in self.pieces(branch, start):
            tail, unknown_id = part.tail, part.documents.tokenizer.unknown_id
            read = tail.surprisal(unknown_id, tail.token_at(first - part.start), tail.token_at(last - part.start))
            bits, characters = bits + read[0], characters + read[1]
        return bits / characters if characters else None

    def last_run(self, branch: Branch, start: int) -> str:
        """Return the model that wrote last in a branch's text from an offset on, or ""."""
        for part, first, last in reversed(list(self.pieces(branch, start))):
            tail = part.tail
            first_token, end_token = tail.token_at(first - part.start), tail.token_at(last - part.start)
            ends = [*(turn.start for turn in tail.turns[1:]), len(tail)]
            for turn, end in zip(reversed(tail.turns), reversed(ends), strict=True):
                if turn.role == "model" and turn.run and turn.start < end_token and end > first_token:
                    return turn.run
        return ""

    def transcript_of(self, branch: Branch) -> Transcript:
        """Return a copy of the transcript of a branch, in tokens of the present model."""
        path = self._path(branch)
        copy = self.transcript.copy()
        for part in path[1:]:
            split(copy, part.start, self.current.documents)
            append_tail(copy, part.tail, part.documents, self.current.documents)
        return copy

    def shared_length(self, branch: Branch) -> int:
        """Return where a branch parts from the current one."""
        path = self._path(branch)
        return path[1].start if len(path) > 1 else branch.end

    @property
    def position(self) -> BranchPosition:
        """The present text. Where it ends as another branch parts, it is the start of that one."""
        length = len(self.transcript.text)
        branch = next((child for child in self.current.children if child.start == length), self.current)
        return BranchPosition(branch, length)

    def is_at(self, position: BranchPosition) -> bool:
        """Return True if the present text is that of a position of the tree."""
        branch, length = position
        if length != len(self.transcript.text):
            return False
        return self.shared_length(branch) >= length or self.text_of(branch, 0, length) == self.transcript.text

    # -- changing --------------------------------------------------------------------------------------------------

    def cut(self, offset: int) -> None:
        """Cut the current branch; what is cut off becomes a branch that parts there."""
        trunk = self.current
        if offset >= trunk.end:
            return
        self._divide(trunk, offset)
        self._drop_oldest()

    def go_to(self, position: BranchPosition) -> None:
        """Make a branch the current one, and cut it at a length."""
        branch, length = position
        path = self._path(branch)[1:]
        bounds = [part.start for part in path[1:]] + [branch.end]
        for part, end in zip(path, bounds, strict=False):
            shared = self._divide(part, end) if end < part.end else part
            if shared.start < self.current.end:
                self._divide(self.current, shared.start)
            self._join(shared)
        self.cut(length)

    def use(self, documents: DocumentFormat) -> None:
        """Encode the current branch for another model."""
        trunk = self.current
        if trunk.documents.tokenizer is not documents.tokenizer:
            encoded = Transcript()
            append_turns(encoded, trunk.tail.turn_texts(), documents, trunk.tail)
            trunk.tail = encoded
        trunk.documents = documents

    def _divide(self, branch: Branch, offset: int) -> Branch:
        """Divide a branch at an offset before its end; it becomes a child of the new branch of what is before that.

        Returns the new branch.
        """
        self._numbers += 1
        head = Branch(self._numbers, branch.tail, branch.documents, branch.start, parent=branch.parent)
        self._replace(branch, head)
        branch.tail = split(head.tail, offset - head.start, branch.documents)
        branch.start = offset
        children, branch.children = branch.children, []
        for child in children:
            (head if child.start <= offset else branch).adopt(child)
        head.bookmarks = [bookmark for bookmark in branch.bookmarks if bookmark.offset <= offset]
        branch.bookmarks = [bookmark for bookmark in branch.bookmarks if bookmark.offset > offset]
        self._departures += 1
        branch.left, branch.shown_end = self._departures, None
        head.adopt(branch)
        if branch.last_fork == branch.end:  # it had only been cut there, and has nothing of its own
            child = next(child for child in branch.children if child.start == branch.end)
            child.left, child.shown_end = branch.left, branch.end
            self._join(child)
        self.revision += 1
        return head

    def _join(self, child: Branch) -> None:
        """Join a child onto the end of its parent, whose place it takes."""
        head = child.parent
        assert head is not None and head.end == child.start
        append_tail(head.tail, child.tail, child.documents, head.documents)
        child.tail, child.documents, child.start = head.tail, head.documents, head.start
        child.parent = head.parent
        self._replace(head, child)
        for other in head.children:
            if other is not child:
                child.adopt(other)
        child.bookmarks[:0] = head.bookmarks
        head.parent, head.children, head.bookmarks = None, [], []
        self.revision += 1

    def _replace(self, branch: Branch, other: Branch) -> None:
        """Put another branch into the place of one."""
        if branch is self.current:
            self.current = other
        elif branch.parent is not None:
            siblings = branch.parent.children
            siblings[siblings.index(branch)] = other

    def _drop_oldest(self) -> None:
        """Keep within the limits."""
        stored = [branch for branch in self.branches() if branch is not self.current]
        count, size = len(stored), sum(len(branch.tail.text) for branch in stored)
        for branch in sorted(stored, key=lambda branch: branch.left)[:-_ALWAYS_KEPT]:
            if count <= MAX_BRANCHES and size <= MAX_CHARACTERS:
                break
            if not branch.name and not any(mark.offset > branch.last_fork for mark in branch.bookmarks):
                size -= branch.end - branch.last_fork
                count -= 1
                self.delete(branch)

    # -- names, bookmarks, deletion ----------------------------------------------------------------------------------

    def rename(self, branch: Branch, name: str) -> None:
        """Name a branch, or with "" take its name away."""
        branch.name = name
        self.revision += 1

    def add_bookmark(self, name: str, offset: int) -> Bookmark:
        """Set a bookmark in the current branch; one that is there already is renamed."""
        bookmark = self.bookmark_at(offset)
        if bookmark is None:
            bookmark = Bookmark(name, offset)
            self.current.bookmarks.append(bookmark)
            self.current.bookmarks.sort(key=lambda bookmark: bookmark.offset)
        self.rename_bookmark(bookmark, name)
        return bookmark

    def bookmark_at(self, offset: int) -> Bookmark | None:
        """Return the bookmark at an offset of the current branch, or None."""
        return next((bookmark for bookmark in self.current.bookmarks if bookmark.offset == offset), None)

    def rename_bookmark(self, bookmark: Bookmark, name: str) -> None:
        """Give a bookmark another name."""
        bookmark.name = name
        self.revision += 1

    def remove_bookmark(self, branch: Branch, bookmark: Bookmark) -> None:
        """Remove a bookmark of a branch."""
        branch.bookmarks.remove(bookmark)
        self.revision += 1

    def restore_bookmark(self, branch: Branch, bookmark: Bookmark) -> bool:
        """Set a removed bookmark again, in what its branch has become. Return False if its branch was deleted."""
        if not self.contains(branch):
            return False
        bookmark.offset = min(bookmark.offset, branch.end)
        owner = self._owner(branch, bookmark.offset)
        owner.bookmarks.append(bookmark)
        owner.bookmarks.sort(key=lambda bookmark: bookmark.offset)
        self.revision += 1
        return True

    def delete(self, branch: Branch) -> DeletedBranch:
        """Delete what a branch other than the current one has alone: after the last of its children has parted."""
        fork, parent = branch.last_fork, branch.parent
        assert parent is not None
        if branch.children:
            head = self._divide(branch, fork)
            parent = next(child for child in head.children if child is not branch and child.start == fork)
            head.children.remove(branch)
            self._join(parent)
        else:
            parent.children.remove(branch)
        branch.parent = None
        self.revision += 1
        return DeletedBranch(branch, parent)

    def restore(self, deleted: DeletedBranch) -> bool:
        """Bring a deleted branch back. Return False if the one that it parted from is gone."""
        branch, parent = deleted
        if not self.contains(parent):
            return False
        self._owner(parent, branch.start).adopt(branch)
        self.revision += 1
        return True

    def attach(self, branch: Branch, parent: Branch) -> None:
        """Add a branch that was saved; one that would begin behind its parent begins at its end."""
        room = parent.end - (parent is not self.current)  # what other branches begin with has a text of its own
        branch.start = min(branch.start, room)
        self._owner(parent, branch.start).adopt(branch)
        self._numbers = max(self._numbers, branch.number, self.current.number)
        self.revision += 1

    def _owner(self, branch: Branch, offset: int) -> Branch:
        """Return the branch that stores the character before an offset of a branch's text."""
        while branch.parent is not None and branch.start >= offset:
            branch = branch.parent
        return branch
