"""A page for a browser that goes through a text step by step: all vectors of a cell, with a cell for each unit."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np

from rnntui.charts.html_page import html_text, json_element, self_contained_page
from rnntui.inspection.cell_equations import CELL_NAMES
from rnntui.inspection.cell_step import StepVector
from rnntui.inspection.step_report import StepReport
from rnntui.text.control_chars import one_line

_ROOM = 6 << 20  # bytes of values: of longer texts or wider models, the last steps are in the page
_PRECISION = 32767  # of the largest value of a vector in the text


def step_page(report: StepReport) -> str:
    """Return the page, which begins at the step that is shown. It is one file and loads nothing."""
    steps = report.steps
    title = f"Steps of {one_line(report.run)}"
    first = _first_step(report)
    data = {
        "start": min(max(report.step - first, 0), len(steps) - first - 1),
        "skipped": first + steps.skipped,
        "pieces": steps.pieces[first:],
        "layers": [_layer(report, layer, first) for layer in range(len(steps.layers))],
        "next": [[[token.text, token.probability] for token in steps.next_tokens(t)] for t in range(first, len(steps))],
        "entropy": [steps.entropy(t) for t in range(first, len(steps))],
    }
    parts = [
        f"<h1>{html_text(title)}</h1>",
        f'<p class="note">{CELL_NAMES[steps.cell]}. ← and → go through the text, or click a token; the pointer shows a '
        "unit's value.</p>",
        '<p id="text" aria-label="Text"></p>',
        '<div class="steps"><button id="back" type="button">←</button><input id="step" type="range" min="0" '
        'aria-label="Step"><button id="on" type="button">→</button><output id="place"></output></div>',
        '<h2>Next token</h2><div id="next"></div>',
        '<div id="layers"></div><div class="tip"></div>',
        "<noscript>This page needs JavaScript.</noscript>",
        json_element(data, "data"),
    ]
    return self_contained_page(title, _asset("step_page.css"), _asset("step_page.js"), parts)


def _first_step(report: StepReport) -> int:
    """Return the first step that is in the page."""
    values: int = sum(vector.shape[-1] for layer in report.steps.layers for vector in layer)
    return max(0, len(report.steps) - max(1, _ROOM // (2 * values)))


def _layer(report: StepReport, layer: int, first: int) -> dict[str, Any]:
    vectors = report.steps.vectors(layer, report.step)
    units = len(vectors[-1].values)
    return {
        "title": f"Layer {layer + 1}: {units:,} units",
        "vectors": [
            _vector(vector, values[first:]) for vector, values in zip(vectors, report.steps.layers[layer], strict=True)
        ],
    }


def _vector(vector: StepVector, values: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Return a vector at all steps, `values (T, N)`, as 16-bit integers of the largest."""
    largest = float(np.abs(values).max()) or 1.0
    integers = np.rint(values / largest * _PRECISION).astype("<i2")
    equation = vector.equation
    return {
        "symbol": equation.symbol,
        "title": equation.title,
        "equation": equation.text,
        "isGate": equation.range == "gate",
        "strongest": vector.strongest,
        "unit": largest / _PRECISION,
        "size": values.shape[1],
        "values": base64.b64encode(integers.tobytes()).decode(),
    }


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")
