"""One step of a cell as rows, sentences, SVG and JSON: each vector as a heat map beside its equation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rnntui.charts.palette import LIGHT
from rnntui.charts.shaded_text import bar, bar_style
from rnntui.charts.styled_text import CURSOR_LABEL, LABEL, TITLE, VALUE, Row, cell_width, fit_row, row_width
from rnntui.charts.svg_elements import GRID, MUTED, svg_document, text_element, title_element
from rnntui.inference.cells import Array
from rnntui.inspection.cell_equations import CELL_NAMES
from rnntui.inspection.cell_step import StepVector, TextSteps
from rnntui.text.control_chars import one_line, truncate

_LEFT = 48  # cells of an equation
_MIN_BESIDE = 70  # cells of a row from which heat maps stand beside the equations
_HEAT_ROWS = 3
_OPEN, _CLOSED = 0.9, 0.1  # of a gate
_SVG_LEFT, _SVG_CELL, _SVG_COLUMNS, _SVG_GAP = 400.0, 6, 64, 26.0


@dataclass(frozen=True, eq=False)
class StepReport:
    """A step of a text.

    Args:
        run: name of the run.
        steps: all steps of the text.
        step: index of the one that is shown.
    """

    run: str
    steps: TextSteps
    step: int

    @property
    def positions(self) -> int:
        """Number of steps, which `at` can show."""
        return len(self.steps)

    @property
    def position(self) -> int:
        """Index of the step that is shown."""
        return self.step

    def at(self, step: int) -> StepReport:
        """Return the report on another step; on the first or last one, if there is no such step."""
        return replace(self, step=min(max(step, 0), len(self.steps) - 1))

    # -- rows ------------------------------------------------------------------------------------------------------

    def rows(self, width: int) -> list[Row]:
        """Return the place in the text, the next tokens, and the vectors of every layer."""
        rows = [*self._place(width), *self._next(width)]
        for layer in range(len(self.steps.layers)):
            vectors = self.steps.vectors(layer, self.step)
            rows += [[], [(truncate(self._layer_title(layer), width, cell_width), TITLE)]]
            for vector in vectors:
                rows += _vector_rows(vector, width)
        return rows

    def _layer_title(self, layer: int) -> str:
        units = self.steps.layers[layer][-1].shape[-1]
        return f"Layer {layer + 1} of {one_line(self.run)}: {CELL_NAMES[self.steps.cell]}, {units:,} units"

    @property
    def _token(self) -> str:
        return _shown(self.steps.pieces[self.step])

    def _place(self, width: int) -> list[Row]:
        """Return the text around the token, with the token marked."""
        before = "".join(map(_shown, self.steps.pieces[: self.step]))
        after = "".join(map(_shown, self.steps.pieces[self.step + 1 :]))
        token = truncate(self._token or "∅", max(1, width // 2), cell_width)
        room = width - cell_width(token)
        start = _cut_left(before, max(room * 2 // 3, room - cell_width(after)))
        row: Row = [(start, LABEL), (token, CURSOR_LABEL)]
        end = truncate(after, max(0, width - row_width(row, cell_width)), cell_width)
        mark = " " * cell_width(start) + "▲" * cell_width(token)
        number = f"  step {self.step + 1 + self.steps.skipped:,} of {len(self.steps) + self.steps.skipped:,}"
        marks: Row = [(mark, VALUE)]
        if cell_width(mark) + len(number) <= width:
            marks.append((number, LABEL))
        return [[*row, (end, LABEL)], marks]

    def _next(self, width: int) -> list[Row]:
        """Return the most probable next tokens, in as many rows as they need."""
        rows: list[Row] = [[("next:", LABEL)]]
        for token in self.steps.next_tokens(self.step):
            name, share = f"  {_shown(token.text)} ", _percent(token.probability)
            piece: Row = [(name, VALUE), (share, LABEL)]
            if row_width(rows[-1], cell_width) + row_width(piece, cell_width) > width:
                rows.append([("     ", LABEL)])
            rows[-1] += piece
        return [fit_row(row, width, cell_width) for row in rows]

    # -- sentences -------------------------------------------------------------------------------------------------

    def summary(self) -> list[str]:
        """Return what happens at the step, in the last layer, and what is expected next."""
        last = len(self.steps.layers) - 1
        vectors = {vector.equation.symbol: vector for vector in self.steps.vectors(last, self.step)}
        best, entropy = self.steps.next_tokens(self.step)[0], self.steps.entropy(self.step)
        before, after = vectors["h"].values, vectors["h'"].values
        change = float(np.linalg.norm(after - before) / max(float(np.linalg.norm(after)), 1e-9))
        heat = "In the heat maps, blue and high bars are high values, orange and low bars low ones; each cell is one "
        heat += "unit, or the mean of a few neighbours where there is no room for all."
        gates = _gate_sentence(self.steps.cell, vectors)
        return [
            f"{gates} The hidden state has changed by {_percent(change)} of its length.",
            f"After “{self._token}”, the most probable next token is “{_shown(best.text)}” "
            f"({_percent(best.probability)}). The entropy is {entropy:.2f} bits, as of {2**entropy:.1f} equally "
            f"probable tokens.",
            heat,
        ]

    # -- SVG and JSON ----------------------------------------------------------------------------------------------

    def svg(self) -> str:
        """Return the vectors as an SVG document, with a cell for each unit."""
        before = _cut_left("".join(map(_shown, self.steps.pieces[: self.step + 1])), 110)
        elements = [
            title_element(f"A step of {one_line(self.run)} at “{self._token}”", 24),
            text_element(before, 24, 52, colour=MUTED),
        ]
        y = 84.0
        for layer in range(len(self.steps.layers)):
            elements.append(text_element(self._layer_title(layer), 24, y))
            y += 14
            for vector in self.steps.vectors(layer, self.step):
                equation = vector.equation
                elements.append(text_element(f"{equation.symbol} = {equation.text}", 24, y + 12))
                elements.append(text_element(_statistics(vector), 24, y + 30, colour=MUTED))
                elements += _heat_cells(vector.levels, y)
                y += max(36.0, -(-len(vector.values) // _SVG_COLUMNS) * _SVG_CELL) + _SVG_GAP / 2
            y += _SVG_GAP
        tokens = "   ".join(
            f"{_shown(token.text)} {_percent(token.probability)}" for token in self.steps.next_tokens(self.step)
        )
        elements.append(text_element(f"next: {tokens}", 24, y))
        return svg_document(_SVG_LEFT + _SVG_COLUMNS * _SVG_CELL + 24, y + 24, elements)

    def to_json(self) -> dict[str, Any]:
        """Return all vectors of the step, and the most probable next tokens."""
        return {
            "run": self.run,
            "cell": self.steps.cell,
            "text": "".join(self.steps.pieces[: self.step + 1]),
            "token": self.steps.pieces[self.step],
            "step": self.step + 1 + self.steps.skipped,
            "layers": [
                {
                    vector.equation.symbol: [float(f"{value:.7g}") for value in vector.values.tolist()]
                    for vector in self.steps.vectors(layer, self.step)
                }
                for layer in range(len(self.steps.layers))
            ],
            "next": [token._asdict() for token in self.steps.next_tokens(self.step)],
            "entropy_bits": self.steps.entropy(self.step),
        }


def _shown(text: str) -> str:
    """Return a token as it is shown on one line."""
    return one_line(text)


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _cut_left(text: str, width: int) -> str:
    """Return the end of a text that fits into some cells."""
    if cell_width(text) <= width:
        return text
    return "…" + truncate(text[::-1], max(1, width), cell_width)[::-1].lstrip("…") if width > 1 else ""


def _vector_rows(vector: StepVector, width: int) -> list[Row]:
    """Return a vector's equation with a heat map beside it, or below it where there is little room."""
    equation = vector.equation
    label: list[Row] = [
        fit_row([(f"{equation.symbol:<2} ", TITLE), (f"= {equation.text}", VALUE)], min(_LEFT, width), cell_width),
        fit_row([(f"   {_statistics(vector)}", LABEL)], min(_LEFT, width), cell_width),
    ]
    if width < _MIN_BESIDE:
        return [*label, *_heat_rows(vector.levels, width)]
    heat = _heat_rows(vector.levels, width - _LEFT)
    blank: Row = [(" " * _LEFT, LABEL)]
    height = max(len(label), len(heat))
    return [
        [*(label[index] if index < len(label) else blank), *(heat[index] if index < len(heat) else [])]
        for index in range(height)
    ]


