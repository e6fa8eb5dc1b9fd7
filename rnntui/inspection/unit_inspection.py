"""`rnntui inspect units` and its view: units ranked by what they track, and a text coloured by one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnntui.errors import CorpusError, UsageError
from rnntui.inference.loaded_model import LoadedLanguageModel, load_language_model
from rnntui.inspection.inspection import Cancelled, InspectionRequest, never_cancelled
from rnntui.inspection.probe_reading import (
    MIN_TOKENS,
    ProbeReading,
    encode_text,
    probe_tokens,
    read_blocks,
    trace_text,
)
from rnntui.inspection.text_features import Feature, feature_ids
from rnntui.inspection.unit_probes import FeatureRanking, RankedUnit, UnitName, parse_unit, probe_unit, rank_features
from rnntui.inspection.unit_report import UnitReport, UnitScale, UnitText
from rnntui.runs.folder import RunFolder

MAX_SHOWN = 4000
"""Characters of a text that is coloured."""

_EXCERPT = 640  # characters of held-out text, where there is no text of the user's
_EXCERPT_STEP = 40  # tokens between the beginnings of excerpts to choose from


@dataclass(frozen=True)
class UnitQuery:
    """What to look for.

    Args:
        text: the text to colour; an excerpt of the held-out text if it is empty.
        probed_text: the text to probe on; held-out text if it is empty.
        features: ids of the features; all if empty.
        unit: a unit such as 3/217, to look at it alone; "" for the ranking.
        quantity: its state or gate.
        top: units of each feature.
    """

    text: str = ""
    probed_text: str = ""
    features: tuple[str, ...] = ()
    unit: str = ""
    quantity: str = "h"
    top: int = 1

    def __post_init__(self) -> None:
        unknown = [name for name in self.features if name not in feature_ids()]
        if unknown:
            raise UsageError(f"--feature {unknown[0]}: there are {', '.join(feature_ids())}")


def inspect_units(request: InspectionRequest, cancelled: Cancelled) -> UnitReport:
    """Compute the view: a long text is probed on, a short one is coloured."""
    run = request.runs[0]
    loaded = load_language_model(run, precision="fp32")
    is_long = bool(request.text) and len(encode_text(loaded, request.text).ids) >= MIN_TOKENS
    query = UnitQuery(probed_text=request.text) if is_long else UnitQuery(text=request.text)
    return unit_report(run, loaded, query, cancelled)


def unit_report(
    run: RunFolder, loaded: LoadedLanguageModel, query: UnitQuery, cancelled: Cancelled = never_cancelled
) -> UnitReport:
    """Rank the units of a language model, or look at one, and colour a text.

    Raises `UsageError` if there is no such unit, `CorpusError` if the text to probe on is too short.
    """
    name = parse_unit(query.unit, query.quantity, loaded) if query.unit else None
    text, origin = probe_tokens(run, loaded, query.probed_text, cancelled)
    reading = read_blocks(loaded, text, cancelled)
    if name is not None:
        rankings, rare = probe_unit(reading, name, query.features), list[Feature]()
    else:
        rankings, rare = rank_features(reading, query.features, cancelled)
    shown = _shown(loaded, reading, rankings, query, name)
    tokens = int(reading.split.fit.sum()), int(reading.split.held_out.sum())
    return UnitReport(run.name, origin, tokens, rankings, rare, shown, query.top, is_one_unit=name is not None)


def _shown(
    loaded: LoadedLanguageModel,
    reading: ProbeReading,
    rankings: Sequence[FeatureRanking],
    query: UnitQuery,
    name: UnitName | None,
) -> UnitText | None:
    """Return the text coloured by the best unit of the best ranking; None if there are no rankings."""
    if not rankings:
        return None
    unit, feature = rankings[0].units[0], rankings[0].feature
    scale = UnitScale.of(unit, feature)
    if query.text:
        return colour_text(loaded, query.text, unit, feature)
    values = reading.columns(reading.layers[unit.name.layer - 1].values(unit.name.quantity))[:, unit.name.unit - 1]
    rows = _excerpt(reading, feature)
    return UnitText(unit, feature, scale, [reading.pieces[row] for row in rows], values[rows])


def colour_text(loaded: LoadedLanguageModel, text: str, unit: RankedUnit, feature: Feature | None) -> UnitText:
    """Return a text coloured by a unit, at most `MAX_SHOWN` characters of it. Raises `CorpusError` if it is empty."""
    tokens = encode_text(loaded, text[:MAX_SHOWN])
    if not len(tokens.ids):
        raise CorpusError("the text to colour is empty")
    layer = trace_text(loaded, tokens.ids)[unit.name.layer - 1]
    values = layer.values(unit.name.quantity)[:, 0, unit.name.unit - 1]
    return UnitText(unit, feature, UnitScale.of(unit, feature), tokens.pieces, values)


def _excerpt(reading: ProbeReading, feature: Feature) -> range:
    """Return tokens of a held-out block, about `_EXCERPT` characters, in which a feature changes most."""
    values = next(column.values for column in reading.features if column.feature == feature)
    changes = np.abs(np.diff(values, prepend=values[:1])) > 0 if not feature.is_number else np.abs(values)
    total = np.concatenate(([0.0], np.cumsum(changes)))
    ends = np.concatenate(([0], np.cumsum([len(piece) for piece in reading.pieces])))
    best = range(0)
    most = -1.0
    for start in range(0, len(reading.pieces), _EXCERPT_STEP):
        end = int(np.searchsorted(ends, ends[start] + _EXCERPT))
        is_whole = end < len(ends) and reading.split.held_out[start : end - 1].all()
        # A window within one block: blocks before and after it are not held out.
        if is_whole and total[end - 1] - total[start] > most:
            best, most = range(start, end - 1), float(total[end - 1] - total[start])
    return best or range(min(len(reading.pieces), _EXCERPT))
