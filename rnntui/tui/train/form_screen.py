"""The form that starts a training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
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

_MORE, _LESS = "▸ All options (^o)", "▾ All options (^o)"
_KEPT = ("kind", "name")  # what the defaults leave as it is, beside the files
_AROUND = 9  # rows of the form beside its fields


@dataclass(frozen=True)
class FilledForm:
    """What was typed, by the option's name; and, if a training is to be started, the arguments of `rnntui`."""

    typed: dict[str, str]
    arguments: list[str] | None = None


class TrainingFormScreen(ModalScreen[FilledForm]):
    """Asks what to train. Gives what was typed also when it is left, so that nothing is lost."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", show=False),
        Binding("ctrl+s", "start", "Start", show=False, priority=True),
        Binding("ctrl+o", "more", "All options", show=False, priority=True),
    ]

    def __init__(self, checkpoints: Path, typed: Mapping[str, str] | None = None, problem: str = "") -> None:
        """`typed` is what stands in the fields at first, `problem` what was wrong with it the last time."""
        super().__init__()
        self._checkpoints, self._typed, self._problem = checkpoints, dict(typed or {}), problem
        self._set_kind()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog form") as dialog:
            dialog.border_title = "Start a training"
            yield Static(one_line(self._problem), id="problem", markup=False)
            with VerticalScroll(can_focus=False):
                yield Field(self._options[0], self._typed.get("kind", ""))
                yield Vertical(*self._made(self._first), id="first")
                yield Button(_MORE, id="all", compact=True)
                yield Vertical(id="more")
            with Horizontal(id="buttons"):
                yield Button("Start", id="start", variant="primary", compact=True)
                yield Button("Defaults", id="defaults", compact=True)
                yield Button("Close", id="leave", compact=True)
                yield Label("Enter starts, Esc closes", classes="hint")

    async def on_mount(self) -> None:
        self.query_one("#problem").display = bool(self._problem)
        self.query_one("#more").display = False
        if any(self._typed.get(option.name) for option in self._rest):
            await self._open_rest()
        self._field(self._kind.inputs[0].name).take_focus()

    def on_resize(self) -> None:
        # The fields take the rows that they need, as far as there are any: then they scroll.
        taken = _AROUND + (3 if self._problem else 0)
        self.query_one(VerticalScroll).styles.max_height = max(3, self.size.height - taken)

    def _set_kind(self) -> None:
        self._kind = chosen_kind(self._typed)
        self._options = form_options(self._kind)

    @property
    def _first(self) -> list[FormOption]:
        """What is shown at first, beside the kind."""
        named = {option.name: option for option in self._options}
        return [o for o in self._options[1:] if not o.group] + [named[name] for name in self._kind.first_options]

    @property
    def _rest(self) -> list[FormOption]:
        return [option for option in self._options if option.group and option.name not in self._kind.first_options]

    def _made(self, members: Iterable[FormOption]) -> list[Field]:
        return [Field(option, self._typed.get(option.name, "")) for option in members]

    @property
    def typed(self) -> dict[str, str]:
        """What stands in the fields now; those left at their default are left out."""
        now = {**self._typed, **{field.option.name: field.value for field in self.query(Field)}}
        return {name: value for name, value in now.items() if value}

    async def action_more(self) -> None:
        """Show all options, or only the first ones."""
        if self.query_one("#more").display:
            self.query_one("#more").display = False
            self.query_one("#all", Button).label = _MORE
        else:
            await self._open_rest()

    async def _open_rest(self) -> None:
        more = self.query_one("#more", Vertical)
        more.display = True
        self.query_one("#all", Button).label = _LESS
        if more.children:
            return
        # Made when they are first wanted, group by group: they are many, and the first ones are to be seen at once.
        for group, members in groupby(self._rest, key=lambda option: option.group):
            await more.mount_all([Static(group, classes="group"), *self._made(members)])

    async def on_select_changed(self, event: Select.Changed) -> None:
        """Another kind has other options; what is typed for those that both have stays."""
        event.stop()
        typed = self.typed
        if chosen_kind(typed) is self._kind:
            return
        opened = self.query_one("#more").display
        self._typed = typed
        self._set_kind()
        first, more = self.query_one("#first"), self.query_one("#more")
        with self.app.batch_update():
            await first.remove_children()
            await more.remove_children()
            await first.mount_all(self._made(self._first))
            if opened:
                await self._open_rest()

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
        """Close, and start nothing."""
        self.dismiss(FilledForm(self.typed))

    @work(exclusive=True)
    async def action_start(self) -> None:
        """Start, unless something is wrong."""
        typed = self.typed
        problems = problems_in(typed) or await self._look_for_files(typed).wait()
        await self._tell(problems)
        if not problems:
            self.dismiss(FilledForm(typed, training_arguments(typed, self._checkpoints)))

    @work(thread=True)
    def _look_for_files(self, typed: Mapping[str, str]) -> Problems:
        """In a thread, as folders may be large: whether what is named leads to text."""
        return missing_files(typed)

    async def _tell(self, problems: Problems) -> None:
        """Show each problem beside its field, and go to the first."""
        if any(option.name in problems for option in self._rest):
            await self._open_rest()
        wrong = []
        for field in self.query(Field):
            field.tell(problems.get(field.option.name, ""))
            if field.option.name in problems:
                wrong.append(field)
        if wrong:
            wrong[0].take_focus()
            self.call_after_refresh(wrong[0].scroll_visible, animate=False)

    def _clear(self) -> None:
        kept = {*_KEPT, *(option.name for option in self._options if option.files)}
        for field in self.query(Field):
            if field.option.name not in kept:
                field.value = ""
            field.tell("")
        self._typed = {name: value for name, value in self._typed.items() if name in kept}

    def _field(self, name: str) -> Field:
        return next(field for field in self.query(Field) if field.option.name == name)
