"""Sliders of the beam search; their bounds and help are those of `BeamConfig`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textual.containers import Vertical

from rnntui.config_seq2seq import BeamConfig
from rnntui.sessions.translation_session import DEFAULT_BEAM
from rnntui.settings import settings_of, usable_values
from rnntui.tui.setting_slider import setting_slider
from rnntui.tui.translate.messages import BeamSettingsChanged
from rnntui.tui.widgets.slider import Slider
from rnntui.tui.widgets.slider_scale import LinearScale, SliderScale, StopScale

_BEAM_SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64)
_SCALES: dict[str, tuple[str, SliderScale]] = {
    "beam": ("beam", StopScale(_BEAM_SIZES)),
    "n_best": ("n-best", StopScale(_BEAM_SIZES)),
    "length_penalty": ("length pen.", LinearScale(0.0, 2.0, 0.1)),
}


class BeamPanel(Vertical):
    """Sliders for the settings of the search. Posts `BeamSettingsChanged`."""

    def __init__(self, kept: Mapping[str, object]) -> None:
        """`kept` are values to begin with, by name; those that cannot be used are left at their defaults."""
        settings = settings_of(BeamConfig)
        usable = usable_values(BeamConfig, {name: value for name, value in kept.items() if name in _SCALES})
        self._values = replace(DEFAULT_BEAM, **usable)
        sliders = [
            setting_slider(name, label, scale, {}, settings[name], getattr(DEFAULT_BEAM, name))
            for name, (label, scale) in _SCALES.items()
        ]
        super().__init__(*sliders, id="beam-panel")

    def on_mount(self) -> None:
        with self.prevent(Slider.Changed):
            for slider in self.query(Slider):
                slider.value = getattr(self._values, str(slider.name))

    @property
    def settings(self) -> BeamConfig:
        """The settings that the sliders show. A beam cannot find more hypotheses than it is wide."""
        return replace(self._values, n_best=min(self._values.n_best, self._values.beam))

    @property
    def kept_values(self) -> dict[str, float]:
        """The values of the sliders by name, without those that are at their defaults."""
        values = {name: getattr(self._values, name) for name in _SCALES}
        return {name: value for name, value in values.items() if value != getattr(DEFAULT_BEAM, name)}

    def on_slider_changed(self, event: Slider.Changed) -> None:
        event.stop()
        name = str(event.slider.name)
        value_type = type(getattr(DEFAULT_BEAM, name))
        self._values = replace(self._values, **{name: value_type(event.value)})
        self.post_message(BeamSettingsChanged(self.settings))
