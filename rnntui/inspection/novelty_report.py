"""The report on the novelty of generated texts: a table, sentences, a chart, JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnntui.charts.line_chart import LineChart, line
from rnntui.charts.styled_text import Row
from rnntui.charts.svg import render_svg
from rnntui.config_generation import SamplingConfig
from rnntui.formatting import format_percent
from rnntui.inference.loaded_model import LoadedLanguageModel, load_language_model
from rnntui.inference.text_sampler import SamplingRequest, TextSampler
from rnntui.inspection.earlier_texts import unseen_copies
from rnntui.inspection.inspection import (
    Cancelled,
    InspectionRequest,
    OnProgress,
    check_cancelled,
    never_cancelled,
    no_progress,
)
from rnntui.inspection.novelty import MAX_NGRAM, NGRAMS, CopyFigures, TextNovelty, held_out_texts, novelty_of
from rnntui.inspection.novelty_index import NoveltyIndex, SourceLine, build_novelty_index, open_novelty_index

DEFAULT_TEXTS, DEFAULT_LENGTH = 64, 500
"""Texts that are generated for a report, and their length in tokens."""

_MIN_TEXTS = 10  # texts of which 8 in 10 can be told, and a verdict be drawn
_MAX_QUOTE = 60  # characters of a copy in a sentence
_SEED = 1
_GENERATING_SHARE = 0.5  # of the time of a view that builds the index too


@dataclass(frozen=True)
class NoveltyReport:
    """Copies in generated texts, beside those in held-out text of the same length.

    Args:
        run: name of the run.
        training_characters: length of the training text, with those of the runs that it was trained on from.
        texts: the generated texts.
        held_out: held-out text: documents, or stretches as long as the median of the texts; empty if there is none.
        source: where the longest copy of all texts stands in the corpus; None if its files are gone.
        is_documents: the model was trained on documents, of which texts can be copied as a whole.
        missing: names of runs that the run was trained on from whose texts were not searched; see `NoveltyIndex`.
    """

    run: str
    training_characters: int
    texts: tuple[TextNovelty, ...]
    held_out: tuple[TextNovelty, ...]
    source: SourceLine | None
    is_documents: bool
    missing: tuple[str, ...] = ()

    @property
    def generated_figures(self) -> CopyFigures:
        """The figures over the generated texts."""
        return CopyFigures.of(self.texts)

    @property
    def held_out_figures(self) -> CopyFigures:
        """The figures over the held-out text."""
        return CopyFigures.of(self.held_out)

    @property
    def most_copied(self) -> TextNovelty | None:
        """The text with the longest copy."""
        return max(self.texts, key=lambda each: each.longest, default=None)

    def table(self) -> list[tuple[str, str, str]]:
        """Return rows of a label, and the figure of the generated and that of the held-out texts."""
        both = (self.generated_figures, self.held_out_figures)
        rows = [_table_row("longest copy", [_spread(figures) for figures in both])]
        rows += [
            _table_row(f"{n} characters seen", [_percentage(figures.share(n)) for figures in both]) for n in NGRAMS
        ]
        if self.is_documents:
            wholes = [_percentage(figures.whole / figures.texts if figures.texts else None) for figures in both]
            rows.append(_table_row("whole texts seen", wholes))
        return rows

    def headings(self) -> tuple[str, str]:
        """Return headings of the two columns of figures: how many texts of what length."""
        return _heading(self.texts, "generated"), _heading(self.held_out, "held out")

    def quotation(self) -> str:
        """Return a line with the longest copy and where it stands; empty if nothing is copied."""
        text = self.most_copied
        if text is None or not text.longest:
            return ""
        place = "" if self.source is None else f"{self.source.place}, "
        return f"longest copy, {place}{text.longest:,} characters: {_quoted(text.copy)}"

    def judgement(self) -> str:
        """Return a sentence that compares the longest copies; empty without texts or held-out text.

        It has no verdict where there are too few held-out texts for one, nor that little is copied where not all of
        the training text was searched.
        """
        generated, held_out = self.generated_figures.quantile(0.5), self.held_out_figures
        low, high = held_out.quantile(0.1), held_out.quantile(0.9)
        if generated is None or low is None or high is None:
            return ""
        generated, low, high = round(generated), round(low), round(high)  # compared as they are shown
        beside = f"the longest copy of {'a text' if len(self.texts) > 1 else 'the text'} is {generated:,} characters"
        if held_out.texts < _MIN_TEXTS:
            few = f"{held_out.texts:,} held-out {'text' if held_out.texts == 1 else 'texts'} of the same length"
            return f"{self.run}: {beside}; with only {few}, there is nothing to compare it with"
        normal = f"in 8 of 10 held-out texts of the same length it is {low:,} to {high:,}"
        if self.missing and generated <= high:
            return f"{self.run}: {beside}, {normal}"
        amount = "more than" if generated > high else "less than" if generated < low else "as much as"
        return f"{self.run} copies {amount} people who have not read the training text: {beside}, {normal}"

    def unseen_copies(self) -> str:
        """Return a line that says which texts copies were not looked for in; empty if there are none."""
        return unseen_copies(self.missing)

    def text_json(self) -> dict[str, Any]:
        """Return the figures of a report on one text for `json.dumps`."""
        [text] = self.texts
        figures = self.generated_figures
        values: dict[str, Any] = {
            "characters": len(text.text),
            "longest_copy": text.longest,
            "copied_text": text.copy,
            "source": None if self.source is None else vars(self.source),
            "seen": {str(n): figures.share(n) for n in NGRAMS},
            "missing_texts": list(self.missing),
        }
        if self.is_documents:
            values["whole_document"] = text.is_whole
        return values | {"held_out": self.held_out_figures.to_json() if self.held_out else None}

    @property
    def chart(self) -> LineChart:
        """The chart of the shares of n-grams, by n."""
        x = np.arange(1, MAX_NGRAM + 1)
        curves = []
        for index, (name, figures) in enumerate(
            (("generated", self.generated_figures), ("held out", self.held_out_figures))
        ):
            if figures.texts:
                value = f"{_percentage(figures.share(16))} at 16"
                curves.append(line(name, x, 100 * figures.shares, index, value))
        return LineChart("n-grams that are in the training text", "characters", "%", curves)

    def rows(self, width: int) -> list[Row]:
        """Return the chart as rows."""
        return self.chart.rows(width)

    def svg(self) -> str:
        """Return the chart as an SVG document."""
        return render_svg([self.chart.drawing])

    def summary(self) -> list[str]:
        """Return what was copied, beside what is normal."""
        generated, held_out = self.generated_figures, self.held_out_figures
        sentences = [f"{self.judgement()}."] if self.judgement() else []
        if generated.texts:
            shares = [
                f"{_percentage(generated.share(n))} of {n} characters"
                + (f" ({_percentage(held_out.share(n))} of the held-out ones)" if held_out.texts else "")
                for n in NGRAMS[1:]
            ]
            sentences.append(f"Of the stretches in the generated text, the training text has {', '.join(shares)}.")
        if self.is_documents and generated.texts:
            whole = f"{generated.whole:,} of {generated.texts:,} texts are documents of the training text as a whole"
            beside = f", of {held_out.texts:,} held-out ones {held_out.whole:,}" if held_out.texts else ""
            sentences.append(f"{whole}{beside}.")
        unseen = self.unseen_copies()
        return [*sentences, *filter(None, [self.quotation(), unseen and f"{unseen[0].upper()}{unseen[1:]}."])]

    def to_json(self) -> dict[str, Any]:
        """Return all figures for `json.dumps`."""
        text = self.most_copied
        return {
            "run": self.run,
            "training_characters": self.training_characters,
            "generated": self.generated_figures.to_json(),
            "held_out": self.held_out_figures.to_json() if self.held_out else None,
            "copied_text": text.copy if text is not None else "",
            "source": None if self.source is None else vars(self.source),
            "missing_texts": list(self.missing),
        }


def novelty_report(index: NoveltyIndex, texts: Sequence[str]) -> NoveltyReport:
    """Return the copies in generated texts, without their prompts, in the index of a run's training text."""
    found = tuple(novelty_of(index, text) for text in texts)
    length = int(np.median([len(text) for text in texts])) if texts else 0
    held_out = tuple(held_out_texts(index, length))
    longest = max(found, key=lambda each: each.longest, default=None)
    source = index.source_of(longest.copy) if longest is not None and longest.longest else None
    return NoveltyReport(index.run.name, index.text.size, found, held_out, source, index.is_documents, index.missing)


