"""Runs with an n-gram prior: what training writes, and what reads it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rnntui.config import Budget
from rnntui.config_language_model import LanguageModelConfig
from rnntui.errors import RunError
from rnntui.exporting.small_copy import export_run
from rnntui.inference.loaded_model import load_language_model
from rnntui.inference.run_ngrams import counted_again
from rnntui.inference.scoring import score
from rnntui.runs.folder import RunFolder, json_checksum, without_checksum
from rnntui.runs.integrity import verify_run
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.repair import repair_run
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.text import ngram_counts
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


def forget_counts(run: RunFolder) -> None:
    """Make the checksums of a run those of an older version, which did not record how n-grams were counted."""
    values = without_checksum(json.loads(run.checksums_file.read_bytes()))
    for copy in run.resume_folder.glob("copy-*"):  # which it did not make either
        copy.unlink()
        values["files"].pop(f"resume/{copy.name}", None)
    assert list(values.pop("arrays")) == ["ngrams.safetensors"]
    run.checksums_file.write_text(json.dumps(values | {"sha256": json_checksum(values)}))


def write_older_counts(run: RunFolder) -> bytes:
    """Give a run the n-grams of an older version, without continuations, and return the bytes of their file."""
    ids = np.fromfile(run.training_ids, np.uint8)
    config = run.read_config()
    context = config.model_as(LanguageModelConfig).ngram_prior
    save_arrays(run.ngrams_file, count_ngrams(ids, config.vocab_size, context, continuations=False).to_arrays(), {})
    return run.ngrams_file.read_bytes()


def flip_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 4
    path.write_bytes(data)


def train(run: RunFolder, steps: int | None = None) -> None:
    train_run(run, lambda event: None, lambda: False, None if steps is None else Budget(steps=steps))


def test_a_run_without_continuations_is_trained_with_what_it_has(make_run) -> None:
    """Runs that began in an older version: their file has no continuations, and what is sampled uses that file."""
    losses = []
    for name, continuations in (("new", True), ("old", False)):
        run = make_run(TEXT, name=name, steps=3, ngram_prior=4)
        forget_counts(run)
        written = run.ngrams_file.read_bytes() if continuations else write_older_counts(run)
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


def test_missing_counts_of_which_nothing_is_known_are_not_replaced_by_others(make_run) -> None:
    """A run of an older version may have been trained with counts of another kind."""
    run = make_run(TEXT, steps=1, ngram_prior=2)
    forget_counts(run)
    write_older_counts(run)
    train(run)
    run.ngrams_file.unlink()
    with pytest.raises(RunError) as caught:
        train(run, 2)
    assert str(caught.value) == (
        f"{run.ngrams_file} is missing, and run words, of an older version, does not say how it was counted; "
        "put it back from a copy of the run, or start a new run"
    )
    [repair] = repair_run(run, counted_again)
    assert not repair.is_repaired and "does not say how its n-grams were counted" in repair.outcome
    assert not run.ngrams_file.exists()


def test_counts_of_another_kind_than_the_run_began_with_are_refused_and_repaired(make_run) -> None:
    run = make_run(TEXT, steps=1, ngram_prior=2)
    train(run)
    counts = run.ngrams_file.read_bytes()
    write_older_counts(run)
    with pytest.raises(RunError) as caught:
        train(run, 2)
    assert str(caught.value) == (
        f"{run.ngrams_file} is not the one that the run was created with; "
        f"rnntui verify {run.path} --repair counts it again"
    )
    [repair] = repair_run(run, counted_again)
    assert repair.is_repaired and run.ngrams_file.read_bytes() == counts
    train(run, 2)


@pytest.mark.parametrize("is_older", [False, True])
def test_damaged_counts_are_told_and_repaired_bit_for_bit(make_run, is_older: bool) -> None:
    """Those of an older version, too: the damaged file still has its checksum."""
    run = make_run(TEXT, steps=1, ngram_prior=3)
    if is_older:
        forget_counts(run)
        write_older_counts(run)
    train(run)
    counts = run.ngrams_file.read_bytes()
    flip_bit(run.ngrams_file)
    for use in (lambda: load_language_model(run), lambda: train(run, 2)):
        with pytest.raises(RunError, match=r"ngrams\.safetensors is damaged") as caught:
            use()
        assert caught.value.hint == f"rnntui verify {run.path} --repair counts it again"
    [repair] = repair_run(run, counted_again)
    assert repair.is_repaired and run.ngrams_file.read_bytes() == counts
    assert not any(report.is_broken for report in verify_run(run))


def test_the_counts_of_a_run_that_is_trained_on_are_repaired_with_the_earlier_text(make_run) -> None:
    train(make_run(TEXT, name="first", steps=1, ngram_prior=3))
    run = make_run(TEXT.replace("seven", "seventy"), name="second", steps=1, **{"from": "first"})
    assert run.origin_training_ids.exists()
    counts = run.ngrams_file.read_bytes()
    run.ngrams_file.unlink()
    [repair] = repair_run(run, counted_again)
    assert repair.is_repaired and run.ngrams_file.read_bytes() == counts


def test_without_its_text_a_run_has_no_repair_for_its_counts(make_run) -> None:
    run = make_run(TEXT, steps=1, ngram_prior=3)
    train(run)
    flip_bit(run.ngrams_file)
    run.training_ids.unlink()
    with pytest.raises(RunError) as caught:
        load_language_model(run)
    assert caught.value.hint == "put it back from a copy of the run, or start a new run"
    repairs = {repair.name: repair.is_repaired for repair in repair_run(run, counted_again)}
    assert repairs == {"ngrams.safetensors": False, "resume/training.ids": False}


def test_another_way_of_counting_is_not_trained_with(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of a later version, by which the file is whole and training would go on with other features."""
    run = make_run(TEXT, steps=1, ngram_prior=3)
    train(run)
    monkeypatch.setattr("rnntui.text.ngram_counts._MINIMUM", 1000)
    ngram_counts._latest.clear()
    with pytest.raises(RunError, match="counts the n-grams of run words in another way than the version that"):
        train(run, 2)
    ngram_counts._latest.clear()
