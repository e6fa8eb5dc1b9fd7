"""Two branches of a text side by side, from shortly before they part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Label
from textual.worker import get_current_worker

from rnntui.sessions.branch_comparison import BranchComparison, bits_per_character, compare
from rnntui.sessions.branch_outline import outline
from rnntui.sessions.branch_tree import Branch
from rnntui.sessions.conversation import Conversation
from rnntui.sessions.transcript import Transcript
from rnntui.text.control_chars import one_line
from rnntui.tui.widgets.document import DocumentSpan
from rnntui.tui.widgets.stream_text import StreamText, visible_offset

_SHARED = 400  # characters of the shared text that are shown
_HINT = "←→ choose, Enter goes on with it, ↑↓ scroll, Alt+←→ others, Esc closes"


class BranchColumns(ModalScreen[Branch | None]):
    """Compares a branch with the current one. The result is the branch to go on with, or None if it was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", show=False),
        Binding("left", "choose(0)", "Left column", show=False),
        Binding("right", "choose(1)", "Right column", show=False),
        Binding("tab", "choose_other", "Other column", show=False, priority=True),
        Binding("enter", "take", "Go on with it", show=False),
        Binding("up", "scroll(-1)", "Up", show=False),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("pageup", "scroll(-10)", "Page up", show=False),
        Binding("pagedown", "scroll(10)", "Page down", show=False),
        Binding("alt+left", "step(-1)", "Previous branch", show=False),
        Binding("alt+right", "step(1)", "Next branch", show=False),
    ]

    def __init__(self, conversation: Conversation, branch: Branch) -> None:
        """Compare the current branch, on the left, with `branch`."""
        super().__init__()
        self._conversation = conversation
        self._order = [row.branch for row in outline(conversation.tree) if row.bookmark is None]
        self._columns = (BranchColumn(), BranchColumn())
        self._shown = [conversation.tree.current, branch]
        self._chosen = 1

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog full") as dialog:
            dialog.border_title = "Compare branches"
            yield Label("", id="parting", markup=False)
            with Horizontal():
                yield from self._columns
            yield Label(_HINT, classes="hint", markup=False)

    def on_mount(self) -> None:
        self._show()

    def on_resize(self) -> None:
        self.call_after_refresh(self._scroll_to_fork)

    def _show(self) -> None:
        comparison = compare(self._conversation, *self._shown)
        line = comparison.transcripts[0].text.count("\n", 0, comparison.shared) + 1
        self.query_one("#parting", Label).update(
            f"They part in line {line:,}, after {comparison.shared:,} characters; figures are from there on."
        )
        for column, branch, transcript in zip(self._columns, self._shown, comparison.transcripts, strict=True):
            is_current = branch is self._conversation.tree.current
            column.show(branch, transcript, comparison.shared, is_current=is_current)
        self._mark_chosen()
        self.call_after_refresh(self._scroll_to_fork)
        self._measure(comparison)

    @work(thread=True, exclusive=True, group="measure")
    def _measure(self, comparison: BranchComparison) -> None:
        worker = get_current_worker()
        for column, transcript in zip(self._columns, comparison.transcripts, strict=True):
            bits = bits_per_character(self._conversation, transcript, comparison.shared, lambda: worker.is_cancelled)
            if worker.is_cancelled:
                return
            self.app.call_from_thread(column.show_bits, bits)

    def _mark_chosen(self) -> None:
        for index, column in enumerate(self._columns):
            column.set_class(index == self._chosen, "-chosen")

    def _scroll_to_fork(self) -> None:
        for column in self._columns:
            column.scroll_to_fork()

    # -- keys --------------------------------------------------------------------------------------------------------

    def action_choose(self, index: int) -> None:
        """Choose a column."""
        self._chosen = index
        self._mark_chosen()

    def action_choose_other(self) -> None:
        """Choose the other column."""
        self.action_choose(1 - self._chosen)

    def on_click(self, event: object) -> None:
        """Choose the column that is clicked."""
        widget = getattr(event, "widget", None)
        for index, column in enumerate(self._columns):
            if widget is not None and column in widget.ancestors_with_self:
                self.action_choose(index)

    def action_take(self) -> None:
        """Go on with the branch of the chosen column."""
        self.dismiss(self._shown[self._chosen])

    def action_scroll(self, rows: int) -> None:
        """Scroll both columns."""
        for column in self._columns:
            column.view.scroll_relative(y=rows, animate=False)

    def action_step(self, by: int) -> None:
        """Show the next branch of the outline in the chosen column, or with -1 the previous one."""
        others = [branch for branch in self._order if branch is not self._shown[1 - self._chosen]]
        at = others.index(self._shown[self._chosen])
        self._shown[self._chosen] = others[(at + by) % len(others)]
        self._show()


class BranchColumn(Vertical):
    """A branch: a line about it, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self._title, self._facts = Label("", classes="title", markup=False), Label("", classes="facts", markup=False)
        self.view = StreamText()
        self.view.can_focus = False
        self._length, self._fork = 0, 0  # of the text behind the fork; the offset of the fork in the view

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._facts
        yield self.view

    def show(self, branch: Branch, transcript: Transcript, shared: int, *, is_current: bool) -> None:
        """Show a branch whose first `shared` characters the other one has as well."""
        name = one_line(branch.name) or ("The branch you are on" if is_current else "Another branch")
        self._title.update(f"{'●' if is_current else '○'} {name}")
        start = max(0, shared - _SHARED)
        self._length, self._fork = len(transcript.text) - shared, shared - start
        self._facts.update(f"{self._length:,} characters · … bits/char")
        self.view.document = _TextFrom(transcript, start)
        self.view.dimmed = self._fork
        self.view.bookmarks = (visible_offset(transcript.text[start:], self._fork),)

    def show_bits(self, bits: float | None) -> None:
        """Show the bits per character of the text behind the fork, or that there are none."""
        measured = f"{bits:.2f} bits/char" if bits is not None else "nothing to measure"
        self._facts.update(f"{self._length:,} characters · {measured}")

    def scroll_to_fork(self) -> None:
        """Show the place where the branches part, near the top."""
        self.view.show_below(self._fork, self.view.size.height // 3)


class _TextFrom:
    """The document of a `StreamText`: a transcript from an offset on."""

    def __init__(self, transcript: Transcript, start: int) -> None:
        self._transcript, self._start = transcript, start
        self.text = transcript.text[start:]

    def spans(self, start: int, end: int) -> Iterator[DocumentSpan]:
        """Yield the tokens that have text between two offsets."""
        transcript = self._transcript
        token = transcript.token_at(start + self._start)
        offset = transcript.start_of(token) - self._start
        while offset < end and token < len(transcript):
            following = transcript.start_of(token + 1) - self._start
            turn = transcript.turn_at(token)
            if following > offset:
                yield DocumentSpan(max(0, offset), following, turn.role if turn else "prompt", transcript.bits(token))
            offset, token = following, token + 1
