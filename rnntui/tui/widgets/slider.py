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

from rnntui.tui.widgets.slider_spec import SliderSpec

_MIN_BAR = 5  # cells; the label is shortened to keep them
_MIN_LABEL = 4  # cells
_MAX_TYPED = 12  # characters


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
        Binding("left", "step(-1)", "Less", show=False, id="slider.less"),
        Binding("right", "step(1)", "More", show=False, id="slider.more"),
        Binding("shift+left,pagedown", "step(-10)", "Much less", show=False, id="slider.much_less"),
        Binding("shift+right,pageup", "step(10)", "Much more", show=False, id="slider.much_more"),
        Binding("home", "lowest", "Least", show=False, id="slider.least"),
        Binding("end", "highest", "Most", show=False, id="slider.most"),
        Binding("d,delete", "reset", "Back to the default", show=False, id="slider.reset"),
        Binding("enter", "type", "Type a value", show=False, id="slider.type"),
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
        self._typed: str | None = None  # the text typed so far
        self._invalid = False  # the typed text is not a value
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
        layout = self._layout()
        label = self.label
        if cell_len(label) > layout.label:
            label = set_cell_size(label, layout.label - 1).rstrip() + "…"
        text = Text(no_wrap=True, end="")
        text.append(set_cell_size(label, layout.label) + " ", self._style("label"))
        if self._typed is not None:
            room = max(0, self.size.width - cell_len(text.plain))
            typed = self._typed[-max(1, room - 1) :]
            hint = set_cell_size(self.spec.bounds, max(0, room - len(typed) - 2))
            text.append(hint, self._style("error" if self._invalid else "hint"))
            text.append(" " * (room - len(hint) - len(typed) - 1))
            text.append(typed, self._style("typed"))
            text.append(" ", "reverse")
            return text
        if layout.bar:
            halves = round(self.spec.scale.fraction(self.value) * 2 * layout.bar)
            text.append("━" * (halves // 2) + "╸" * (halves % 2), self._style("bar"))
            text.append("─" * (layout.bar - (halves + 1) // 2) + " ", self._style("rest"))
        style = self._style("value" if self.value == self.spec.default else "changed")
        text.append(self.spec.format(self.value).rjust(layout.value), style)
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
        self._set_typed("")

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Consume printable keys while a value is being typed."""
        return self.typing and character is not None and character.isprintable()

    def on_key(self, event: events.Key) -> None:
        """Edit the typed value."""
        character = event.character if event.is_printable else None
        if self._typed is None:
            if character is None or not (character.isdecimal() or character in ".-+"):
                return
            self._set_typed(character)
        elif event.key == "enter":
            self._accept()
        elif event.key == "escape":
            self._set_typed(None)
        elif event.key in ("backspace", "delete"):
            self._set_typed(self._typed[:-1])
        elif character is not None:
            self._set_typed((self._typed + character)[:_MAX_TYPED])
        elif event.key not in ("left", "right", "shift+left", "shift+right", "home", "end", "pageup", "pagedown"):
            return
        event.stop()
        event.prevent_default()

    def on_blur(self) -> None:
        """Accept the typed text if it is a value."""
        if self._typed:
            self._accept()
        self._set_typed(None)

    def _set_typed(self, typed: str | None) -> None:
        self._typed = typed
        self._invalid = False
        self.refresh()

    def _accept(self) -> None:
        text = (self._typed or "").strip()
        value = self.spec.parse(text) if text else self.value
        if value is None:
            self._invalid = True
            self.refresh()
            return
        self._set_typed(None)
        self.value = value

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
            self._set_typed("")

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
