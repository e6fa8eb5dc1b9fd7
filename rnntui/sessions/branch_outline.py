"""Outline of a text's branches and bookmarks: a line for each, drawn as a tree."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from rnntui.sessions.branch_tree import Bookmark, Branch, BranchTree

_MAX_DEPTH = 8  # levels that are drawn indented
_EXCERPT = 200  # characters


@dataclass(frozen=True)
class OutlineRow:
    """A branch of the outline, or a bookmark in it.

    `offset` is where the branch parts from the one above it, or where the bookmark is; `lines` draws the tree before
    the row. `excerpt` is the text from there on. `length` in characters and `bits` per character are those of the text
    from where the branch parts; `bits` is None as long as no model has read it.
    """

    branch: Branch
    bookmark: Bookmark | None
    offset: int
    lines: str
    excerpt: str
    run: str = ""
    length: int = 0
    bits: float | None = None

    @property
    def name(self) -> str:
        """The name that a user gave it, or ""."""
        return self.bookmark.name if self.bookmark is not None else self.branch.name


@dataclass(eq=False)
class _Node:
    """A branch as it is drawn: under the oldest one, whichever is the current one."""

    branch: Branch
    start: int
    parent: _Node | None = None
    children: list[_Node] = field(default_factory=list)
    bookmarks: list[Bookmark] = field(default_factory=list)

    def adopt(self, child: _Node) -> None:
        child.parent = self
        self.children.append(child)


def outline(tree: BranchTree) -> list[OutlineRow]:
    """Return the rows of a tree: the branch that was begun first, and what is in it or parts from it, in its order.

    A branch whose text ends where others part is only the start of these, and has no row unless it is the current one.
    """
    root = _rooted_at_the_oldest(tree)
    rows: list[OutlineRow] = []
    waiting: list[tuple[_Node | OutlineRow, str, str]] = [(root, "", "")]
    while waiting:
        item, lines, lines_below = waiting.pop()
        if isinstance(item, OutlineRow):
            rows.append(item)
            continue
        rows.append(_branch_row(tree, item, lines))
        marks: list[tuple[int, _Node | Bookmark]] = [(mark.offset, mark) for mark in item.bookmarks]
        parts = sorted([*marks, *((child.start, child) for child in item.children)], key=lambda part: part[0])
        below: list[tuple[_Node | OutlineRow, str, str]] = []
        for index, (_, part) in enumerate(parts):
            is_last = index == len(parts) - 1
            drawn = lines_below + ("└ " if is_last else "├ ")
            if isinstance(part, Bookmark):
                below.append((_bookmark_row(tree, item.branch, part, drawn), "", ""))
            else:
                deeper = lines_below + ("  " if is_last else "│ ")
                below.append((part, drawn, deeper if len(deeper) <= 2 * _MAX_DEPTH else lines_below))
        waiting += reversed(below)
    return rows


def _branch_row(tree: BranchTree, node: _Node, lines: str) -> OutlineRow:
    branch, start = node.branch, node.start
    excerpt = tree.text_of(branch, start, min(branch.end, start + _EXCERPT))
    return OutlineRow(
        branch,
        None,
        start,
        lines,
        excerpt,
        tree.last_run(branch, start),
        branch.end - start,
        tree.bits_per_character(branch, start),
    )


def _bookmark_row(tree: BranchTree, branch: Branch, bookmark: Bookmark, lines: str) -> OutlineRow:
    offset = bookmark.offset
    excerpt = tree.text_of(branch, offset, min(branch.end, offset + _EXCERPT))
    return OutlineRow(branch, bookmark, offset, lines, excerpt)


def _rooted_at_the_oldest(tree: BranchTree) -> _Node:
    """Return the tree as it is drawn: of branches that part from each other, the one that was begun first goes on."""
    nodes = {branch: _Node(branch, branch.start) for branch in tree.branches()}
    for branch, node in nodes.items():
        if branch.parent is not None:
            nodes[branch.parent].adopt(node)
    is_start_only = any(child.start == tree.current.end for child in tree.current.children)
    root = nodes[tree.current]
    waiting = [root]
    while waiting:
        trunk = waiting.pop()
        oldest = min(
            _nodes_below(trunk),
            key=lambda node: (is_start_only and node.branch is tree.current, node.branch.number),
        )
        path = [oldest]
        while path[-1] is not trunk:
            parent = path[-1].parent
            assert parent is not None
            path.append(parent)
        for above, node in pairwise(reversed(path)):
            _take_place_of(above, node)
        if root is trunk:
            root = oldest
        waiting += oldest.children
    for branch, node in nodes.items():
        for bookmark in branch.bookmarks:
            owner = node
            while owner.parent is not None and owner.start >= bookmark.offset:
                owner = owner.parent
            owner.bookmarks.append(bookmark)
    return root


def _nodes_below(trunk: _Node) -> list[_Node]:
    """Return a node and all below it."""
    nodes = [trunk]
    for node in nodes:
        nodes += node.children
    return nodes


def _take_place_of(trunk: _Node, node: _Node) -> None:
    """Let a child go on where it parts, and make what its parent has behind that place a child of it."""
    fork, above = node.start, trunk.parent
    children, trunk.children = [child for child in trunk.children if child is not node], []
    for child in children:
        (node if child.start <= fork else trunk).adopt(child)
    node.start, trunk.start, node.parent = trunk.start, fork, above
    if above is not None:
        above.children[above.children.index(trunk)] = node
    node.adopt(trunk)
