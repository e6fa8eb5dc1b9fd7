"""Comparison of runs: the options in which they differ, and their results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnntui.formatting import format_count, format_duration, format_loss
from rnntui.kinds.registry import title_of
from rnntui.runs.description import RunDetails, option_texts
from rnntui.settings import flag_of, settings_of

_LOSS = "validation loss"


@dataclass(frozen=True)
class ComparisonRow:
    """A row of a comparison: a label with the text of each run, in their order; empty where a run has no such value."""

    label: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Args:
        names: names of the runs; paths of runs whose names are equal.
        options: the differences between them: note, kind and corpus, then options by flag. An option that only some
            kinds of model have is compared between the runs of those.
        results: progress and metrics; losses only of runs with the same tokens, as a loss is in nats a token.
    """

    names: tuple[str, ...]
    options: tuple[ComparisonRow, ...]
    results: tuple[ComparisonRow, ...]


def compare_runs(runs: Sequence[RunDetails]) -> Comparison:
    """Return the comparison of runs of any kinds."""
    names = [details.run.name for details in runs]
    labels = (run.name if names.count(run.name) == 1 else str(run.path) for run in (details.run for details in runs))
    chosen = [_options(details) for details in runs]
    options = [row for row in _rows(chosen) if len({texts[row.label] for texts in chosen if row.label in texts}) > 1]
    results = [row for row in _rows([_results(details) for details in runs]) if any(row.texts)]
    if not _have_same_tokens(runs):
        results = [row for row in results if row.label != _LOSS]
    return Comparison(tuple(labels), tuple(options), tuple(results))


def _rows(columns: Sequence[dict[str, str]]) -> list[ComparisonRow]:
    labels = dict.fromkeys(label for column in columns for label in column)
    return [ComparisonRow(label, tuple(column.get(label, "") for column in columns)) for label in labels]


def _options(details: RunDetails) -> dict[str, str]:
    """Return note, kind, corpus and options of a run by label; empty texts for options that are not set."""
    config = details.config
    texts = {"note": details.summary.note, "kind": title_of(config.kind), "corpus": config.corpus.summary}
    for settings in (details.budget, config.model, config.tokenizer, config.training):
        texts |= {flag_of(setting.option_name): "" for setting in settings_of(type(settings)).values()}
        texts |= option_texts(settings)
    return texts


def _results(details: RunDetails) -> dict[str, str]:
    summary, status, header = details.summary, details.status, details.header
    total = f" of {status.steps:,}" if status.steps else ""
    return {
        "state": summary.state,
        "step": f"{status.step:,}{total}",
        "tokens read": format_count(status.tokens),
        "time": format_duration(status.seconds),
        "parameters": f"{header.parameters:,}" if header else "",
        _LOSS: format_loss(summary.validation_loss),
        "bits per character": format_loss(summary.bits_per_character),
        **{metric.label: metric.text(summary.metrics.get(metric.key)) for metric in details.metrics},
    }


def _have_same_tokens(runs: Sequence[RunDetails]) -> bool:
    """Return True if the tokenizers of all runs are of the same type and size."""
    return len({(run.config.kind, run.config.tokenizer.type, run.config.tokenizer.vocab_size) for run in runs}) == 1
