"""Browser of the branches and bookmarks of a text: search, go to one, compare, rename, delete."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from rich.cells import cell_len, set_cell_size
from textual import work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Label, OptionList, Static
from textual.widgets.option_list import Option

from rnntui.errors import RnntuiError
from rnntui.formatting import format_count
from rnntui.sessions.branch_outline import OutlineRow, outline
from rnntui.sessions.branch_tree import Branch
from rnntui.sessions.chat_branches import ChatBranches
from rnntui.sessions.conversation import Conversation
from rnntui.text.control_chars import (
    escape_control_chars,
    first_line,
    one_line,
    truncate,
)
from rnntui.tui.screens.list_browser import MAX_CALLED, ListBrowser
from rnntui.tui.widgets.colours import MUTED

_MODEL, _LENGTH, _BITS = 13, 8, 11  # widths of the columns in cells; the title has the rest
_PREVIEW = 600  # characters after a place, and half as many before it


class TextPlace(NamedTuple):
    """Where to go: a branch, and the offset of a bookmark in it, or None for its end."""

    branch: Branch
    offset: int | None = None


class BranchBrowser(ListBrowser[OutlineRow, TextPlace]):
    """A tree of branches and bookmarks, filtered by what is typed. The result is the place to go to, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f6", "compare", "Compare", show=False, priority=True)]
    HEADING = "Branches and bookmarks"
    HINTS: ClassVar[dict[str, str]] = {
        "search": "Enter goes there, F6 compares, Ctrl+R names, Ctrl+D deletes, Esc closes",
        "rename": "Enter names it, Esc goes back",
        "delete": "y deletes, any other key keeps it",
    }
    LINE_LABELS: ClassVar[dict[str, str]] = {"rename": "Name "}

    def __init__(self, conversation: Conversation, branches: ChatBranches) -> None:
        super().__init__()
        self._conversation, self._branches = conversation, branches
        self._rows: list[OutlineRow] = []

    # -- the list --------------------------------------------------------------------------------------------------

    def load(self) -> None:
        highlighted = self.current
        self._rows = outline(self._conversation.tree)
        self.show_rows(highlighted)

    @property
    def current(self) -> OutlineRow | None:
        """The highlighted row."""
        option = self.query_one(OptionList).highlighted_option
        index = int(option.id) if option is not None and option.id is not None else len(self._rows)
        return self._rows[index] if index < len(self._rows) else None

    def show_rows(self, highlighted: OutlineRow | None = None) -> None:
        """Show the rows that match, and highlight one: that which was, or else the current branch."""
        options, words = self.query_one(OptionList), self.words
        highlighted = highlighted or self.current
        width = options.scrollable_content_region.width or 70
        matching = [(index, row) for index, row in enumerate(self._rows) if self._matches(row, words)]
        items = [Option(self._line(row, width, drawn=not words), id=str(index)) for index, row in matching]
        options.set_options(items or [Option(Content.styled("Nothing matches.", MUTED), disabled=True)])
        places = {(row.branch, row.bookmark): index for index, (_, row) in enumerate(matching)}
        at = places.get((self._conversation.tree.current, None), 0)
        if highlighted is not None:
            at = places.get((highlighted.branch, highlighted.bookmark), at)
        options.highlighted = at if matching else None
        count = f" {len(matching):,} of {len(self._rows):,}" if words else f" {len(self._rows):,}"
        self.query_one("#count", Label).update(count)
        title_width = max(8, width - _MODEL - _LENGTH - _BITS)
        header = f"{'branch, ◆ bookmark':{title_width}}{'model':{_MODEL}}{'length':>{_LENGTH}}{'bits/char':>{_BITS}}"
        self.query_one("#columns", Label).update(header)
        self.show_preview()

    def _matches(self, row: OutlineRow, words: list[str]) -> bool:
        if not words:
            return True
        end = row.branch.end if row.bookmark is None else min(row.branch.end, row.offset + len(row.excerpt))
        text = f"{row.name}\n{row.run}\n{self._conversation.tree.text_of(row.branch, row.offset, end)}".casefold()
        return all(word in text for word in words)

    def _is_current(self, row: OutlineRow) -> bool:
        return row.bookmark is None and row.branch is self._conversation.tree.current

    def _line(self, row: OutlineRow, width: int, *, drawn: bool) -> Content:
        sign = "◆ " if row.bookmark is not None else "● " if self._is_current(row) else "○ "
        lines = row.lines if drawn else ""
        title_width = max(8, width - _MODEL - _LENGTH - _BITS) - cell_len(lines + sign)
        name = one_line(row.name)
        excerpt = first_line(row.excerpt) or ("(the text ends here)" if not row.excerpt else "")
        title = truncate(f"{name}  {excerpt}" if name else excerpt, max(1, title_width - 1), cell_len)
        shown_name = title[: len(name)]
        facts = ""
        if row.bookmark is None:
            bits = "" if row.bits is None else f"{row.bits:.2f}"
            model = set_cell_size(truncate(one_line(row.run), _MODEL - 1, cell_len), _MODEL)
            facts = f"{model}{format_count(row.length).rjust(_LENGTH)}{bits.rjust(_BITS)}"
        rest = set_cell_size(title[len(shown_name) :], max(0, title_width - cell_len(shown_name)))
        is_current = self._is_current(row)
        return Content.assemble(
            (lines, MUTED),
            (sign, "bold $text-accent" if is_current or row.bookmark is not None else ""),
            (shown_name, "bold"),
            (rest, MUTED if name else "bold" if is_current else ""),
            (facts, MUTED),
        )

    def show_preview(self) -> None:
        row, preview = self.current, self.query_one("#preview", Static)
        if row is None:
            preview.update("")
            return
        tree = self._conversation.tree
        before = tree.text_of(row.branch, max(0, row.offset - _PREVIEW // 2), row.offset)
        if not self.has_class("-wide"):
            before = before.rpartition("\n")[2][-80:]
        after = tree.text_of(row.branch, row.offset, min(row.branch.end, row.offset + _PREVIEW))
        sign = "◆" if row.bookmark is not None else "│" if row.offset else ""
        preview.update(
            Content.assemble(
                (escape_control_chars(before), MUTED), (sign, "bold $text-accent"), (escape_control_chars(after), "")
            )
        )

    # -- actions ---------------------------------------------------------------------------------------------------

    def choose(self) -> None:
        """Go to the highlighted place."""
        row = self.current
        if row is not None:
            self.dismiss(TextPlace(row.branch, row.offset if row.bookmark is not None else None))

    def submit(self, line: str) -> None:
        """Name the highlighted branch or bookmark."""
        if (row := self.current) is None:
            return
        try:
            self._branches.rename(self._conversation, row, line)
        except RnntuiError as error:
            self.show_message(str(error), True)
        else:
            self.set_mode("search")
            self.load()

    def name_to_edit(self, item: OutlineRow) -> str:
        """Return the place's name, or its beginning."""
        return item.name or one_line(first_line(item.excerpt))[:40]

    def called(self, item: OutlineRow) -> str:
        """Return the kind of the place, and its name or beginning in quotation marks."""
        kind = "bookmark" if item.bookmark is not None else "branch"
        return f"the {kind} “{truncate(item.name or first_line(item.excerpt), MAX_CALLED, cell_len)}”"

    def restore(self) -> None:
        """Bring back what was deleted last."""
        restored = self._branches.restore(self._conversation)
        self.load()
        self.show_message("Restored." if restored else "Nothing to restore.", False)

    def delete(self, item: OutlineRow) -> None:
        """Delete a branch or a bookmark."""
        try:
            self._branches.delete(self._conversation, item)
        except RnntuiError as error:
            self.show_message(str(error), True)
        else:
            self.load()
            self.show_message(f"Deleted {self.called(item)}; Ctrl+Z brings it back.", False)

    @work
    async def action_compare(self) -> None:
        """Show the highlighted branch beside the current one."""
        from rnntui.tui.chat.branch_columns import BranchColumns

        row, tree = self.current, self._conversation.tree
        if row is None or self.mode != "search":
            return
        if row.branch is tree.current:
            self.show_message("This is the branch you are on; choose another one to compare it with.", True)
            return
        branch = await self.app.push_screen_wait(BranchColumns(self._conversation, row.branch))
        if branch is not None:
            self.dismiss(TextPlace(branch))
