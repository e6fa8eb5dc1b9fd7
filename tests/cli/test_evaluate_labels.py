"""`rnntui evaluate` of a classifier: scores, report, held-out texts, labels it does not know, images."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from classifier_examples import tiny_classifiers
from labelled_runs import labelled_table, make_labelled_run, opinions

from rnntui.config_classifier import ClassifierConfig
from rnntui.inference.classifier import load_classifier
from rnntui.inference.label_scores import score_labels
from rnntui.inference.numpy_classifier import ClassifierSizes
from rnntui.models.weight_arrays import weights_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.text.ngram_features import NgramVocabulary
from rnntui.training.train_run import train_run

ROWS = [*opinions(60), ("\x1b[31mred", "good"), ("plain", "odd one")]
CODE = """
import sys
from rnntui.cli.main import run
code = run(sys.argv[1:])
print(code, *{"torch", "textual", "sentencepiece"} & set(sys.modules), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table `mine.tsv`, and a run `mine` on it with random weights."""
    folder = tmp_path_factory.mktemp("labelled")
    run = make_labelled_run(folder, ROWS, "mine", label_smoothing=0.0)
    config = run.read_config()
    ngrams = NgramVocabulary.from_arrays(load_arrays(run.ngrams_file)[0]).size
    sizes = ClassifierSizes(config.tokenizer.vocab_size or 0, 3, ngrams)
    model, _ = tiny_classifiers(config.model_as(ClassifierConfig), sizes)
    save_arrays(run.weights_file, weights_of(model), {})
    return folder


@pytest.fixture
def evaluate(rnntui, folder: Path):
    """Evaluate the run on files of its folder."""

    def call(*arguments: str | Path):
        return rnntui("evaluate", "--checkpoints", folder / "checkpoints", "--run", "mine", *arguments)

    return call


def test_the_scores_are_those_of_the_answers(evaluate, folder: Path) -> None:
    result = evaluate(folder / "mine.tsv", "--json")
    values = json.loads(result.out)
    classifier = load_classifier(RunFolder(folder / "checkpoints" / "mine"))
    probabilities = classifier.probabilities([text for text, _ in ROWS])
    expected = score_labels(probabilities, [classifier.labels.index(label) for _, label in ROWS])
    for name in ("accuracy", "macro_f1", "log_loss", "calibration_error", "majority_accuracy"):
        assert values[name] == pytest.approx(getattr(expected, name)), name
    assert values["confusion"] == {
        "true": [*classifier.labels], "predicted": [*classifier.labels], "counts": expected.confusion.tolist(),
    }  # fmt: skip
    assert [label["texts"] for label in values["labels"]] == [31, 30, 1] and values["texts"] == 62
    assert values["majority_label"] == "good" and values["unknown_labels"] == {} and values["held_out"] is False
    probability = [error["probability"] for error in values["confident_errors"]]
    assert len(probability) == 10 and probability == sorted(probability, reverse=True)
    first = values["confident_errors"][0]
    text, label = ROWS[first["row"] - 1]
    assert (first["text"], first["label"]) == (text, label) and first["predicted"] != label
    assert "run mine was trained on most of these texts; --held-out" in result.err


def test_the_report_has_scores_labels_matrix_and_errors(evaluate, folder: Path) -> None:
    values = json.loads(evaluate(folder / "mine.tsv", "--json").out)
    out = evaluate(folder / "mine.tsv").out
    words = " ".join(out.split())
    assert f"accuracy {values['accuracy']:.2f}%" in words and "majority label 50.0%: always 'good'" in words
    assert f"log loss {values['log_loss']:.4f} nats a text" in words
    matrix = out[out.index("Confusion matrix") :].splitlines()
    assert matrix[1].split() == ["good", "bad", "odd", "one", "texts"]
    assert [line.split()[-1] for line in matrix[2:5]] == ["31", "30", "1"]
    assert max(map(len, matrix[:5])) <= 80
    assert f"the most confident errors in {folder / 'mine.tsv'}\nprobability  predicted" in out
    assert "\x1b" not in out and "precision %  recall %  F1 %  texts  predicted" in out
    rows = out[out.index("probability at least") :].split("\n\n")[0].splitlines()[1:]
    assert [line.split() for line in rows] == [
        [f"{each['threshold']:g}", f"{each['texts'] / 0.62:.1f}", f"{each['accuracy']:.1f}"]
        for each in values["thresholds"]
    ]
    assert rows and all(0 < each["texts"] < 62 for each in values["thresholds"])


def test_held_out_texts_are_those_of_the_split(evaluate, folder: Path, tmp_path: Path) -> None:
    run = RunFolder(folder / "checkpoints" / "mine")
    assert run.read_config().corpus.rows == (50, 12)  # type: ignore[attr-defined]
    result = evaluate(folder / "mine.tsv", "--held-out", "--json", "--save", "held.tsv")
    assert json.loads(result.out)["texts"] == 12 and json.loads(result.out)["held_out"] is True
    assert "evaluating on 12 of 62 texts: those held out from run mine; none of them is a training text" in result.err
    saved = [line.split("\t") for line in (tmp_path / "held.tsv").read_text().splitlines()]
    assert len(saved) == 12 and saved[0][2].startswith(f"{folder / 'mine.tsv'}, row ")
    for text, label, place in saved:
        assert ROWS[int(place.rsplit(" ", 1)[1]) - 1] == (text, label)
    again = evaluate("held.tsv", "--json", "--text-column", "1", "--label-column", "2")
    assert json.loads(again.out)["accuracy"] == json.loads(result.out)["accuracy"]
    assert "the file exists and is not replaced" in evaluate("held.tsv", "--save", "held.tsv").err
    other = evaluate(labelled_table(tmp_path / "other.tsv", ROWS[:20]), "--held-out")
    assert other.code == 1 and "not the texts that run mine was created from" in other.err


def test_labels_that_training_never_saw_count_as_wrong(evaluate, folder: Path, tmp_path: Path) -> None:
    table = labelled_table(tmp_path / "test.tsv", [*ROWS[:20], ("the cat", "new"), ("the dog", "new"), ("a", "x\x1b")])
    result = evaluate(table, "--json", "--label-column", "2")
    values = json.loads(result.out)
    assert "3 texts have labels that run mine was not trained on, and count as wrong: 'new' (2), 'x\\x1b' (1)" in (
        result.err.replace("\\\\", "\\")
    )
    known = json.loads(evaluate(labelled_table(tmp_path / "known.tsv", ROWS[:20]), "--json").out)
    assert values["accuracy"] == pytest.approx(known["accuracy"] * 20 / 23)
    assert values["log_loss"] == pytest.approx(known["log_loss"])
    assert values["unknown_labels"] == {"new": 2, "x\x1b": 1}
    assert np.shape(values["confusion"]["counts"]) == (5, 3)
    report = evaluate(table, "--label-column", "2").out
    assert "nats a text, without 3 of unknown labels" in report and "x\\x1b" in report and "\x1b" not in report
    strange = evaluate(labelled_table(tmp_path / "strange.tsv", [("b", "yes"), ("c", "no")] * 4))
    assert (
        strange.code == 1 and "run mine knows none of the labels" in strange.err and "it knows good, bad" in strange.err
    )


def test_the_matrix_is_saved_as_an_image(evaluate, folder: Path, tmp_path: Path) -> None:
    result = evaluate(folder / "mine.tsv", "--svg", "matrix.svg")
    assert (tmp_path / "matrix.svg").read_text().startswith("<svg") and "accuracy" in result.out
    assert evaluate(folder / "mine.tsv", "--svg", "-").out.startswith("<svg")
    assert "the file exists and is not replaced" in evaluate(folder / "mine.tsv", "--svg", "matrix.svg").err
    assert "choose one" in evaluate(folder / "mine.tsv", "--svg", "-", "--png", "a.png").err
    assert "choose one" in evaluate(folder / "mine.tsv", "--svg", "-", "--json").err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--beam", "3"], "--beam is for Seq2Seq models; mine is a classifier"),
        (["--columns", "1,2"], "--columns is for Seq2Seq models; mine is a classifier"),
        (["--label-column", "7"], "column"),
        (["--threads", "0"], "--threads must be"),
    ],
)
def test_flags_that_do_not_fit_are_refused_in_one_line(
    evaluate, folder: Path, arguments: list[str], message: str
) -> None:
    result = evaluate(folder / "mine.tsv", *arguments)
    assert result.code == 2 and message in result.err and result.err.count("\n") == 1
    assert "name labelled texts to evaluate on" in evaluate().err


def test_flags_of_classifiers_ask_for_one(rnntui, folder: Path) -> None:
    result = rnntui("evaluate", folder / "mine.tsv", "--checkpoints", folder / "checkpoints", "--label-column", "2")
    assert result.code == 0 and "macro F1" in result.out
    other = rnntui("evaluate", folder / "mine.tsv", "--run", "shakespeare", "--svg", "a.svg")
    assert "--svg is for classifiers; shakespeare is a language model" in other.err


def test_no_torch_is_needed(folder: Path) -> None:
    command = ["evaluate", str(folder / "mine.tsv"), "--checkpoints", str(folder / "checkpoints"), "--run", "mine"]
    result = subprocess.run(
        [sys.executable, "-c", CODE, *command], capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ},
    )  # fmt: skip
    assert result.stderr.splitlines()[-1] == "0" and "macro F1" in result.stdout


def test_labels_of_any_kind_are_shown_as_they_are_and_cut(rnntui, tmp_path: Path) -> None:
    labels = {"good": "[b]go\x07od[/b]", "bad": "x" * 300}
    run = make_labelled_run(tmp_path, [(text, labels[label]) for text, label in opinions(60)], "odd", steps=1)
    train_run(run, lambda event: None, lambda: False)
    table = labelled_table(tmp_path / "test.tsv", [(text, labels[label]) for text, label in opinions(20)])
    out = rnntui("evaluate", str(table), "--run", str(run.path)).out
    assert out.count("[b]go\\x07od[/b]") >= 2 and "\\\\x07" not in out
    assert "x" * 39 + "…" in out and "x" * 41 not in out
    one = labelled_table(tmp_path / "one.tsv", [("the lovely cat", labels["good"]), ("the odd dog", "new")])
    assert (
        "1 text has a label that run odd was not trained on, and counts as wrong: 'new' (1)"
        in rnntui("evaluate", str(one), "--run", str(run.path)).err
    )
