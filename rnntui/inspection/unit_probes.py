"""Units and gates ranked by how well they track features of a text, by linear probes with held-out scores."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnntui.errors import UsageError
from rnntui.inference.cell_trace import quantity_names
from rnntui.inference.loaded_model import LoadedLanguageModel
from rnntui.inspection.inspection import Cancelled, check_cancelled, never_cancelled
from rnntui.inspection.linear_probes import Cut, LayerProbes, ProbeTarget, UnitScore, shifted, token_baseline
from rnntui.inspection.probe_reading import ProbeReading
from rnntui.inspection.text_features import Feature
from rnntui.inspection.views import RANKED_UNITS

_CANDIDATES = 10  # of each state and gate of a layer, by their correlations
_SHIFTS = (0.17, 0.29, 0.43, 0.61, 0.79)  # of the text, by which labels are moved to shuffle them
_MIN_STRETCHES = (6, 3)  # stretches of text with a feature, to fit on and held out: fewer say nothing
_MIN_COUNTS = 3  # different values of a count in each part
_BOUNDS = (0.02, 0.98)  # quantiles between which a unit's values are shaded
_CELLS = {"lstm": "an LSTM", "gru": "a GRU", "rnn": "a plain RNN"}
_UNIT = re.compile(r"(\d+)/(\d+)")


class UnitName(NamedTuple):
    """A unit's layer and index, both from 1, and which of its states or gates: h, c, i, f, o, g, r, z or n."""

    layer: int
    unit: int
    quantity: str

    def __str__(self) -> str:
        return f"{self.layer}/{self.unit} {self.quantity}"


@dataclass(frozen=True)
class RankedUnit:
    """A unit that tracks a feature.

    Args:
        name: the unit.
        cut: its probe: the feature is above or below the threshold.
        score: balanced accuracy, or R², on held-out tokens.
        fit_score: the same on the tokens that the probe was fitted on, by which the ranked units are chosen.
        bounds: the values between which 96% of the tokens lie.
    """

    name: UnitName
    cut: Cut
    score: float
    fit_score: float
    bounds: tuple[float, float]


class LayerScore(NamedTuple):
    """Held-out score of a linear probe on all units of a layer; `quantity` is their state or gate."""

    layer: int
    quantity: str
    score: float


@dataclass(frozen=True)
class FeatureRanking:
    """What tracks a feature.

    Args:
        feature: the feature.
        share: share of the tokens that have it; of a count, its mean.
        majority: share of the more frequent value, the plain accuracy of always giving that; 0 of a count.
        token_score: held-out score of the current token alone.
        luck: the score of the first of `units` for shuffled labels, on average: of units chosen and ordered alike.
        layer_luck: the same of the best layer.
        units: the `RANKED_UNITS` units that fit it best, by their held-out scores, best first.
        layers: all layers with each of their states and gates, best first.
    """

    feature: Feature
    share: float
    majority: float
    token_score: float
    luck: float
    layer_luck: float
    units: tuple[RankedUnit, ...]
    layers: tuple[LayerScore, ...]

    @property
    def chance(self) -> float:
        """The score of a probe that knows nothing."""
        return 0.0 if self.feature.is_number else 0.5

    @property
    def over_chance(self) -> float:
        """The best unit's score, from 0 for chance to 1."""
        return (self.units[0].score - self.chance) / (1 - self.chance) if self.units else 0.0

    @property
    def strength(self) -> float:
        """The best unit's score, between chance and 1, less that of the current token: what it knows of the past.

        0 where the token alone does better, by however much: such a unit knows nothing of the past.
        """
        if not self.units:
            return 0.0
        return max(0.0, self.units[0].score - max(self.chance, self.token_score)) / (1 - self.chance)

    @property
    def rank(self) -> tuple[float, float]:
        """Sorts rankings: by strength, as far as the shown digits tell it, then by the best unit's score over chance.

        By strength alone, a count that a unit knows nothing about would come before what the unit knows, but the token
        alone knows better: most features, in a small model.
        """
        return round(self.strength, 2), self.over_chance


Scored = TypeVar("Scored", RankedUnit, UnitScore)


@dataclass
class _Rankings:
    """What a feature's ranking is made from, while layer after layer is probed."""

    target: ProbeTarget
    units: list[RankedUnit] = field(default_factory=list)
    layers: list[LayerScore] = field(default_factory=list)
    lucky_units: dict[int, list[UnitScore]] = field(default_factory=dict)  # the best for each shift
    lucky_layer: float = 0.0


