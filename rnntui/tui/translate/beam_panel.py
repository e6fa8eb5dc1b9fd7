"""The settings of the search; their bounds and meanings are those of `BeamConfig`."""

from __future__ import annotations

from dataclasses import replace

from textual.containers import Vertical
from textual.message import Message

from rnntui.config import described_settings
from rnntui.config_seq2seq import BeamConfig
from rnntui.tui.setting_slider import setting_slider
from rnntui.tui.widgets.slider import Slider
from rnntui.tui.widgets.slider_scale import LinearScale, SliderScale, StopScale

_WIDTHS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64)
_SCALES: dict[str, tuple[str, SliderScale]] = {
    "beam": ("beam", StopScale(_WIDTHS)),
    "n_best": ("n-best", StopScale(_WIDTHS)),
    "length_penalty": ("length pen.", LinearScale(0.0, 2.0, 0.1)),
}
DEFAULTS = BeamConfig(n_best=BeamConfig.beam)
"""In the app all that the beam has found is shown."""


class BeamPanel(Vertical):
    """Sliders for the beam."""

    class Changed(Message):
        """The settings are these from now on."""

        def __init__(self, settings: BeamConfig) -> None:
            super().__init__()
            self.settings = settings

    def __init__(self) -> None:
        settings = described_settings(BeamConfig)
        sliders = [
            setting_slider(name, label, scale, {}, settings[name], getattr(DEFAULTS, name))
            for name, (label, scale) in _SCALES.items()
        ]
        super().__init__(*sliders, id="beam-panel")
        self._values = DEFAULTS

    def on_slider_changed(self, event: Slider.Changed) -> None:
        event.stop()
        name = str(event.slider.name)
        kind = type(getattr(DEFAULTS, name))
        self._values = replace(self._values, **{name: kind(event.value)})
        # More than the beam is wide cannot be found.
        self.post_message(self.Changed(replace(self._values, n_best=min(self._values.n_best, self._values.beam))))
