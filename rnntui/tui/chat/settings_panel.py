"""The settings panel of the Chat tab: presets, sliders, and the alternatives to the token at the cursor."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.containers import Vertical
from textual.widgets import Static

from rnntui.sessions.chat_pane import ChatSettings
from rnntui.text.control_chars import one_line
from rnntui.tui.chat.messages import PresetChosen, PromptWanted, SettingsChanged
from rnntui.tui.keys import bindings

if TYPE_CHECKING:
    from rnntui.sessions.alternatives import Alternative
    from rnntui.sessions.chat_pane import OfferedAlternatives
    from rnntui.tui.widgets.slider import Slider

_BAR = 6  # columns of a probability


class SettingsPanel(Vertical):
    """Settings of the active pane. Empty until `fill`."""

    BINDINGS = bindings("settings")
    settings: ChatSettings

    def __init__(self) -> None:
        super().__init__()
        self._presets, self._alternatives = Static("", id="presets"), Static("", id="alternatives")
        self._sliders: dict[str, Slider] = {}

    async def fill(self, settings: ChatSettings) -> None:
        """Mount the sliders. The first paint should not wait for them."""
        from rnntui.tui.chat.sliders import make_sliders

        self.settings = settings
        self._sliders = {str(slider.name): slider for slider in make_sliders()}
        await self.mount(self._presets, *self._sliders.values(), self._alternatives)
        self.show(settings)

    def show(self, settings: ChatSettings) -> None:
        """Show other settings, as those of another pane."""
        if not self._sliders:
            return
        from rnntui.config_generation import NEW_SEED
        from rnntui.tui.widgets.slider import Slider

        self.settings = settings
        seed = NEW_SEED if settings.seed is None else settings.seed
        parts = (settings.sampling, settings.novelty, settings.generation)
        values: dict[str, Any] = {"seed": seed}
        for part in parts:
            values |= asdict(part)
        with self.prevent(Slider.Changed):
            for name, slider in self._sliders.items():
                slider.value = values[name]
        self._show_presets()

    def on_slider_changed(self, event: Slider.Changed) -> None:
        event.stop()
        self.settings = _with_value(self.settings, str(event.slider.name), event.value)
        self._show_presets()
        self.post_message(SettingsChanged(self.settings))

    def action_leave(self) -> None:
        """Go back to the prompt."""
        self.post_message(PromptWanted())

    def action_preset(self, name: str) -> None:
        """Choose a preset, by a click."""
        self.post_message(PresetChosen(name))

    def show_alternatives(self, offered: OfferedAlternatives | None) -> None:
        """Show the alternatives to a token, or nothing."""
        text = Text()
        if offered is not None and offered.alternatives:
            token = "next token" if offered.text is None else visible_token(offered.text)
            bits = "" if offered.bits is None else f"  {offered.bits:.1f} bits"
            text.append(f"{token}{bits}\n", "bold")
            for number, alternative in enumerate(offered.alternatives, start=1):
                filled = round(alternative.probability * _BAR)
                text.append(f"{number} ", "bold")
                text.append("━" * filled, "bold" if alternative.text == offered.text else "")
                text.append("─" * (_BAR - filled), "dim")
                text.append(f" {alternative.probability:4.0%} {_label(alternative)}\n")
        self._alternatives.update(text)

    def _show_presets(self) -> None:
        from rnntui.config_generation import PRESETS

        current = self.settings.preset
        links = " ".join(
            f"[@click=preset('{name}')]{'[reverse]' if name == current else ''} {name} "
            f"{'[/reverse]' if name == current else ''}[/]"
            for name in PRESETS
        )
        self._presets.update(links)


def _with_value(settings: ChatSettings, name: str, value: float) -> ChatSettings:
    """Return the settings with a slider's value in the field of its name."""
    from rnntui.config_generation import NEW_SEED

    if name == "seed":
        return replace(settings, seed=None if value == NEW_SEED else int(value))
    if name in settings.generation.__dataclass_fields__:
        return replace(settings, generation=replace(settings.generation, **{name: int(value)}))
    if name in settings.novelty.__dataclass_fields__:
        return replace(settings, novelty=replace(settings.novelty, **{name: int(value)}))
    number = type(getattr(settings.sampling, name))
    return replace(settings, sampling=replace(settings.sampling, **{name: number(value)}))


def _label(alternative: Alternative) -> str:
    return "(end)" if alternative.is_end else visible_token(alternative.text)


def visible_token(token: str) -> str:
    """Return a token with a space as ␣ and a line break as its escape."""
    return one_line(token).replace(" ", "␣") or "(part of a character)"
