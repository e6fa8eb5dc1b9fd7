"""`ModelKind`: everything that the other packages need to know about a kind of model, as data."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

from rnntui.config import Budget, RecurrentConfig, TokenizerConfig, TrainerConfig
from rnntui.kinds.corpus_info import CorpusInfo
from rnntui.kinds.inputs import InputChoice, InputFiles, ReadingOption
from rnntui.kinds.metrics import Metric
from rnntui.kinds.samples import TEXT_FIELDS, SampleField
from rnntui.settings import Settings, flag_of


class Use(NamedTuple):
    """Use of a trained run: a phrase for hints, the command, and the id of the app's tab."""

    phrase: str
    command: str
    tab: str


class ModelKind(NamedTuple):
    """A kind of model. Classes that need torch or numpy are named as `module:attribute` and imported when needed.

    Args:
        id: `kind` in `config.json`.
        title: its name in the form, in messages and in lists of facts.
        abbreviation: its name in a narrow column.
        command: the command of `rnntui` that trains it.
        example: example input for hints, as in `rnntui train corpus.txt`.
        use: how a trained run is used.
        model: settings of the model, `model` in `config.json`.
        tokenizer: settings of the tokenizer, `tokenizer` in `config.json`.
        training: settings of the training, `training` in `config.json`.
        inputs: input files of its training; the first are the command's arguments, the others flags.
        input_choices: alternatives among the inputs, and inputs that must be given together.
        first_options: settings that the form shows before "All options" is opened.
        primary_metric: metric by which lists compare runs.
        memory_settings: settings that the memory of a training step grows with.
        metrics: metrics of its evaluations other than loss and bits per character.
        corpus_info: class of the `corpus` section of `config.json`.
        reading_options: flags that tell how the inputs are read.
        loss_unit: unit of its losses.
        sample_fields: parts of a sample, in the order in which they are shown.
        evaluator: function `(RunFolder, EvaluateArguments) -> None` that does the work of `rnntui evaluate`; empty if
            runs of this kind cannot be evaluated.
        evaluate_options: parameters of `rnntui evaluate` that this kind has and some other kind has not.
        task: its `training.task.Task`.
        loader: function `(RunFolder) -> model` that loads the best weights of a run for inference.
        onnx_exporter: its `exporting.onnx_export.OnnxExporter`, which is made of a `RunFolder`; empty if there is none.
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
    memory_settings: tuple[str, ...]
    metrics: tuple[Metric, ...] = ()
    reading_options: tuple[ReadingOption, ...] = ()
    loss_unit: str = "nats a token"
    sample_fields: tuple[SampleField, ...] = TEXT_FIELDS
    evaluator: str = ""
    evaluate_options: tuple[str, ...] = ()
    onnx_exporter: str = ""

    @property
    def settings(self) -> dict[str, type[Settings]]:
        """The settings classes of a training, by their heading in the form."""
        return {"Budget": Budget, "Model": self.model, "Tokenizer": self.tokenizer, "Training": self.training}

    @property
    def memory_advice(self) -> str:
        """Advice where a training needs too much memory, as in `lower --batch-size or --hidden`."""
        *first, last = map(flag_of, self.memory_settings)
        return f"lower {', '.join(first)} or {last}"

    @property
    def first_command(self) -> str:
        """The command that trains a first run, as in `rnntui train corpus.txt`."""
        return f"rnntui {self.command} {self.example}"


def resolve(reference: str) -> Any:
    """Import and return the object that `module:attribute` names."""
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)
