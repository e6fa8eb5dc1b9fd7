"""Training of language models that differ in their cell alone, for `rnntui inspect gradients --compare`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnntui.cli.terminal import print_note
from rnntui.errors import UsageError

if TYPE_CHECKING:
    from rnntui.config import Cell
    from rnntui.runs.folder import RunFolder

_EMBEDDING = 64


@dataclass(frozen=True)
class CellComparison:
    """Models to train.

    Args:
        cells: their cells; the others get as many weights as the first one has with `hidden` units.
        minutes: budget of the first; the others do as many steps, so that all have read as much.
        hidden: hidden units of the first.
        checkpoints: folder that `--checkpoints` names, if any.
    """

    cells: tuple[Cell, ...]
    minutes: float
    hidden: int
    checkpoints: str | None


def train_comparison(sources: Sequence[str], comparison: CellComparison) -> tuple[list[RunFolder], int]:
    """Train a run for each cell on the same text, called after the text and the cell; return them and an exit code.

    The models have no n-grams, no dropout and one layer: all that they know of the text is in their state. Their
    numbers of weights agree within 1%. A stop ends the comparison: the exit code is then not 0.

    Raises `UsageError` if a run of that name exists, `CorpusError` if the text cannot be read or is too small.
    """
    from rnntui.cli.environment import prepare_for_torch
    from rnntui.cli.inputs import open_corpus
    from rnntui.cli.training_command import StopRequest, comparison_folder, train_and_report
    from rnntui.config import Budget, LanguageModelConfig, LanguageModelTrainingConfig, TokenizerConfig
    from rnntui.extras import require_extra
    from rnntui.inspection.equal_sizes import of_equal_size, parameter_count

    if not sources:
        raise UsageError("--compare: name a corpus to train on: a text file, a folder, or a glob")
    require_extra("train", "training")
    prepare_for_torch()
    from rnntui.training.prepare_language_model import LanguageModelRequest, create_language_model_run

    runs: list[RunFolder] = []
    with StopRequest() as stop:
        corpus = open_corpus(sources, "utf-8", "strict", "universal")
        names = [f"{corpus.name}-{cell}" for cell in comparison.cells]
        folder = comparison_folder(comparison.checkpoints, names, "gradients")  # before the first is trained
        first = model = LanguageModelConfig(
            cell=comparison.cells[0], hidden=comparison.hidden, embedding=_EMBEDDING, layers=1, dropout=0.0, tied=False,
            ngrams=1, ngram_prior=0,
        )  # fmt: skip
        vocab_size, budget = 0, Budget(minutes=comparison.minutes)
        for cell, name in zip(comparison.cells, names, strict=True):
            if runs:
                model = of_equal_size(first, cell, vocab_size)
                budget = Budget(steps=max(1, runs[0].read_status().step))
            request = LanguageModelRequest(model, TokenizerConfig(type="char"), LanguageModelTrainingConfig(), budget)
            run = create_language_model_run(corpus, request, folder, name, print_note)
            vocab_size = run.read_config().vocab_size
            print_note(f"training {name}: {model.hidden} units, {parameter_count(model, vocab_size):,} weights")
            code = train_and_report(run, stop, None)
            if code:
                return runs, code
            runs.append(run)
    return runs, 0
