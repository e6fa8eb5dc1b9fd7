"""Attention: measures of hand-made matrices, forced decoding against torch, and what copying and reversing show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pair_runs import make_pair_run, sources_of, tiny_models, write_weights

from rnntui.charts.attention_grid import AttentionTable
from rnntui.charts.attention_rows import attention_rows
from rnntui.charts.styled_text import cell_width
from rnntui.errors import CancelledError, UsageError
from rnntui.inspection.attention_comparison import (
    AttentionComparison,
    inspect_attention,
    inspect_attention_over_pairs,
)
from rnntui.inspection.attention_measures import (
    alignment_agreement,
    diagonal_chance,
    diagonal_share,
    entropy_bits,
    reading_order,
    unseen_sources,
)
from rnntui.inspection.forced_attention import forced_attention
from rnntui.inspection.inspection import InspectionRequest, never_cancelled
from rnntui.runs.folder import RunFolder
from rnntui.text.parallel_corpus import Pair

RUNS = Path(__file__).resolve().parents[2] / "docs" / "runs"
WORDS = ("headache", "dab", "feedback", "abba", "gaffe", "hedgehag")


def plain(comparison: AttentionComparison, width: int) -> list[str]:
    return ["".join(text for text, _ in row).rstrip() for row in comparison.rows(width)]


# Measures.


def test_entropy_is_zero_for_one_token_and_log2_for_all_alike() -> None:
    weights = np.array([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]])
    assert entropy_bits(weights).tolist() == [0, 1, 2]
    assert unseen_sources(weights[:2]).tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("weights", "share", "reversed_share", "order"),
    [
        (np.eye(4), 1.0, 0.0, 1.0),
        (np.eye(4)[::-1], 0.0, 1.0, -1.0),
        (np.eye(3), 1.0, 1 / 3, 1.0),  # the middle is on both
        (0.5 * np.eye(4), 0.5, 0.0, 1.0),  # the other half is on the end token
        (np.repeat(np.eye(3), 2, axis=0), 1.0, 2 / 6, 0.9562),
        (np.full((4, 4), 0.25), 0.25, 0.25, None),
        (np.ones((1, 1)), 1.0, 1.0, None),
        (np.zeros((0, 3)), 0.0, 0.0, None),
    ],
)
def test_the_diagonal(weights: np.ndarray, share: float, reversed_share: float, order: float | None) -> None:
    assert diagonal_share(weights) == pytest.approx(share)
    assert diagonal_share(weights, is_reversed=True) == pytest.approx(reversed_share)
    assert reading_order(weights) == (None if order is None else pytest.approx(order, abs=1e-4))


def test_chance_is_what_even_attention_gives() -> None:
    assert diagonal_chance(4, 4) == pytest.approx(1 / 5)
    assert diagonal_chance(0, 4) == 0


def test_agreement_counts_tokens_that_the_alignment_knows() -> None:
    weights = np.array([[0.9, 0.1, 0], [0.2, 0.1, 0.7], [1, 0, 0]])
    alignment = np.array([[0.5, 0.5, 0], [0, 1, 0], [0, 0, 0.0]])  # the same word twice; another one; an unknown one
    agreement = alignment_agreement(weights, alignment)
    assert agreement == (1, pytest.approx(2 / 3 + 1 / 3), 2)


# Forced decoding.


@pytest.mark.parametrize("settings", [{"attention": "additive"}, {"attention": "dot", "input_feeding": True}, {}])
def test_forced_attention_is_that_of_torch_for_pairs_of_any_length(settings: dict[str, object]) -> None:
    model, numpy_model = tiny_models(11, 11, True, **settings)
    sources, targets = sources_of([5, 3, 8, 3], 11), sources_of([4, 7, 2, 3], 11, seed=1)
    pairs = [(source[:-1], target[:-1]) for source, target in zip(sources, targets, strict=True)]
    attention = forced_attention(numpy_model, pairs, never_cancelled)
    for (source, target), weights in zip(pairs, attention, strict=True):
        inputs = torch.tensor([1, *target])[:, None]
        ids = torch.tensor([*source, 2])[:, None]
        _, expected = model(ids, torch.tensor([len(ids)]), inputs)
        assert weights.shape == (len(target) + 1, len(source) + 1)
        assert np.allclose(weights, expected[0].detach().numpy(), atol=1e-5)


# Runs that learned to copy and to reverse.


def over_words(names: list[str]) -> AttentionComparison:
    sign = -1 if names[0].startswith("reverse") else 1
    pairs = [Pair(word, word[::sign], "", row) for row, word in enumerate(WORDS, 1)]
    return inspect_attention_over_pairs([RunFolder(RUNS / name) for name in names], pairs, "pairs", never_cancelled)


def test_copying_is_the_diagonal_and_reversing_the_anti_diagonal() -> None:
    [copy] = over_words(["copy"]).runs
    assert copy.diagonal > 0.9 and copy.antidiagonal < 0.3 and copy.order is not None and copy.order > 0.98
    [reverse] = over_words(["reverse"]).runs
    assert reverse.antidiagonal > 0.9 and reverse.diagonal < 0.3 and reverse.order is not None and reverse.order < -0.98
    assert copy.entropy < 0.5 > reverse.entropy and copy.unseen < 0.1 > reverse.unseen
    [pair] = (
        inspect_attention(InspectionRequest((RunFolder(RUNS / "reverse"),), "feedback"), never_cancelled).runs[0].pairs
    )
    assert pair.inner_weights.argmax(axis=1).tolist() == [7, 6, 5, 4, 3, 2, 1, 0]


def test_three_scores_side_by_side() -> None:
    comparison = over_words(["reverse", "reverse-dot", "reverse-additive"])
    assert all(run.antidiagonal > 0.6 for run in comparison.runs)
    rows = plain(comparison, 80)
    assert rows[1].split() == ["run", "attention", "bits", "diagonal", "anti-diag.", "order", "IBM", "1", "unseen"]
    assert [row.split()[:2] for row in rows[2:5]] == [
        ["reverse", "general"], ["reverse-dot", "dot"], ["reverse-additive", "additive"]
    ]  # fmt: skip
    assert max(map(len, rows)) <= 80 and max(map(len, plain(comparison, 40))) <= 40
    summary = comparison.summary()
    assert len(summary) == 4 and "The sharpest attention is that of" in summary[-1] and "--pairs" not in summary[-1]
    assert comparison.svg().count("<title>") == 3 * comparison.runs[0].pairs[comparison.shown[0]].weights.size
    values = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    assert [run["attention"] for run in values["runs"]] == ["general", "dot", "additive"]
    assert values["runs"][0]["order"] < -0.9 and len(values["runs"][0]["examples"]) == 1


def test_a_target_is_forced_behind_bars_and_a_long_matrix_is_drawn_in_bands() -> None:
    request = InspectionRequest((RunFolder(RUNS / "copy"),), "abcdefgh ||| hgfedcba\nbad")
    comparison = inspect_attention(request, never_cancelled)
    assert ["".join(pair.targets[:-1]) for pair in comparison.runs[0].pairs] == ["hgfedcba", "bad"]
    narrow = plain(comparison, 24)
    assert sum(row.endswith("</s>") and "bits" in row for row in narrow) == 2
    assert sum("bits" in row for row in narrow) > 2, "the first matrix is in bands"


def test_a_long_title_does_not_widen_a_matrix() -> None:
    table = AttentionTable("run\x1b[2J" * 20, ["a", "b"], ["c"], np.array([[0.5, 0.5]]))
    rows = ["".join(text for text, _ in row) for row in attention_rows(table, 60)]
    assert max(map(cell_width, rows)) <= 60 and "\x1b" not in rows[0] and rows[0].endswith("…")


def test_what_cannot_be_inspected_is_said(tmp_path: Path) -> None:
    run = make_pair_run(
        tmp_path, [("ab", "ba")] * 2 + [(f"a{x}b", f"b{x}a") for x in "cdefgh"], "none", attention="none"
    )
    write_weights(run)
    with pytest.raises(UsageError, match="no attention"):
        inspect_attention(InspectionRequest((run,), "ab"), never_cancelled)
    copy = RunFolder(RUNS / "copy")
    with pytest.raises(UsageError, match="no held-out pairs"):
        inspect_attention(InspectionRequest((copy,)), never_cancelled)
    with pytest.raises(CancelledError):
        inspect_attention_over_pairs([copy], [Pair("ab", "ab", "", 1)], "pairs", lambda: True)


def test_held_out_pairs_and_training_pairs_are_found_in_a_runs_folder(tmp_path: Path) -> None:
    words = [first + second + third for first in "abcdefgh" for second in "abcdefgh" for third in "ab"]
    run = make_pair_run(tmp_path, [(word, word) for word in words], "copy")
    write_weights(run)
    comparison = inspect_attention(InspectionRequest((run,)), never_cancelled)
    [focus] = comparison.runs
    assert len(focus.pairs) == 13 and comparison.origin == "13 held-out pairs"
    assert focus.agreement is not None and focus.agreement.tokens >= 3 * 13, "aligned by the training pairs"
