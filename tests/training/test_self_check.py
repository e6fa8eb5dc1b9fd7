"""The self-check of torch's kernels: it refuses wrong numbers, whatever the reason, and leaves no trace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pair_runs import copy_rows, make_pair_run, table
from torch import nn

from rnntui.config_language_model import LanguageModelConfig
from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import TrainingError
from rnntui.models import layers
from rnntui.text.corpus import find_corpus
from rnntui.text.pairs import read_table
from rnntui.training import evaluate_language_model, evaluate_seq2seq
from rnntui.training import train_run as train_run_module
from rnntui.training.device import Hardware
from rnntui.training.self_check import check_kernels
from rnntui.training.train_run import train_run

CPU_FP32, CPU_BF16 = (Hardware(torch.device("cpu"), bf16) for bf16 in (False, True))
CELLS = [
    LanguageModelConfig(cell="lstm"),
    LanguageModelConfig(cell="gru"),
    LanguageModelConfig(cell="rnn"),
    LanguageModelConfig(cell="rnn", nonlinearity="relu"),
]


@pytest.mark.parametrize("config", CELLS, ids=lambda config: f"{config.cell} {config.nonlinearity}")
def test_right_kernels_pass_at_every_number_of_threads(config: LanguageModelConfig) -> None:
    check_kernels(config, CPU_FP32, (1, 2, 3))
    if config.cell != "lstm":  # some processors have no bf16 LSTM
        check_kernels(config, CPU_BF16, (1, 2))


def test_the_check_leaves_random_generators_and_threads_as_they_were() -> None:
    torch_state, threads = torch.get_rng_state(), torch.get_num_threads()
    numpy_state: Any = np.random.get_state()
    check_kernels(CELLS[0], CPU_FP32, (1, threads + 1))
    assert torch.equal(torch.get_rng_state(), torch_state) and torch.get_num_threads() == threads
    assert np.array_equal(np.random.get_state()[1], numpy_state[1])
    with torch.no_grad():
        check_kernels(CELLS[0], CPU_FP32, (1,))
        assert not torch.is_grad_enabled()


def test_a_wrong_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    right = layers.gru_layer

    def wrong(*arguments: Any) -> Any:
        hidden, final = right(*arguments)
        return hidden * torch.ones_like(hidden).index_fill(2, torch.tensor([63]), 1.001), final

    monkeypatch.setattr(layers, "gru_layer", wrong)
    with pytest.raises(
        TrainingError, match=r"wrong numbers on this machine: a small gru is off by 0\.000\d+ \(cpu, fp32"
    ):
        check_kernels(CELLS[1], CPU_FP32, (1,))


class Scaled(torch.autograd.Function):
    """The identity, with a gradient that is 1% too large."""

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return gradients[0] * 1.01


def test_a_wrong_gradient_of_right_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    right = nn.LSTM.forward

    def wrong(self: nn.LSTM, inputs: torch.Tensor, state: Any) -> Any:
        return right(self, Scaled.apply(inputs), state)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(nn.LSTM, "forward", wrong)
    with pytest.raises(TrainingError, match="a small lstm is off by"):
        check_kernels(CELLS[0], CPU_FP32, (1,))


def test_a_wrong_product_is_refused_and_nan_too(monkeypatch: pytest.MonkeyPatch) -> None:
    right = torch.nn.functional.linear
    for factor in (1.01, float("nan")):
        monkeypatch.setattr(torch.nn.functional, "linear", lambda x, weight, f=factor: right(x, weight) * f)
        with pytest.raises(TrainingError, match="a small matrix product is off by"):
            check_kernels(CELLS[2], CPU_FP32, (1,))


def test_a_training_is_refused_before_its_first_step(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(steps=2, cell="rnn", threads=2)
    checked = []

    def refuse(config: LanguageModelConfig, hardware: Hardware, threads: tuple[int, ...]) -> None:
        checked.append((config.cell, hardware.device.type, threads))
        assert run.read_status().state == "running", "a run in training is listed as such from the beginning"
        raise TrainingError("torch computes wrong numbers")

    monkeypatch.setattr(train_run_module, "check_kernels", refuse)
    with pytest.raises(TrainingError, match="torch computes wrong numbers"):
        train_run(run, lambda event: None, lambda: False)
    assert checked == [("rnn", "cpu", (1, 2))]
    assert (run.read_status().state, run.read_status().step) == ("stopped", 0) and not run.resume_file.exists()


def test_an_evaluation_is_refused(make_run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = make_run()

    def refuse(*arguments: Any) -> None:
        raise TrainingError("torch computes wrong numbers")

    monkeypatch.setattr(evaluate_language_model, "check_kernels", refuse)
    with pytest.raises(TrainingError, match="torch computes wrong numbers"):
        evaluate_language_model.evaluate_language_model_run(run, find_corpus([str(tmp_path / "words.txt")]))
    pairs = make_pair_run(tmp_path, copy_rows(60), "copies")
    monkeypatch.setattr(evaluate_seq2seq, "check_kernels", refuse)
    corpus = read_table(find_corpus([str(table(tmp_path / "pairs.tsv", copy_rows(5)))]))
    with pytest.raises(TrainingError, match="torch computes wrong numbers"):
        evaluate_seq2seq.evaluate_seq2seq_run(pairs, corpus, BeamConfig())


@pytest.mark.parametrize("variable", ["OMP_DYNAMIC=true", "OMP_THREAD_LIMIT=1", "OMP_MAX_ACTIVE_LEVELS=0"])
def test_the_openmp_fault_of_torch_2_13_is_refused_without_the_guard(variable: str) -> None:
    """OMP_DYNAMIC starts at most as many threads as there are CPUs, and fewer on a busy machine; so check with more."""
    code = f"""
import torch
from rnntui.config_language_model import LanguageModelConfig
from rnntui.errors import TrainingError
from rnntui.models import layers
from rnntui.training.device import Hardware
from rnntui.training.self_check import check_kernels
for bf16 in (False, True):
    cell = "gru" if bf16 else "lstm"  # some processors have no bf16 LSTM
    try:
        check_kernels(LanguageModelConfig(cell=cell), Hardware(torch.device("cpu"), bf16), (1, {os.cpu_count()} + 2))
    except TrainingError as error:
        print(error)
"""
    name, value = variable.split("=")
    environment = {**os.environ, "GOMP_SPINCOUNT": "10000", name: value}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=100)
    lines = result.stdout.splitlines()
    assert lines and "a small lstm is off by" in lines[0], result.stdout
    assert f"torch {torch.__version__}" in lines[0] and torch.backends.cpu.get_cpu_capability() in lines[0]
    assert variable in lines[0] and lines[0].endswith("; unset these variables and try again")
    assert not result.stderr
    if torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        assert len(lines) == 2, result.stdout
