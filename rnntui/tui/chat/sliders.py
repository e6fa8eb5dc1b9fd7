"""The sliders of the settings: their bounds and meanings are those of `rnntui.config`."""

from __future__ import annotations

from collections.abc import Iterator

from rnntui.config import MAX_CHARS_PER_SECOND, UNLIMITED_LENGTH, SamplingConfig, WritingConfig, described_settings
from rnntui.tui.setting_slider import COLUMNS, setting_slider
from rnntui.tui.widgets.slider import Slider
from rnntui.tui.widgets.slider_scale import LinearScale, SliderScale, StopScale
from rnntui.tui.widgets.slider_spec import SliderSpec

NO_SEED = -1
"""What the slider of the seed says where each turn is to have a new one."""

# What a bar spans: the useful part of what the setting allows. Anything allowed can be typed.
_SCALES: dict[str, tuple[str, SliderScale, dict[float, str]]] = {
    "temperature": ("temperature", LinearScale(0.0, 2.0, 0.05), {}),
    "top_k": ("top-k", StopScale((0, 1, 2, 3, 5, 8, 12, 20, 40, 80, 160)), {0: "all"}),
    "top_p": ("top-p", LinearScale(0.0, 1.0, 0.01), {1: "all"}),
    "min_p": ("min-p", LinearScale(0.0, 0.5, 0.01), {0: "off"}),
    "repetition_penalty": ("repetition", LinearScale(1.0, 2.0, 0.05), {1: "off"}),
    "length": (
        "length",
        StopScale((25, 50, 100, 200, 400, 800, 2000, 5000, UNLIMITED_LENGTH)),
        {UNLIMITED_LENGTH: "no end"},
    ),
    "chars_per_second": (
        "chars_per_second",
        StopScale((10, 15, 25, 40, 60, 100, 200, 400, 1000, MAX_CHARS_PER_SECOND)),
        {MAX_CHARS_PER_SECOND: "full"},
    ),
}


def make_sliders() -> Iterator[Slider]:
    """A slider for each setting, named and identified after it, and one for the seed."""
    for kind in (SamplingConfig, WritingConfig):
        settings = described_settings(kind)
        for name, (label, scale, words) in _SCALES.items():
            if name in settings:
                yield setting_slider(name, label, scale, words, settings[name], getattr(kind(), name))
    seeds = SliderSpec(StopScale((NO_SEED, *range(10))), NO_SEED, high=2**32 - 1, words={NO_SEED: "new"})
    yield Slider("seed", seeds, columns=COLUMNS, name="seed", id="seed")
