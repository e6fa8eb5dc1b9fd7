"""A number setting on one line: its name, a bar, its value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from rnntui.tui.widgets.slider_scale import SliderScale

_LEAST_BAR = 5  # cells below which the label gives way
_LEAST_LABEL = 4
_LONGEST = 12  # characters typed


class _Layout(NamedTuple):
    label: int
    bar: int
    value: int

    @property
    def start(self) -> int:
        """The column where the bar begins."""
        return self.label + 1


class Slider(Widget, can_focus=True):
    """A number that is set with keys, mouse or wheel, or typed.

    `label` names it. `scale` says what the bar spans and how it steps (`Linear`, `Stops`); `low` and `high` are the
    bounds of what can be typed or assigned, those of the scale unless given. `default` is what a reset goes back to
    and, unless `value` is given, where it starts; if it is an int, the setting takes whole numbers. `words` are shown
    in place of values that mean something, such as `{0: "off"}`, and can be typed too. `label_width` and `value_width`,
    in cells, let the bars of several sliders stand in one column; a value wider than that takes from its bar.

    Raises `ValueError` if the default is out of bounds.
    """

    ALLOW_SELECT = False  # a drag moves the bar
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
    """The number; one out of bounds becomes the nearest within. Raises `ValueError` for one that is not finite."""

    class Changed(Message):
        """The value is another than before."""

        def __init__(self, slider: Slider, value: float) -> None:
            super().__init__()
            self.slider = slider
            self.value = value

        @property
        def control(self) -> Slider:
            """The slider it is about."""
            return self.slider

    def __init__(
        self,
        label: str,
        scale: SliderScale,
        *,
        default: float,
        value: float | None = None,
        low: float | None = None,
        high: float | None = None,
        words: Mapping[float, str] | None = None,
        label_width: int | None = None,
        value_width: int = 4,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.label = label
        self.default = default
        self.low = scale.low if low is None else low
        self.high = scale.high if high is None else high
        if not self.low <= default <= self.high:
            raise ValueError(f"the default of {label} must be {self.bounds} (got {default})")
        self._scale = scale
        self._whole = isinstance(default, int)
        self._words = dict(words or {})
        self._label_width = label_width
        self._value_width = value_width
        self._typed: str | None = None  # what was typed so far
        self._wrong = False  # it was not a value
        self._dragging = False
        self.set_reactive(Slider.value, self.validate_value(default if value is None else value))

    @property
    def bounds(self) -> str:
        """The bounds in words: `0 to 2`."""
        return f"{self.low:g} to {self.high:g}"

    @property
    def typing(self) -> bool:
        """Whether a value is being typed."""
        return self._typed is not None

    def shown(self, value: float) -> str:
        """A value as the slider shows it: a word, or a number with two decimals, fewer or more as the scale has."""
        if value in self._words:
            return self._words[value]
        if self._whole:
            return str(int(value))
        most = self._scale.digits
        texts = (f"{value:.{digits}f}" for digits in range(min(2, most), most + 1))
        return next((text for text in texts if float(text) == value), f"{value:g}")

    def validate_value(self, value: float) -> float:
        """The value within the bounds, and whole if the setting is."""
        if not math.isfinite(value):
            raise ValueError(f"{self.label} cannot be {value}")
        value = min(max(value, self.low), self.high)
        return round(value) if self._whole else float(value)

    def watch_value(self) -> None:
        """Tell of a change."""
        self.post_message(self.Changed(self, self.value))

    # Painting

    def render(self) -> Text:
        """The line: label, bar and value; while typing, bounds and what was typed in place of the last two."""
        layout = self._layout()
        label = self.label
        if cell_len(label) > layout.label:
            label = set_cell_size(label, layout.label - 1).rstrip() + "…"
        text = Text(no_wrap=True, end="")
        text.append(set_cell_size(label, layout.label) + " ", self._style("label"))
        if self._typed is not None:
            room = max(0, self.size.width - cell_len(text.plain))
            typed = self._typed[-max(1, room - 1) :]
            hint = set_cell_size(self.bounds, max(0, room - len(typed) - 2))
            text.append(hint, self._style("error" if self._wrong else "hint"))
            text.append(" " * (room - len(hint) - len(typed) - 1))
            text.append(typed, self._style("typed"))
            text.append(" ", "reverse")
            return text
        if layout.bar:
            halves = round(self._scale.part(self.value) * 2 * layout.bar)
            text.append("━" * (halves // 2) + "╸" * (halves % 2), self._style("bar"))
            text.append("─" * (layout.bar - (halves + 1) // 2) + " ", self._style("rest"))
        changed = "value" if self.value == self.default else "changed"
        text.append(self.shown(self.value).rjust(layout.value), self._style(changed))
        return text

    def _layout(self) -> _Layout:
        width = self.size.width
        marks = (self._scale.low, self._scale.high, self.default, self.value, *self._words)
        value = max(self._value_width, *(len(self.shown(mark)) for mark in marks))
        label = cell_len(self.label) if self._label_width is None else self._label_width
        bar = width - label - value - 2
        if bar < _LEAST_BAR:
            label = max(_LEAST_LABEL, label - (_LEAST_BAR - bar))
            bar = width - label - value - 2
        if bar < 1:
            return _Layout(max(1, width - value - 1), 0, value)
        return _Layout(label, bar, value)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"slider--{name}")

    # Keys

    def action_step(self, steps: int) -> None:
        """So many steps up, or down if negative."""
        self.value = self._scale.stepped(self.value, steps)

    def action_lowest(self) -> None:
        """To the low end of the bar."""
        self.value = self._scale.low

    def action_highest(self) -> None:
        """To the high end of the bar."""
        self.value = self._scale.high

    def action_reset(self) -> None:
        """To the default."""
        self.value = self.default

    def action_type(self) -> None:
        """Begin to type a value."""
        self._type("")

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """While a value is typed, keys that can be part of it are the slider's own."""
        return self.typing and character is not None and character.isprintable()

    def on_key(self, event: events.Key) -> None:
        """Keys that make up a typed value."""
        character = event.character if event.is_printable else None
        if self._typed is None:
            if character is None or not (character.isdecimal() or character in ".-+"):
                return
            self._type(character)
        elif event.key == "enter":
            self._accept()
        elif event.key == "escape":
            self._type(None)
        elif event.key in ("backspace", "delete"):
            self._type(self._typed[:-1])
        elif character is not None:
            self._type((self._typed + character)[:_LONGEST])
        elif event.key not in ("left", "right", "shift+left", "shift+right", "home", "end", "pageup", "pagedown"):
            return
        event.stop()
        event.prevent_default()

    def on_blur(self) -> None:
        """What was typed counts, if it is a value."""
        if self._typed:
            self._accept()
        self._type(None)

    def _type(self, typed: str | None) -> None:
        self._typed = typed
        self._wrong = False
        self.refresh()

    def _accept(self) -> None:
        value = self._value_of((self._typed or "").strip())
        if value is None:
            self._wrong = True
            self.refresh()
            return
        self._type(None)
        self.value = value

    def _value_of(self, typed: str) -> float | None:
        for value, word in self._words.items():
            if typed.lower() == word.lower():
                return value
        if not typed:
            return self.value
        try:
            value = int(typed) if self._whole else float(typed)
        except ValueError:
            return None
        return value if self.low <= value <= self.high else None

    # The mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A press on the bar sets the value and begins a drag."""
        layout = self._layout()
        x = event.x - self.gutter.left
        if event.button == 1 and layout.start <= x < layout.start + layout.bar:
            self._type(None)
            self._dragging = True
            self.capture_mouse()
            self._point(x)
            event.stop()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """A drag takes the value along."""
        if self._dragging:
            self._point(event.x - self.gutter.left)
            event.stop()

    def on_mouse_up(self) -> None:
        """The end of a drag."""
        if self._dragging:
            self._dragging = False
            self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """A click on the value begins to type one."""
        layout = self._layout()
        if event.x - self.gutter.left >= layout.start + layout.bar + 1 and self._typed is None:
            self._type("")

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel up: a step up."""
        self.action_step(1)
        event.stop()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel down: a step down."""
        self.action_step(-1)
        event.stop()

    def _point(self, x: int) -> None:
        layout = self._layout()
        self.value = self._scale.at(min(1.0, max(0.0, (x - layout.start) / max(1, layout.bar - 1))))