def rank_features(
    read: ProbeReading, wanted: Sequence[str] = (), cancelled: Cancelled = never_cancelled
) -> tuple[list[FeatureRanking], list[Feature]]:
    """Rank all units for every feature; return the rankings, best first, and the features that are too rare.

    The units of a ranking are chosen by how well they fit, and ordered by their held-out scores. That they are few and
    always as many keeps the first of them from being the luckiest of hundreds; `luck` is of a choice made alike.

    Args:
        read: a text as a model has read it.
        wanted: ids of the features; all if empty.
        cancelled: ends the computation.
    """
    chosen = [column for column in read.features if not wanted or column.feature.id in wanted]
    frequent = [column for column in chosen if _is_frequent(read, column.values, column.feature)]
    rare = [column.feature for column in chosen if column not in frequent]
    if not frequent:
        return [], rare
    rankings = [_Rankings(ProbeTarget(column.values, column.feature.is_number)) for column in frequent]
    targets = [each.target for each in rankings]
    targets += [shifted(each.target, read.split, shift) for each in rankings for shift in _SHIFTS]
    for layer, quantity, values in read.values():
        check_cancelled(cancelled)
        probes = LayerProbes(values, targets, read.split)
        scores = probes.layer_scores()
        for index, each in enumerate(rankings):
            first = len(rankings) + index * len(_SHIFTS)
            shuffled = range(first, first + len(_SHIFTS))
            each.layers.append(LayerScore(layer + 1, quantity, scores[index]))
            each.lucky_layer = max(each.lucky_layer, sum(scores[target] for target in shuffled) / len(_SHIFTS))
            for unit in probes.best_units(index, _CANDIDATES):
                low, high = np.quantile(values[:, unit.unit], _BOUNDS)
                name = UnitName(layer + 1, unit.unit + 1, quantity)
                each.units.append(RankedUnit(name, unit.cut, unit.score, unit.fit_score, (float(low), float(high))))
            for target in shuffled:
                lucky = [*each.lucky_units.get(target, ()), *probes.best_units(target, _CANDIDATES)]
                each.lucky_units[target] = _best_first(lucky)
    results = []
    for column, each in zip(frequent, rankings, strict=True):
        share = float(column.values.mean())
        results.append(
            FeatureRanking(
                column.feature,
                share,
                0.0 if column.feature.is_number else max(share, 1 - share),
                token_baseline(read.tokens, each.target, read.split),
                sum(units[0].score for units in each.lucky_units.values()) / len(_SHIFTS),
                each.lucky_layer,
                tuple(_best_first(each.units)),
                tuple(sorted(each.layers, key=lambda layer: -layer.score)),
            )
        )
    return sorted(results, key=lambda ranking: ranking.rank, reverse=True), rare


def _best_first(units: Sequence[Scored]) -> list[Scored]:
    """Return the `RANKED_UNITS` units that fit best, by their held-out scores, best first."""
    finalists = sorted(units, key=lambda unit: -unit.fit_score)[:RANKED_UNITS]
    return sorted(finalists, key=lambda unit: -unit.score)


def probe_unit(read: ProbeReading, name: UnitName, wanted: Sequence[str] = ()) -> list[FeatureRanking]:
    """Return what one unit tracks: a ranking of this unit alone for every feature, best first.

    `read` and `wanted` are those of `rank_features`.
    """
    layer = read.layers[name.layer - 1]
    values = read.columns(layer.values(name.quantity))
    own = values[:, name.unit - 1]
    low, high = (float(bound) for bound in np.quantile(own, _BOUNDS))
    columns = [
        column
        for column in read.features
        if (not wanted or column.feature.id in wanted) and _is_frequent(read, column.values, column.feature)
    ]
    if not columns:
        return []
    targets = [ProbeTarget(column.values, column.feature.is_number) for column in columns]
    layer_scores = LayerProbes(values, targets, read.split).layer_scores()
    rankings = []
    for column, target, layer_score in zip(columns, targets, layer_scores, strict=True):
        cut, score, fit_score = _unit_scores(own, target, read)
        shuffled = [_unit_scores(own, shifted(target, read.split, shift), read)[1] for shift in _SHIFTS]
        share = float(column.values.mean())
        rankings.append(
            FeatureRanking(
                column.feature,
                share,
                0.0 if column.feature.is_number else max(share, 1 - share),
                token_baseline(read.tokens, target, read.split),
                sum(shuffled) / len(shuffled),
                0.0 if column.feature.is_number else 0.5,
                (RankedUnit(name, cut, score, fit_score, (low, high)),),
                (LayerScore(name.layer, name.quantity, layer_score),),
            )
        )
    return sorted(rankings, key=lambda ranking: -ranking.over_chance)


def _unit_scores(values: NDArray[np.float32], target: ProbeTarget, read: ProbeReading) -> tuple[Cut, float, float]:
    """Return the probe of a unit's values `(N,)`, and its score on held-out tokens and on those of the fit."""
    cut = target.fit(values, read.split.fit)
    return cut, target.score(values, cut, read.split.held_out), target.score(values, cut, read.split.fit)


def parse_unit(name: str, quantity: str, loaded: LoadedLanguageModel) -> UnitName:
    """Return the unit of a name such as 3/217, or 217 in a model of one layer; `quantity` is its state or gate.

    Raises `UsageError` if the model has no such unit, state or gate.
    """
    network = loaded.network
    layers, hidden, names = network.config.layers, network.config.hidden, quantity_names(network.cells[0])
    has_layer = _UNIT.fullmatch(name if "/" in name else f"1/{name}")
    if has_layer is None:
        raise UsageError(f"--unit {name}: not a unit; units are LAYER/UNIT, such as 1/{hidden}, both from 1")
    layer, unit = int(has_layer[1]), int(has_layer[2])
    if not (1 <= layer <= layers and 1 <= unit <= hidden):
        raise UsageError(f"--unit {name}: this model has layers 1 to {layers} with units 1 to {hidden}")
    if quantity not in names:
        raise UsageError(f"--gate {quantity}: {_CELLS[network.config.cell]} has {', '.join(names)}")
    return UnitName(layer, unit, quantity)


def _is_frequent(read: ProbeReading, values: NDArray[np.float32], feature: Feature) -> bool:
    """Return True if there are enough stretches with a feature, or enough different counts, in both parts."""
    for rows, least in zip(read.split, _MIN_STRETCHES, strict=True):
        part = values[rows]
        if feature.is_number:
            if len(np.unique(part)) < _MIN_COUNTS:
                return False
        elif min(np.count_nonzero(np.diff(part) > 0), np.count_nonzero(np.diff(part) < 0)) < least:
            return False
    return True
