"""Browser of the branches and bookmarks of a text: search, go to one, compare, rename, delete."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

from rich.cells import cell_len, set_cell_size
from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.input import Selection
from textual.widgets.option_list import Option

from rnntui.errors import RnntuiError
from rnntui.formatting import format_count
from rnntui.sessions.branch_outline import OutlineRow, outline
from rnntui.sessions.branch_tree import Branch
from rnntui.sessions.chat_branches import ChatBranches
from rnntui.sessions.conversation import Conversation
from rnntui.sessions.saved_texts import search_words
from rnntui.text.control_chars import (
    decode_control_chars,
    encode_control_chars,
    escape_control_chars,
    first_line,
    one_line,
    truncate,
)
from rnntui.tui.screens.dialogs import pass_on_typing
from rnntui.tui.widgets.colours import MUTED
from rnntui.tui.widgets.editors import ClusterInput

_MODEL, _LENGTH, _BITS = 13, 8, 11  # widths of the columns in cells; the title has the rest
_WIDE = 110  # columns of the terminal from which the preview is beside the list
_PREVIEW = 600  # characters after a place, and half as many before it
_HINTS = {
    "search": "Enter goes there, F6 compares, Ctrl+R names, Ctrl+D deletes, Esc closes",
    "rename": "Enter names it, Esc goes back",
    "delete": "y deletes, any other key keeps it",
}


class TextPlace(NamedTuple):
    """Where to go: a branch, and the offset of a bookmark in it, or None for its end."""

    branch: Branch
    offset: int | None = None


class BranchBrowser(ModalScreen[TextPlace | None]):
    """A tree of branches and bookmarks, filtered by what is typed. The result is the place to go to, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Close", show=False, priority=True),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "move(-10)", "Page up", show=False),
        Binding("pagedown", "move(10)", "Page down", show=False),
        Binding("f6", "compare", "Compare", show=False, priority=True),
        Binding("ctrl+r", "rename", "Rename", show=False, priority=True),
        Binding("ctrl+d", "delete", "Delete", show=False, priority=True),
        Binding("ctrl+z", "restore", "Restore", show=False, priority=True),
    ]

    def __init__(self, conversation: Conversation, branches: ChatBranches) -> None:
        super().__init__()
        self._conversation, self._branches = conversation, branches
        self._mode: Literal["search", "rename", "delete"] = "search"
        self._rows: list[OutlineRow] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog full browser") as dialog:
            dialog.border_title = "Branches and bookmarks"
            with Horizontal(classes="line"):
                yield Label("Search ", id="line-label")
                yield ClusterInput(compact=True, select_on_focus=False, id="search")
                yield ClusterInput(compact=True, select_on_focus=False, id="line")
                yield Label("", id="count")
            yield Label("", id="columns", markup=False)
            with Vertical(id="rows-and-preview"):
                rows = OptionList(compact=True, markup=False, id="rows")
                rows.can_focus = False
                yield rows
                yield Static("", id="preview", markup=False)
            yield Label("", id="message", markup=False)
            yield Label("", classes="hint", markup=False)

    def on_mount(self) -> None:
        self._set_mode("search")
        self._load()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= _WIDE, "-wide")
        self.call_after_refresh(self._show_rows)

    # -- the list --------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        highlighted = self._current
        self._rows = outline(self._conversation.tree)
        self._show_rows(highlighted)

    @property
    def _current(self) -> OutlineRow | None:
        """The highlighted row."""
        option = self.query_one(OptionList).highlighted_option
        index = int(option.id) if option is not None and option.id is not None else len(self._rows)
        return self._rows[index] if index < len(self._rows) else None

    def _show_rows(self, highlighted: OutlineRow | None = None) -> None:
        """Show the rows that match, and highlight one: that which was, or else the current branch."""
        options, words = self.query_one(OptionList), search_words(decode_control_chars(self._search.value))
        highlighted = highlighted or self._current
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
        self._show_preview()

    @property
    def _search(self) -> Input:
        return self.query_one("#search", Input)

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

    def _show_preview(self) -> None:
        row, preview = self._current, self.query_one("#preview", Static)
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

    # -- keys --------------------------------------------------------------------------------------------------------

    def _set_mode(self, mode: Literal["search", "rename", "delete"], value: str = "") -> None:
        self._mode = mode
        line = self.query_one("#line", Input)
        self._search.display = mode != "rename"
        line.display = mode == "rename"
        line.value = value
        line.selection = Selection(0, len(value))
        self.query_one("#line-label", Label).update("Name " if mode == "rename" else "Search ")
        self.query_one("#count").display = mode != "rename"
        self.query_one(".hint", Label).update(_HINTS[mode])
        self._show_message("", False)
        self.set_focus(self._search if mode == "search" else line if mode == "rename" else None)

    def _show_message(self, message: str, is_problem: bool) -> None:
        label = self.query_one("#message", Label)
        label.update(one_line(message))
        label.display = bool(message)
        label.set_class(is_problem, "-problem")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show_message("", False)
        if event.input is self._search:
            self._show_rows()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._show_preview()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._choose()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._mode == "search":
            self._choose()
        elif (row := self._current) is not None:
            try:
                self._branches.rename(self._conversation, row, decode_control_chars(event.value))
            except RnntuiError as error:
                self._show_message(str(error), True)
                return
            self._set_mode("search")
            self._load()

    def on_key(self, event: events.Key) -> None:
        if self._mode == "delete":  # without a focus, all keys come here
            event.stop()
            row = self._current
            self._set_mode("search")
            if event.key in ("y", "Y") and row is not None:
                self._delete(row)
        else:
            pass_on_typing(self, event)

    def action_back(self) -> None:
        """Go back to the search, or close the browser."""
        if self._mode == "search":
            self.dismiss(None)
        else:
            self._set_mode("search")

    def action_move(self, rows: int) -> None:
        """Move the highlight."""
        options = self.query_one(OptionList)
        if self._mode == "search" and options.option_count:
            options.highlighted = min(options.option_count - 1, max(0, (options.highlighted or 0) + rows))

    def action_rename(self) -> None:
        """Ask for a name for the highlighted branch or bookmark."""
        if (row := self._current) is not None:
            self._set_mode("rename", encode_control_chars(row.name or one_line(first_line(row.excerpt))[:40]))

    def action_delete(self) -> None:
        """Ask whether to delete the highlighted branch or bookmark."""
        if (row := self._current) is not None and self._mode == "search":
            self._set_mode("delete")
            self._show_message(f"Delete {_called(row)}?", True)

    def action_restore(self) -> None:
        """Bring back what was deleted last; during the question whether to delete, keep it."""
        if self._mode == "delete":
            self._set_mode("search")
        elif self._mode == "search":
            restored = self._branches.restore(self._conversation)
            self._load()
            self._show_message("Restored." if restored else "Nothing to restore.", False)

    def _delete(self, row: OutlineRow) -> None:
        try:
            self._branches.delete(self._conversation, row)
        except RnntuiError as error:
            self._show_message(str(error), True)
        else:
            self._load()
            self._show_message(f"Deleted {_called(row)}; Ctrl+Z brings it back.", False)

    def _choose(self) -> None:
        row = self._current
        if row is not None:
            self.dismiss(TextPlace(row.branch, row.offset if row.bookmark is not None else None))

    @work
    async def action_compare(self) -> None:
        """Show the highlighted branch beside the current one."""
        from rnntui.tui.chat.branch_columns import BranchColumns

        row, tree = self._current, self._conversation.tree
        if row is None or self._mode != "search":
            return
        if row.branch is tree.current:
            self._show_message("This is the branch you are on; choose another one to compare it with.", True)
            return
        branch = await self.app.push_screen_wait(BranchColumns(self._conversation, row.branch))
        if branch is not None:
            self.dismiss(TextPlace(branch))


def _called(row: OutlineRow) -> str:
    kind = "bookmark" if row.bookmark is not None else "branch"
    return f"the {kind} “{row.name or truncate(first_line(row.excerpt), 24, cell_len)}”"
