"""Branches and bookmarks of the chat session: what the list of them and the comparison do to the active pane's text."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from rnntui.errors import UsageError

if TYPE_CHECKING:
    from rnntui.sessions.branch_outline import OutlineRow
    from rnntui.sessions.branch_tree import Branch, BranchTree
    from rnntui.sessions.chat_pane import ChatPane
    from rnntui.sessions.conversation import Conversation

_MAX_NAME = 100  # characters
_SUGGESTED = 30  # characters


class ChatBranches:
    """Sets bookmarks, goes from branch to branch, names them and deletes them."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """`changed` wakes the worker and updates the screen."""
        self._changed = changed
        self._undo_deletions: list[tuple[BranchTree, Callable[[], bool]]] = []

    def bookmark_name(self, conversation: Conversation, offset: int) -> str:
        """Return the name of the bookmark at an offset, or one to propose: the words around it."""
        bookmark = conversation.tree.bookmark_at(offset)
        if bookmark is not None:
            return bookmark.name
        text = conversation.transcript.text
        words = text[offset : offset + _SUGGESTED].split()
        if words and offset + _SUGGESTED < len(text) and len(words) > 1:
            words.pop()  # it may be half a word
        before = text[max(0, offset - _SUGGESTED) : offset].split()
        return " ".join(words or before[-4:])

    def set_bookmark(self, conversation: Conversation, offset: int, name: str) -> None:
        """Set a bookmark, or rename the one that is there. Raises `UsageError` if the name is empty."""
        conversation.tree.add_bookmark(_bookmark_name(name), min(offset, len(conversation.transcript.text)))
        self._changed()

    def go_to(self, conversation: Conversation, branch: Branch) -> None:
        """Continue with another branch."""
        conversation.go_to(branch)
        self._changed()

    def rename(self, conversation: Conversation, row: OutlineRow, name: str) -> None:
        """Name a branch, or a bookmark, whose name must not be empty."""
        if row.bookmark is not None:
            conversation.tree.rename_bookmark(row.bookmark, _bookmark_name(name))
        else:
            conversation.tree.rename(row.branch, _one_line(name))
        self._changed()

    def delete(self, conversation: Conversation, row: OutlineRow) -> None:
        """Delete a bookmark or a branch; `restore` brings it back. Raises `UsageError` if it is the current branch."""
        tree = conversation.tree
        if row.bookmark is not None:
            owner = next(branch for branch in tree.branches() if row.bookmark in branch.bookmarks)
            tree.remove_bookmark(owner, row.bookmark)
            undo = partial(tree.restore_bookmark, owner, row.bookmark)
        elif row.branch is tree.current:
            raise UsageError("this is the branch you are on; go to another one, then it can be deleted")
        else:
            undo = partial(tree.restore, tree.delete(row.branch))
        self._undo_deletions.append((tree, undo))
        self._changed()

    def restore(self, conversation: Conversation) -> bool:
        """Bring back what was deleted last from the text of a conversation. Returns False if there is nothing."""
        tree = conversation.tree
        deletion = next((item for item in reversed(self._undo_deletions) if item[0] is tree), None)
        if deletion is None:
            return False
        self._undo_deletions.remove(deletion)
        is_restored = deletion[1]()
        self._changed()
        return is_restored

    def left_last(self, pane: ChatPane) -> Branch | None:
        """Return the branch that was left last, or None if there is only the current one."""
        if pane.conversation is None:
            return None
        tree = pane.conversation.tree
        others = [branch for branch in tree.branches() if branch is not tree.current]
        return max(others, key=lambda branch: (branch.left, branch.number), default=None)


def _bookmark_name(name: str) -> str:
    if not _one_line(name):
        raise UsageError("type a name for the bookmark")
    return _one_line(name)


def _one_line(name: str) -> str:
    return " ".join(name.split())[:_MAX_NAME]
