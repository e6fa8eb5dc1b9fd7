"""Language models that are trained on from another run: vocabulary, weights, mixed data, forgetting, resuming."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_resume import StopAfter, assert_same_run, ignore, never
from tiny_runs import NGRAMS, TINY, make_document_run, subwords, word_tokenizer
from tiny_runs import make_run as make_tiny_run

from rnntui.config import Budget, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.errors import UsageError
from rnntui.inference.loaded_model import load_language_model
from rnntui.runs.description import describe_run, read_details
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.weights_file import load_weights
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.corpus import find_corpus
from rnntui.text.ngram_counts import count_ngrams
from rnntui.text.ngram_predictions import EARLIER, NgramPredictions
from rnntui.training.bptt_batches import BPTTBatches, MixedBatches, mixed_streams
from rnntui.training.prepare_language_model import LanguageModelRequest, create_language_model_run
from rnntui.training.train_run import train_run

OLD = "the old man and the sea\n" * 60
NEW = "déjà vu, said the sea to the éclair\n" * 60


@pytest.fixture
def source(make_run) -> RunFolder:
    """A run that has been trained for a few steps, with its data."""
    run = make_run(OLD, "source", steps=4, ngram_prior=2)
    train_run(run, ignore, never)
    return run


def create(
    folder: Path,
    text: str,
    source: RunFolder,
    given: tuple[str, ...] = (),
    model: LanguageModelConfig | None = None,
    tokenizer: TokenizerConfig | None = None,
    **training: object,
) -> tuple[RunFolder, list[str]]:
    """Create a run from another one, and return it and its notes."""
    path = folder / "new.txt"
    path.write_text(text, encoding="utf-8")
    settings = {"batch_size": 4, "bptt": 8, "eval_tokens": 256, **training}
    request = LanguageModelRequest(
        model or LanguageModelConfig(),
        tokenizer or TokenizerConfig(),
        LanguageModelTrainingConfig(from_run=str(source.path), **settings),  # type: ignore[arg-type]
        Budget(steps=4),
        given=frozenset(given),
    )
    notes: list[str] = []
    run = create_language_model_run(find_corpus([str(path)]), request, folder / "checkpoints", None, notes.append)
    return run, notes


def test_a_run_is_trained_on_and_says_what_is_new_and_what_is_forgotten(tmp_path: Path, source: RunFolder) -> None:
    run, notes = create(tmp_path, NEW, source)
    [note] = [note for note in notes if note.startswith("trains on from source")]
    new = "é v j à , i c r u"
    assert {*note.split("new: ")[1].split(";")[0].split()} == {*new.split()}
    assert "loss on the earlier data" in note
    config = run.read_config()
    assert config.origin is not None
    assert config.origin.run == "source"
    assert config.origin.loss is not None
    assert config.model_as(LanguageModelConfig).hidden == 24  # the source's
    old, begun = load_weights(source.weights_file), load_weights(run.pretrained_file)
    size = len(old["embedding.weight"])
    for name in ("embedding.weight", "output.weight", "output.bias"):
        np.testing.assert_array_equal(begun[name][:size], old[name])
    assert np.isfinite(begun["embedding.weight"]).all()
    finished = train_run(run, ignore, never)
    losses = [row["origin_loss"] for row in read_metrics(run.metrics_file) if "origin_loss" in row]
    assert len(losses) >= 2
    assert finished.metrics["origin_loss"] == losses[-1]
    facts = dict(fact for section in describe_run(read_details(run)) for fact in section.facts)
    assert facts["trained on from"].startswith("source (fingerprint ")
    assert f"{config.origin.loss:.4f} before" in facts["forgetting"]
    assert "é" in load_language_model(run).tokenizer.decode(np.arange(config.vocab_size))


@pytest.mark.parametrize("mix", [0.0, 0.5])
def test_a_run_that_was_trained_on_resumes_bit_for_bit(tmp_path: Path, source: RunFolder, mix: float) -> None:
    whole, stopped = (
        create(tmp_path, NEW, source, mix=mix, model=LanguageModelConfig(ngram_prior=2))[0] for _ in range(2)
    )
    train_run(whole, ignore, never)
    stop = StopAfter(2)
    assert train_run(stopped, stop.report, stop).reason == "interrupted"
    train_run(stopped, ignore, never)
    assert_same_run(whole, stopped, rows=2)


def test_mixed_batches_read_both_texts_and_know_their_positions() -> None:
    new, earlier = np.arange(40, dtype=np.uint8), np.arange(100, 130, dtype=np.uint8)
    batches = MixedBatches(BPTTBatches(new, 3, 4), BPTTBatches(earlier, 1, 4))
    inputs, targets, positions = batches.next()
    assert (inputs[:, :3] < 40).all()
    assert (inputs[:, 3:] >= 100).all()
    np.testing.assert_array_equal(targets[:, 3], [101, 102, 103, 104])
    np.testing.assert_array_equal(positions[:, :3], targets[:, :3])
    np.testing.assert_array_equal(positions[:, 3], EARLIER + targets[:, 3].astype(np.int64) - 100)
    place, following = batches.position(), batches.next()
    batches.seek(place)
    np.testing.assert_array_equal(batches.next(), following)


def test_a_prior_of_two_texts_leaves_out_the_place_that_it_predicts() -> None:
    """Each text is cut into folds of its own: a token that only one fold has is not predicted by it."""
    new, earlier = np.arange(80, dtype=np.uint8) % 5, np.arange(160, dtype=np.uint8) % 7
    new[12], earlier[30] = 8, 9
    model = count_ngrams(new, 10, 2, earlier)
    predictions = NgramPredictions(model, len(new), len(earlier))
    history = np.array([[new[11], new[10]], [earlier[29], earlier[28]]], np.int64)
    probs = np.exp(predictions.log_probs(history, np.array([12, EARLIER + 30])))
    known = np.exp(predictions.log_probs(history))
    assert probs[0, 8] < 2e-3 < known[0, 8]
    assert probs[1, 9] < 2e-3 < known[1, 9]


@pytest.mark.parametrize(
    ("batch_size", "mix", "streams"), [(16, 0.0, 0), (16, 0.2, 3), (16, 0.01, 1), (2, 0.9, 1), (4, 0.9, 3)]
)
def test_some_streams_read_the_earlier_text_but_never_all(batch_size: int, mix: float, streams: int) -> None:
    assert mixed_streams(batch_size, mix) == streams


@pytest.mark.parametrize(
    ("given", "model", "tokenizer", "training", "problem"),
    [
        (("hidden",), LanguageModelConfig(hidden=9), None, {}, r"--hidden 9 is not that of --from tiny, 16"),
        (("tied",), LanguageModelConfig(tied=True), None, {}, r"--tied True is not that of --from tiny, False"),
        (("tokenizer",), None, TokenizerConfig(type="bpe"), {}, r"--tokenizer bpe is not that of --from tiny, char"),
        (("vocab_size",), None, TokenizerConfig(vocab_size=9), {}, r"--vocab-size 9 is not that of --from tiny, 62"),
        ((), None, None, {"mix": 0.2}, r"--mix 0.2: run tiny has no training data to mix in"),
    ],
)
def test_settings_that_contradict_the_run_are_refused(
    tmp_path: Path, given, model, tokenizer, training, problem
) -> None:
    with pytest.raises(UsageError, match=problem):
        create(tmp_path, NEW, make_tiny_run(tmp_path, "tiny"), given, model, tokenizer, **training)


def test_mixing_needs_a_run_and_more_than_one_stream(tmp_path: Path, source: RunFolder) -> None:
    with pytest.raises(UsageError, match=r"--mix keeps a share of the data of the run that --from names; add --from"):
        LanguageModelTrainingConfig(mix=0.2).check_mix()
    with pytest.raises(UsageError, match=r"--mix needs --batch-size 2 or more"):
        create(tmp_path, NEW, source, mix=0.2, batch_size=1)


@pytest.mark.parametrize("tokenizer", [subwords(), word_tokenizer(), subwords(has_end=True)])
def test_words_and_subwords_stay(tmp_path: Path, tokenizer) -> None:
    tiny = make_tiny_run(tmp_path, "tiny", tokenizer=tokenizer)
    run, notes = create(tmp_path, NEW, tiny)
    assert run.read_config().vocab_size == tokenizer.vocab_size
    [note] = [note for note in notes if "trains on from tiny" in note]
    assert " stay; what the model forgets is not measured" in note
    if tokenizer.end_id is None:
        with pytest.raises(UsageError, match=r"--documents line: the vocabulary of --from tiny has no end of a docum"):
            create(tmp_path, NEW, tiny, documents="line")


@pytest.mark.parametrize("shape", [TINY, replace(NGRAMS, ngram_buckets=1000)])
@pytest.mark.parametrize("has_end", [False, True])
def test_a_grown_model_scores_the_old_tokens_as_before(tmp_path: Path, shape, has_end: bool) -> None:
    """New characters and an end of documents move ids, embeddings and n-grams; the logits of old tokens remain."""
    characters = list("\nabcdeh stfo")
    tiny = make_tiny_run(tmp_path, "tiny", model=shape, tokenizer=CharTokenizer(characters))
    run, _ = create(
        tmp_path, NEW, tiny, documents="line" if has_end else "none", model=LanguageModelConfig(ngram_prior=0)
    )
    run.pretrained_file.rename(run.weights_file)
    old, new = load_language_model(tiny), load_language_model(run)
    assert new.network.vocab_size > old.network.vocab_size
    ids = old.tokenizer.encode("the cat sat\non the")[:, None]
    before, _ = old.network.forward(ids, old.network.initial_state())
    after, _ = new.network.forward(ids, new.network.initial_state())
    np.testing.assert_allclose(after[..., : before.shape[-1]], before, atol=1e-4)


def test_the_end_of_a_document_keeps_its_weights_when_its_id_moves(tmp_path: Path) -> None:
    tiny = make_document_run(tmp_path, CharTokenizer(list("abc de"), has_end=True), "line")
    run, _ = create(tmp_path, NEW, tiny, documents="line")
    old, new = load_weights(tiny.weights_file), load_weights(run.pretrained_file)
    for name in ("embedding.weight", "output.bias"):
        np.testing.assert_array_equal(new[name][-1], old[name][-1])


def test_a_shipped_model_can_be_trained_on_in_an_empty_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    run, notes = create(tmp_path, NEW, RunFolder(Path("shakespeare")))
    origin = run.read_config().origin
    assert origin is not None
    assert (origin.run, origin.validation, len(origin.fingerprint)) == ("shakespeare", None, 64)
    assert any("its validation data is not here" in note for note in notes)