def _heat_rows(levels: Array, width: int) -> list[Row]:
    """Return levels `(N,)` as at most three rows of cells; neighbours share a cell where there are too many."""
    group = -(-len(levels) // (width * _HEAT_ROWS))
    means = [float(levels[start : start + group].mean()) for start in range(0, len(levels), group)]
    columns = min(width, -(-len(means) // -(-len(means) // width)))
    return [
        [(bar(level), bar_style(level)) for level in means[start : start + columns]]
        for start in range(0, len(means), columns)
    ]


def _heat_cells(levels: Array, top: float) -> Iterator[str]:
    for index, level in enumerate(levels.tolist()):
        x, y = _SVG_LEFT + index % _SVG_COLUMNS * _SVG_CELL, top + index // _SVG_COLUMNS * _SVG_CELL
        yield (
            f'<rect x="{x:g}" y="{y:g}" width="{_SVG_CELL}" height="{_SVG_CELL}" stroke="{GRID}" stroke-width="0.5" '
            f'fill="{LIGHT[0 if level > 0 else 1]}" fill-opacity="{abs(level):.2f}"/>'
        )


def _statistics(vector: StepVector) -> str:
    """Return a vector's name and its values in a few numbers."""
    values, equation = vector.values, vector.equation
    if equation.range == "gate":
        opened, closed = float((values > _OPEN).mean()), float((values < _CLOSED).mean())
        return f"{equation.title}: mean {values.mean():.2f}, open {_percent(opened)}, closed {_percent(closed)}"
    return f"{equation.title}: {values.min():.2f} to {values.max():.2f}, mean size {np.abs(values).mean():.2f}"


def _gate_sentence(cell: str, vectors: dict[str, StepVector]) -> str:
    """Return what the gates do with the past."""
    if cell == "rnn":
        return "A plain RNN has no gates: h' is computed anew from x and h, and nothing is carried over as it is."
    symbol, kept = ("f", "the cell state") if cell == "lstm" else ("z", "the hidden state")
    gate = vectors[symbol].values
    name = vectors[symbol].equation.title
    opened, closed = int((gate > _OPEN).sum()), int((gate < _CLOSED).sum())
    return (
        f"The {name} keeps {_percent(gate.mean())} of {kept} on average: {opened:,} of {len(gate):,} units are kept "
        f"nearly whole (above {_OPEN}), {closed:,} are cleared (below {_CLOSED})."
    )
