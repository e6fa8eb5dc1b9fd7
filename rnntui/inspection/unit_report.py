"""Report on the units of a model: the ranking by features, and a text coloured by one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnntui.charts.palette import LIGHT
from rnntui.charts.shaded_text import ShadedToken, shaded_rows, shaded_svg
from rnntui.charts.styled_text import LABEL, SHADES, TITLE, VALUE, ChartPart, Row, Style, cell_width, fit_row
from rnntui.charts.svg_elements import GRID, MUTED, svg_document, text_element, title_element
from rnntui.inspection.linear_probes import Matrix
from rnntui.inspection.text_features import Feature
from rnntui.inspection.unit_probes import FeatureRanking, RankedUnit, UnitName
from rnntui.inspection.views import RANKED_UNITS
from rnntui.text.control_chars import one_line, truncate

_QUANTITIES = {
    "h": "hidden state", "c": "cell state", "i": "input gate", "f": "forget gate", "o": "output gate",
    "g": "candidate", "r": "reset gate", "z": "update gate", "n": "candidate",
}  # fmt: skip
_HEADINGS = ("tokens", "unit", "score", "layer", "token", "luck")
_COLUMN = 8  # cells of a number in the table
_UNIT_COLUMN = 11
_TITLE_COLUMN = 26
_SVG_ROW, _SVG_LEFT, _SVG_SCALE, _SVG_TOP = 24.0, 300.0, 420.0, 84.0


@dataclass(frozen=True)
class UnitScale:
    """How values of a unit become levels of colour from -1 to 1.

    Args:
        low: the value with level -1.
        middle: the value with level 0: of a binary feature, the threshold of its probe.
        high: the value with level 1.
    """

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, unit: RankedUnit, feature: Feature | None) -> UnitScale:
        """Return the scale of a unit for a feature; the middle of its values without one, or for a count."""
        low, high = unit.bounds
        has_threshold = feature is not None and not feature.is_number and low < unit.cut.threshold < high
        return cls(low, unit.cut.threshold if has_threshold else (low + high) / 2, high)

    @classmethod
    def of_quantity(cls, quantity: str) -> UnitScale:
        """Return the scale of a unit of which nothing else is known: the range of its state or gate."""
        if quantity in ("i", "f", "o", "r", "z"):
            return cls(0.0, 0.5, 1.0)
        return cls(-3.0, 0.0, 3.0) if quantity == "c" else cls(-1.0, 0.0, 1.0)

    def levels(self, values: Matrix) -> Matrix:
        """Return the levels of values `(N,)`."""
        above = max(self.high - self.middle, 1e-9)
        below = max(self.middle - self.low, 1e-9)
        distance = values - self.middle
        levels: Matrix = np.clip(np.where(distance > 0, distance / above, distance / below), -1.0, 1.0)
        return levels


@dataclass(frozen=True, eq=False)
class UnitText:
    """A text with the values of a unit.

    Args:
        unit: the unit.
        feature: what it is shown for; None if it was chosen by its name.
        scale: its levels of colour.
        pieces: the texts of the tokens.
        values: the unit's value at each token, `(N,)`.
    """

    unit: RankedUnit
    feature: Feature | None
    scale: UnitScale
    pieces: list[str]
    values: Matrix

    @property
    def tokens(self) -> list[ShadedToken]:
        """The tokens with their levels."""
        levels = self.scale.levels(self.values).tolist()
        return [ShadedToken(piece, level) for piece, level in zip(self.pieces, levels, strict=True)]

    @property
    def legend(self) -> str:
        """What the colours and bars are."""
        feature = self.feature
        scale, meaning = self.scale, ("", "")
        if feature is not None and not feature.is_number:
            meaning = (f" ({feature.title})", "") if self.unit.cut.is_above else ("", f" ({feature.title})")
        return (
            f"blue and high bars: above {scale.middle:.2f}{meaning[0]}, to {scale.high:.2f}; "
            f"orange and low bars: below{meaning[1]}, to {scale.low:.2f}"
        )


@dataclass(frozen=True, eq=False)
class UnitReport:
    """What units of a model track.

    Args:
        run: name of the run.
        origin: where the text comes from that units were probed on, in words.
        tokens: number of tokens that probes were fitted on, and of held-out ones.
        rankings: rankings for features, best first.
        rare: features that are too rare in the text.
        shown: a text coloured by a unit; None if no unit tracks anything.
        top: units of each ranking in the table.
        is_one_unit: True if the rankings hold nothing but the unit that is shown.
    """

    run: str
    origin: str
    tokens: tuple[int, int]
    rankings: list[FeatureRanking]
    rare: list[Feature] = field(default_factory=list)
    shown: UnitText | None = None
    top: int = 1
    is_one_unit: bool = False

    def rows(self, width: int) -> list[Row]:
        """Return the table of rankings, and the coloured text."""
        rows = [fit_row(row, width, cell_width) for row in self._table()] if self.rankings else []
        if self.shown is not None:
            name = f"{unit_title(self.shown.unit.name)} of {one_line(self.run)}"
            rows += [[], [(truncate(name, width, cell_width), TITLE)]]
            rows += [[(line, LABEL)] for line in _wrapped(self.shown.legend, width)]
            rows += shaded_rows(self.shown.tokens, width)
        return rows

    def _table(self) -> list[Row]:
        heading = "".join(f"{name:>{_UNIT_COLUMN if name == 'unit' else _COLUMN}}" for name in _HEADINGS)
        rows: list[Row] = [[(f"{'feature':<{_TITLE_COLUMN}}{heading}", TITLE)]]
        for ranking in self.rankings:
            for index, unit in enumerate(ranking.units[: self.top]):
                rows.append(_table_row(ranking, unit, is_first=index == 0))
        return rows

    def summary(self) -> list[str]:
        """Return the best unit in words, and what the columns are."""
        if not self.rankings:
            return ["No feature is frequent enough in this text to be probed for; use a longer one."]
        lines = [best_unit_sentence(self.rankings[0])]
        if not self.is_one_unit and len(self.rankings) > 1:
            beyond = [ranking for ranking in self.rankings if ranking.strength > 0.05]
            lines.append(
                f"For {len(beyond)} of {len(self.rankings)} features, one unit knows more than the current token says: "
                f"it remembers what came before. For the others, look at the token alone."
            )
        lines.append(
            "score: of the unit on held-out tokens, as balanced accuracy (the mean of the accuracies with and without "
            "the feature: always giving the more frequent answer has 50%), or for a count as R² (0.00 is guessing). "
            "layer: of a linear probe on all units of a layer. token: of the current token alone. luck: of the best "
            "unit for shuffled labels."
        )
        fitted, held_out = self.tokens
        order = "" if self.is_one_unit else f" The {RANKED_UNITS} units that fit best are ordered by score."
        lines.append(
            f"Probes were fitted on {fitted:,} tokens and measured on {held_out:,} others of {self.origin}.{order}"
        )
        if self.rare:
            lines.append(f"Too rare in this text: {', '.join(feature.title for feature in self.rare)}.")
        return lines

    def svg(self) -> str:
        """Return the coloured text as an SVG document; the scores, if there is none."""
        if self.shown is not None:
            return shaded_svg(
                self.shown.tokens, f"{unit_title(self.shown.unit.name)} of {one_line(self.run)}", self.shown.legend
            )
        return self._scores_svg()

    def _scores_svg(self) -> str:
        legend = "held-out score: ○ current token alone, ● best unit, ▲ whole layer; left is guessing"
        elements = [
            title_element(f"What units of {one_line(self.run)} track", 24),
            text_element(legend, 24, 52, colour=MUTED),
        ]
        end = _SVG_LEFT + _SVG_SCALE
        for row, ranking in enumerate(self.rankings):
            y, unit, layer = _SVG_TOP + row * _SVG_ROW, ranking.units[0], ranking.layers[0]
            elements.append(f'<line x1="{_SVG_LEFT:g}" y1="{y:g}" x2="{end:g}" y2="{y:g}" stroke="{GRID}"/>')
            elements.append(text_element(ranking.feature.title, 24, y + 4))
            elements.append(text_element(str(unit.name), _SVG_LEFT - 14, y + 4, anchor="end", colour=MUTED))
            marks = ((ranking.token_score, "○", MUTED), (unit.score, "●", LIGHT[0]), (layer.score, "▲", LIGHT[1]))
            for score, mark, colour in marks:
                x = _SVG_LEFT + _SVG_SCALE * max(0.0, (score - ranking.chance) / (1 - ranking.chance))
                elements.append(text_element(mark, x, y + 4, anchor="middle", colour=colour))
        return svg_document(_SVG_LEFT + _SVG_SCALE + 32, _SVG_TOP + len(self.rankings) * _SVG_ROW + 8, elements)

    def to_json(self) -> dict[str, Any]:
        """Return rankings, scores and the values of the unit that is shown."""
        shown = self.shown
        return {
            "run": self.run,
            "text": self.origin,
            "tokens": {"fit": self.tokens[0], "held_out": self.tokens[1]},
            "features": [_ranking_json(ranking, self.top) for ranking in self.rankings],
            "too_rare": [feature.id for feature in self.rare],
            "shown": None
            if shown is None
            else {
                **_name_json(shown.unit.name),
                "feature": None if shown.feature is None else shown.feature.id,
                "middle": round(shown.scale.middle, 5),
                "tokens": shown.pieces,
                "values": [round(value, 5) for value in shown.values.tolist()],
            },
        }


def unit_title(name: UnitName) -> str:
    """Return a unit in words: "Unit 217 of layer 3, forget gate f"."""
    return f"Unit {name.unit} of layer {name.layer}, {_QUANTITIES[name.quantity]} {name.quantity}"


def score_text(score: float, feature: Feature) -> str:
    """Return a score as people read it: percent, or R² of a count."""
    return f"{score:.2f}" if feature.is_number else f"{score:.1%}"


def best_unit_sentence(ranking: FeatureRanking) -> str:
    """Return what the best unit of a ranking knows, beside what knows it too."""
    unit, feature = ranking.units[0], ranking.feature
    best_layer = ranking.layers[0]
    name, score = unit_title(unit.name), score_text(unit.score, feature)
    others = (
        f"the current token alone has {score_text(ranking.token_score, feature)}, all units of layer "
        f"{best_layer.layer} ({best_layer.quantity}) {score_text(best_layer.score, feature)}, shuffled labels have "
        f"{score_text(ranking.luck, feature)}"
    )
    if feature.is_number:
        return f"{name}, explains {score} of the variance of the {feature.title} (R²); {others}."
    side = "above" if unit.cut.is_above else "below"
    return f"{name}, is {side} {unit.cut.threshold:.2f} for “{feature.title}”: {score} balanced accuracy; {others}."


def _table_row(ranking: FeatureRanking, unit: RankedUnit, *, is_first: bool) -> Row:
    feature = ranking.feature
    share = f"{ranking.share:.1f}" if feature.is_number else f"{ranking.share:.1%}"
    title = truncate(feature.title, _TITLE_COLUMN - 1, cell_width) if is_first else ""
    strength = max(0.0, (unit.score - ranking.chance) / (1 - ranking.chance))
    row: Row = [
        (f"{title:<{_TITLE_COLUMN}}", VALUE),
        (f"{share if is_first else '':>{_COLUMN}}", LABEL),
        (f"{unit.name!s:>{_UNIT_COLUMN}} ", VALUE),
        (f"{score_text(unit.score, feature):>{_COLUMN - 1}}", Style(ChartPart.HIGH, round(strength * SHADES))),
    ]
    if is_first:
        scores = (ranking.layers[0].score, ranking.token_score, ranking.luck)
        row.append(("".join(f"{score_text(score, feature):>{_COLUMN}}" for score in scores), LABEL))
    return row


def _wrapped(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and cell_width(lines[-1]) + 1 + cell_width(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(truncate(word, width, cell_width))
    return lines


def _name_json(name: UnitName) -> dict[str, Any]:
    return {"layer": name.layer, "unit": name.unit, "gate": name.quantity}


def _ranking_json(ranking: FeatureRanking, top: int) -> dict[str, Any]:
    measure = "r2" if ranking.feature.is_number else "balanced_accuracy"
    return {
        "feature": ranking.feature.id,
        "title": ranking.feature.title,
        "measure": measure,
        "share" if not ranking.feature.is_number else "mean": round(ranking.share, 5),
        "majority": round(ranking.majority, 5),
        "chance": ranking.chance,
        "token_alone": round(ranking.token_score, 5),
        "shuffled_unit": round(ranking.luck, 5),
        "shuffled_layer": round(ranking.layer_luck, 5),
        "units": [
            {
                **_name_json(unit.name),
                measure: round(unit.score, 5),
                "fit": round(unit.fit_score, 5),
                "threshold": None if ranking.feature.is_number else round(unit.cut.threshold, 5),
                "is_above": unit.cut.is_above,
            }
            for unit in ranking.units[:top]
        ],
        "layers": [
            {"layer": layer.layer, "gate": layer.quantity, measure: round(layer.score, 5)} for layer in ranking.layers
        ],
    }
