"""Rows of a metrics file, valid or not, as columns of numbers."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnntui.charts import metrics_history
from rnntui.charts.metrics_history import MAX_SAMPLES, BestCheck, MetricsHistory
from rnntui.training.selection import SelectionRule

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=50)
SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints" / "shakespeare" / "metrics.jsonl"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


def append(path: Path, *rows: object) -> None:
    with path.open("ab") as file:
        for row in rows:
            file.write(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n")


def values(history: MetricsHistory, key: str) -> list[float]:
    return history.series(key).values.tolist()


def test_the_shipped_run_gives_every_curve() -> None:
    history = MetricsHistory(SHIPPED)
    history.read_all()
    rows = [json.loads(line) for line in SHIPPED.read_text().splitlines()]
    assert history.metric_keys == [
        "train_loss", "validation_loss", "bits_per_character", "learning_rate", "gradient_norm", "tokens_per_second",
        "threads",
    ]  # fmt: skip
    trained = [row for row in rows if "train_loss" in row]
    points = history.series("train_loss")
    assert points.values.tolist() == [row["train_loss"] for row in trained]
    for axis, found in points.axes.items():
        assert found.tolist() == [row[axis] for row in trained]
    assert [(sample.step, sample.sample["text"]) for sample in history.samples] == [
        (row["step"], row["sample"]) for row in rows if "sample" in row
    ]


def test_what_a_finished_run_ends_with_is_a_result_and_no_point_of_a_curve(path: Path) -> None:
    append(path, {"step": 5, "bits_per_character": 2.5}, {"step": 5, "bits_per_character": 2.0, "best_step": 3})
    history = MetricsHistory(path)
    history.read_all()
    assert values(history, "bits_per_character") == [2.5]
    assert history.results["bits_per_character"] == 2.0


def test_rows_are_taken_up_as_they_come_and_old_copies_stay(path: Path) -> None:
    history = MetricsHistory(path)
    assert not history.read() and history.version == 0
    for step in range(300):
        append(path, {"step": step, "bleu": step / 2})
        assert history.read() and not history.has_more
        before = history.series("bleu")
        assert before.values[-1] == step / 2
    assert history.version == 300
    append(path, {"step": 10, "bleu": 99.0})
    history.read()
    assert values(history, "bleu") == [*(step / 2 for step in range(11)), 99.0]
    assert before.values.tolist() == [step / 2 for step in range(300)]


def test_a_step_that_goes_down_takes_back_all_that_was_later(path: Path) -> None:
    append(path, {"step": 1, "train_loss": 4.0, "sample": "a"}, {"step": 2, "validation_loss": 3.0, "sample": "b"})
    append(path, {"step": 3, "train_loss": 2.0, "sample": "c"}, {"step": 2, "train_loss": 2.5})
    history = MetricsHistory(path)
    history.read_all()
    assert values(history, "train_loss") == [4.0, 2.5]
    assert history.series("train_loss").axes["step"].tolist() == [1.0, 2.0]
    assert values(history, "validation_loss") == [3.0]
    assert [sample.sample["text"] for sample in history.samples] == ["a", "b"]
    append(path, {"step": 0, "train_loss": 9.0})
    history.read()
    assert history.metric_keys == ["train_loss"] and values(history, "train_loss") == [9.0]


def test_another_file_in_its_place_starts_over(path: Path, tmp_path: Path) -> None:
    append(path, {"step": 1, "train_loss": 4.0, "sample": "a"}, {"step": 2, "best_step": 1, "streaming_loss": 1.0})
    history = MetricsHistory(path)
    history.read_all()
    other = tmp_path / "other"
    append(other, {"step": 0, "gradient_norm": 1.0})
    other.replace(path)
    assert history.read()
    assert history.metric_keys == ["gradient_norm"] and history.samples == [] and history.results == {}
    path.write_bytes(b"")
    assert history.read(), "an emptied file is a change"
    assert history.metric_keys == []


def test_what_is_no_number_is_no_value(path: Path) -> None:
    append(
        path,
        {"step": True, "a": 1.0}, {"step": None, "a": 1.0}, {"a": 1.0}, {"step": "7", "a": 1.0}, {"step": [1], "a": 1},
        b'{"step": NaN, "a": 1}\n{"step": Infinity, "a": 1}\n', {"step": 10**400, "a": 1},
        {"step": 1, "a": True, "b": None, "c": "x", "d": [1.0], "e": {"f": 1.0}, "sample": 3},
        b'{"step": 2, "a": NaN, "b": -Infinity, "c": ' + b"9" * 400 + b"}\n",
        {"step": 3, "a": 5, "tokens": "many", "seconds": None},
    )  # fmt: skip
    history = MetricsHistory(path)
    history.read_all()
    assert history.metric_keys == ["a", "b", "c"]
    assert math.isnan(values(history, "a")[0]) and values(history, "a")[1:] == [5.0]
    assert values(history, "b") == [-math.inf] and values(history, "c") == [math.inf]
    assert np.isnan(history.series("a").axes["tokens"]).all() and np.isnan(history.series("a").axes["seconds"]).all()
    assert history.samples == []


def test_metrics_that_are_logged_together_share_their_positions_and_others_do_not(path: Path) -> None:
    append(path, {"step": 1, "train_loss": 3.0, "threads": 1}, {"step": 2, "validation_loss": 2.0})
    history = MetricsHistory(path)
    history.read()
    before = history.series("train_loss")
    assert history.series("threads").axes["step"] is before.axes["step"]
    assert history.series("validation_loss").axes["step"].tolist() == [2.0]
    append(path, {"step": 3, "train_loss": 2.5, "threads": 1})
    history.read()
    assert history.series("threads").axes["step"].tolist() == [1.0, 3.0]
    assert history.series("train_loss").axes["step"] is history.series("threads").axes["step"]
    assert before.axes["step"].tolist() == [1.0]


def test_the_newest_step_and_value_are_told_without_a_copy_of_all(path: Path) -> None:
    history = MetricsHistory(path)
    history.read()
    assert (history.last_step, history.last_value("train_loss")) == (0, None)
    append(path, {"step": 10, "train_loss": 3.0}, {"step": 20, "train_loss": 2.5}, {"step": 30, "validation_loss": 2.0})
    history.read()
    assert (history.last_step, history.last_value("train_loss")) == (30, 2.5)
    append(path, {"step": 10, "train_loss": 2.75})  # resumed from an earlier step
    history.read()
    assert (history.last_step, history.last_value("train_loss")) == (10, 2.75)
    assert history.last_value("validation_loss") is None


def test_a_metric_never_logged_has_no_points(path: Path) -> None:
    points = MetricsHistory(path).series("train_loss")
    assert len(points.values) == 0 and all(len(found) == 0 for found in points.axes.values())


def test_however_many_keys_and_samples_come_few_are_kept(path: Path) -> None:
    append(path, {"step": 0, **{f"k{i}": i for i in range(500)}})
    append(path, *({"step": step, "sample": "x" * 9000 if step == 9999 else "x"} for step in range(10_000)))
    history = MetricsHistory(path)
    history.read_all()
    assert len(history.metric_keys) == 64
    steps = [sample.step for sample in history.samples]
    assert len(steps) <= MAX_SAMPLES and steps == sorted(steps)
    assert steps[-1] == 9999 and steps[0] < 10, "the newest is kept, the others are spread over the run"
    assert len(history.samples[-1].sample["text"]) == metrics_history.MAX_SAMPLE_CHARACTERS


def test_a_read_takes_in_one_block(path: Path) -> None:
    append(path, *({"step": step, "train_loss": 1.0} for step in range(1000)))
    history = MetricsHistory(path)
    sizes = []
    while history.read(1000) or history.has_more:
        sizes.append(len(history.series("train_loss").values))
    assert sizes[0] < 50 and sizes[-1] == 1000
    assert all(b - a < 50 for a, b in pairwise(sizes))


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=3,
)
keys = st.sampled_from(["step", "tokens", "seconds", "train_loss", "bleu", "sample", "best_step"]) | st.text(max_size=3)


@repeatable
@given(st.lists(st.dictionaries(keys, anything, max_size=5) | st.dictionaries(keys, st.integers(0, 9), max_size=4)))
def test_any_rows_give_columns_that_agree(tmp_path_factory: pytest.TempPathFactory, rows: list[dict]) -> None:
    path = tmp_path_factory.mktemp("any") / "metrics.jsonl"
    append(path, *rows)
    whole, parts = MetricsHistory(path), MetricsHistory(path)
    whole.read_all()
    while parts.read(64) or parts.has_more:
        pass
    for key in whole.metric_keys:
        points = whole.series(key)
        assert len(points.values) > 0
        assert all(len(found) == len(points.values) for found in points.axes.values())
        assert (np.diff(points.axes["step"]) >= 0).all()
    if all(len(json.dumps(row)) < 63 for row in rows):
        assert parts.metric_keys == whole.metric_keys
        for key in whole.metric_keys:
            assert np.array_equal(parts.series(key).values, whole.series(key).values, equal_nan=True)


def test_the_slowdown_is_that_of_the_newest_steps(path: Path) -> None:
    slow = "25% of its usual speed: another program is using the processor"
    history = MetricsHistory(path)
    append(path, {"step": 10, "train_loss": 3.0, "threads": 1, "slowdown": slow})
    append(path, {"step": 10, "validation_loss": 3.0})
    history.read()
    assert history.slowdown == slow
    append(path, {"step": 20, "train_loss": 2.9, "threads": 2})
    history.read()
    assert history.slowdown == ""
    append(path, {"step": 30, "train_loss": 2.8, "slowdown": ["x"]}, {"step": 40, "train_loss": 2.8, "slowdown": 3})
    history.read()
    assert history.slowdown == "" and "slowdown" not in history.metric_keys[:3]
    assert values(history, "threads") == [1, 2]


scores = st.fixed_dictionaries(
    {
        "validation_loss": st.sampled_from([1.0, 1.5, 2.0, math.nan]),
        "bleu": st.sampled_from([0.0, 0.5, 20.0, 21.0]),
        "chrf": st.sampled_from([30.0, 31.0]),
    }
)


@repeatable
@given(st.lists(scores, max_size=12), st.sampled_from([(), ("bleu", "chrf"), ("chrf",)]))
def test_the_best_check_is_the_one_that_training_selects(
    tmp_path_factory: pytest.TempPathFactory, checks: list[dict[str, float]], order: tuple[str, ...]
) -> None:
    path = tmp_path_factory.mktemp("run") / "metrics.jsonl"
    append(path, *({"step": step, "train_loss": 1.0, **check} for step, check in enumerate(checks)))
    rule, best = SelectionRule.of(order), None
    for step, check in enumerate(checks):
        if math.isfinite(check["validation_loss"]):
            difference = 1 if best is None else rule.compare(check, checks[best])
            if difference > 0 or (difference == 0 and check["validation_loss"] < checks[best]["validation_loss"]):
                best = step
    history = MetricsHistory(path)
    history.read_all()
    keys = order[:1] or ("validation_loss", "bits_per_character")
    assert history.best_check(order) == (None if best is None else BestCheck(best, keys))


def test_a_finished_run_says_which_check_was_the_best(path: Path) -> None:
    append(path, *({"step": step, "validation_loss": loss} for step, loss in ((1, 2.0), (2, 3.0), (3, 4.0))))
    append(path, {"step": 3, "best_step": 2})
    history = MetricsHistory(path)
    history.read_all()
    assert history.best_check().step == 2
    assert history.best_check(("bleu",)).keys == ("validation_loss", "bits_per_character"), "no BLEU was logged"


# -- confusion matrices ------------------------------------------------------------------------------------------------


def evaluation(step: int, *counts: list[int], **values: object) -> dict[str, object]:
    return {"step": step, "validation_loss": 1.0, "confusion": [*counts], **values}


def test_the_matrix_of_each_evaluation_is_kept(path: Path) -> None:
    append(path, evaluation(5, [1, 2], [3, 4]), evaluation(10, [5, 0], [0, 5]), evaluation(15, [1], [2]))
    history = MetricsHistory(path)
    history.read_all()
    assert [(logged.step, logged.counts.tolist()) for logged in history.confusions] == [
        (5, [[1, 2], [3, 4]]), (10, [[5, 0], [0, 5]]),
    ]  # fmt: skip
    assert history.final_confusion is None and "confusion" not in history.metric_keys
    append(path, evaluation(7, [0, 1], [1, 0]))  # resumed at step 6
    history.read_all()
    assert [logged.step for logged in history.confusions] == [5, 7]


def test_a_finished_run_has_the_matrix_of_its_best_weights(path: Path) -> None:
    append(path, evaluation(5, [1]), evaluation(10, [2]), {"step": 10, "best_step": 5})
    history = MetricsHistory(path)
    history.read_all()
    assert history.final_confusion is history.confusions[0]
    append(path, evaluation(15, [3]))
    history.read_all()
    assert history.final_confusion is None, "it was resumed"
    append(path, {"step": 15, "best_step": 15, "confusion": [[9]]})
    history.read_all()
    assert history.final_confusion is not None and history.final_confusion.counts.tolist() == [[9]]


def test_of_very_many_matrices_every_second_one_is_dropped(path: Path) -> None:
    append(path, *(evaluation(step, [step]) for step in range(300)))
    history = MetricsHistory(path)
    history.read_all()
    steps = [logged.step for logged in history.confusions]
    assert len(steps) <= metrics_history.MAX_CONFUSIONS and steps == sorted(steps)
    assert steps[0] == 0 and steps[-1] == 299
