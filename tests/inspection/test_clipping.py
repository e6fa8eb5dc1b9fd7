"""Clipping: the share of clipped steps as it is logged, or from the norms of older runs; equal sizes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from tiny_runs import make_run

from rnntui.config import Cell
from rnntui.config_language_model import LanguageModelConfig
from rnntui.errors import RunError
from rnntui.inspection.clipping import clipping
from rnntui.inspection.equal_sizes import of_equal_size, parameter_count
from rnntui.inspection.initial_weights import untrained_network
from rnntui.runs.folder import RunFolder


def run_with(folder: Path, name: str, rows: list[dict[str, Any]]) -> RunFolder:
    run = make_run(folder, name)
    run.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run


def test_the_logged_share_counts_every_step(tmp_path: Path) -> None:
    rows = [
        {"step": 10, "gradient_norm": 0.5, "clipped_share": 0.4},
        {"step": 40, "gradient_norm": 0.7, "clipped_share": 0.0},
    ]
    result = clipping([run_with(tmp_path, "mine", rows)])
    assert result.runs[0].clipped == pytest.approx(0.1) and result.runs[0].is_exact
    assert "10% of the steps were clipped, to a norm of 1" in result.summary()[0]


def test_an_older_run_is_judged_by_the_norms_that_it_has_logged(tmp_path: Path) -> None:
    rows = [{"step": step, "gradient_norm": norm} for step, norm in ((1, 3.0), (2, 0.5), (3, 2.0), (4, 1.5))]
    calm = [{"step": 1, "gradient_norm": 0.1}]
    result = clipping([run_with(tmp_path, "old", rows), run_with(tmp_path, "calm", calm)])
    assert "75% of the 4 steps whose norm was logged were clipped" in result.summary()[0]
    assert "none of the 1 steps whose norm was logged was clipped" in result.summary()[1]
    assert result.rows(70) and "limit" in result.svg() and result.to_json()["runs"][0]["clip_grad_norm"] == 1.0
    with pytest.raises(RunError, match="has no gradient norms"):
        clipping([run_with(tmp_path, "new", [])])


@pytest.mark.parametrize("layers", [1, 2])
def test_models_of_other_cells_have_as_many_weights_within_a_percent(layers: int) -> None:
    first = LanguageModelConfig(cell="lstm", hidden=128, embedding=64, layers=layers, tied=False, ngrams=1)
    wanted = parameter_count(first, 80)
    for cell in get_args(Cell):
        config = of_equal_size(first, cell, 80)
        count = parameter_count(config, 80)
        assert abs(count - wanted) < 0.01 * wanted
        small = replace(config, hidden=8)
        network = untrained_network(small, 80)
        weights = sum(each.weight_in.size + each.weight_recurrent.size for each in network.cells)
        biases = 2 * sum(each.gates * 8 for each in network.cells)
        assert parameter_count(small, 80) == weights + biases + 80 * 64 + 80 * 8 + 80
