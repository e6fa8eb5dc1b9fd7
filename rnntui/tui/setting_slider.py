"""Sliders for settings: bounds, meaning and kind of number are those of the setting."""

from __future__ import annotations

from collections.abc import Mapping

from rnntui.config import Setting
from rnntui.tui.widgets.slider import Slider, SliderColumns
from rnntui.tui.widgets.slider_scale import SliderScale
from rnntui.tui.widgets.slider_spec import SliderSpec

COLUMNS = SliderColumns(label=11, value=6)
"""Widths of labels and values, so that the bars of all sliders are aligned."""


def setting_slider(
    name: str, label: str, scale: SliderScale, words: Mapping[float, str], setting: Setting, default: float
) -> Slider:
    """A slider named and identified after its setting; its bar spans the useful part of what the setting allows."""
    spec = SliderSpec(scale, default, low=setting.low, high=setting.high, words=words)
    slider = Slider(label, spec, columns=COLUMNS, name=name, id=name)
    slider.tooltip = f"{setting.help[0].upper()}{setting.help[1:]}"
    return slider
