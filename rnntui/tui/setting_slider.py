"""A slider for a setting of `rnntui.config`, with its bounds and help text."""

from __future__ import annotations

from collections.abc import Mapping

from rnntui.settings import Setting
from rnntui.tui.widgets.slider import Slider, SliderColumns
from rnntui.tui.widgets.slider_scale import SliderScale
from rnntui.tui.widgets.slider_spec import SliderSpec

COLUMNS = SliderColumns(label=11, value=6)
"""Widths of labels and values, so that the bars of all sliders are aligned."""


def setting_slider(
    name: str, label: str, scale: SliderScale, words: Mapping[float, str], setting: Setting, default: float
) -> Slider:
    """Return a slider for a setting.

    Args:
        name: the setting's name, which becomes the slider's name and id.
        label: text beside the bar, at most `COLUMNS.label` columns.
        scale: the part of the setting's range that the bar spans; other values within the bounds can be typed.
        words: words shown in place of special values, such as `{0: "off"}`.
        setting: gives bounds and help text.
        default: the value to start with.
    """
    spec = SliderSpec(scale, default, low=setting.low, high=setting.high, words=words)
    slider = Slider(label, spec, columns=COLUMNS, name=name, id=name)
    slider.tooltip = f"{setting.help[0].upper()}{setting.help[1:]}"
    return slider
