"""Search space of `rnntui tune`: the settings of a language model that the user left open, with values to try."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, get_args

import numpy as np

from rnntui.config import Cell

_MAX_MOVE = 2  # values by which a neighbour moves a setting

_GRIDS: dict[str, tuple[Any, ...]] = {
    "cell": ("lstm", "gru"),
    "layers": (1, 2, 3),
    "hidden": (128, 192, 256, 384, 512, 768, 1024),
    "embedding": (16, 32, 64, 128, 256),
    "dropout": (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5),
    "learning_rate": (5e-4, 7e-4, 1e-3, 1.4e-3, 2e-3, 2.8e-3, 4e-3, 5.6e-3, 8e-3, 1.1e-2, 1.6e-2),
    "batch_size": (8, 16, 32, 64),
    "bptt": (16, 32, 64, 128),
}
_SHAPE = frozenset({"cell", "layers", "hidden", "embedding"})  # which a run that is trained on has already


class Dimension(NamedTuple):
    """A setting that is searched.

    Args:
        name: its option name.
        values: what is tried, in order.
        is_ordered: True for numbers, where neighbours have similar effects.
    """

    name: str
    values: tuple[Any, ...]
    is_ordered: bool = True


def search_space(
    defaults: Mapping[str, Any], given: Collection[str], *, has_shape: bool, tokens: int
) -> tuple[Dimension, ...]:
    """Return the settings to search.

    The embedding of words and subwords is as wide as the hidden state by default, where both share a matrix, so it is
    searched for characters alone.

    Args:
        defaults: value of each setting by default, by option name; an embedding of None follows the hidden size.
        given: option names of the settings that the user has fixed.
        has_shape: True for a run that is trained on from another, whose shape it has.
        tokens: tokens of the training text; windows are shorter.
    """
    dimensions = []
    for name, grid in _GRIDS.items():
        default = defaults[name]
        if name in given or default is None or (has_shape and name in _SHAPE):
            continue
        if default in get_args(Cell):
            dimensions.append(Dimension(name, grid, is_ordered=False))
            continue
        values = sorted({*grid, default})
        if name == "bptt":
            values = [value for value in values if value < tokens]
        dimensions.append(Dimension(name, tuple(values)))
    return tuple(dimensions)


def neighbour(
    center: Mapping[str, Any], dimensions: Sequence[Dimension], generator: np.random.Generator
) -> dict[str, Any]:
    """Return settings with each of some dimensions moved by one or two values.

    Args:
        center: settings by option name.
        dimensions: the settings to move, of more than one value each.
        generator: draws where to.
    """
    settings = dict(center)
    for name, values, is_ordered in dimensions:
        here = values.index(settings[name])
        places = [
            place
            for place in range(len(values))
            if place != here and (not is_ordered or abs(place - here) <= _MAX_MOVE)
        ]
        settings[name] = values[places[int(generator.integers(len(places)))]]
    return settings


def combinations(space: Sequence[Dimension]) -> int:
    """Return how many different trials there can be."""
    count = 1
    for dimension in space:
        count *= len(dimension.values)
    return count
