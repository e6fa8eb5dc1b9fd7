"""What a run's metrics hold: each quantity's title, how it is charted, and in which order they are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rnntui.text.control_chars import one_line

Axis = Literal["step", "seconds", "tokens"]
AXES: tuple[Axis, ...] = ("step", "seconds", "tokens")
AXIS_TITLES: dict[Axis, str] = {"step": "step", "seconds": "time", "tokens": "tokens"}


@dataclass(frozen=True)
class Quantity:
    """How a key of `metrics.jsonl` is charted.

    `title` heads a chart of it alone, `label` names it beside others in one chart, `chart` is the chart it shares with
    others. `unit` is what its axis counts, where neither title nor label says so. `log` says whether a logarithmic
    axis makes sense. `noisy` ones are smoothed. Those that are measured now and then are `marked`: their points are
    shown where there is room.
    """

    key: str
    title: str
    label: str
    chart: str
    log: bool = True
    noisy: bool = False
    marked: bool = False
    unit: str = ""


LOSS = "Loss"
NATS = "nats a token"
QUANTITIES = {
    quantity.key: quantity
    for quantity in (
        Quantity("train_loss", "Training loss", "training", LOSS, noisy=True, unit=NATS),
        Quantity("validation_loss", "Validation loss", "validation", LOSS, marked=True, unit=NATS),
        Quantity("bits_per_character", "Bits per character", "bits per character", "bits_per_character", marked=True),
        Quantity("bleu", "BLEU", "BLEU", "bleu", log=False, marked=True),
        Quantity("chrf", "chrF", "chrF", "chrf", log=False, marked=True),
        Quantity("learning_rate", "Learning rate", "learning rate", "learning_rate"),
        Quantity("gradient_norm", "Gradient norm", "gradient norm", "gradient_norm", noisy=True),
        Quantity("tokens_per_second", "Tokens per second", "tokens/s", "tokens_per_second", log=False, noisy=True),
    )
}
SMOOTHING = 0.9  # what noisy quantities are smoothed by unless one wishes otherwise
SCORES = ("bleu", "chrf")  # of 100, higher being better
LOSSES = ("train_loss", "validation_loss")


def quantity(key: str) -> Quantity:
    """How the key is charted; one that nobody has heard of is shown under its own name, as it comes."""
    if key in QUANTITIES:
        return QUANTITIES[key]
    name = one_line(key).replace("_", " ")
    return Quantity(key, name[:1].upper() + name[1:], name, key, marked=True)


def heading(title: str, keys: Sequence[str], of: str = "") -> str:
    """What stands above a chart of some quantities: its title, whose it is, and what the y axis counts."""
    units = dict.fromkeys(quantity(key).unit for key in keys)
    unit = next(iter(units)) if len(units) == 1 else ""
    return title + (f" of {of}" if of else "") + (f", {unit}" if unit else "")


def in_order(keys: list[str]) -> list[str]:
    """The keys of the table in its order, then the others as they came."""
    return [key for key in QUANTITIES if key in keys] + [key for key in keys if key not in QUANTITIES]


def charts_of(keys: list[str]) -> list[tuple[str, list[str]]]:
    """Which charts show the keys: each chart's title, and the keys it holds, in the order of `keys`."""
    charts: dict[str, list[str]] = {}
    for key in keys:
        charts.setdefault(quantity(key).chart, []).append(key)
    return [(quantity(held[0]).title if len(held) == 1 else chart, held) for chart, held in charts.items()]
