"""Sliders for settings: bounds, meaning and kind of number are those of the setting."""

from __future__ import annotations

from collections.abc import Mapping

from rnntui.config import Setting
from rnntui.tui.widgets.slider import Slider
from rnntui.tui.widgets.slider_scale import SliderScale

LABELS, VALUES = 11, 6
"""Columns of what sliders are called and of their values, so that their bars stand in one column."""


def setting_slider(
    name: str, label: str, scale: SliderScale, words: Mapping[float, str], setting: Setting, default: float
) -> Slider:
    """A slider named and identified after its setting; its bar spans the useful part of what the setting allows."""
    slider = Slider(
        label, scale, default=default, low=setting.low, high=setting.high, words=words, label_width=LABELS,
        value_width=VALUES, name=name, id=name,
    )  # fmt: skip
    slider.tooltip = f"{setting.help[0].upper()}{setting.help[1:]}"
    return slider
