"""The confusion matrices that the Train tab shows: which one at which step, under which title."""

from __future__ import annotations

import numpy as np
import pytest

from rnntui.charts.metrics_history import LoggedConfusion
from rnntui.sessions.charted_runs import LoggedConfusions


def logged(step: int, right: int) -> LoggedConfusion:
    return LoggedConfusion(step, np.array([[right, 10 - right], [0, 10]]))


RUNNING = LoggedConfusions("reviews", ("good", "bad"), [logged(10, 5), logged(20, 7), logged(30, 6)], best_step=20)
FINISHED = LoggedConfusions("reviews", ("good", "bad"), RUNNING.evaluations, logged(20, 8), best_step=20)


@pytest.mark.parametrize(
    ("step", "title"),
    [
        (None, "Confusion matrix · step 30 · accuracy 80.0%"), (0, "Confusion matrix · step 10 · accuracy 75.0%"),
        (16, "Confusion matrix · step 20 ★ · accuracy 85.0%"), (99, "Confusion matrix · step 30 · accuracy 80.0%"),
    ],
)  # fmt: skip
def test_the_nearest_evaluation_is_shown(step: float | None, title: str) -> None:
    assert RUNNING.title(step) == title
    assert FINISHED.title(step) == (title if step is not None else "Confusion matrix · best weights · accuracy 90.0%")


def test_steps_to_the_evaluations_before_and_after() -> None:
    assert [RUNNING.neighbour(step, -1) for step in (None, 30, 21, 10)] == [20, 20, 10, 10]
    assert [RUNNING.neighbour(step, 1) for step in (10, 20, 30, None)] == [20, 30, None, None]
    assert FINISHED.neighbour(None, -1) == 30 and FINISHED.neighbour(30, 1) is None


def test_a_matrix_of_another_size_than_the_labels_has_numbers() -> None:
    other = LoggedConfusions("reviews", ("good", "bad"), [LoggedConfusion(1, np.eye(3, dtype=np.int64))])
    assert other.matrix(other.at(None)).labels == ("1", "2", "3")
