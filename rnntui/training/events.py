"""What a training run tells whoever watches; small messages, so that a terminal, a log or a screen can show them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rnntui.kinds.samples import Sample


@dataclass(frozen=True)
class Started:
    """The run begins, or goes on at `step`."""

    name: str
    parameters: int
    device: str
    precision: str
    step: int


@dataclass(frozen=True)
class Stepped:
    """One step is done. `steps` is None until a time budget has settled it; `seconds` is time spent training.

    `seconds_left` is None and `tokens_per_second` 0 while the first steps are timed.
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


@dataclass(frozen=True)
class Evaluated:
    """A check on the validation text; losses in nats a token. `best` says it is the best so far, and saved.

    `metrics` are further figures by name, such as BLEU.
    """

    step: int
    train_loss: float | None
    validation_loss: float
    bits_per_character: float
    best: bool
    sample: Sample
    metrics: dict[str, float] = field(default_factory=dict)


Reason = Literal["budget", "patience", "interrupted"]


@dataclass(frozen=True)
class Finished:
    """Training is over, or interrupted; then there is no final evaluation.

    `losses` are those of the best weights by the evaluation's name, in nats a token.
    """

    reason: Reason
    step: int
    steps: int | None
    seconds: float
    best_step: int
    losses: dict[str, float]
    bits_per_character: float | None
    metrics: dict[str, float] = field(default_factory=dict)


Event = Started | Stepped | Evaluated | Finished
