"""Progress of a run: counters, best weights so far, plan and budget, as its resume file keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

from rnntui.config import Budget
from rnntui.settings import shown_value, type_hints
from rnntui.training.evaluation import Evaluation
from rnntui.training.plan import StepPlan
from rnntui.training.selection import SelectionRule

_LIMIT = 1e18  # bound of numbers, since the file is untrusted


def _is_valid(value: object, hint: Any) -> bool:
    """Return True if a value is of a field's type; a number must be within bounds, one of an integer not negative."""
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(_is_valid(item, float) for item in value.values())
    types = get_args(hint) or (hint,)
    if value is None or isinstance(value, bool):
        return type(value) in types
    if isinstance(value, int | float):
        is_number = type(value) in types or (isinstance(value, int) and float in types)
        return is_number and (0 <= value < _LIMIT if types[0] is int else -_LIMIT < value < _LIMIT)
    return isinstance(value, types)


@dataclass
class TrainingProgress:
    """Progress of a run. The names of the fields are keys of the resume file.

    Args:
        step: Steps done.
        evaluated_step: Step of the last evaluation.
        tokens: Tokens read in training.
        seconds: Time spent training, in all processes.
        evaluation_seconds: Duration of the last evaluation.
        evaluation_shares: Shares of the data that evaluations read, see `Task`.
        final_seconds: Predicted duration of the final evaluation.
        best_loss: Validation loss of the best weights, in nats a token; None before the first evaluation.
        best_bits: Bits per character of the best weights.
        best_metrics: Metrics of the best weights, such as BLEU.
        best_step: Step of the best weights.
        lowest_loss: Lowest validation loss of all evaluations.
        stale_checks: Evaluations in a row without progress.
        loss_sum: Sum of the training losses since the last row of the metrics.
        loss_count: Number of those losses.
        clipped_count: Number of those steps whose gradient was clipped.
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
    evaluation_shares: dict[str, float] = field(default_factory=dict)
    final_seconds: float = 0.0
    best_loss: float | None = None
    best_bits: float | None = None
    best_metrics: dict[str, float] = field(default_factory=dict)
    best_step: int = 0
    lowest_loss: float | None = None
    stale_checks: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    clipped_count: int = 0
    smoothed_loss: float | None = None
    reason: str = ""
    plan: StepPlan = field(default_factory=StepPlan)
    budget: Budget = field(default_factory=Budget)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TrainingProgress:
        """Read the object of a resume file. Raises `TypeError` or `ValueError` if a field is unknown or invalid."""
        plan, budget = StepPlan(**values["plan"]), Budget(**values["budget"])
        progress = cls(**{**values, "plan": plan, "budget": budget})
        for part in (plan, progress):
            for name, hint in type_hints(type(part)).items():
                if not _is_valid(getattr(part, name), hint):
                    raise ValueError(f"{name} is {shown_value(getattr(part, name))}")
        if not all(0 < share <= 1 for share in progress.evaluation_shares.values()):
            raise ValueError(f"evaluation_shares is {shown_value(progress.evaluation_shares)}")
        if plan.steps is not None and plan.every < 1:
            raise ValueError("the plan has no interval of evaluations")
        return progress

    def add_step(self, tokens: int) -> None:
        """Count one more step, over so many tokens."""
        self.step += 1
        self.tokens += tokens

    def add_loss(self, loss: float, *, is_clipped: bool = False) -> None:
        """Count the mean loss of a step in nats a token; `is_clipped` if its gradient was too long."""
        self.loss_sum += loss
        self.loss_count += 1
        self.clipped_count += is_clipped

    def take_means(self) -> tuple[float, float]:
        """Return the mean training loss and the share of clipped steps since the last call, and start new means."""
        loss, clipped = self.loss_sum / self.loss_count, self.clipped_count / self.loss_count
        self.loss_sum, self.loss_count, self.clipped_count = 0.0, 0, 0
        return loss, clipped

    def record_evaluation(self, evaluation: Evaluation, rule: SelectionRule, patience: int) -> bool:
        """Count an evaluation; return True if its weights are the best so far.

        Training is over after `patience` evaluations in a row without progress. Better scores are progress. So is a
        lower loss, unless the scores are perfect already, and a loss lower than any before while the metric that is
        watched stands still: a model whose translations are still all wrong may be learning.

        Args:
            evaluation: The evaluation.
            rule: Compares it with the best one.
            patience: 0 for no early stopping.
        """
        self.evaluated_step = self.step
        order = 1 if self.best_loss is None else rule.compare(evaluation.metrics, self.best_metrics)
        is_best = order > 0 or (order == 0 and self.best_loss is not None and evaluation.loss < self.best_loss)
        is_lowest = self.lowest_loss is None or evaluation.loss < self.lowest_loss
        has_learned = is_best or (is_lowest and rule.is_watched_tie(evaluation.metrics, self.best_metrics))
        is_progress = order > 0 or (has_learned and not rule.is_perfect(self.best_metrics))
        self.lowest_loss = evaluation.loss if is_lowest else self.lowest_loss
        if is_best:
            self.best_loss, self.best_bits = evaluation.loss, evaluation.bits_per_character
            self.best_metrics, self.best_step = evaluation.metrics, self.step
        self.stale_checks = 0 if is_progress else self.stale_checks + 1
        self.reason = "patience" if 0 < patience <= self.stale_checks else ""
        return is_best
