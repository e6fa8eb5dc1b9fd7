"""A page about a run for a browser: curves that show their values, samples over time, settings, matrices.

The page is one file and loads nothing (see `charts/html_page`). What the run says is escaped, whatever it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rnntui.charts.attention_grid import AttentionTable
from rnntui.charts.attention_svg import attention_svg
from rnntui.charts.chart_view import ChartView
from rnntui.charts.confusion import ConfusionMatrix
from rnntui.charts.confusion_svg import confusion_svg
from rnntui.charts.curve import curves_of
from rnntui.charts.html_page import html_text, json_element, self_contained_page
from rnntui.charts.metric_charts import DEFAULT_SMOOTHING, LOSS_KEYS, chart_heading, charts_of
from rnntui.charts.metrics_history import LoggedSample, MetricsHistory
from rnntui.charts.palette import LIGHT
from rnntui.charts.svg import ChartDrawing, plotted_points, render_svg
from rnntui.charts.svg_elements import GRID, INK, MUTED
from rnntui.config_seq2seq import BeamConfig, Seq2SeqConfig
from rnntui.errors import RnntuiError
from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.kinds.metrics import BITS_PER_CHARACTER
from rnntui.kinds.registry import kind_or_default
from rnntui.kinds.samples import sample_parts
from rnntui.runs.description import COMMANDS, RunDetails, describe_run, read_details
from rnntui.runs.folder import RunFolder
from rnntui.text.control_chars import escape_control_chars, one_line

_MAX_POINTS = 1000  # of a curve, whose values the page shows
_MAX_SAMPLES = 60
_MAX_MATRICES = 3  # of attention
_LAST_SAMPLE = "Last sample"  # a section of the description, which the samples replace

_COLOURS = {"#ffffff": "background", INK: "ink", MUTED: "muted", GRID: "grid"} | {
    colour: f"curve-{index}" for index, colour in enumerate(LIGHT)
}
_PAINT = re.compile(r'(fill|stroke)="(#[0-9a-f]{6})"')


def report_page(run: RunFolder) -> str:
    """Return the page about a run. Raises `RunError` if its config cannot be read."""
    details = read_details(run)
    history = MetricsHistory(run.metrics_file)
    history.read_all()
    name = one_line(run.name)
    parts = [
        *_heading(name, details),
        *_charts(run, details, history),
        *_confusion(details, history),
        *_attention(run, details, history.samples),
        *_samples(details, history.samples),
        *_facts(details),
    ]
    return self_contained_page(name, _asset("report.css"), _asset("report.js"), parts)


def _heading(name: str, details: RunDetails) -> Iterator[str]:
    kind = kind_or_default(details.config.kind)
    yield f"<h1>{html_text(name)}</h1>"
    yield f'<p class="note">{html_text(kind.title)}, {html_text(details.summary.state)}</p>'


def _charts(run: RunFolder, details: RunDetails, history: MetricsHistory) -> Iterator[str]:
    keys = history.metric_keys
    if not keys:
        return
    yield "<h2>Curves</h2>"
    yield '<p class="note">Values appear at the pointer; in a chart, ← and → move through them.</p>'
    results = {*LOSS_KEYS, BITS_PER_CHARACTER.key, *(metric.key for metric in details.metrics)}
    yield from _figures(run, details, history, [key for key in keys if key in results])
    others = [key for key in keys if key not in results]
    if others:
        yield "<details><summary>Curves of the training itself</summary>"
        yield from _figures(run, details, history, others)
        yield "</details>"


def _figures(run: RunFolder, details: RunDetails, history: MetricsHistory, keys: list[str]) -> Iterator[str]:
    """Yield charts of metrics, each with the values of its curves."""
    best = {run.name: history.best_check(details.config.training.selection_order)}
    for title, chart_keys in charts_of(keys):
        drawing = ChartDrawing(
            chart_heading(title, chart_keys, (), [details.config.kind]),
            curves_of({run.name: history}, chart_keys, DEFAULT_SMOOTHING, best),
            ChartView("step"),
        )
        data = json_element(plotted_points(drawing, _MAX_POINTS))
        yield f'<figure class="chart" tabindex="0" aria-label="{html_text(title)}">{_in_page(render_svg([drawing]))}'
        yield f'<div class="tip"></div>{data}</figure>'


def _confusion(details: RunDetails, history: MetricsHistory) -> Iterator[str]:
    logged = history.final_confusion or (history.confusions[-1] if history.confusions else None)
    if logged is None:
        return
    corpus = details.config.corpus
    labels = corpus.labels if isinstance(corpus, LabelledCorpusInfo) else ()
    if len(labels) != len(logged.counts):
        labels = tuple(str(index + 1) for index in range(len(logged.counts)))
    matrix = ConfusionMatrix(labels, logged.counts)
    of = "best weights" if logged is history.final_confusion else f"step {logged.step:,}"
    yield "<h2>Confusion matrix</h2>"
    title = f"{of}, accuracy {100 * matrix.accuracy:.1f}%"
    yield f'<figure class="matrix">{_in_page(confusion_svg(matrix, title))}</figure>'


def _attention(run: RunFolder, details: RunDetails, samples: Sequence[LoggedSample]) -> Iterator[str]:
    """Yield the attention of translations of the newest samples, by the run's weights, if it has any."""
    model = details.config.model
    sources = dict.fromkeys(sample.sample.get("source", "").strip() for sample in reversed(samples))
    lines = [source for source in sources if source][:_MAX_MATRICES]
    if not isinstance(model, Seq2SeqConfig) or model.attention == "none" or not lines or details.header is None:
        return
    from rnntui.inference.translator import load_translator

    yield "<h2>Attention</h2>"
    try:
        translations = load_translator(run).translate(lines, BeamConfig())
    except RnntuiError as error:
        yield f'<p class="note">{html_text(str(error))}</p>'
        return
    for translation in translations:
        if translation.hypotheses and not translation.unchanged:
            best = translation.hypotheses[0]
            title, weights = one_line(translation.text), best.attention.astype(np.float64)
            svg = attention_svg([AttentionTable(title, translation.source_tokens, best.tokens, weights)])
            yield f'<figure class="matrix">{_in_page(svg)}</figure>'


