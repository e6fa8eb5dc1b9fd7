"""Commands whose optional libraries are not installed."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest

from rnntui.extras import EXTRAS, missing_modules, requirement

ROOT = Path(__file__).resolve().parents[2]
ADVICE = "pip install 'rnntui[train]' (for a small CPU build, install torch first: pytorch.org/get-started)"


@pytest.mark.parametrize(
    ("arguments", "task"),
    [
        (["train", "no.txt"], "training"),
        (["train-seq2seq", "no.tsv"], "training"),
        (["train-classifier", "no.tsv"], "training"),
        (["train", "--resume"], "training"),
        (["evaluate", "no.txt", "--run", "shakespeare"], "evaluating a language model"),
        (["evaluate", "no.tsv", "--run", "en-es"], "evaluating a Seq2Seq model"),
    ],
    ids=" ".join,
)
def test_a_command_without_torch_says_in_a_line_what_to_install(
    rnntui, monkeypatch: pytest.MonkeyPatch, arguments: list[str], task: str
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    result = rnntui(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"rnntui: {task} needs torch, not installed here; {ADVICE}\n"


def test_every_library_that_is_missing_is_named(rnntui, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in EXTRAS["train"]:
        monkeypatch.setitem(sys.modules, name, None)
    assert (
        "training needs torch and sacrebleu and psutil and lxml, not installed here;" in rnntui("train", "no.txt").err
    )


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_installs_the_modules_that_it_is_asked_for(extra: str) -> None:
    """The tests run with every extra installed."""
    assert missing_modules(extra) == [] and requirement(extra) == f"'rnntui[{extra}]'"
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][extra]
    names = {re.split(r"[<>=~;\[ ]", line)[0].replace("-", "_") for line in declared}
    assert names == set(EXTRAS[extra]) and all(importlib.util.find_spec(name) for name in names)
