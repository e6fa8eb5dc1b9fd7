"""Choosing hardware, and training in bf16 where a kernel allows it."""

from __future__ import annotations

import os

import pytest
import torch
from forks import Forks

from rnntui.errors import UsageError
from rnntui.text.tokenizer_factory import load_tokenizer
from rnntui.training.adamw import AdamW
from rnntui.training.device import Hardware, _has_bf16, _runs_cells_in_bf16, choose_hardware
from rnntui.training.language_model_task import LanguageModelTask


def test_bf16_is_chosen_where_it_is_native_and_only_there() -> None:
    cpu = torch.device("cpu")
    assert choose_hardware("cpu", "auto", None).bf16 == _has_bf16(cpu)
    assert choose_hardware("cpu", "fp32", None).precision == "fp32"
    if not _has_bf16(cpu):
        with pytest.raises(UsageError, match="--precision bf16: this cpu does not support bf16"):
            choose_hardware("cpu", "bf16", None)


def test_choosing_hardware_leaves_the_random_generator_alone() -> None:
    before = torch.get_rng_state()
    choose_hardware("auto", "auto", None)
    _runs_cells_in_bf16()  # also on processors without bf16, where it is not called
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_an_error() -> None:
    assert choose_hardware("auto", "auto", None).device.type == "cpu"
    with pytest.raises(UsageError, match="torch finds no CUDA GPU"):
        choose_hardware("cuda", "auto", None)


def test_training_in_bf16_keeps_weights_state_and_loss_in_fp32(make_run) -> None:
    # A GRU has a bf16 kernel on every processor, if a slow one; an LSTM has none on some.
    run = make_run(cell="gru", steps=1, learning_rate=1e-2, ngram_prior=0)
    config = run.read_config()
    torch.manual_seed(1)
    tokenizer = load_tokenizer(run.path, "char")
    task = LanguageModelTask(run, config, tokenizer, Hardware(torch.device("cpu"), bf16=True))
    optimizer = AdamW(
        [{"params": [*task.model.parameters()], "lr": 1e-2, "weight_decay": 0.01}], (0.9, 0.999), fused=False
    )
    losses = []
    for _ in range(60):
        loss, _ = task.loss()
        assert loss.dtype == torch.float32
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
    assert {p.dtype for p in task.model.parameters()} == {torch.float32}
    assert {tensor.dtype for tensor in task._state} == {torch.float32}
    coarse, exact = task.evaluate(500).loss, task.final_evaluation(500)["streaming"].loss
    assert coarse == pytest.approx(exact, abs=0.02) and coarse != exact


@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_denormal_numbers_are_flushed_in_every_thread(forks: Forks) -> None:
    """torch 2.13.0 sets it for one thread; threads that start later, once the hardware is chosen, inherit it.

    A process of its own, because the pool of threads of this one has long been started.
    """
    forks.start("""
import torch
from rnntui.training.adamw import AdamW
from rnntui.training.device import choose_hardware
choose_hardware("cpu", "auto", 2)
tiny = torch.full((1_000_000,), 1e-40)
for threads in (2, 1, 3, 2):
    torch.set_num_threads(threads)
    print(int((tiny * 1.0).count_nonzero()), flush=True)
weight = torch.nn.Parameter(torch.ones(40_000))
weight.grad = torch.zeros(40_000)
optimizer = AdamW([{"params": [weight], "lr": 1e-3, "weight_decay": 0.01}], (0.9, 0.99), fused=True)
optimizer.step()
optimizer.state[weight]["exp_avg"].fill_(2e-38)
for _ in range(30):
    optimizer.step()
print(int(optimizer.state[weight]["exp_avg"].count_nonzero()), flush=True)
""")
    assert list(forks.output()) == ["0", "0", "0", "0", "0"]