def _samples(details: RunDetails, samples: Sequence[LoggedSample]) -> Iterator[str]:
    if not samples:
        return
    shown = list(samples)
    if len(shown) > _MAX_SAMPLES:
        last = len(shown) - 1
        shown = [shown[round(index * last / (_MAX_SAMPLES - 1))] for index in range(_MAX_SAMPLES)]
    fields = kind_or_default(details.config.kind).sample_fields
    yield '<h2>Samples</h2>\n<section class="samples">'
    yield '<div class="steps"><input type="range" min="0" aria-label="Step of the sample"><output></output></div>'
    for logged in shown:
        parts = (
            f'<span class="{field.emphasis}">{html_text(field.prefix + escape_control_chars(text))}</span>'
            for field, text in sample_parts(logged.sample, fields)
        )
        yield f"<article><h3>step {logged.step:,}</h3><pre>{chr(10).join(parts)}</pre></article>"
    yield "</section>"


def _facts(details: RunDetails) -> Iterator[str]:
    for section in describe_run(details):
        if section.title == _LAST_SAMPLE:
            continue
        yield f"<h2>{html_text(section.title)}</h2>\n<table>"
        for fact in section.facts:
            text = html_text(one_line(fact.text))
            value = f"<code>{text}</code>" if section.title == COMMANDS else text
            yield f"<tr><td>{html_text(one_line(fact.label))}</td><td>{value}</td></tr>"
        yield "</table>"


def _in_page(svg: str) -> str:
    """Return a document as an element of the page, with the page's colours, which depend on the browser's theme."""

    def themed(match: re.Match[str]) -> str:
        name = _COLOURS.get(match[2])
        return f'{match[1]}="var(--{name})"' if name else match[0]

    return _PAINT.sub(themed, svg.strip())


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")
