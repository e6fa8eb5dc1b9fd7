"""The moment between the creation of a run and its training: nobody can rename or delete the run in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rnntui
from rnntui.errors import RunError
from rnntui.runs.folder import RunFolder
from rnntui.runs.management import delete_run, rename_run
from rnntui.training import train_run as train_run_module

WORDS = "".join(f"{word} {word} and then\n" for word in ("one", "two", "three", "seven", "eleven") * 60)
QUICK = ["--steps", "2", "--hidden", "8", "--evaluations", "1", "--threads", "1"]
MODEL = [*QUICK, "--ngram-prior", "0", "--sample-length", "0", "--eval-tokens", "256"]


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told to others that rename or delete a run just before its training begins, in threads of their own."""
    train, problems = train_run_module.train_run, []

    def others_are_faster(run: RunFolder, *arguments: Any, **more: Any) -> Any:
        def attempt(change: Callable[[], object]) -> None:
            try:
                change()
            except RunError as error:
                problems.append(error.problem)

        for change in (lambda: rename_run(run, "other"), lambda: delete_run(run, run.path.parent)):
            thread = threading.Thread(target=attempt, args=(change,))
            thread.start()
            thread.join()
        return train(run, *arguments, **more)

    monkeypatch.setattr(train_run_module, "train_run", others_are_faster)
    return problems


def write_inputs() -> None:
    Path("words.txt").write_text(WORDS)
    pairs = [("one cat", "un gato"), ("one dog", "un perro"), ("two cats", "dos gatos"), ("two dogs", "dos perros")]
    rows = [f"{source} {n}\t{target} {n}\n" for n in range(30) for source, target in pairs]
    Path("pairs.tsv").write_text("".join(rows))
    Path("labelled.tsv").write_text("".join(f"text {n} of {label}\t{label}\n" for n in range(30) for label in "ab"))


def expected(name: str) -> list[str]:
    return [f"run {name} is in training and cannot be {done}" for done in ("renamed", "deleted")]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["train", "words.txt", *MODEL], ["words"]),
        (["train-seq2seq", "pairs.tsv", *QUICK, "--tokenizer", "char", "--bleu-pairs", "2"], ["pairs"]),
        (["train-classifier", "labelled.tsv", *QUICK], ["labelled"]),
        (["train", "words.txt", *MODEL, "--use-found-rate"], ["words"]),
        (["tune", "words.txt", "--trials", "1", "--trial-steps", "2", *MODEL[2:]], ["trial-1"]),
    ],
    ids=lambda value: value[0] if len(value) > 1 else "",
)
def test_a_run_that_was_created_just_now_is_trained(
    rnntui, refusals: list[str], arguments: list[str], names: list[str]
) -> None:
    if arguments[0] == "tune":
        pytest.importorskip("optuna")
    write_inputs()
    result = rnntui(*arguments)
    assert result.code == 0, result.err
    assert refusals == [problem for name in names for problem in expected(name)]
    assert not any(RunFolder(path.parent).is_locked() for path in Path("checkpoints").rglob("lock"))


def test_also_by_the_python_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    write_inputs()
    run = rnntui.train("words.txt", steps=2, hidden=8, ngram_prior=0, sample_length=0, eval_tokens=256, evaluations=1)
    assert refusals == expected("words") and run.name == "words"


def test_a_run_that_is_gone_when_its_training_begins_is_told_in_a_line(rnntui, monkeypatch: pytest.MonkeyPatch) -> None:
    write_inputs()
    assert rnntui("train", "words.txt", *MODEL).code == 0
    train = train_run_module.train_run

    def renamed_before(run: RunFolder, *arguments: Any) -> Any:
        rename_run(run, "other")
        return train(run, *arguments)

    monkeypatch.setattr(train_run_module, "train_run", renamed_before)
    result = rnntui("train", "--resume", "--name", "words", "--steps", "4")
    assert result.code == 1 and result.err.splitlines()[-1].startswith("rnntui: checkpoints/words is gone: it was")
    assert sorted(path.name for path in Path("checkpoints").iterdir()) == ["other"]
