"""The sliders of the settings panel. Bounds and help texts are those of `rnntui.config`."""

from __future__ import annotations

from collections.abc import Iterator

from rnntui.config_generation import (
    MAX_CHARS_PER_SECOND,
    NEW_SEED,
    UNLIMITED_LENGTH,
    GenerationConfig,
    NoveltyConfig,
    SamplingConfig,
)
from rnntui.settings import settings_of
from rnntui.tui.setting_slider import COLUMNS, setting_slider
from rnntui.tui.widgets.slider import Slider
from rnntui.tui.widgets.slider_scale import LinearScale, SliderScale, StopScale
from rnntui.tui.widgets.slider_spec import SliderSpec

# Label, the useful part of the range, and words for special values. Any value within the bounds can be typed.
_SCALES: dict[str, tuple[str, SliderScale, dict[float, str]]] = {
    "temperature": ("temperature", LinearScale(0.0, 2.0, 0.05), {}),
    "top_k": ("top-k", StopScale((0, 1, 2, 3, 5, 8, 12, 20, 40, 80, 160)), {0: "all"}),
    "top_p": ("top-p", LinearScale(0.0, 1.0, 0.01), {1: "all"}),
    "min_p": ("min-p", LinearScale(0.0, 0.5, 0.01), {0: "off"}),
    "repetition_penalty": ("repetition", LinearScale(1.0, 2.0, 0.05), {1: "off"}),
    "repetition_window": ("rep. window", StopScale((0, 8, 16, 32, 64, 128, 256)), {0: "off"}),
    "novel": ("max copy", StopScale((0, 8, 12, 16, 20, 25, 30, 40, 60, 100)), {0: "any"}),
    "length": (
        "length",
        StopScale((25, 50, 100, 200, 500, 1000, 2000, 5000, UNLIMITED_LENGTH)),
        {UNLIMITED_LENGTH: "no end"},
    ),
    "chars_per_second": (
        "chars/s",
        StopScale((10, 15, 25, 40, 60, 100, 200, 400, 1000, MAX_CHARS_PER_SECOND)),
        {MAX_CHARS_PER_SECOND: "full"},
    ),
}


def make_sliders() -> Iterator[Slider]:
    """Yield a slider for each setting, with the setting's name as name and id, and one for the seed."""
    for config in (SamplingConfig, NoveltyConfig, GenerationConfig):
        for name, setting in settings_of(config).items():
            label, scale, words = _SCALES[name]
            yield setting_slider(name, label, scale, words, setting, getattr(config(), name))
    seeds = SliderSpec(StopScale((NEW_SEED, *range(10))), NEW_SEED, high=2**32 - 1, words={NEW_SEED: "new"})
    yield Slider("seed", seeds, columns=COLUMNS, name="seed", id="seed")
