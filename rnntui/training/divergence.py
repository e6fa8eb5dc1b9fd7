"""Detection of divergence: losses or gradients that are not finite, and a loss far above that of a uniform guess."""

from __future__ import annotations

import math

from rnntui.errors import TrainingError
from rnntui.training.evaluation import Evaluation
from rnntui.training.progress import TrainingProgress

_MAX_LOSS_RATIO = 1.5  # to the loss of a uniform distribution
_SMOOTHING = 0.95
_GRACE_STEPS = 20


class DivergenceGuard:
    """Stops a run that diverges, before its weights are lost.

    `uniform_loss` is the loss of a uniform distribution over the vocabulary, in nats a token.
    """

    def __init__(self, progress: TrainingProgress, uniform_loss: float) -> None:
        self._progress = progress
        self._max_loss = max(_MAX_LOSS_RATIO * uniform_loss, 1.0)

    def check_step(self, step: int, loss: float, gradient_norm: float, rate: float) -> None:
        """Check a step.

        Args:
            step: Number of the step, from 1.
            loss: Mean training loss of the step, in nats a token.
            gradient_norm: Norm of the gradient before clipping.
            rate: Learning rate, for the message.

        Raises `TrainingError` if a number is not finite, or if the smoothed loss has left every sensible range.
        """
        progress = self._progress
        position = f"at step {step:,} (learning rate {rate:.2g})"
        for name, value in (("loss", loss), ("gradient norm", gradient_norm)):
            if not math.isfinite(value):
                raise self._error(f"the {name} is not finite {position}")
        previous = progress.smoothed_loss if progress.smoothed_loss is not None else loss
        progress.smoothed_loss = _SMOOTHING * previous + (1 - _SMOOTHING) * loss
        if step - 1 > _GRACE_STEPS and progress.smoothed_loss > self._max_loss:
            raise self._error(f"the loss diverged to {progress.smoothed_loss:.2f} {position}")

    def check_evaluation(self, evaluation: Evaluation) -> None:
        """Raise `TrainingError` if a validation loss is not finite."""
        if not math.isfinite(evaluation.loss):
            position = f"at step {self._progress.step:,}"
            raise self._error(
                f"the validation loss is not finite {position}: the model has diverged on text that it was not "
                f"trained on"
            )

    def _error(self, problem: str) -> TrainingError:
        progress = self._progress
        has_best = progress.best_loss is not None
        weights = f"; the best model, of step {progress.best_step:,}, is kept" if has_best else ""
        return TrainingError(problem + weights, hint="start again with a lower --learning-rate or --clip-grad-norm")
