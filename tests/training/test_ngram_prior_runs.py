"""Runs with an n-gram prior: what training writes, and what reads it."""

from __future__ import annotations

import numpy as np
import pytest

from rnntui.config import Budget
from rnntui.errors import RunError
from rnntui.exporting.small_copy import export_run
from rnntui.inference.loaded_model import load_language_model
from rnntui.inference.scoring import score
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.text.corpus import find_corpus
from rnntui.text.ngram_counts import count_ngrams
from rnntui.training.evaluate_language_model import evaluate_language_model_run
from rnntui.training.train_run import train_run

TEXT = "".join(f"{word} {word} and then\n" for word in ("one", "two", "three", "seven", "eleven") * 60)


def test_a_run_writes_its_counts_and_everything_reads_them(make_run, tmp_path) -> None:
    run = make_run(TEXT, steps=3, ngram_prior=4)
    train_run(run, lambda event: None, lambda: False)
    model = load_language_model(run)
    assert model.network.initial_state().shape[-1] == 24 + 4
    ids = np.array(model.tokenizer.encode("seven seven and"))
    loss = -score(model.network, ids[:0], ids, 15).log_probability / 15
    assert loss < 1.5, "the counts alone know the text; the network has learned nothing yet"
    evaluations, _ = evaluate_language_model_run(run, find_corpus([str(tmp_path / "words.txt")]))
    assert evaluations["streaming"].loss < 0.8
    export_run(run, tmp_path / "copy")
    copied = load_language_model(RunFolder(tmp_path / "copy")).network
    tokens = ids[:, None]
    expected, _ = model.network.forward(tokens, model.network.initial_state())
    np.testing.assert_allclose(copied.forward(tokens, copied.initial_state())[0], expected, atol=0.02)


def test_a_run_with_broken_or_missing_counts_is_refused(make_run) -> None:
    run = make_run(TEXT, steps=1, ngram_prior=2)
    train_run(run, lambda event: None, lambda: False)
    arrays, metadata = load_arrays(run.ngrams_file)
    vocab_size = run.read_config().vocab_size
    save_arrays(run.ngrams_file, arrays | {"tokens": arrays["tokens"] + np.uint8(200)}, metadata)
    with pytest.raises(RunError, match=r"ngrams\.safetensors: the n-grams are not those of the vocabulary"):
        load_language_model(run)
    longer = count_ngrams(np.tile(np.arange(5, dtype=np.uint8), 20), vocab_size, 3)
    save_arrays(run.ngrams_file, longer.to_arrays(), metadata)
    with pytest.raises(RunError, match=r"ngrams\.safetensors: contexts of 3 tokens, where config\.json says 2"):
        load_language_model(run)
    run.ngrams_file.unlink()
    with pytest.raises(RunError, match=r"^\S+ngrams\.safetensors is missing"):
        load_language_model(run)


def test_a_run_without_continuations_is_trained_with_what_it_has(make_run) -> None:
    """Runs that began in an older version: their file has no continuations, and what is sampled uses that file."""
    losses = []
    for name, continuations in (("new", True), ("old", False)):
        run = make_run(TEXT, name=name, steps=3, ngram_prior=4)
        ids = np.fromfile(run.training_ids, np.uint8)
        counted = count_ngrams(ids, run.read_config().vocab_size, 4, continuations=continuations).to_arrays()
        save_arrays(run.ngrams_file, counted, {})
        written = run.ngrams_file.read_bytes()
        train_run(run, lambda event: None, lambda: False)
        assert run.ngrams_file.read_bytes() == written
        rows = [row for row in read_metrics(run.metrics_file) if "validation_loss" in row]
        losses.append(rows[-1]["validation_loss"])
    assert losses[0] != losses[1]


def test_counts_that_were_deleted_are_written_again_when_training_goes_on(make_run) -> None:
    run = make_run(TEXT, steps=1, ngram_prior=2)
    train_run(run, lambda event: None, lambda: False)
    counts = run.ngrams_file.read_bytes()
    run.ngrams_file.unlink()
    train_run(run, lambda event: None, lambda: False, Budget(steps=2))
    assert run.ngrams_file.read_bytes() == counts
