"""Events of a training run: small messages that a terminal, a log or a screen can show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rnntui.kinds.samples import Sample
from rnntui.training.speed import Slowdown


@dataclass(frozen=True)
class Started:
    """The run starts, or resumes at `step`."""

    name: str
    parameters: int
    device: str
    precision: str
    step: int


@dataclass(frozen=True)
class Stepped:
    """One step is done.

    Args:
        step: Steps done.
        steps: Steps in all; None until a time budget has fixed them.
        tokens: Tokens read in training.
        seconds: Time spent training.
        seconds_left: Predicted time that is left; None while the first steps are timed.
        train_loss: Mean loss of the step, in nats a token.
        learning_rate: Learning rate of the step.
        gradient_norm: Norm of the gradient before clipping.
        tokens_per_second: Speed of the steps alone; 0 while the first ones are timed.
        slowdown: Set while the training is much slower than usual.
    """

    step: int
    steps: int | None
    tokens: int
    seconds: float
    seconds_left: float | None
    train_loss: float
    learning_rate: float
    gradient_norm: float
    tokens_per_second: float
    slowdown: Slowdown | None = None


@dataclass(frozen=True)
class Evaluating:
    """An evaluation is under way: `fraction` of it is done, from 0 to 1."""

    step: int
    fraction: float
    is_final: bool


@dataclass(frozen=True)
class Evaluated:
    """An evaluation on the validation data; losses in nats a token.

    `best` is True if the weights are the best so far, and saved; `metrics` are other metrics by key, such as BLEU.
    `note` says in words what this and all later evaluations leave out, where that has just been decided.
    """

    step: int
    train_loss: float | None
    validation_loss: float
    bits_per_character: float | None
    best: bool
    sample: Sample
    metrics: dict[str, float] = field(default_factory=dict)
    note: str = ""


FinishReason = Literal["budget", "patience", "interrupted"]


@dataclass(frozen=True)
class Finished:
    """Training is over, or interrupted; then there is no final evaluation.

    `losses` are the final evaluations of the best weights by name, in nats a token; `stop_reason` says in words why
    patience or the bound on epochs ended the training, if one did. `evaluation_note` says how much a final evaluation
    has read that was cut short; `seconds_late` is how long a time budget was missed by, 0 if by no more than promised.
    """

    reason: FinishReason
    step: int
    steps: int | None
    seconds: float
    best_step: int
    losses: dict[str, float]
    bits_per_character: float | None
    metrics: dict[str, float] = field(default_factory=dict)
    stop_reason: str = ""
    evaluation_note: str = ""
    seconds_late: float = 0.0


Event = Started | Stepped | Evaluating | Evaluated | Finished
