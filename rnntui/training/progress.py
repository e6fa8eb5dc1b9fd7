"""Progress of a run: counters, best weights so far, plan and budget, as its resume file keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field

from rnntui.config import Budget
from rnntui.training.evaluation import Evaluation
from rnntui.training.plan import StepPlan


@dataclass
class TrainingProgress:
    """Progress of a run. The names of the fields are keys of the resume file.

    Args:
        step: Steps done.
        evaluated_step: Step of the last evaluation.
        tokens: Tokens read in training.
        seconds: Time spent training, in all processes.
        evaluation_seconds: Duration of the last evaluation.
        final_seconds: Predicted duration of the final evaluation.
        best_score: Score that selected the best weights, lower being better; None before the first evaluation.
        best_loss: Validation loss of the best weights, in nats a token.
        best_bits: Bits per character of the best weights.
        best_metrics: Metrics of the best weights, such as BLEU.
        best_step: Step of the best weights.
        stale_checks: Evaluations since the best one.
        loss_sum: Sum of the training losses since the last row of the metrics.
        loss_count: Number of those losses.
        smoothed_loss: Exponential moving average of the training loss, which shows divergence.
        reason: Why training is over, empty while it is not; the final evaluation may then still be due.
        plan: Number of steps, interval of evaluations, and where in the schedule the run is.
        budget: Budget of the whole run.
    """

    step: int = 0
    evaluated_step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    evaluation_seconds: float = 0.0
    final_seconds: float = 0.0
    best_score: float | None = None
    best_loss: float | None = None
    best_bits: float | None = None
    best_metrics: dict[str, float] = field(default_factory=dict)
    best_step: int = 0
    stale_checks: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    smoothed_loss: float | None = None
    reason: str = ""
    plan: StepPlan = field(default_factory=StepPlan)
    budget: Budget = field(default_factory=Budget)

    def add_step(self, loss: float, tokens: int) -> None:
        """Count one more step, with its mean loss in nats a token."""
        self.step += 1
        self.tokens += tokens
        self.loss_sum += loss
        self.loss_count += 1

    def take_mean_loss(self) -> float:
        """Return the mean training loss since the last call, and start a new mean."""
        mean = self.loss_sum / self.loss_count
        self.loss_sum, self.loss_count = 0.0, 0
        return mean

    def record_evaluation(self, evaluation: Evaluation, patience: int) -> bool:
        """Count an evaluation; training is over after `patience` of them in a row without a better score, 0 for never.

        Return True if its weights are the best so far.
        """
        self.evaluated_step = self.step
        is_best = self.best_score is None or evaluation.selection_score < self.best_score
        if is_best:
            self.best_score, self.best_loss = evaluation.selection_score, evaluation.loss
            self.best_bits, self.best_metrics = evaluation.bits_per_character, evaluation.metrics
            self.best_step, self.stale_checks, self.reason = self.step, 0, ""
        else:
            self.stale_checks += 1
            if 0 < patience <= self.stale_checks:
                self.reason = "patience"
        return is_best
