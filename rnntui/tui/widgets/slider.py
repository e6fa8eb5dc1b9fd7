"""A slider on one line: label, bar and value, set by keys, mouse, wheel or typing."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from rnntui.text.control_chars import truncate
from rnntui.tui.widgets.slider_spec import SliderSpec
from rnntui.tui.widgets.slider_typing import TypedValue, fitting_hint

_MIN_BAR = 5  # cells; the label is shortened to keep them
_MIN_LABEL = 4  # cells


class SliderColumns(NamedTuple):
    """Widths in cells of the label and the value, equal for several sliders so that their bars are aligned.

    Without `label`, a slider takes the width of its own label; a longer value shortens the bar.
    """

    label: int | None = None
    value: int = 4


class _Layout(NamedTuple):
    label: int
    bar: int
    value: int

    @property
    def start(self) -> int:
        """The column of the bar's first cell."""
        return self.label + 1


class Slider(Widget, can_focus=True):
    """Sets a number with keys, mouse or wheel, or by typing it.

    Args:
        label: The label to the left of the bar.
        spec: The scale, default, bounds and format of the number.
        value: The initial value; the default if None.
        columns: The widths of label and value.
        name: The name of the widget.
        id: The id of the widget.
    """

    ALLOW_SELECT = False  # dragging moves the bar
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "slider--label",
        "slider--bar",
        "slider--rest",
        "slider--value",
        "slider--changed",
        "slider--hint",
        "slider--error",
        "slider--typed",
    }
    DEFAULT_CSS = """
    Slider {
        height: 1;
        min-width: 10;
        color: $foreground;
        & > .slider--label { color: $text-muted; }
        & > .slider--bar { color: $primary; }
        & > .slider--rest { color: $foreground 25%; }
        & > .slider--value { color: $text-muted; }
        & > .slider--changed { color: $foreground; text-style: bold; }
        & > .slider--hint { color: $text-muted; }
        & > .slider--error { color: $text-error; text-style: bold; }
        & > .slider--typed { color: $foreground; text-style: bold; }
        &:hover > .slider--label { color: $foreground; }
        &:focus {
            background: $primary 20%;
            & > .slider--label { color: $foreground; text-style: bold; }
            & > .slider--bar { color: $accent; }
            & > .slider--value { color: $foreground; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Decrease", show=False, id="slider.less"),
        Binding("right", "step(1)", "Increase", show=False, id="slider.more"),
        Binding("shift+left,pagedown", "step(-10)", "Decrease a lot", show=False, id="slider.much_less"),
        Binding("shift+right,pageup", "step(10)", "Increase a lot", show=False, id="slider.much_more"),
        Binding("up", "focus_sibling(-1)", "Slider above", show=False, id="slider.above"),
        Binding("down", "focus_sibling(1)", "Slider below", show=False, id="slider.below"),
        Binding("home", "lowest", "Minimum", show=False, id="slider.least"),
        Binding("end", "highest", "Maximum", show=False, id="slider.most"),
        Binding("enter", "type", "or digits: type a value", id="slider.type"),
        Binding("enter", "accept", "Set the value"),
        Binding("escape", "cancel", "Cancel"),
        Binding("delete,backspace", "reset", "Default", id="slider.reset"),
    ]

    value: reactive[float] = reactive(0.0, init=False)
    """The number; clamped to its bounds. Assigning one that is not finite raises `ValueError`."""

    class Changed(Message):
        """The value has changed."""

        def __init__(self, slider: Slider, value: float) -> None:
            super().__init__()
            self.slider = slider
            self.value = value

        @property
        def control(self) -> Slider:
            """The slider that sent the message."""
            return self.slider

    def __init__(
        self,
        label: str,
        spec: SliderSpec,
        *,
        value: float | None = None,
        columns: SliderColumns | None = None,
        name: str | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id)
        self.label = label
        self.spec = spec
        self._columns = columns or SliderColumns()
        self._typed: TypedValue | None = None  # the text typed so far
        self._problems: tuple[str, ...] = ()  # why the typed text is not a value, in forms of decreasing length
        self._dragging = False
        self.set_reactive(Slider.value, self.validate_value(spec.default if value is None else value))

    @property
    def typing(self) -> bool:
        """True while a value is being typed."""
        return self._typed is not None

    def validate_value(self, value: float) -> float:
        """Return the value within the bounds. Raises `ValueError` for a value that is not finite."""
        try:
            return self.spec.clamp(value)
        except ValueError as error:
            raise ValueError(f"{self.label} cannot be {value}") from error

    def watch_value(self) -> None:
        """Post a message about the change."""
        self.post_message(self.Changed(self, self.value))

    # Painting

    def render(self) -> Text:
        """Return the line: label, bar and value; or label, bounds and typed text while typing."""
        if self._typed is not None:
            return self._render_typed(self._typed)
        layout = self._layout()
        text = self._render_label(layout)
        if layout.bar:
            halves = round(self.spec.scale.fraction(self.value) * 2 * layout.bar)
            text.append("━" * (halves // 2) + "╸" * (halves % 2), self._style("bar"))
            text.append("─" * (layout.bar - (halves + 1) // 2) + " ", self._style("rest"))
        style = self._style("value" if self.value == self.spec.default else "changed")
        text.append(self.spec.format(self.value).rjust(layout.value), style)
        return text

    def _render_label(self, layout: _Layout) -> Text:
        label = truncate(self.label, layout.label, cell_len)
        text = Text(no_wrap=True, end="")
        return text.append(set_cell_size(label, layout.label) + " ", self._style("label"))

    def _render_typed(self, typed: TypedValue) -> Text:
        """Return the line while a value is typed. A reason to refuse it takes the place of the label, if need be."""
        text = self._render_label(self._layout())
        forms = self._problems or self.spec.hints
        hint = fitting_hint(forms, typed.text, self.size.width - cell_len(text.plain))
        if self._problems and not hint:
            text = Text(no_wrap=True, end="")
            hint = fitting_hint(forms, typed.text, self.size.width)
        room = max(0, self.size.width - cell_len(text.plain))
        visible = typed.visible(room)
        shown = visible.text + (" " if visible.caret == len(visible.text) else "")
        text.append(hint, self._style("error" if self._problems else "hint"))
        text.append(" " * max(0, room - cell_len(hint) - cell_len(visible.text) - 1))
        text.append(shown[: visible.caret], self._style("typed"))
        text.append(shown[visible.caret], "reverse")
        text.append(shown[visible.caret + 1 :], self._style("typed"))
        if visible.caret < len(visible.text):
            text.append(" ")
        return text

    def _layout(self) -> _Layout:
        width = self.size.width
        value = max(self._columns.value, self.spec.max_length, len(self.spec.format(self.value)))
        label = cell_len(self.label) if self._columns.label is None else self._columns.label
        bar = width - label - value - 2
        if bar < _MIN_BAR:
            label = max(_MIN_LABEL, label - (_MIN_BAR - bar))
            bar = width - label - value - 2
        if bar < 1:
            return _Layout(max(1, width - value - 1), 0, value)
        return _Layout(label, bar, value)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"slider--{name}")

    # Keys

    def action_step(self, steps: int) -> None:
        """Move some steps up, or down if negative."""
        self.value = self.spec.scale.step(self.value, steps)

    def action_focus_sibling(self, step: int) -> None:
        """Focus the slider below in the same container, or for -1 the one above; at the end of the column stay."""
        column = [
            child
            for child in (self.parent.children if self.parent is not None else ())
            if isinstance(child, Slider) and child.display and child.focusable
        ]
        index = column.index(self) + step if self in column else -1
        if 0 <= index < len(column):
            self.screen.set_focus(column[index])

    def action_lowest(self) -> None:
        """Set the low end of the bar."""
        self.value = self.spec.scale.low

    def action_highest(self) -> None:
        """Set the high end of the bar."""
        self.value = self.spec.scale.high

    def action_reset(self) -> None:
        """Restore the default."""
        self.value = self.spec.default

    def action_type(self) -> None:
        """Start typing a value."""
        self._set_typed(TypedValue())

    def action_accept(self) -> None:
        """Set the typed value; if it is invalid, show why."""
        text = self._typed.text.strip() if self._typed else ""
        value = self.spec.parse(text) if text else self.value
        if value is None:
            self._problems = self.spec.problems(text)
            self.refresh()
            return
        self._set_typed(None)
        self.value = value

    def action_cancel(self) -> None:
        """Stop typing and keep the value."""
        self._set_typed(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for actions that are not for now: while a value is typed, its keys edit the text."""
        if action in ("accept", "cancel"):
            return self.typing
        return not self.typing or action not in ("step", "focus_sibling", "lowest", "highest", "reset", "type")

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Consume what can begin a value, and all printable keys while one is being typed."""
        if character is None or not character.isprintable():
            return False
        return self.typing or _begins_value(character)

    def on_key(self, event: events.Key) -> None:
        """Edit the typed value."""
        character = event.character if event.is_printable else None
        if self._typed is None:
            if character is None or not _begins_value(character):
                return
            self._set_typed(TypedValue().insert(character))
        elif event.key == "enter":
            self.action_accept()
        elif event.key == "escape":
            self.action_cancel()
        elif (edited := self._typed.edit(event.key)) is not None:
            self._set_typed(edited)
        elif character is not None:
            self._set_typed(self._typed.insert(character))
        else:
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Insert pasted text into the typed value."""
        if self._typed is not None:
            self._set_typed(self._typed.insert(event.text))
            event.stop()

    def on_blur(self) -> None:
        """Accept the typed text if it is a value."""
        if self._typed is not None:
            self.action_accept()
        self._set_typed(None)

    def _set_typed(self, typed: TypedValue | None) -> None:
        toggled = (typed is None) is not (self._typed is None)
        self._typed, self._problems = typed, ()
        self.refresh()
        if toggled:
            self.refresh_bindings()

    # The mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Set the value at the pointer, and start a drag."""
        layout = self._layout()
        x = event.x - self.gutter.left
        if event.button == 1 and layout.start <= x < layout.start + layout.bar:
            self._set_typed(None)
            self._dragging = True
            self.capture_mouse()
            self._set_from_column(x)
            event.stop()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Move the value with the drag."""
        if self._dragging:
            self._set_from_column(event.x - self.gutter.left)
            event.stop()

    def on_mouse_up(self) -> None:
        """End the drag."""
        if self._dragging:
            self._dragging = False
            self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """Start typing after a click on the value."""
        layout = self._layout()
        if event.x - self.gutter.left >= layout.start + layout.bar + 1 and self._typed is None:
            self._set_typed(TypedValue())

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move one step up."""
        self.action_step(1)
        event.stop()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move one step down."""
        self.action_step(-1)
        event.stop()

    def _set_from_column(self, x: int) -> None:
        layout = self._layout()
        fraction = (x - layout.start) / max(1, layout.bar - 1)
        self.value = self.spec.scale.value_at(min(1.0, max(0.0, fraction)))


def _begins_value(character: str) -> bool:
    return character.isdecimal() or character in ".-+"
