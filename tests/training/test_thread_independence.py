"""Weights that do not depend on the number of threads, so that it may change while a run trains.

Without `MKL_CBWR=AUTO,STRICT` (oneMKL in torch 2.13.0), the runs in fp32 here differ; with more than one thread in the
initialization, so do those of a plain RNN.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from pair_runs import copy_rows, make_pair_run

from rnntui.runs.weights_file import load_arrays
from rnntui.training.device import _has_bf16
from rnntui.training.threads import TorchThreads
from rnntui.training.train_run import train_run

TEXT = "alpha beta gamma delta\n" * 200  # little to evaluate on
SHAPE = {"hidden": 300, "embedding": 300, "batch_size": 7, "bptt": 50, "steps": 2, "evaluations": 1, "eval_tokens": 256}


@pytest.fixture(autouse=True)
def keep_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def final_weights(run) -> dict[str, np.ndarray]:
    train_run(run, lambda event: None, lambda: False)
    arrays, _ = load_arrays(run.resume_file)
    return {name: array for name, array in arrays.items() if name.startswith(("model.", "optimizer."))}


def alternate_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Change the number of threads before every step, as contention would."""
    counts = itertools.cycle([1, 2])

    def change(threads: TorchThreads) -> int:
        torch.set_num_threads(count := next(counts))
        return count

    monkeypatch.setattr(TorchThreads, "start_step", change)
    monkeypatch.setattr(TorchThreads, "add_step", lambda self, seconds, tokens: None)


def assert_equal(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_language_model_in_fp32(make_run, monkeypatch: pytest.MonkeyPatch, cell: str) -> None:
    one = final_weights(make_run(TEXT, name="one", cell=cell, precision="fp32", threads=1, **SHAPE))
    two = final_weights(make_run(TEXT, name="two", cell=cell, precision="fp32", threads=2, **SHAPE))
    assert_equal(one, two)
    alternate_threads(monkeypatch)
    assert_equal(one, final_weights(make_run(TEXT, name="changing", cell=cell, precision="fp32", **SHAPE)))


@pytest.mark.skipif(not _has_bf16(torch.device("cpu")), reason="this processor does not compute in bf16")
def test_the_default_language_model_in_bf16(make_run) -> None:
    shape = {"hidden": 512, "embedding": 64, "batch_size": 16, "bptt": 32, "steps": 2, "eval_tokens": 256}
    one = final_weights(make_run(TEXT, name="one", precision="bf16", threads=1, **shape))
    assert_equal(one, final_weights(make_run(TEXT, name="two", precision="bf16", threads=2, **shape)))


def test_a_seq2seq_model_in_fp32(tmp_path: Path) -> None:
    shape = {"hidden": 200, "encoder_hidden": 150, "embedding": 200, "steps": 2, "bleu_pairs": 2, "precision": "fp32"}
    rows = copy_rows()
    one = final_weights(make_pair_run(tmp_path, rows, "one", threads=1, **shape))
    assert_equal(one, final_weights(make_pair_run(tmp_path, rows, "two", threads=2, **shape)))
