"""Truncated BPTT: what the streams read, which state is carried, and where gradients stop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnntui.runs.folder import RunFolder
from rnntui.text.tokenizer_factory import load_tokenizer
from rnntui.training.adamw import AdamW
from rnntui.training.bptt_batches import BPTTBatches
from rnntui.training.device import choose_hardware
from rnntui.training.language_model_task import LanguageModelTask
from rnntui.training.train_run import train_run


def open_task(run: RunFolder) -> LanguageModelTask:
    config = run.read_config()
    torch.manual_seed(config.training.seed)
    hardware = choose_hardware("cpu", "fp32", None)
    return LanguageModelTask(run, config, load_tokenizer(run.path, config.tokenizer.type), hardware)


@given(st.integers(2, 300), st.integers(1, 9), st.integers(1, 40))
def test_each_stream_continues_where_it_was_through_the_whole_ring(length: int, batch: int, window: int) -> None:
    ids = np.arange(length, dtype=np.uint16)
    streams = BPTTBatches(ids, batch, window)
    rounds = 2 * length // window + 2
    read = [streams.next() for _ in range(rounds)]
    inputs, targets, positions = (np.concatenate(parts) for parts in zip(*read, strict=True))
    np.testing.assert_array_equal(ids[positions], targets)
    starts = [b * length // batch for b in range(batch)]
    for b in range(batch):
        expected = (starts[b] + np.arange(rounds * window)) % length
        np.testing.assert_array_equal(inputs[:, b], expected)
        np.testing.assert_array_equal(targets[:, b], (expected + 1) % length)
        assert set(inputs[:, b]) == set(range(length))


def test_targets_are_the_inputs_one_ahead_across_windows() -> None:
    streams = BPTTBatches(np.arange(100, dtype=np.uint8), 2, 8)
    (_, first_targets, _), (second_inputs, _, _) = streams.next(), streams.next()
    np.testing.assert_array_equal(first_targets[-1], second_inputs[0])


def test_carried_state_lowers_the_loss_on_a_text_with_long_memory(make_run) -> None:
    """Paragraphs of 400 letters, each drawn from two letters of its own: a window of 8 must guess them anew."""
    rng = np.random.default_rng(0)
    pairs = [rng.choice(list("abcdefgh"), 2, replace=False) for _ in range(60)]
    text = "".join("".join(rng.choice(pair, 400)) for pair in pairs)
    losses = {}
    for carried in (True, False):
        run = make_run(
            text,
            name=f"carried-{carried}",
            bptt=8,
            batch_size=16,
            hidden=32,
            learning_rate=1e-2,
            dropout=0.0,
            steps=1,
        )
        task = open_task(run)
        group = {"params": [*task.model.parameters()], "lr": 1e-2, "weight_decay": 0.01}
        optimizer = AdamW([group], (0.9, 0.999), fused=True)
        seen = []
        for _ in range(150):
            if not carried:
                task._state = task.model.initial_state(16, task.hardware.device)
            loss, _ = task.loss()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        losses[carried] = float(np.mean(seen[-40:]))
    # Knowing the pair, a letter is a toss of ln 2 = 0.69 nats; not knowing it, the first ones of a window cost more.
    assert losses[True] < losses[False] - 0.1, losses


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_streams_are_reset_to_a_zero_state_with_the_given_probability(make_run, cell: str) -> None:
    task = open_task(make_run(cell=cell, steps=1, state_reset_prob=0.3, batch_size=50))
    shares = []
    for _ in range(40):
        task.loss()
        zero = torch.stack([(tensor == 0).all(dim=2).all(dim=0) for tensor in task._state])  # (S, B)
        assert torch.equal(zero.any(dim=0), zero.all(dim=0)), "h and c of a stream are reset together"
        shares.append(zero[0].float().mean().item())
    assert 0.25 < np.mean(shares) < 0.35
    always_carried = open_task(make_run(name="carried", steps=1, state_reset_prob=0.0))
    always_carried.loss()
    assert all(bool((tensor != 0).any(dim=2).all()) for tensor in always_carried._state)


def test_no_gradient_crosses_a_window(make_run) -> None:
    task = open_task(make_run(steps=1, state_reset_prob=0.0))
    task.loss()
    carried = task._state
    assert all(tensor.grad_fn is None and not tensor.requires_grad for tensor in carried)
    assert any(float(tensor.abs().sum()) > 0 for tensor in carried), "the state is carried, not reset"
    # The gradient of the second window is that of the window alone, started from the same numbers.
    task.loss()[0].backward()
    carried_gradients = [p.grad.clone() for p in task.model.parameters()]
    fresh = open_task(make_run(name="again", steps=1, state_reset_prob=0.0))
    fresh.loss()
    fresh._state = tuple(torch.from_numpy(tensor.numpy().copy()) for tensor in fresh._state)
    fresh.loss()[0].backward()
    for ours, alone in zip(carried_gradients, (p.grad for p in fresh.model.parameters()), strict=True):
        torch.testing.assert_close(ours, alone)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_every_cell_learns(make_run, cell: str) -> None:
    run = make_run(cell=cell, steps=100, learning_rate=2e-2, ngram_prior=0)  # n-grams alone would do as well
    finished = train_run(run, lambda event: None, lambda: False)
    # Four words, evenly drawn: ln 4 nats for each of 5.75 characters on average, so no model can have under 0.241.
    assert 0.2 < finished.losses["streaming"] < 0.45
