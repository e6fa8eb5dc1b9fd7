"""Training of classifiers: learning, exact resume, metrics, warm start, and data that does not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from labelled_runs import labelled_table, make_labelled_run, opinions, orders
from test_resume import StopAfter, assert_same_run, ignore, never
from tiny_runs import NGRAMS, TINY, TWO_LAYERS, make_run

from rnntui.config import Budget
from rnntui.config_classifier import ClassifierConfig, ClassifierTokenizerConfig, ClassifierTrainingConfig
from rnntui.errors import CorpusError, RunError, UsageError
from rnntui.inference.classifier import load_classifier
from rnntui.kinds.classifier import CLASSIFIER
from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.runs.folder import RunFolder
from rnntui.runs.listing import summarize_run
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.weights_file import load_arrays, load_weights, save_arrays
from rnntui.text.corpus import find_corpus
from rnntui.text.labelled import read_labelled
from rnntui.text.normalization import comparison_key
from rnntui.training.classifier_start import ClassifierStart
from rnntui.training.classifier_task import ClassifierTask, class_weights, weighted_cross_entropy
from rnntui.training.device import choose_hardware
from rnntui.training.prepare_classifier import (
    ClassifierRequest,
    create_classifier_run,
    resumable_classifier_run,
)
from rnntui.training.train_run import train_run


def open_task(run: RunFolder) -> ClassifierTask:
    return ClassifierTask.from_run(run, run.read_config(), choose_hardware("cpu", "fp32", 1))


def accuracy(run: RunFolder, rows: list[tuple[str, str]]) -> float:
    """Return the fraction of rows that a trained run labels rightly."""
    answers = load_classifier(run).classify([text for text, _ in rows])
    return float(np.mean([answer.label == label for answer, (_, label) in zip(answers, rows, strict=True)]))


def test_a_classifier_learns_what_words_say(tmp_path: Path) -> None:
    run = make_labelled_run(tmp_path, opinions(), "opinions", steps=40)
    finished = train_run(run, ignore, never)
    assert finished.metrics["accuracy"] > 95
    assert accuracy(run, opinions(60, seed=5)) > 0.95


@pytest.mark.parametrize(
    ("steps", "shape"),
    [(110, {"cell": "lstm", "pooling": "last"}), (220, {"cell": "gru", "pooling": "max", "bidirectional": False})],
    ids=["lstm", "gru"],
)
def test_the_recurrent_part_learns_an_order_that_no_ngram_tells(tmp_path: Path, steps: int, shape: dict) -> None:
    rows = orders(900)
    run = make_labelled_run(
        tmp_path, rows, "orders", steps, tokenizer="char", ngrams="both", hidden=24, word_dropout=0.0, dropout=0.0,
        embedding_dropout=0.0, batch_size=32, **shape,
    )  # fmt: skip
    assert train_run(run, ignore, never).metrics["accuracy"] > 90


SHAPES = [
    {"cell": "lstm", "layers": 2, "tokenizer": "word", "label_smoothing": 0.1},
    {"cell": "gru", "pooling": "attention", "tokenizer": "char", "class_weight_power": 1.0},
    {
        "cell": "rnn",
        "pooling": "mean",
        "ngrams": "none",
        "bidirectional": False,
        "embedding_dropout": 0.2,
        "ngram_dropout": 0.2,
    },
    {"tokenizer": "bpe", "vocab_size": 300, "pooling": "last", "selection_metric": "loss", "ngrams": "word"},
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
def test_a_run_stopped_and_resumed_equals_one_that_never_stopped(tmp_path: Path, shape: dict) -> None:
    steps = 18  # more than two epochs
    straight = make_labelled_run(tmp_path, opinions(100), "straight", steps, **shape)
    train_run(straight, ignore, never)
    stopped = make_labelled_run(tmp_path, opinions(100), "stopped", steps, **shape)
    for step in (7, 13):
        stop = StopAfter(step)
        assert train_run(stopped, stop.report, stop).reason == "interrupted"
    train_run(stopped, ignore, never)
    assert stopped.read_status().state == "done"
    assert_same_run(straight, stopped, steps // 10)


def test_metrics_config_and_status_describe_the_run(tmp_path: Path) -> None:
    run = make_labelled_run(tmp_path, opinions(), "opinions", steps=20)
    finished = train_run(run, ignore, never)
    rows = read_metrics(run.metrics_file)
    evaluations = [row for row in rows if "validation_loss" in row]
    assert len(evaluations) == 5
    config = run.read_config()
    info = config.corpus_as(LabelledCorpusInfo)
    assert info.labels == ("bad", "good") and info.rows is not None
    for row in evaluations:
        assert row.keys() >= {"accuracy", "macro_f1", "confusion", "sample"} and "bits_per_character" not in row
        confusion = np.array(row["confusion"])
        assert confusion.shape == (2, 2) and confusion.sum() == info.rows[1]
        assert row["accuracy"] == pytest.approx(100 * confusion.trace() / confusion.sum())
        assert row["sample"].keys() == {"text", "predicted", "label"}
    assert rows[-1].keys() >= {"held_out_loss", "accuracy", "macro_f1", "best_step"}
    assert finished.bits_per_character is None
    summary = summarize_run(run)
    assert summary.kind == CLASSIFIER.id and summary.metrics["accuracy"] == finished.metrics["accuracy"]
    assert config.model_as(ClassifierConfig) and config.tokenizer_as(ClassifierTokenizerConfig).type == "word"
    assert config.training_as(ClassifierTrainingConfig).selection_metric == "accuracy"


def test_held_out_texts_are_not_in_training(tmp_path: Path) -> None:
    rows = [(text if index % 3 else text.upper() + "!", label) for index, (text, label) in enumerate(opinions(90) * 3)]
    run = make_labelled_run(tmp_path, rows, "opinions", tokenizer="char")
    task = open_task(run)
    decode = task.tokenizer.decode
    training, held_out = (
        {comparison_key(decode(data.tokens(row))) for row in range(len(data))}
        for data in (task.training, task.validation)
    )
    assert held_out and training and not held_out & training


def test_unbalanced_labels_are_selected_by_macro_f1_and_weighted(tmp_path: Path) -> None:
    many = [(f"{text} {index}", "good") for index, (text, _) in enumerate(opinions(200))]
    few = [(f"rare {text}", label) for label in ("a", "b", "c", "d", "e") for text, _ in opinions(6)]
    run = make_labelled_run(tmp_path, many + few, "rare", class_weight_power=1.0)
    assert run.read_config().training_as(ClassifierTrainingConfig).selection_metric == "macro_f1"
    labels = np.array([0, 0, 0, 1, 0, 0])
    torch.testing.assert_close(class_weights(labels, 2, 1.0), torch.tensor([0.6, 3.0]))
    torch.testing.assert_close(class_weights(labels, 2, 0.0), torch.ones(2))
    half = class_weights(labels, 2, 0.5)
    assert half[1] / half[0] == pytest.approx(5**0.5) and (half[labels]).mean() == pytest.approx(1)


def test_label_weights_do_not_change_the_best_answer_to_a_text() -> None:
    labels, weights = torch.tensor([0, 1, 1]), torch.tensor([0.5, 50.0])
    best = torch.tensor([[0.95, 0.05], [0.05, 0.95], [0.05, 0.95]]).log().requires_grad_()
    loss = weighted_cross_entropy(best, labels, weights, smoothing=0.1)
    loss.backward()
    assert best.grad is not None and best.grad.abs().max() < 1e-6  # torch's own: 0.047
    logits = torch.randn(3, 2)
    plain = torch.nn.functional.cross_entropy(logits, labels, weights)
    torch.testing.assert_close(weighted_cross_entropy(logits, labels, weights, 0.0), plain)


def test_long_texts_are_cut_and_it_is_said(tmp_path: Path) -> None:
    rows = opinions(60)
    rows[0] = ("word " * 50 + "end", "good")
    corpus = read_labelled(find_corpus([str(labelled_table(tmp_path / "long.tsv", rows))]))
    request = ClassifierRequest(
        ClassifierConfig(hidden=8), ClassifierTokenizerConfig(), ClassifierTrainingConfig(max_text_tokens=20),
        Budget(steps=2),
    )  # fmt: skip
    run, messages = create_classifier_run(corpus, None, request, tmp_path / "checkpoints", None)
    assert any("1 training text is cut off after 20 tokens" in message for message in messages)
    assert open_task(run).training.lengths.max() == 20


@pytest.mark.parametrize(
    ("settings", "epochs"),
    [
        ({}, 15.0),  # 160 texts in batches of 16: 150 steps
        ({"batch_size": 64}, 50.0),
        ({"batch_size": 1}, 6.0),
        ({"batch_size": 1, "tokenizer": "char"}, 12.0),
        ({"max_epochs": 2.0}, 2.0),
    ],
)
def test_few_texts_get_enough_epochs_unless_the_user_sets_them(tmp_path: Path, settings: dict, epochs: float) -> None:
    run = make_labelled_run(tmp_path, opinions(), "few", **settings)
    assert run.read_config().training.max_epochs == epochs


def test_a_warm_start_takes_tokens_and_weights_of_a_language_model(tmp_path: Path) -> None:
    source = make_run(tmp_path / "checkpoints", "lm", model=TWO_LAYERS)
    run = make_labelled_run(
        tmp_path, opinions(), "warm", steps=30, **{"from": str(source.path)}, dropout=0.0, hidden=16, weight_average=0.9
    )
    config, source_config = run.read_config(), source.read_config()
    assert config.vocab_size == source_config.vocab_size and config.tokenizer.type == "char"
    model = config.model_as(ClassifierConfig)
    assert (model.hidden, model.layers, model.cell) == (16, 2, source_config.model.cell)
    weights, task = load_weights(source.weights_file), open_task(run)
    parameters = {name: p.detach().numpy() for name, p in task.model.named_parameters()}
    np.testing.assert_array_equal(parameters["encoder.embedding.weight"], weights["embedding.weight"])
    np.testing.assert_array_equal(parameters["encoder.forward_rnn.1.weight_hh_l0"], weights["rnn.weight_hh_l1"])
    below = parameters["encoder.forward_rnn.1.weight_ih_l0"]
    np.testing.assert_array_equal(below[:, :16], weights["rnn.weight_ih_l1"])
    assert not below[:, 16:].any()

    # Frozen layers stay what they were until their epoch comes, and the run needs the language model no more.
    source.weights_file.unlink()
    stop = StopAfter(5)
    train_run(run, stop.report, stop)
    state = load_weights_of_state(run)
    np.testing.assert_array_equal(state["encoder.embedding.weight"], weights["embedding.weight"])
    average = load_arrays(run.resume_file)[0]["average.encoder.embedding.weight"]
    np.testing.assert_array_equal(average, weights["embedding.weight"])
    assert (state["output.weight"] != parameters["output.weight"]).any()
    train_run(run, ignore, never)
    assert (load_weights_of_state(run)["encoder.forward_rnn.1.weight_hh_l0"] != weights["rnn.weight_hh_l1"]).any()


def load_weights_of_state(run: RunFolder) -> dict:
    """Return the latest weights of a run by name."""
    arrays, _ = load_arrays(run.resume_file)
    return {name.removeprefix("model."): array for name, array in arrays.items() if name.startswith("model.")}


def test_a_warm_start_refuses_what_does_not_fit(tmp_path: Path) -> None:
    source = make_run(tmp_path / "checkpoints", "lm")
    corpus = read_labelled(find_corpus([str(labelled_table(tmp_path / "opinions.tsv", opinions()))]))

    def create(given: set[str], tokenizer: str = "auto", hidden: int = 9, name: str = str(source.path)) -> None:
        request = ClassifierRequest(
            ClassifierConfig(hidden=hidden), ClassifierTokenizerConfig(type=tokenizer),  # type: ignore[arg-type]
            ClassifierTrainingConfig(from_run=name), Budget(steps=2), given=frozenset(given),
        )  # fmt: skip
        create_classifier_run(corpus, None, request, tmp_path / "checkpoints", None)

    with pytest.raises(UsageError, match=r"--hidden 9 is not that of --from lm, 16"):
        create({"hidden"})
    with pytest.raises(UsageError, match=r"--tokenizer word is not that of --from lm, char"):
        create({"tokenizer"}, tokenizer="word")
    with pytest.raises((UsageError, RunError), match="nowhere"):
        create(set(), name="nowhere")
    with pytest.raises(UsageError, match="run en-es is a Seq2Seq model, not a language model"):
        create(set(), name="en-es")
    create({"cell"})  # as that of the language model


def test_a_classifier_is_trained_on_and_learns_further_labels(tmp_path: Path) -> None:
    source = make_labelled_run(tmp_path, opinions(), "source", steps=4)
    train_run(source, ignore, never)
    rows = [*opinions(60, seed=3)[:40], *((f"maybe {word} or so", "unsure") for word in "abcdefghijklmnopqrst")]
    texts = read_labelled(find_corpus([str(labelled_table(tmp_path / "more.tsv", rows))]))

    def create(given: tuple[str, ...] = (), **model: Any) -> tuple[RunFolder, list[str]]:
        request = ClassifierRequest(
            ClassifierConfig(**model), ClassifierTokenizerConfig(),
            ClassifierTrainingConfig(from_run=str(source.path)), Budget(steps=2), given=frozenset(given),
        )  # fmt: skip
        return create_classifier_run(texts, None, request, source.path.parent, None)

    run, messages = create()
    before, after = load_classifier(source), run.read_config()
    assert any(message.endswith("labels stay; new labels: unsure") for message in messages)
    assert after.corpus_as(LabelledCorpusInfo).labels == (*before.labels, "unsure")
    assert after.origin is not None and after.origin.run == "source"
    settings = after.training_as(ClassifierTrainingConfig)
    assert (settings.unfreeze_epochs, settings.layer_rate_decay) == (0, 1)
    task = open_task(run)
    assert [group.rate_factor() for group in task.parameter_groups()] == [1.0] * len(task.parameter_groups())
    weights, count = {name: value.detach().numpy() for name, value in task.model.named_parameters()}, len(before.labels)
    for name, expected in load_weights(source.weights_file).items():
        axis = {"output.weight": 0, "output.bias": 0, "ngrams.weight": 1}.get(name)
        own = weights[name] if axis is None else np.take(weights[name], range(count), axis)
        np.testing.assert_array_equal(own, expected, name)
    assert not weights["output.weight"][count:].any() and not weights["ngrams.weight"][:, count:].any()
    assert train_run(run, ignore, never).step == 2
    assert load_classifier(run).classify([rows[0][0]])[0].labels
    with pytest.raises(UsageError, match=r"--hidden 9 is not that of --from source"):
        create(("hidden",), hidden=9)


def test_a_warm_start_from_a_model_of_n_grams_leaves_these_out_and_says_so(tmp_path: Path) -> None:
    source = make_run(tmp_path / "checkpoints", "lm", model=NGRAMS)
    corpus = read_labelled(find_corpus([str(labelled_table(tmp_path / "opinions.tsv", opinions()))]))
    request = ClassifierRequest(
        ClassifierConfig(), ClassifierTokenizerConfig(), ClassifierTrainingConfig(from_run=str(source.path)),
        Budget(steps=1),
    )  # fmt: skip
    run, messages = create_classifier_run(corpus, None, request, tmp_path / "checkpoints", None)
    assert [message for message in messages if message.startswith("--from lm: its n-gram embeddings are left out")]
    prior = make_run(tmp_path / "checkpoints", "prior", model=replace(TINY, ngram_prior=8))
    assert ClassifierStart(str(prior.path), tmp_path).note == "", "an n-gram prior is no part of the layers"
    assert train_run(run, ignore, never).step == 1


def test_validation_texts_of_ones_own(tmp_path: Path) -> None:
    texts = read_labelled(find_corpus([str(labelled_table(tmp_path / "a.tsv", opinions(60)))]))
    rows = [*opinions(20, seed=9), ("the odd cat", "unheard"), ("the odd dog", "unheard")]
    validation = read_labelled(find_corpus([str(labelled_table(tmp_path / "b.tsv", rows))]))
    request = ClassifierRequest(
        ClassifierConfig(hidden=8), ClassifierTokenizerConfig(), ClassifierTrainingConfig(), Budget(steps=2)
    )
    run, messages = create_classifier_run(texts, validation, request, tmp_path / "checkpoints", None)
    assert any("2 validation texts are left out" in message and "unheard" in message for message in messages)
    assert run.read_config().corpus_as(LabelledCorpusInfo).rows == (60, 20)
    strangers = read_labelled(
        find_corpus([str(labelled_table(tmp_path / "c.tsv", [(text, label * 2) for text, label in opinions(20)]))])
    )
    with pytest.raises(CorpusError, match="shares no label"):
        create_classifier_run(texts, strangers, request, tmp_path / "checkpoints", None)


def test_the_run_to_resume_is_found_by_its_texts(tmp_path: Path) -> None:
    run = make_labelled_run(tmp_path, opinions(), "opinions")
    texts = read_labelled(find_corpus([str(tmp_path / "opinions.tsv")]))
    assert resumable_classifier_run(texts, None, tmp_path / "checkpoints").path == run.path
    changed = read_labelled(find_corpus([str(labelled_table(tmp_path / "opinions.tsv", opinions(100)))]))
    with pytest.raises(CorpusError, match="has changed"):
        resumable_classifier_run(changed, None, tmp_path / "checkpoints")


@pytest.mark.parametrize("broken", ["rows", "ngrams", "ids", "labels", "vocabulary"])
def test_broken_data_of_a_run_is_refused(tmp_path: Path, broken: str) -> None:
    run = make_labelled_run(tmp_path, opinions(60), "opinions")
    rows, ngrams = run.training_ids.with_suffix(".rows"), run.training_ids.with_suffix(".ngrams")
    if broken == "rows":
        rows.write_bytes(rows.read_bytes()[:-8])
    elif broken == "ngrams":
        ngrams.write_bytes(ngrams.read_bytes()[:-8])
    elif broken == "ids":
        run.training_ids.write_bytes(b"\xff" * run.training_ids.stat().st_size)
    elif broken == "labels":
        arrays, _ = load_arrays(rows)
        save_arrays(rows, arrays | {"labels": arrays["labels"] + 1}, {})
    else:
        run.ngrams_file.unlink()
    with pytest.raises((RunError, CorpusError), match=r"opinions"):
        train_run(run, ignore, never)
