"""The settings that steer the writing, and the alternatives to a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from rnntui.text.control_chars import one_line

if TYPE_CHECKING:
    from rnntui.config import SamplingConfig, WritingConfig
    from rnntui.sessions.alternatives import Alternative
    from rnntui.tui.widgets.slider import Slider

_BAR = 6


class SettingsPanel(Vertical):
    """Sliders of the active pane, and under them what else could have stood at the cursor."""

    class Changed(Message):
        """The settings are these from now on."""

        def __init__(self, sampling: SamplingConfig, writing: WritingConfig, seed: int | None) -> None:
            super().__init__()
            self.sampling, self.writing, self.seed = sampling, writing, seed

    filled = False
    sampling: SamplingConfig
    writing: WritingConfig
    seed: int | None

    async def fill(self) -> None:
        """Make the sliders: after the first paint, which should not wait for them."""
        from rnntui.config import SamplingConfig, WritingConfig
        from rnntui.tui.chat.sliders import make_sliders

        self.sampling, self.writing, self.seed = SamplingConfig(), WritingConfig(), None
        self._sliders: dict[str, Slider] = {str(slider.name): slider for slider in make_sliders()}
        await self.mount(Static("", id="presets"), *self._sliders.values(), Static("", id="alternatives"))
        self._show_preset()
        self.filled = True

    def show(self, sampling: SamplingConfig, writing: WritingConfig, seed: int | None) -> None:
        """Show these settings, as those of another pane."""
        self.sampling, self.writing, self.seed = sampling, writing, seed
        values: dict[str, Any] = {**vars_of(sampling), **vars_of(writing), "seed": -1 if seed is None else seed}
        from rnntui.tui.widgets.slider import Slider

        with self.prevent(Slider.Changed):
            for name, slider in self._sliders.items():
                slider.value = values[name]
        self._show_preset()

    def on_slider_changed(self, event: Slider.Changed) -> None:
        event.stop()
        name, value = str(event.slider.name), event.value
        if name == "seed":
            self.seed = None if value < 0 else int(value)
        elif name in vars_of(self.writing):
            self.writing = replace(self.writing, **{name: int(value)})
        else:
            kind = type(getattr(self.sampling, name))
            self.sampling = replace(self.sampling, **{name: kind(value)})
        self._show_preset()
        self.post_message(self.Changed(self.sampling, self.writing, self.seed))

    def next_preset(self) -> str:
        """Take the preset after the one that is set; returns its name."""
        from rnntui.config import PRESETS

        names, current = list(PRESETS), self._preset()
        name = names[(names.index(current) + 1) % len(names)] if current in names else names[0]
        self.use_preset(name)
        return name

    def use_preset(self, name: str) -> None:
        """Take a preset's settings."""
        from rnntui.config import PRESETS

        self.show(PRESETS[name], self.writing, self.seed)
        self.post_message(self.Changed(self.sampling, self.writing, self.seed))

    def action_preset(self, name: str) -> None:
        """A preset has been clicked."""
        self.use_preset(name)

    def show_alternatives(self, token: str | None, bits: float | None, alternatives: Sequence[Alternative]) -> None:
        """Show what could stand in a token's place, None being that of the next; with none of them, show nothing."""
        if not self.filled:
            return
        text = Text()
        if alternatives:
            surprise = "" if bits is None else f"  {bits:.1f} bits"
            text.append(f"{'next token' if token is None else shown(token)}{surprise}\n", "bold")
        for number, alternative in enumerate(alternatives, start=1):
            filled = round(alternative.probability * _BAR)
            text.append(f"{number} ", "bold")
            text.append("━" * filled, "bold" if alternative.text == token else "")
            text.append("─" * (_BAR - filled), "dim")
            text.append(f" {alternative.probability:4.0%} {shown(alternative.text)}\n")
        self.query_one("#alternatives", Static).update(text)

    def _preset(self) -> str | None:
        from rnntui.config import PRESETS

        return next((name for name, settings in PRESETS.items() if settings == self.sampling), None)

    def _show_preset(self) -> None:
        from rnntui.config import PRESETS

        current = self._preset()
        shown_names = " ".join(
            f"[@click=preset('{name}')]{'[reverse]' if name == current else ''} {name} "
            f"{'[/reverse]' if name == current else ''}[/]"
            for name in PRESETS
        )
        self.query_one("#presets", Static).update(shown_names)


def vars_of(settings: SamplingConfig | WritingConfig) -> dict[str, Any]:
    """The settings by name."""
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


def shown(token: str) -> str:
    """A token as a person can tell it apart: a space as ␣, a line break as ⏎."""
    return one_line(token).replace(" ", "␣") or "(part of a character)"
