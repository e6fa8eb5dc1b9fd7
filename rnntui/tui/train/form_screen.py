"""Modal form that starts a run."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import DescendantBlur
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Select, Static

from rnntui.sessions.training_form import (
    FormOption,
    Problems,
    chosen_kind,
    form_options,
    missing_files,
    problems_in,
    training_arguments,
)
from rnntui.text.control_chars import one_line
from rnntui.tui.train.form_fields import Field

_SHOW_ALL, _SHOW_FEWER = "▸ All options (Ctrl+O)", "▾ All options (Ctrl+O)"
_NOT_RESET = ("kind", "name")  # options that "Defaults" leaves alone, beside the input files
_FRAME_ROWS = 9  # rows of the form beside its fields
_TYPING_PAUSE = 0.2  # seconds after which files are looked for


@dataclass(frozen=True)
class FormResult:
    """The values entered, by option name, and the `rnntui` arguments if a run is to be started.

    `problem` says why the last training did not start, as long as the values are the same.
    """

    values: dict[str, str]
    arguments: list[str] | None = None
    problem: str = ""


class TrainingFormScreen(ModalScreen[FormResult]):
    """The training form. Returns the values entered also when it is closed, so that nothing is lost.

    A field is validated when it is left, and all of them on Enter; those that are filled in at the start are validated
    then. From then on its message follows what is typed, and goes away once the value is right.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", show=False),
        Binding("ctrl+s", "start", "Start", show=False, priority=True),
        Binding("ctrl+o", "more", "All options", show=False, priority=True),
        # Handled in the app: after a Tab that waits in the queue of a field, what follows would go to that field.
        Binding("tab", "app.focus_next", "Next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", "Previous", show=False, priority=True),
    ]

    def __init__(self, checkpoints: Path, values: Mapping[str, str] | None = None, problem: str = "") -> None:
        """`values` are the initial values of the fields; `problem` says why the last training did not start."""
        super().__init__()
        self._checkpoints, self._values, self._problem = checkpoints, dict(values or {}), problem
        self._validated: dict[str, str] | None = None  # the values of the last validation
        self._left: set[str] = set()  # options whose problems are shown
        self._has_problem_line = bool(problem)
        self._set_kind()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog form") as dialog:
            dialog.border_title = "Start a run"
            yield Static(one_line(self._problem), id="problem", markup=False)
            with VerticalScroll(can_focus=False):
                yield Field(self._options[0], self._values.get("kind", ""))
                yield Vertical(*self._make_fields(self._first), id="first")
                yield Button(_SHOW_ALL, id="all", compact=True)
                yield Vertical(id="more")
            with Horizontal(id="buttons"):
                yield Button("Start", id="start", variant="primary", compact=True)
                yield Button("Defaults", id="defaults", compact=True)
                yield Button("Close", id="leave", compact=True)
                yield Label("Tab next · Enter starts · Esc closes", classes="hint")

    async def on_mount(self) -> None:
        self.query_one("#problem").display = bool(self._problem)
        self.query_one("#more").display = False
        if any(self._values.get(option.name) for option in self._rest):
            await self._open_rest()
        self._fit_height()
        if self.is_current:  # it may have been closed while its fields were mounted
            self._field(self._kind.inputs[0].name).take_focus()
        self._validated = self.values
        if self._values:
            self._left.update(self._validated)
            self._validate(even_unchanged=True)

    def on_resize(self) -> None:
        self._fit_height()

    def _fit_height(self) -> None:
        """Give the fields the rows that they need now. They scroll where the screen has fewer.

        From then on the number stays: a message that comes late must not move a button from under the pointer.
        """
        fields = self.query_one(VerticalScroll)
        frame = _FRAME_ROWS + (3 if self._has_problem_line else 0)
        fields.styles.max_height = max(3, self.size.height - frame)
        fields.styles.height = "auto"
        self.call_after_refresh(self._keep_height)

    def _keep_height(self) -> None:
        fields = self.query_one(VerticalScroll)
        fields.styles.height = fields.outer_size.height

    def _set_kind(self) -> None:
        self._kind = chosen_kind(self._values)
        self._options = form_options(self._kind)

    @property
    def _first(self) -> list[FormOption]:
        """The options shown at first, beside the kind."""
        by_name = {option.name: option for option in self._options}
        return [o for o in self._options[1:] if not o.heading] + [by_name[name] for name in self._kind.first_options]

    @property
    def _rest(self) -> list[FormOption]:
        return [option for option in self._options if option.heading and option.name not in self._kind.first_options]

    def _make_fields(self, options: Iterable[FormOption]) -> list[Field]:
        return [Field(option, self._values.get(option.name, "")) for option in options]

    @property
    def values(self) -> dict[str, str]:
        """The current values of the fields, without those left at their default. May be read at any time."""
        # While the fields of another kind take the place of these, `_values` has what was entered.
        fields = [field for field in self.query(Field) if field.has_editor]
        values = {**self._values, **{field.option.name: field.value for field in fields}}
        return {name: value for name, value in values.items() if value}

    async def action_more(self) -> None:
        """Toggle between all options and the first ones."""
        if self.query_one("#more").display:
            self.query_one("#more").display = False
            self.query_one("#all", Button).label = _SHOW_ALL
            self._fit_height()
        else:
            await self._open_rest()
            # They are below the others, where they may be out of view.
            self.query("#more Field").first(Field).take_focus()
            self.call_after_refresh(self.query_one("#all").scroll_visible, animate=False, top=True)

    async def _open_rest(self) -> None:
        more = self.query_one("#more", Vertical)
        more.display = True
        self.query_one("#all", Button).label = _SHOW_FEWER
        self._fit_height()
        if more.children:
            return
        # Mounted when first needed, heading by heading: they are many, and the first ones should appear at once.
        for heading, options in groupby(self._rest, key=lambda option: option.heading):
            await more.mount_all([Static(heading, classes="group"), *self._make_fields(options)])
        self._fit_height()  # of all of them, where the screen has the rows

    async def on_select_changed(self, event: Select.Changed) -> None:
        """Show the options of another kind; the values of those that both kinds have stay."""
        event.stop()
        values = self.values
        if chosen_kind(values) is self._kind:
            self._validate()
            return
        is_open = self.query_one("#more").display
        self._values = values
        self._set_kind()
        first, more = self.query_one("#first"), self.query_one("#more")
        with self.app.batch_update():
            await first.remove_children()
            await more.remove_children()
            await first.mount_all(self._make_fields(self._first))
            if is_open:
                await self._open_rest()
        self._fit_height()
        self._validate()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._validate()

    def on_descendant_blur(self, event: DescendantBlur) -> None:
        """Validate a field when the focus leaves it."""
        field = next((parent for parent in event.widget.ancestors if isinstance(parent, Field)), None)
        if field is not None and field.value:
            self._left.add(field.option.name)
            self._validate(even_unchanged=True)

    def _validate(self, even_unchanged: bool = False) -> None:
        """Update the messages beside the fields, if the values have changed."""
        if self._validated is None:  # not mounted yet
            return
        values = self.values
        if values != self._validated:
            self._hide_problem()
        elif not even_unchanged:  # an update may be under way
            return
        self._validated = values
        self._show_validation(values)

    @work(exclusive=True, group="validation")
    async def _show_validation(self, values: dict[str, str]) -> None:
        """Show the problems of values beside their fields; that of a missing file after a pause in typing."""
        problems = problems_in(values)
        file_names = {option.name for option in self._options if option.files}
        self._update_messages(problems, self._left - (file_names - problems.keys()))
        if file_names & self._left:
            await asyncio.sleep(_TYPING_PAUSE)
            problems = {**await asyncio.to_thread(missing_files, values), **problems}
            self._update_messages(problems, self._left)

    def _hide_problem(self) -> None:
        """Hide why the last training did not start: the values are no longer those that it had. The line stays."""
        self._problem = ""
        self.query_one("#problem").visible = False

    def _update_messages(self, problems: Problems, names: Collection[str]) -> None:
        """Show the problems of some fields beside them, or that there are none."""
        for field in self.query(Field):
            if field.option.name in names:
                field.show_problem(problems.get(field.option.name, ""))
        # The message of a file takes the row that is free above the button, which so stays where it is.
        has_message = bool(self.query("#first .field.-long.-wrong"))
        self.query("#all").set_class(has_message, "-below-message")  # there is none while the app ends

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_start()

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        match event.button.id:
            case "start":
                self.action_start()
            case "defaults":
                self._clear()
            case "all":
                await self.action_more()
            case _:
                self.action_leave()

    def action_leave(self) -> None:
        """Close the form without starting a run."""
        self.dismiss(FormResult(self.values, problem=self._problem))

    @work(exclusive=True)
    async def action_start(self) -> None:
        """Start the training, unless the form has problems. Files are looked for in a thread: folders may be large."""
        values = self.values
        self.workers.cancel_group(self, "validation")
        problems = problems_in(values) or await asyncio.to_thread(missing_files, values)
        await self._show_problems(problems)
        if not problems:
            self.dismiss(FormResult(values, training_arguments(values, self._checkpoints)))

    async def _show_problems(self, problems: Problems) -> None:
        """Show each problem beside its field, and focus the first of these."""
        if any(option.name in problems for option in self._rest):
            await self._open_rest()
        self._left.update(option.name for option in self._options)
        self._update_messages(problems, self._left)
        wrong_fields = [field for field in self.query(Field) if field.option.name in problems]
        if wrong_fields:
            wrong_fields[0].take_focus()
            self.call_after_refresh(wrong_fields[0].scroll_visible, animate=False)

    def _clear(self) -> None:
        unchanged = {*_NOT_RESET, *(option.name for option in self._options if option.files)}
        for field in self.query(Field):
            if field.option.name not in unchanged:
                field.value = ""
            field.show_problem("")
        self._left.clear()
        self._values = {name: value for name, value in self._values.items() if name in unchanged}

    def _field(self, name: str) -> Field:
        return next(field for field in self.query(Field) if field.option.name == name)
