"""Sliders of the beam search; their bounds and help are those of `BeamConfig`."""

from __future__ import annotations

from dataclasses import replace

from textual.containers import Vertical

from rnntui.config_seq2seq import BeamConfig
from rnntui.sessions.translation_session import DEFAULT_BEAM
from rnntui.settings import settings_of
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

    def __init__(self) -> None:
        settings = settings_of(BeamConfig)
        sliders = [
            setting_slider(name, label, scale, {}, settings[name], getattr(DEFAULT_BEAM, name))
            for name, (label, scale) in _SCALES.items()
        ]
        super().__init__(*sliders, id="beam-panel")
        self._values = DEFAULT_BEAM

    def on_slider_changed(self, event: Slider.Changed) -> None:
        event.stop()
        name = str(event.slider.name)
        value_type = type(getattr(DEFAULT_BEAM, name))
        self._values = replace(self._values, **{name: value_type(event.value)})
        # A beam cannot find more hypotheses than it is wide.
        n_best = min(self._values.n_best, self._values.beam)
        self.post_message(BeamSettingsChanged(replace(self._values, n_best=n_best)))
