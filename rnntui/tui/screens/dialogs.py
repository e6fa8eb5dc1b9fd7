"""Dialogs: a line of text, a choice from a list, a longer text to edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, TextArea
from textual.widgets.option_list import Option

from rnntui.errors import RnntuiError, UnconfirmedError
from rnntui.text.control_chars import decode_control_chars, encode_control_chars, one_line
from rnntui.tui.widgets.editors import ClusterInput, ClusterTextArea

_CANCEL = Binding("escape", "dismiss(None)", "Cancel", show=False)


def pass_on_typing(screen: ModalScreen[Any], event: events.Key) -> None:
    """Give the focused editor of a dialog what was typed before it had the focus, which has come to the screen.

    An editor keeps what is typed into it, so nothing comes here a second time.
    """
    if event.is_printable and isinstance(screen.focused, Input | TextArea):
        event.stop()
        screen.focused.post_message(event)


Keep = Callable[[str], object]
"""Saves the typed text if the app ends while the dialog is open. May raise `RnntuiError`."""

Accept = Callable[[str, bool], object]
"""Tries to use a line of text that was entered; see `AskScreen`."""


class AskScreen(ModalScreen[str | None]):
    """Asks for a line of text. The result is the line, or None if it was cancelled.

    With `accept`, the dialog closes only when that has succeeded: an error is shown in the dialog, and the line
    stays, to be corrected.
    """

    BINDINGS: ClassVar[list[BindingType]] = [_CANCEL]

    def __init__(
        self,
        question: str,
        value: str = "",
        accept: Accept | None = None,
        *,
        typing_replaces: bool = True,
        keep: Keep | None = None,
    ) -> None:
        """
        Args:
            question: text above the input.
            value: text in the input at first.
            accept: called with the line on Enter, and with True if the line was confirmed: the call before raised
                `UnconfirmedError`, and Enter was pressed again. Raises `RnntuiError` if the line cannot be accepted.
            typing_replaces: True if the value is a proposal, selected so that typing replaces it; False if it is a
                text to go on with.
            keep: called with what is typed when the app ends; None if that would do more than save a text.
        """
        super().__init__()
        self._question, self._value, self._accept, self._keep = question, value, accept, keep
        self._typing_replaces = typing_replaces
        self._unconfirmed: str | None = None  # the line that a second Enter confirms

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(self._question, markup=False)
            yield ClusterInput(encode_control_chars(self._value), select_on_focus=self._typing_replaces)
            yield Label("", classes="problem", markup=False)
            yield Label("Enter accepts, Esc cancels", classes="hint")

    def on_key(self, event: events.Key) -> None:
        pass_on_typing(self, event)

    def on_input_changed(self) -> None:
        self._show_problem("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        line = decode_control_chars(event.value)
        if self._accept is not None:
            try:
                self._accept(line, line == self._unconfirmed)
            except UnconfirmedError as error:
                self._show_problem(str(error))
                self._unconfirmed = line
                return
            except RnntuiError as error:
                self._show_problem(str(error))
                return
        self.dismiss(line)

    def keep_typing(self) -> None:
        """Take over what is typed, if it is a text."""
        line = decode_control_chars(self.query_one(ClusterInput).value)
        if self._keep is not None and line != self._value:
            self._keep(line)

    def _show_problem(self, problem: str) -> None:
        self._unconfirmed = None
        label = self.query_one(".problem", Label)
        label.set_class(bool(problem), "-shown")
        label.update(one_line(problem))


class PickScreen(ModalScreen[int | None]):
    """Asks for one of several choices. The result is its index, or None if it was cancelled."""

    BINDINGS: ClassVar[list[BindingType]] = [_CANCEL]

    def __init__(
        self,
        question: str,
        choices: Sequence[str] | None,
        chosen: int = 0,
        *,
        searchable: bool = False,
        keys: Sequence[str] = (),
    ) -> None:
        """
        Args:
            question: text above the choices.
            choices: a line for each choice; None if `set_choices` follows, until which typing can begin the search.
            chosen: index of the choice that is highlighted at first.
            searchable: True if typing leaves only the choices that have all words typed.
            keys: a key for each choice, which takes it at once; none if empty.
        """
        super().__init__()
        self._keys = list(keys)
        self._question, self._choices, self._chosen = question, choices or (), chosen
        self._searched = [choice.casefold() for choice in self._choices]
        self._is_complete = choices is not None
        self._searchable, self._query = searchable, ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            yield Label(self._question, markup=False)
            yield OptionList(markup=False)
            yield Label(self._hint, classes="hint", markup=False)

    def on_mount(self) -> None:
        self._show_choices(self._chosen)

    def set_choices(self, choices: Sequence[str], chosen: int, searched: Sequence[str]) -> None:
        """Show the choices that were not known at first, and highlight one.

        `searched` has a text for each choice, in which words are found as well: what is cut in the choice.
        """
        self._choices, self._chosen, self._is_complete = choices, chosen, True
        self._searched = [f"{choice}\n{text}".casefold() for choice, text in zip(choices, searched, strict=True)]
        if self.is_mounted:
            self._show_choices(chosen if not self._query else 0)

    def _show_choices(self, highlighted: int) -> None:
        choices, matching = self.query_one(OptionList), self._matching()
        nothing = "Nothing matches." if self._is_complete else "Reading the list …"
        choices.set_options(matching or [Option(nothing, disabled=True)])
        choices.highlighted = highlighted if matching else None

    def on_key(self, event: events.Key) -> None:
        if event.key in self._keys:
            event.stop()
            self.dismiss(self._keys.index(event.key))
        elif self._searchable and (event.is_printable or (event.key == "backspace" and self._query)):
            event.stop()
            self._query = self._query[:-1] if event.key == "backspace" else self._query + (event.character or "")
            self._show_choices(0)
            self.query_one(".hint", Label).update(self._hint)

    def _matching(self) -> list[Option]:
        """Return the choices that have all words typed, each with its index as id."""
        words = self._query.casefold().split()
        return [
            Option(one_line(choice), str(index))
            for index, (choice, searched) in enumerate(zip(self._choices, self._searched, strict=True))
            if all(word in searched for word in words)
        ]

    @property
    def _hint(self) -> str:
        if self._query:
            return f"Search: {one_line(self._query)}   Enter accepts, Esc cancels"
        return f"{'Type to search, ' if self._searchable else ''}Enter accepts, Esc cancels"

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(int(event.option_id or 0))


class EditScreen(ModalScreen[str | None]):
    """Asks for an edited text. The result is the new text, or None if it was cancelled or nothing was changed.

    What is typed can be read at any time, to be saved (`edited`).
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False),
        Binding("ctrl+s", "accept", "Accept", show=False, priority=True),
    ]

    def __init__(self, title: str, text: str, edited: str | None = None) -> None:
        """
        Args:
            title: text above the editor.
            text: text to edit.
            edited: the text as it was edited before, to go on with; None to begin with the text itself.
        """
        super().__init__()
        self._title, self._text = title, text
        shown = encode_control_chars(text if edited is None else edited)
        self._area = ClusterTextArea(shown, soft_wrap=True, show_line_numbers=False)
        self._discardable: str | None = None  # the edited text that a second Esc discards

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog full"):
            yield Label(self._title, markup=False)
            yield self._area
            yield Label("Ctrl+S accepts, Esc cancels", classes="hint")

    def on_mount(self) -> None:
        self._area.move_cursor(self._area.document.end)

    def on_key(self, event: events.Key) -> None:
        pass_on_typing(self, event)

    @property
    def edited(self) -> str | None:
        """The edited text, also once the dialog is closed; None if nothing was changed."""
        text = decode_control_chars(self._area.text)
        return None if text == self._text else text

    def action_accept(self) -> None:
        """Close the dialog with the edited text."""
        self.dismiss(self.edited)

    def action_cancel(self) -> None:
        """Close the dialog; changes are discarded only at the second time."""
        edited = self.edited
        if edited in (None, self._discardable):
            self.dismiss(None)
        else:
            self._discardable = edited
            self.query_one(".hint", Label).update("Esc again discards the changes, Ctrl+S accepts them")
