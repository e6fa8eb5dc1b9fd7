"""Interface between the training loop and a kind of model with its data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from rnntui.errors import RunError
from rnntui.kinds.corpus_info import TokenFileInfo
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.samples import Sample
from rnntui.models.weight_arrays import load_into, weights_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.runs.weights_file import load_weights
from rnntui.text.token_ids import TokenFile
from rnntui.training.device import Hardware
from rnntui.training.evaluation import UNMONITORED, Evaluation, EvaluationMonitor


def _constant_rate() -> float:
    return 1.0


class ParameterGroup(NamedTuple):
    """Weights that are optimized alike.

    Args:
        parameters: The weights.
        rate_factor: Returns the factor of the learning rate at the next step; 0 freezes the weights.
        weight_decay: Weight decay of their matrices; None for that of the settings.
    """

    parameters: list[nn.Parameter]
    rate_factor: Callable[[], float] = _constant_rate
    weight_decay: float | None = None


def one_group(model: nn.Module) -> list[ParameterGroup]:
    """Return all weights of a model as a single group."""
    return [ParameterGroup(list(model.parameters()))]


class Task(Protocol):
    """A model with its training and validation data.

    Attributes:
        kind: the kind of model.
        hardware: device and precision, and the processes that train together, of which this one computes a part of
            every batch.
        step_bytes: a lower bound of the memory that a training step takes beside the weights.
        steps_per_epoch: batches in one pass over the training data.
        primary_evaluation: name of the final evaluation whose loss a listing shows.
        validation_tokens: tokens of the validation data.
        evaluation_shares: share of the data that an evaluation during training reads, by what it is read for (see
            `evaluation_share`): the same in all evaluations of a run, once it is chosen; all of it where it is not.
        final_cost_ratio: cost of the final evaluation relative to one during training over as many tokens.
        uniform_loss: loss of a uniform distribution; a loss far above it has diverged.
    """

    kind: ModelKind
    hardware: Hardware
    step_bytes: float
    steps_per_epoch: float
    primary_evaluation: str
    validation_tokens: int
    evaluation_shares: dict[str, float]
    final_cost_ratio: float
    uniform_loss: float

    @classmethod
    def from_run(cls, run: RunFolder, config: RunConfig, hardware: Hardware) -> Self:
        """Open the data of a run and make a model with random weights.

        Raises `RunError` if a file is missing or broken, `UsageError` if a batch cannot be divided among the processes.
        """
        ...

    @property
    def model(self) -> nn.Module: ...

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return every weight of the model, in groups that are optimized alike."""
        ...

    def loss(self) -> tuple[Tensor, int]:
        """Return the mean loss of the next batch in nats a token, and its number of tokens.

        In a group, it is the share of this process: the sum of all shares is the mean loss of the whole batch.
        """
        ...

    def limit_evaluation(self, tokens: int, seconds: float) -> None:
        """Choose the shares that are not chosen yet, so that `evaluate` takes about so many seconds.

        In a group, all processes call this together, and choose the same.
        """
        ...

    def evaluate(self, tokens: int, monitor: EvaluationMonitor = UNMONITORED) -> Evaluation:
        """Evaluate for the selection of the best weights, over at most about `tokens` validation tokens.

        In a group, all processes call this and `final_evaluation` together, with the same weights; each evaluates a
        part of the data, and returns the result over all of it.
        """
        ...

    def final_evaluation(self, tokens: int, monitor: EvaluationMonitor = UNMONITORED) -> dict[str, Evaluation]:
        """Return every evaluation by its name, in full precision; `primary_evaluation` is among them.

        Args:
            tokens: About how many validation tokens are read at most.
            monitor: Once it has no time left, each evaluation ends with the part of the validation data that it has
                read, spread over all of it where possible.
        """
        ...

    def sample(self, length: int, seed: int) -> Sample:
        """Return a short sample of the current model's output, with at most `length` characters in any part."""
        ...

    def position(self) -> dict[str, NDArray[np.generic]]:
        """Return the position in the training data, and any state carried over from the last batch.

        In a group, all processes call this together, and each returns the state of the whole batch.

        The keys are names in the resume file.
        """
        ...

    def restore(self, position: dict[str, NDArray[np.generic]]) -> None:
        """Return to a position."""
        ...


def load_pretrained(model: nn.Module, run: RunFolder) -> set[str]:
    """Copy the weights of another run that a run begins with, and return their names; none if there is no such run.

    Raises `RunError` if they do not fit.
    """
    path = run.pretrained_file
    if not path.is_file():
        return set()
    weights = load_weights(path)
    try:
        load_into(model, weights_of(model) | weights)
    except ValueError as error:
        raise RunError(f"{path} does not belong to {run.config_file}: {error}") from error
    return set(weights)


def origin_files(config: RunConfig) -> tuple[TokenFile | None, TokenFile | None]:
    """Describe the files of ids that a run has of its origin: for mixing in, and to measure forgetting; None without.

    The origin is the run that it was trained on from.
    """
    origin = config.origin
    if origin is None:
        return None, None
    return (
        _token_file(origin.training) if origin.training else None,
        _token_file(origin.validation) if origin.validation else None,
    )


def token_files(run: RunFolder, config: RunConfig) -> tuple[TokenFile, TokenFile]:
    """Describe a run's files of training and validation ids. Raises `RunError` if its config does not."""
    training, validation = config.corpus.training, config.corpus.validation
    if training is None or validation is None:
        raise RunError(f"{run.config_file} does not describe the training and validation data")
    return _token_file(training), _token_file(validation)


def require_in_vocabulary(largest_id: int, vocab_size: int, path: Path) -> None:
    """Raise `RunError` if a file holds an id that its vocabulary lacks.

    Torch reports such an id late, and on a GPU by an assertion after which the process cannot use the GPU.
    """
    if largest_id >= vocab_size:
        raise RunError(f"{path} has ids that are not in the vocabulary", hint="start a new run")


def _token_file(info: TokenFileInfo) -> TokenFile:
    return TokenFile(**asdict(info))
