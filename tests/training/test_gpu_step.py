"""The training step of a GPU: run on the CPU as far as that goes, and on a GPU where there is one (`pytest -m gpu`)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from rnntui.errors import TrainingError
from rnntui.models import layers
from rnntui.models.layers import run_recurrent_layers
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.weights_file import load_arrays
from rnntui.training.device import Hardware
from rnntui.training.language_model_task import LanguageModelTask
from rnntui.training.train_run import train_run
from rnntui.training.trainer import Trainer

_READS = {
    Tensor.item, Tensor.tolist, Tensor.cpu, Tensor.numpy, Tensor.nonzero, Tensor.__bool__, Tensor.__float__,
    Tensor.__int__, Tensor.__index__, Tensor.__array__,
}  # fmt: skip


def gpu(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that needs a GPU, and skip it where there is none."""
    marked: Callable[..., None] = pytest.mark.gpu(
        pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA GPU")(test)
    )
    return marked


class CountReads(TorchFunctionMode):
    """Counts the calls that read a tensor on the host, for which a program would wait for a GPU."""

    count = 0

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.count += function in _READS
        return function(*args, **(kwargs or {}))


def never() -> bool:
    return False


def trained(run: RunFolder) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    """Train; return the last weights and the rows of metrics without their times."""
    train_run(run, lambda event: None, never)
    arrays, _ = load_arrays(run.resume_file)
    rows = [
        {key: value for key, value in row.items() if key not in ("seconds", "tokens_per_second", "threads")}
        for row in read_metrics(run.metrics_file)
    ]
    return {name: array for name, array in arrays.items() if name.startswith(("model.", "optimizer."))}, rows


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function after whose call the CPU counts as a device that computes while the program goes on."""

    def pretend() -> None:
        monkeypatch.setattr(Hardware, "is_asynchronous", property(lambda self: True))
        monkeypatch.setattr(Tensor, "pin_memory", lambda self: self)  # there is no such memory without a GPU

    return pretend


def test_numbers_read_later_are_the_same_numbers_and_weights(make_run, as_on_a_gpu) -> None:
    settings = {"steps": 25, "clip_grad_norm": 0.05, "precision": "fp32", "threads": 1, "ngram_prior": 0}
    at_once = trained(make_run(name="at-once", **settings))
    as_on_a_gpu()
    later = trained(make_run(name="later", **settings))
    assert later[1] == at_once[1]
    assert later[1][1]["clipped_share"] > 0
    for name, array in at_once[0].items():
        np.testing.assert_array_equal(later[0][name], array, err_msg=name)


def test_a_step_on_a_gpu_reads_nothing_and_every_tenth_reads_once(
    make_run, as_on_a_gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_on_a_gpu()
    reads, step = [], Trainer._step

    def counted(trainer: Trainer, rate: float) -> None:
        with CountReads() as mode:
            step(trainer, rate)
        reads.append(mode.count)

    monkeypatch.setattr(Trainer, "_step", counted)
    train_run(make_run(steps=40, evaluations=1, ngram_prior=0, layers=2, dropout=0.1), lambda event: None, never)
    assert [index + 1 for index, count in enumerate(reads) if count] == [1, 10, 20, 30, 40]
    assert max(reads) == 1


def test_an_update_that_is_not_finite_is_skipped_before_it_is_read(
    make_run, as_on_a_gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_on_a_gpu()
    weights: list[list[Tensor]] = []
    loss, calls = LanguageModelTask.loss, iter(range(100))

    def broken(task: LanguageModelTask) -> tuple[Tensor, int]:
        weights.append([parameter.detach().clone() for parameter in task.model.parameters()])
        value, tokens = loss(task)
        return (value * math.nan if next(calls) == 4 else value), tokens

    monkeypatch.setattr(LanguageModelTask, "loss", broken)
    with pytest.raises(TrainingError, match="the loss is not finite at step 5 "):
        train_run(make_run(steps=40, evaluations=1, weight_average=0.0), lambda event: None, never)
    assert len(weights) == 10  # it was read after the tenth
    assert all(torch.equal(before, after) for before, after in zip(weights[4], weights[5], strict=True))
    assert all(parameter.isfinite().all() for parameter in weights[-1])


@pytest.mark.parametrize("module", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("is_cast", [False, True])
def test_the_layers_of_a_gpu_compute_what_those_of_the_cpu_do(
    module: type[nn.RNNBase], is_cast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    rnn = module(5, 8, 2, dropout=0.5)
    inputs = torch.randn(6, 3, 5)
    expected, expected_state = run_recurrent_layers(rnn.eval(), inputs)
    monkeypatch.setattr(layers, "has_cudnn_kernel", lambda kind: True)
    with torch.autocast("cpu", torch.bfloat16, enabled=is_cast):
        hidden, state = layers._run_kernels(rnn, inputs, None)
    assert hidden.dtype == (torch.bfloat16 if is_cast else torch.float32)
    assert {tensor.dtype for tensor in state} == {torch.float32}
    tolerance = 0.02 if is_cast else 1e-6
    torch.testing.assert_close(hidden.float(), expected, atol=tolerance, rtol=0)
    torch.testing.assert_close(state, expected_state, atol=tolerance, rtol=0)

    # In training, the layers run one by one, with torch's own dropout between them.
    rnn.train()
    with torch.autocast("cpu", torch.bfloat16, enabled=is_cast):
        torch.manual_seed(2)
        first, _ = layers._run_kernels(rnn, inputs, state)
        torch.manual_seed(2)
        second, _ = layers._run_kernels(rnn, inputs, state)
    assert torch.equal(first, second)
    torch.autograd.backward(first.float().sum())
    assert all(parameter.grad is not None and parameter.grad.dtype == torch.float32 for parameter in rnn.parameters())


@gpu
def test_a_gpu_is_found_and_a_step_waits_for_it_only_to_read(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    step, read = Trainer._step, Trainer._read_steps

    def watched(trainer: Trainer, rate: float) -> None:
        torch.cuda.set_sync_debug_mode("error" if trainer._progress.step > 2 else "default")
        try:
            step(trainer, rate)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    def allowed(trainer: Trainer) -> None:
        mode = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("default")
        read(trainer)
        torch.cuda.set_sync_debug_mode(mode)

    monkeypatch.setattr(Trainer, "_step", watched)
    monkeypatch.setattr(Trainer, "_read_steps", allowed)
    run = make_run(steps=25, ngram_prior=0, layers=2, dropout=0.1)
    train_run(run, lambda event: None, never)
    assert [row["step"] for row in read_metrics(run.metrics_file) if "train_loss" in row][-1] == 25


@gpu
def test_bf16_runs_by_cudnn_and_agrees_with_fp32() -> None:
    torch.manual_seed(1)
    rnn = nn.LSTM(64, 128, 2).cuda()
    inputs = torch.randn(32, 16, 64, device="cuda")
    gradients = []
    for is_cast in (False, True):
        rnn.zero_grad()
        with torch.autocast("cuda", torch.bfloat16, enabled=is_cast):
            hidden, _ = run_recurrent_layers(rnn, inputs)
        # So small a loss has no gradient in float16.
        torch.autograd.backward(hidden.float().pow(2).mean() * 1e-6)
        gradients.append(rnn.weight_hh_l0.grad.clone())
    assert torch.linalg.norm(gradients[1] - gradients[0]) < 0.05 * torch.linalg.norm(gradients[0])


@gpu
def test_a_resumed_run_on_a_gpu_gives_the_same_numbers(make_run) -> None:
    settings = {"steps": 30, "ngram_prior": 0, "layers": 2, "dropout": 0.2, "save_every": 0.0}
    whole = trained(make_run(name="whole", **settings))
    run = make_run(name="stopped", **settings)
    calls = iter(range(1000))
    train_run(run, lambda event: None, lambda: next(calls) >= 13)
    stopped = trained(run)
    for name, array in whole[0].items():
        np.testing.assert_array_equal(stopped[0][name], array, err_msg=name)
