"""Seq2Seq models that are trained on from another run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pair_runs import copy_rows, table
from test_resume import StopAfter, assert_same_run, ignore, never

from rnntui.config import Budget
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.errors import UsageError
from rnntui.inference.translator import load_translator
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.weights_file import load_weights
from rnntui.text.corpus import find_corpus
from rnntui.text.pairs import read_table
from rnntui.training.prepare_seq2seq import Seq2SeqRequest, create_seq2seq_run
from rnntui.training.train_run import train_run

TRAINING = {"batch_size": 8, "evaluations": 2, "bleu_pairs": 4, "validation_fraction": 0.1}


def create(
    folder: Path,
    rows: list[tuple[str, str]],
    name: str,
    given: tuple[str, ...] = (),
    shape: Seq2SeqConfig | None = None,
    steps: int = 4,
    **training: object,
) -> tuple[RunFolder, list[str]]:
    request = Seq2SeqRequest(
        shape or Seq2SeqConfig(),
        Seq2SeqTokenizerConfig(type="char", lowercase_source=name == "source"),
        Seq2SeqTrainingConfig(**{**TRAINING, **training}),  # type: ignore[arg-type]
        Budget(steps=steps),
        given=frozenset(given),
    )
    pairs = read_table(find_corpus([str(table(folder / f"{name}.tsv", rows))]))
    return create_seq2seq_run(pairs, None, request, folder / "checkpoints", name)


@pytest.fixture
def source(tmp_path: Path) -> RunFolder:
    """A run that has been trained for a few steps, with its data."""
    shape = Seq2SeqConfig(hidden=12, encoder_hidden=6, embedding=10, dropout=0.2)
    run, _ = create(tmp_path, copy_rows(80), "source", shape=shape)
    train_run(run, ignore, never)
    return run


def test_a_run_is_trained_on_and_its_forgetting_is_measured(tmp_path: Path, source: RunFolder) -> None:
    run, notes = create(
        tmp_path, [(text, text[::-1]) for text, _ in copy_rows(60, 1)], "new", from_run=str(source.path)
    )
    assert any(note.startswith("trains on from source") and "stay; its validation data" in note for note in notes)
    config = run.read_config()
    assert config.origin is not None
    assert config.origin.loss is not None
    assert config.model_as(Seq2SeqConfig).hidden == 12
    assert config.tokenizer_as(Seq2SeqTokenizerConfig).lowercase_source
    old, begun = load_weights(source.weights_file), load_weights(run.pretrained_file)
    for name, weight in old.items():
        np.testing.assert_array_equal(begun[name], weight)
    finished = train_run(run, ignore, never)
    losses = [row["origin_loss"] for row in read_metrics(run.metrics_file) if "origin_loss" in row]
    assert losses[0] == pytest.approx(config.origin.loss, abs=1e-5), "the first evaluation is of the source's weights"
    assert finished.metrics["origin_loss"] == losses[-1]
    assert load_translator(run).source.size == load_translator(source).source.size


@pytest.mark.parametrize("mix", [0.0, 0.5])
def test_a_run_that_was_trained_on_resumes_bit_for_bit(tmp_path: Path, source: RunFolder, mix: float) -> None:
    rows = copy_rows(40, 2)
    whole, stopped = (
        create(tmp_path, rows, name, from_run=str(source.path), mix=mix, steps=6)[0] for name in ("whole", "stopped")
    )
    train_run(whole, ignore, never)
    stop = StopAfter(3)
    assert train_run(stopped, stop.report, stop).reason == "interrupted"
    train_run(stopped, ignore, never)
    assert_same_run(whole, stopped, rows=2)


def test_settings_that_contradict_the_run_are_refused(tmp_path: Path, source: RunFolder) -> None:
    shape = Seq2SeqConfig(attention="additive")
    with pytest.raises(UsageError, match=r"--attention additive is not that of --from source, general"):
        create(tmp_path, copy_rows(9), "new", ("attention",), shape, from_run=str(source.path))
    with pytest.raises(UsageError, match=r"--mix 0.5: run en-es has no training data to mix in"):
        create(tmp_path, copy_rows(9), "new", from_run="en-es", mix=0.5)
