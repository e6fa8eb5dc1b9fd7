"""The Python API: its examples, its agreement with the commands, its errors, and what importing it costs."""

from __future__ import annotations

import doctest
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

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
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        _ = rnntui.lode  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "imports",
    [
        "import rnntui",
        "import rnntui.runs.listing",
        "from rnntui.runs.folder import RunFolder; import rnntui",
        "from rnntui import runs; runs(); import rnntui; from rnntui.runs import lookup; runs()",
    ],
)
def test_runs_is_a_function_and_a_package_in_any_order_of_imports(imports: str) -> None:
    code = f"{imports}\nimport rnntui.runs as package\na = rnntui.runs(); b = rnntui.runs(None)\n"
    code += "from rnntui.runs.listing import RunSummary\nprint(a == b == package(), type(a[0]) is RunSummary)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("True True\n", "")


def test_the_names_of_results_are_those_of_the_api() -> None:
    assert {name for name in api.__all__ if getattr(api, name).__name__ != name} == set()
    with pytest.raises(AttributeError, match="has no attribute 'Poem'"):
        _ = api.Poem
    stub = Path(rnntui.__file__).with_suffix(".pyi").read_text()
    assert all(f"import {name} as {name}" in stub for name in rnntui._API), "a type checker sees these names alone"


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


def test_a_state_of_another_model_is_refused(tmp_path: Path) -> None:
    model, other = (TextModel(make_run(tmp_path, name, seed=seed)) for seed, name in enumerate("ab"))
    state = other.state_after("hello")
    uses = (
        lambda: model.generate(state=state),
        lambda: model.state_after("a", state),
        lambda: model.save_state(state, tmp_path / "a.state"),
        lambda: model.generate(state=replace(state, fingerprint="")),
    )
    for use in uses:
        with pytest.raises(UsageError, match="the state is not one of a, but of another model"):
            use()
    copy = tmp_path / "copy"
    shutil.copytree(other.run.path, copy)
    assert text_of(rnntui.load(copy).generate(state=state, seed=1, length=9)) == text_of(
        other.generate(state=state, seed=1, length=9)
    )
    os.utime(other.run.weights_file, (1, 1))
    assert text_of(other.generate(state=other.state_after("hello"), length=3)) != ""


def test_a_state_of_weights_that_were_replaced_is_good_for_the_object_alone(tmp_path: Path) -> None:
    model = TextModel(make_run(tmp_path, "letters"))
    os.utime(model.run.weights_file, (1, 1))
    state = model.state_after("hello")
    assert len(list(model.generate(state=state, length=5))) == 5
    with pytest.raises(UsageError, match="other weights of it"):
        rnntui.load(model.run.path).generate(state=state)


def test_learning_as_it_scores_helps_with_the_next_text(model: TextModel) -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 4
    scorer = model.learning_scorer()
    first, second = scorer.score(text), scorer.score(text)
    assert second.bits < first.bits < model.score(text).bits


def test_many_texts_have_the_scores_that_each_has_alone(model: TextModel) -> None:
    texts = ["The quick brown fox", "", "jumps over", "the lazy dog. " * 9] * 5
    fractions: list[float] = []
    assert model.score_texts(texts, on_progress=fractions.append) == [model.score(text) for text in texts]
    assert fractions[-1] == 1.0


def test_no_limit_of_length_is_no_limit(tmp_path: Path) -> None:
    model = TextModel(make_run(tmp_path, "letters"))
    assert len(list(islice(model.generate("a", length=10_000_000), 30))) == 30