def generate_texts(
    loaded: LoadedLanguageModel,
    count: int,
    length: int,
    sampling: SamplingConfig,
    cancelled: Cancelled = never_cancelled,
    on_progress: OnProgress = no_progress,
) -> list[str]:
    """Return texts that a model generates from nothing, the same each time.

    Args:
        loaded: the model.
        count: number of texts, which are generated side by side.
        length: their length in tokens; documents may end before.
        sampling: settings.
        cancelled: see `Cancelled`.
        on_progress: see `OnProgress`.
    """
    sampler = TextSampler(loaded, SamplingRequest(length=length, seed=_SEED, samples=count))
    sampler.read_prompt()
    texts, steps = [""] * count, 0
    while sampler.unfinished:
        check_cancelled(cancelled)
        on_progress(steps / length)
        steps += 1
        for token in sampler.step(sampling):
            texts[token.sample] += token.text
    return texts


def inspect_novelty(request: InspectionRequest, cancelled: Cancelled) -> NoveltyReport:
    """Compute the view of the Inspect tab: of a text, or of texts that the model generates."""
    [run] = request.runs

    index, generating = open_novelty_index(run), 1.0  # the share of the time that generating takes
    if index is None:
        generating = 0.0 if request.text else _GENERATING_SHARE

        def on_indexed(fraction: float) -> None:
            check_cancelled(cancelled)
            request.on_progress((1 - generating) * fraction)

        index = build_novelty_index(run, on_indexed)
    if request.text:
        return novelty_report(index, [request.text])

    def on_generated(fraction: float) -> None:
        request.on_progress(1 - generating + generating * fraction)

    loaded = load_language_model(run)
    texts = generate_texts(loaded, DEFAULT_TEXTS, DEFAULT_LENGTH, SamplingConfig(), cancelled, on_generated)
    return novelty_report(index, texts)


def _table_row(label: str, values: list[str]) -> tuple[str, str, str]:
    generated, held_out = values
    return label, generated, held_out


def _spread(figures: CopyFigures) -> str:
    median, low, high = (figures.quantile(at) for at in (0.5, 0.1, 0.9))
    if median is None or low is None or high is None:
        return "–"
    return f"{median:,.0f}" if figures.texts < _MIN_TEXTS else f"{median:,.0f} ({low:,.0f}–{high:,.0f})"


def _percentage(share: float | None) -> str:
    return "–" if share is None else format_percent(share)


def _heading(texts: Sequence[TextNovelty], name: str) -> str:
    if not texts:
        return f"{name}: none"
    length = np.median([len(each.text) for each in texts])
    return f"{name}: {len(texts):,} × {length:,.0f} characters"


def _quoted(text: str) -> str:
    """Return a text in quotation marks, its line breaks as arrows, its middle left out if it is long."""
    shown = text.replace("\n", "↵")
    if len(shown) > _MAX_QUOTE:
        half = _MAX_QUOTE // 2
        shown = f"{shown[:half]} … {shown[-half:]}"
    return f"“{shown}”"
