"""What a page says of a kind of model."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

from rnntui.config import Budget, RecurrentConfig, Settings, TokenizerConfig, TrainerConfig
from rnntui.kinds.corpus_info import CorpusInfo
from rnntui.kinds.inputs import InputChoice, InputFiles
from rnntui.kinds.metrics import Metric
from rnntui.kinds.samples import TEXT_FIELDS, SampleField


class Use(NamedTuple):
    """What a trained run is for: in words, the command that does it, and the tab of the app that opens it."""

    verb: str
    command: str
    tab: str


class ModelKind(NamedTuple):
    """A kind of model. Classes that need torch or numpy are named as `module:attribute` and imported when wanted.

    Args:
        id: `kind` in `config.json`.
        title: its name in the form, in messages and in lists of facts.
        abbreviation: its name in a narrow column.
        command: the command of `rnntui` that trains it.
        example: what the command is given in a message that tells how to make a first run.
        use: what a trained run is for.
        model: settings of the model, `model` in `config.json`.
        tokenizer: settings of the tokenizer, `tokenizer` in `config.json`.
        training: settings of the training, `training` in `config.json`.
        inputs: the files that its training reads; the first are the command's arguments, the others flags.
        input_choices: which of the inputs go together.
        first_options: the settings that the form shows at first; the others are under "All options".
        primary_metric: what runs are compared by in lists.
        metrics: what its checks measure beside loss and bits per character.
        corpus_info: the `corpus` section of `config.json`.
        sample_fields: the parts of a sample.
        task: its `training.task.Task`.
        loader: reads the best weights of a run for use: `(RunFolder) -> model`.
    """

    id: str
    title: str
    abbreviation: str
    command: str
    example: str
    use: Use
    model: type[RecurrentConfig]
    tokenizer: type[TokenizerConfig]
    training: type[TrainerConfig]
    inputs: tuple[InputFiles, ...]
    input_choices: tuple[InputChoice, ...]
    first_options: tuple[str, ...]
    primary_metric: Metric
    corpus_info: type[CorpusInfo]
    task: str
    loader: str
    metrics: tuple[Metric, ...] = ()
    sample_fields: tuple[SampleField, ...] = TEXT_FIELDS

    @property
    def settings(self) -> dict[str, type[Settings]]:
        """All settings of a training by the heading that they stand under."""
        return {"Budget": Budget, "Model": self.model, "Tokenizer": self.tokenizer, "Training": self.training}


def resolve(reference: str) -> Any:
    """The object that `module:attribute` names."""
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)
