"""The best weights are selected by the metric that tells evaluations apart, and patience watches the same one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import pytest

from rnntui.config_language_model import LanguageModelTrainingConfig
from rnntui.config_seq2seq import Seq2SeqTrainingConfig
from rnntui.kinds.registry import all_metrics
from rnntui.training.evaluation import Evaluation
from rnntui.training.progress import TrainingProgress
from rnntui.training.selection import SelectionRule


def rule(metric: str) -> SelectionRule:
    return SelectionRule.of(Seq2SeqTrainingConfig(selection_metric=metric).selection_order)  # type: ignore[arg-type]


def train(
    selection: SelectionRule, evaluations: list[tuple[float, Mapping[str, float]]], patience: int = 0
) -> TrainingProgress:
    """Record evaluations, given as losses and scores, until patience ends the training."""
    progress = TrainingProgress()
    for loss, scores in evaluations:
        progress.step += 1
        progress.record_evaluation(Evaluation(loss, 10, 10.0, dict(scores)), selection, patience)
        if progress.reason:
            break
    return progress


def scores(bleu: float, chrf: float, exact: float) -> dict[str, float]:
    return {"bleu": bleu, "chrf": chrf, "exact": exact}


CHOICES = {
    "BLEU before the loss": ("bleu", [(2.0, scores(30, 50, 0)), (1.0, scores(29.9, 60, 9))], 1),
    "exact before BLEU": ("exact", [(2.0, scores(0, 50, 20)), (1.0, scores(9, 60, 19))], 1),
    "chrF before exact": ("chrf", [(2.0, scores(0, 50, 20)), (1.0, scores(0, 40, 90))], 1),
    "loss alone": ("loss", [(2.0, scores(30, 50, 9)), (1.0, scores(0, 0, 0))], 2),
    "BLEU 0 for all: chrF": ("bleu", [(1.0, scores(0, 20, 0)), (2.0, scores(0, 21, 0))], 2),
    "BLEU of luck for all: chrF": ("bleu", [(1.0, scores(0.9, 20, 0)), (2.0, scores(0.1, 21, 0))], 2),
    "exact 0 for all: chrF": ("exact", [(1.0, scores(9, 20, 0)), (2.0, scores(0, 21, 0))], 2),
    "one exact line of 500 is luck": ("exact", [(1.0, scores(9, 20, 0.2)), (2.0, scores(0, 21, 0))], 2),
    "perfect: the loss": ("exact", [(2.0, scores(0, 100, 100)), (1.0, scores(0, 100, 100))], 2),
    "perfect: not a higher loss": ("bleu", [(1.0, scores(100, 100, 100)), (2.0, scores(100, 100, 100))], 1),
    "BLEU and chrF perfect: exact": ("bleu", [(1.0, scores(100, 100, 40)), (2.0, scores(100, 100, 60))], 2),
    "the same for all: the loss": ("exact", [(2.0, scores(50, 50, 50)), (1.0, scores(50, 50, 50))], 2),
    "BLEU never breaks a tie of exact": ("exact", [(1.0, scores(0, 50, 50)), (2.0, scores(99, 50, 50))], 1),
    "equal in everything: the first": ("exact", [(1.0, scores(0, 5, 5)), (1.0, scores(0, 5, 5))], 1),
    "an older run has no exact": ("exact", [(1.0, {"bleu": 0, "chrf": 30}), (2.0, scores(0, 31, 1))], 2),
    "an older run, worse chrF": ("bleu", [(2.0, {"bleu": 9, "chrf": 30}), (1.0, scores(9, 29, 50))], 1),
}


@pytest.mark.parametrize(("metric", "evaluations", "best"), CHOICES.values(), ids=CHOICES)
def test_the_first_metric_that_differs_selects(metric: str, evaluations: list, best: int) -> None:
    assert train(rule(metric), evaluations).best_step == best


def test_a_language_model_is_selected_by_its_loss() -> None:
    selection = SelectionRule.of(LanguageModelTrainingConfig().selection_order)
    progress = train(selection, [(3.0, {}), (2.0, {}), (2.5, {}), (2.4, {}), (1.0, {})], patience=2)
    assert (progress.best_step, progress.best_loss, progress.reason) == (2, 2.0, "patience")
    assert selection.stop_reason(progress.best_metrics) == "the validation loss stopped falling"


@pytest.mark.parametrize("metric", ["bleu", "chrf", "exact", "loss"])
def test_comparisons_never_contradict_each_other(metric: str) -> None:
    # The order is total and transitive, so the best of all evaluations does not depend on when they were made.
    selection = rule(metric)
    values = [scores(b, c, e) for b in (0, 0.5, 20, 100) for c in (0, 30, 100) for e in (0, 0.4, 50, 100)]
    for one in values:
        for other in values:
            assert selection.compare(one, other) == -selection.compare(other, one)
            for third in values:
                if selection.compare(one, other) >= 0 <= selection.compare(other, third):
                    assert selection.compare(one, third) >= 0


def test_a_resumed_run_selects_as_one_that_never_stopped() -> None:
    evaluations = [(3.0 - step / 10, scores(0, 10 + step % 3, 0)) for step in range(10)]
    straight = train(rule("exact"), evaluations, patience=4)
    resumed = train(rule("exact"), evaluations[:5], patience=4)
    resumed = TrainingProgress(**{**asdict(resumed), "plan": resumed.plan, "budget": resumed.budget})
    for loss, values in evaluations[5:]:
        resumed.step += 1
        resumed.record_evaluation(Evaluation(loss, 10, 10.0, values), rule("exact"), 4)
    assert resumed == straight


STOPS = {
    "BLEU no longer rises": (
        "bleu", [(2.0, scores(20, 40, 0)), (1.9, scores(19, 41, 0)), (1.8, scores(18, 42, 0))], 3,
        "BLEU stopped rising",
    ),
    "exact no longer rises": (
        "exact", [(2.0, scores(0, 40, 30)), (2.1, scores(0, 41, 30)), (2.2, scores(0, 39, 29)), (2.2, scores(0, 9, 9))],
        4, "exact matches stopped rising",
    ),
    "all right, though the loss falls": (
        "exact", [(2.0, scores(0, 100, 100)), (1.9, scores(0, 100, 100)), (1.8, scores(0, 100, 100))], 3,
        "exact matches stayed at 100.00",
    ),
    "all wrong, but the loss falls": (
        "exact", [(9.0 - step, scores(0, 20 - step, 0)) for step in range(8)], None, "",
    ),
    "BLEU of luck, but the loss falls": (
        "bleu", [(9.0 - step, scores(0.1 + 0.8 * (step == 1), 20 - step, 0)) for step in range(8)], None, "",
    ),
    "stuck at half, but the loss falls": (
        "exact", [(9.0 - step, scores(0, 60 - step, 50)) for step in range(8)], None, "",
    ),
    "all wrong, and the loss rises": (
        "exact", [(2.0, scores(0, 20, 0)), (2.1, scores(0, 19, 0)), (2.2, scores(0, 18, 0))], 3,
        "exact matches stayed at 0.00, and the validation loss stopped falling",
    ),
    "BLEU perfect, exact still rising": (
        "bleu", [(2.0, scores(100, 100, 10 * step)) for step in range(8)], None, "",
    ),
    "BLEU perfect, exact not": (
        "bleu", [(2.0, scores(100, 100, 10)), (2.1, scores(100, 100, 10)), (2.2, scores(100, 100, 10))], 3,
        "BLEU stayed at 100.00",
    ),
    "loss": ("loss", [(2.0, scores(1, 1, 1)), (2.1, scores(9, 9, 9)), (2.2, scores(9, 9, 9))], 3,
             "the validation loss stopped falling"),
}  # fmt: skip


@pytest.mark.parametrize(("metric", "evaluations", "last", "reason"), STOPS.values(), ids=STOPS)
def test_patience_ends_a_training_that_no_longer_learns(
    metric: str, evaluations: list, last: int | None, reason: str
) -> None:
    progress = train(rule(metric), evaluations, patience=2)
    assert progress.step == (last or len(evaluations)) and progress.reason == ("patience" if last else "")
    assert not last or rule(metric).stop_reason(progress.best_metrics) == reason


def test_every_metric_that_selects_says_which_values_are_better() -> None:
    for metric in ("bleu", "chrf", "exact"):
        assert rule(metric).metrics[0].key == metric
        assert all(one.higher_is_better and one.perfect == 100 for one in rule(metric).metrics)
    metrics = all_metrics()
    assert metrics["validation_loss"].higher_is_better is False and metrics["learning_rate"].higher_is_better is None
    assert metrics["validation_loss"].rank(1.0) > metrics["validation_loss"].rank(2.0)
