"""The Python API: its examples, its agreement with the commands, its errors, and what importing it costs."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from pathlib import Path

import pytest
from labelled_runs import labelled_table, opinions
from pair_runs import copy_rows, table
from tiny_runs import make_run

import rnntui
from rnntui import api, api_models
from rnntui.api_models import ClassificationModel, TextModel, TranslationModel
from rnntui.errors import RunError, UsageError
from rnntui.training.events import Finished, Stepped

SMALL = {"steps": 2, "hidden": 8, "evaluations": 1, "threads": 1}


@pytest.mark.parametrize("module", [api, api_models])
def test_the_examples_are_right(module) -> None:
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed


def test_importing_the_package_takes_no_time() -> None:
    code = "import sys, rnntui; print([name for name in sys.modules if name.startswith(('rnntui.', 'numpy', 'click'))])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    assert {"load", "runs", "train"} <= set(dir(rnntui))
    code = "import rnntui; a = rnntui.runs(); b = rnntui.runs(); print(a == b)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        _ = rnntui.lode  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def model() -> TextModel:
    return rnntui.load("shakespeare", kind="language-model")


def text_of(tokens) -> str:
    return "".join(token.text for token in tokens)


def test_it_writes_the_text_of_the_command(model: TextModel, tmp_path: Path) -> None:
    arguments = ["--run", "shakespeare", "--prompt", "ROMEO:", "--seed", "5", "-n", "30", "--no-echo", "--top-k", "9"]
    command = [sys.executable, "-m", "rnntui", "sample", *arguments]
    out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert text_of(model.generate("ROMEO:", seed=5, length=30, top_k=9)) == out.removesuffix("\n")


def test_any_token_is_a_place_to_go_on_from(model: TextModel, tmp_path: Path) -> None:
    tokens = list(model.generate("Now ", seed=3, length=20))
    assert text_of(model.generate(state=tokens[7].state, length=12)) == text_of(tokens[8:])
    model.save_state(tokens[7].state, str(tmp_path / "a.state"))
    state = rnntui.load("shakespeare", kind="language-model").load_state(str(tmp_path / "a.state"))
    assert text_of(model.generate(state=state, length=12)) == text_of(tokens[8:])
    assert all(token.log_prob <= 0 for token in tokens)
    direct = model.state_after("Now is the winter")
    in_parts = model.state_after(" the winter", model.state_after("Now is"))
    assert abs(direct.state - in_parts.state).max() < 1e-4


def test_a_state_of_a_run_that_was_trained_further_is_not_saved(tmp_path: Path) -> None:
    run = make_run(tmp_path, "letters")
    model = TextModel(run)
    state = model.state_after("a")
    model.save_state(state, str(tmp_path / "a.state"))
    os.utime(run.weights_file, (1, 1))
    for use in (
        lambda: model.save_state(state, str(tmp_path / "b.state")),
        lambda: model.load_state(str(tmp_path / "a.state")),
    ):
        with pytest.raises(RunError, match="run letters has changed since it was loaded"):
            use()
    assert not (tmp_path / "b.state").exists()


def test_a_stop_string_ends_a_text_before_it(model: TextModel) -> None:
    whole = text_of(model.generate("ROMEO:", seed=5, length=60))
    word = whole.split()[3]
    assert text_of(model.generate("ROMEO:", seed=5, length=60, stop=[word])) == whole[: whole.index(word)]
    assert text_of(model.generate("ROMEO:", seed=5, length=60, stop=word)) == whole[: whole.index(word)]


def test_a_state_of_another_model_is_refused(model: TextModel) -> None:
    other = rnntui.load("chat", kind="language-model").state_after("hello")
    with pytest.raises(UsageError, match="not one of shakespeare"):
        model.generate(state=other)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: rnntui.load("nowhere"), r"no run 'nowhere'"),
        (lambda: rnntui.load("en-es", kind="classifier"), r"run en-es is a Seq2Seq model, not a classifier"),
        (lambda: rnntui.load("en-es", kind="poet"), r"kind must be one of language-model, seq2seq, classifier"),
        (lambda: list(rnntui.load("shakespeare").generate(temperature=-1)), r"--temperature must be between"),
        (lambda: list(rnntui.load("shakespeare").generate(heat=1)), r"unknown setting 'heat'"),
        (lambda: list(rnntui.load("shakespeare").generate(stop=[""])), r"stop must not have an empty string"),
        (lambda: rnntui.load("en-es").translate(["a"], beam=2, n_best=3), r"--n-best 3 needs a --beam of 3"),
        (lambda: rnntui.load("en-es").translate("Good morning."), r"lines must be a list of strings, not a string"),
        (lambda: rnntui.load("authors").classify("Good morning."), r"texts must be a list of strings, not a string"),
        (lambda: rnntui.load("authors").classify([None]), r"texts must be text \(got None"),
        (lambda: rnntui.load("shakespeare").score(3), r"text must be text \(got 3"),
        (lambda: rnntui.load("shakespeare").generate(b"ROMEO"), r"prompt must be text \(got b'ROMEO'"),
        (lambda: rnntui.train("nothing.txt", minuts=3), r"unknown setting 'minuts'; see rnntui train --help"),
        (lambda: rnntui.train("nothing.txt", minutes=3), r"nothing\.txt"),
    ],
)
def test_mistakes_get_the_message_of_the_command(call, problem: str) -> None:
    with pytest.raises((UsageError, RunError), match=problem):
        call()


def test_a_model_is_trained_listed_and_loaded(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("the cat sat on the mat\n" * 60)
    folder, events = tmp_path / "checkpoints", []
    settings = {**SMALL, "bptt": 8, "batch_size": 4, "tokenizer": "char"}
    run = rnntui.train(tmp_path / "words.txt", checkpoints=folder, on_event=events.append, **settings)
    assert (run.name, run.state, run.step) == ("words", "done", 2)
    assert isinstance(events[-1], Finished)
    assert {"words", "shakespeare"} <= {each.name for each in rnntui.runs(folder)}
    assert isinstance(rnntui.load("words", checkpoints=folder), TextModel)
    assert isinstance(rnntui.load(folder / "words"), TextModel)


def test_the_other_kinds_are_trained_by_the_same_function(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("rnntui.training.train_run.train_run", lambda run, report, stop: None)
    small = {"steps": 2, "hidden": 8, "checkpoints": tmp_path / "checkpoints"}
    pairs = table(tmp_path / "copies.tsv", copy_rows(40))
    texts = labelled_table(tmp_path / "opinions.tsv", opinions())
    kinds = [
        rnntui.train([pairs], kind="seq2seq", **small, type="char", encoder_hidden=4).kind,
        rnntui.train(texts, kind="classifier", **small).kind,
    ]
    assert kinds == ["seq2seq", "classifier"]


def test_results_of_the_other_kinds() -> None:
    assert isinstance(rnntui.load("en-es"), TranslationModel)
    model = rnntui.load("authors", kind="classifier")
    assert isinstance(model, ClassificationModel)
    blank, line = model.classify(["", "It is a truth universally acknowledged"])
    assert (blank.label, line.label in model.labels) == ("", True)


def test_an_event_that_is_answered_with_false_stops_and_saves(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("the cat sat on the mat\n" * 60)
    settings = {**SMALL, "steps": 50, "bptt": 8, "batch_size": 4}
    run = rnntui.train(
        tmp_path / "words.txt", checkpoints=tmp_path / "runs",
        on_event=lambda event: not isinstance(event, Stepped), **settings,
    )  # fmt: skip
    assert (run.state, run.step) == ("stopped", 1)
    assert (Path(run.path) / "resume" / "state.safetensors").is_file()
