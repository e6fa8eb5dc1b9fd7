"""Training of language models that differ in their cell alone, for `rnntui inspect gradients --compare`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rnntui.cli.terminal import print_note
from rnntui.errors import UsageError

if TYPE_CHECKING:
    from rnntui.config import Cell
    from rnntui.config_language_model import LanguageModelConfig
    from rnntui.runs.folder import RunFolder

_EMBEDDING = 64
_COMPARED = ("cell", "hidden", "embedding", "layers", "ngrams", "ngram_prior")  # settings that a comparison chooses


@dataclass(frozen=True)
class CellComparison:
    """Models to train.

    Args:
        cells: their cells; the others get as many weights as the first one has with `hidden` units.
        minutes: budget of the first; the others do as many steps, so that all have read as much.
        hidden: hidden units of the first.
        checkpoints: folder that `--checkpoints` names, if any.
        overwrite: runs that are there are trained anew; else a comparison that was stopped goes on.
    """

    cells: tuple[Cell, ...]
    minutes: float
    hidden: int
    checkpoints: str | None
    overwrite: bool


def train_comparison(sources: Sequence[str], comparison: CellComparison) -> tuple[list[RunFolder], int]:
    """Train a run for each cell on the same text, called after the text and the cell; return them and an exit code.

    The models have no n-grams, no dropout and one layer: all that they know of the text is in their state. Their
    numbers of weights agree within 1%. A stop ends the comparison: the exit code is then not 0.

    Raises `UsageError` if a run of that name is not of this comparison, `CorpusError` if the text cannot be read or is
    too small.
    """
    from rnntui.cli.comparison_runs import ComparedModel, ComparisonRuns
    from rnntui.cli.environment import prepare_for_torch
    from rnntui.cli.inputs import open_corpus
    from rnntui.cli.stop_request import StopRequest
    from rnntui.cli.training_command import runs_folder
    from rnntui.config import Budget, TokenizerConfig
    from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
    from rnntui.extras import require_extra
    from rnntui.inspection.equal_sizes import of_equal_size
    from rnntui.text.chat_exports import converted_chat

    if not sources:
        raise UsageError("--compare: name a corpus to train on: a text file, a folder, or a glob")
    require_extra("train", "training")
    prepare_for_torch()
    from rnntui.training.prepare_language_model import (
        LanguageModelRequest,
        create_language_model_run,
        resumable_language_model_run,
    )

    folder = runs_folder(comparison.checkpoints, None, resume=False)
    with StopRequest() as stop:
        corpus = open_corpus(sources, "utf-8", "strict", "universal")
        text, _ = converted_chat(corpus, LanguageModelTrainingConfig().turns)  # what the fingerprint of a run is of
        names = [f"{corpus.name}-{cell}" for cell in comparison.cells]
        trained = ComparisonRuns(
            "gradients", folder, lambda name: resumable_language_model_run(text, name, folder), stop,
            overwrite=comparison.overwrite,
        )  # fmt: skip
        trained.check(names)  # before the first is trained
        first = model = LanguageModelConfig(
            cell=comparison.cells[0], hidden=comparison.hidden, embedding=_EMBEDDING, layers=1, dropout=0.0, tied=False,
            ngrams=1, ngram_prior=0,
        )  # fmt: skip
        budget = Budget(minutes=comparison.minutes)
        for cell, name in zip(comparison.cells, names, strict=True):
            if trained.runs:
                vocab_size = trained.runs[0].read_config().vocab_size
                model = of_equal_size(first, cell, vocab_size)
                budget = Budget(steps=max(1, trained.runs[0].read_status().step))
            request = LanguageModelRequest(model, TokenizerConfig(type="char"), LanguageModelTrainingConfig(), budget)
            settings = {key: getattr(model, key) for key in _COMPARED}
            compared = ComparedModel(
                name, settings, budget,
                partial(create_language_model_run, corpus, request, folder, name, print_note),
                partial(_note, model),
            )  # fmt: skip
            if code := trained.train(compared):
                return trained.runs, code
    return trained.runs, 0


def _note(model: LanguageModelConfig, run: RunFolder) -> str:
    from rnntui.inspection.equal_sizes import parameter_count

    weights = parameter_count(model, run.read_config().vocab_size)
    return f"training {run.name}: {model.hidden} units, {weights:,} weights"