@cache
def loaded(name: str) -> Any:
    return rnntui.load(name)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: rnntui.load("nowhere"), r"no run 'nowhere'"),
        (lambda: rnntui.load("en-es", kind="classifier"), r"run en-es is a Seq2Seq model, not a classifier"),
        (lambda: rnntui.load("en-es", kind="poet"), r"kind must be one of language-model, seq2seq, classifier"),
        (lambda: list(loaded("shakespeare").generate(temperature=-1)), r"--temperature must be between"),
        (lambda: list(loaded("shakespeare").generate(heat=1)), r"unknown setting 'heat'"),
        (lambda: list(loaded("shakespeare").generate(stop=[""])), r"stop must not have an empty string"),
        (lambda: loaded("en-es").translate(["a"], beam=2, n_best=3), r"--n-best 3 needs a --beam of 3"),
        (lambda: loaded("en-es").translate("Good morning."), r"lines must be a list of strings, not a string"),
        (lambda: loaded("authors").classify("Good morning."), r"texts must be a list of strings, not a string"),
        (lambda: loaded("authors").classify([None]), r"texts must be text \(got None"),
        (lambda: loaded("shakespeare").score(3), r"text must be text \(got 3"),
        (lambda: loaded("shakespeare").score_texts("ROMEO"), r"texts must be a list of strings, not a string"),
        (lambda: loaded("shakespeare").score_texts([3]), r"texts must be text \(got 3"),
        (lambda: loaded("shakespeare").generate(b"ROMEO"), r"prompt must be text \(got b'ROMEO'"),
        (lambda: rnntui.train("nothing.txt", minuts=3), r"unknown setting 'minuts'; did you mean minutes"),
        (lambda: rnntui.train("nothing.txt", minutes=3), r"nothing\.txt"),
        (lambda: rnntui.load(3), r"run must be the name of a file or folder \(got 3"),
        (lambda: rnntui.load(""), r"run must be the name of a file or folder \(got ''"),
        (lambda: rnntui.load("en-es", kind=["seq2seq"]), r"kind must be one of .* \(got \['seq2seq'\]"),
        (lambda: rnntui.load("en-es", checkpoints=b"runs"), r"checkpoints must be the name .* \(got b'runs'"),
        (lambda: rnntui.runs(7), r"checkpoints must be the name of a file or folder \(got 7"),
        (
            lambda: loaded("shakespeare").generate(seed=-1),
            r"seed must be an integer from 0 to 9\d+, or None \(got -1",
        ),
        (
            lambda: loaded("shakespeare").generate(seed="a"),
            r"seed must be an integer from 0 to 9\d+, or None \(got 'a'",
        ),
        (lambda: loaded("shakespeare").generate(length="long"), r"--length must be"),
        (lambda: loaded("shakespeare").generate(stop=3), r"stop must be a list of strings \(got 3"),
        (lambda: loaded("shakespeare").generate(stop=[3]), r"stop must be text \(got 3"),
        (lambda: loaded("shakespeare").generate(state="x"), r"state must be a TextState \(got 'x'"),
        (lambda: loaded("shakespeare").save_state(None, "a"), r"state must be a TextState \(got None"),
        (lambda: loaded("shakespeare").load_state(None), r"path must be the name of a file or folder \(got None"),
        (
            lambda: loaded("shakespeare").load_state("nowhere"),
            r"^nowhere: no such file; check the name and",
        ),
        (lambda: loaded("shakespeare").load_state("/"), r"^/: it is a folder; name a file$"),
        (
            lambda: loaded("shakespeare").save_state(loaded("shakespeare").state_after("a"), "none/state"),
            r"^cannot write none/state: there is no folder none; create it, or choose another place$",
        ),
        (lambda: rnntui.train("nowhere.txt"), r"^nowhere.txt: no such file, folder or match; name a text file, "),
        (lambda: rnntui.train("nowhere.tsv", kind="seq2seq"), r"^nowhere.tsv: no such file, folder or match; name "),
        (lambda: rnntui.runs("nowhere"), r"nowhere: there is no such folder; name the folder that holds the runs"),
        (lambda: loaded("shakespeare").state_after(None), r"text must be text \(got None"),
        (lambda: loaded("en-es").translate(None), r"lines must be a list of strings \(got None"),
        (lambda: loaded("en-es").translate(["a"], beam="wide"), r"--beam must be"),
        (lambda: loaded("authors").classify(3), r"texts must be a list of strings \(got 3"),
        (lambda: loaded("authors").explain("a", "Homer"), r"the classifier has no label 'Homer'"),
        (lambda: rnntui.train(None), r"corpus must be the name of a file or folder \(got None"),
        (lambda: rnntui.train(["a.txt", 3]), r"corpus must be the name of a file or folder \(got 3"),
        (lambda: rnntui.train("a.txt", name=3), r"name must be text \(got 3"),
        (lambda: rnntui.train("a.txt", on_event="print"), r"on_event must be a function, or None \(got 'print'"),
        (lambda: rnntui.train("a.txt", minutes="five"), r"--minutes must be"),
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


def test_models_and_results_show_what_they_are(model: TextModel) -> None:
    """Not where they are in memory, and no arrays of numbers."""
    token = next(model.generate("To be", length=1, seed=1))
    assert repr(model) == "TextModel('shakespeare')" and repr(token).startswith("GeneratedToken(text=")
    assert "array(" not in repr(token) and "recent=" in repr(token.state)
    translator = rnntui.load("en-es", kind="seq2seq")
    [translation] = translator.translate(["Good morning."])
    assert repr(translation) == "Translation(source='Good morning.', text='Buenos días.')"
    assert repr(translation.hypotheses[0]).startswith("LineHypothesis(text='Buenos días.', score=-")
    classifier = rnntui.load("authors", kind="classifier")
    shown = [
        translator,
        classifier,
        translation.hypotheses[0].parts[0],
        *classifier.classify(["To be"]),
        *rnntui.runs(),
    ]
    assert not [each for each in shown if " at 0x" in repr(each)]


def test_an_event_that_is_answered_with_false_stops_and_saves(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("the cat sat on the mat\n" * 60)
    settings = {**SMALL, "steps": 50, "bptt": 8, "batch_size": 4}
    run = rnntui.train(
        tmp_path / "words.txt", checkpoints=tmp_path / "runs",
        on_event=lambda event: not isinstance(event, Stepped), **settings,
    )  # fmt: skip
    assert (run.state, run.step) == ("stopped", 1)
    assert (Path(run.path) / "resume" / "state.safetensors").is_file()
