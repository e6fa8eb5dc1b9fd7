"""Undo history of a text: the positions in its branches from before each change that cut it."""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple

from rnntui.sessions.branch_tree import BranchPosition, BranchTree

_LIMIT = 8  # changes that can be undone


class UndoneText(NamedTuple):
    """A text to return to; its tree is another one where a new text was begun or opened."""

    tree: BranchTree
    position: BranchPosition

    def is_gone(self) -> bool:
        """Return True if its branch was deleted."""
        return not self.tree.contains(self.position.branch)

    def is_shown(self, tree: BranchTree) -> bool:
        """Return True if it is the present text of a tree."""
        if self.tree is tree:
            return tree.is_at(self.position)
        branch, length = self.position
        text = tree.transcript.text
        return length == len(text) and self.tree.text_of(branch, 0, length) == text


class UndoHistory:
    """Texts to return to by undo, and by redo until the next change."""

    def __init__(self) -> None:
        self._before: deque[tuple[float, UndoneText]] = deque(maxlen=_LIMIT)
        self._after: list[UndoneText] = []

    def copy(self) -> UndoHistory:
        """Return a copy, to restore later."""
        other = UndoHistory()
        other._before.extend(self._before)
        other._after.extend(self._after)
        return other

    def last_change(self, tree: BranchTree) -> float | None:
        """Return the monotonic time of the change that `undo` would revert, or None if there is none."""
        changes = reversed(self._before)
        return next((time for time, text in changes if not text.is_gone() and not text.is_shown(tree)), None)

    def record(self, tree: BranchTree) -> None:
        """Remember the present text, which is about to be cut. Discards what could be redone."""
        self._after.clear()
        if tree.transcript.text:
            self._before.append((time.monotonic(), UndoneText(tree, tree.position)))

    def undo(self, tree: BranchTree) -> UndoneText | None:
        """Return the text from before the last change, in exchange for the present one; or None."""
        # Going to another branch may have restored what an earlier change had cut.
        while self._before and (self._before[-1][1].is_gone() or self._before[-1][1].is_shown(tree)):
            self._before.pop()
        if not self._before:
            return None
        self._after.append(UndoneText(tree, tree.position))
        return self._before.pop()[1]

    def redo(self, tree: BranchTree) -> UndoneText | None:
        """Return the text that the last `undo` replaced, in exchange for the present one; or None."""
        while self._after and self._after[-1].is_gone():
            self._after.pop()
        if not self._after:
            return None
        self._before.append((time.monotonic(), UndoneText(tree, tree.position)))
        return self._after.pop()
