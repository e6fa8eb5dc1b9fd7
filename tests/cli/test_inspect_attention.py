"""`rnntui inspect attention`: its matrix, JSON and image, over a sentence and over a file of pairs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pair_runs import write_weights

from rnntui.runs.folder import RunFolder
from rnntui.runs.run_status import RunStatus

RUNS = Path(__file__).resolve().parents[2] / "docs" / "runs"


def test_a_sentence_is_drawn_and_saved(rnntui) -> None:
    result = rnntui("inspect", "attention", RUNS / "copy", "--sentence", "bad", "--sentence", "fade ||| edaf")
    assert result.code == 0, result.err
    rows = result.out.splitlines()
    matrix = rows[rows.index("      bits  b a d </s>") + 1 :]
    assert [row.split()[0] for row in matrix[:4]] == ["b", "a", "d", "</s>"]
    assert [row[12 + 2 * index] for index, row in enumerate(matrix[:3])] == ["█"] * 3, "the diagonal"
    assert "      bits  f a d e </s>" in rows and "source tokens" in result.out
    saved = rnntui("inspect", "attention", RUNS / "copy", "--sentence", "bad", "--svg", "bad.svg")
    assert saved.code == 0 and saved.out == "" and Path("bad.svg").read_text().count("<rect") == 1 + 4 * 4


def test_runs_are_compared_over_the_same_pairs(rnntui) -> None:
    words = ["".join(letters) for letters in zip("abcdefgh" * 8, "gfedcbah" * 8, "hgfaedcb" * 8, strict=True)]
    Path("pairs.tsv").write_text("".join(f"{word}{index % 7}\t{word[::-1]}\n" for index, word in enumerate(words)))
    runs = (RUNS / "reverse", RUNS / "reverse-additive")
    result = rnntui("inspect", "attention", *runs, "--pairs", "pairs.tsv", "--json")
    assert result.code == 0, result.err
    values = json.loads(result.out)
    assert [run["run"] for run in values["runs"]] == ["reverse", "reverse-additive"]
    assert all(run["pairs"] == values["runs"][0]["pairs"] and run["anti_diagonal"] > 0.4 for run in values["runs"])
    assert "pairs of pairs.tsv" in values["origin"]


def test_flags_that_do_not_go_together_give_one_line(rnntui) -> None:
    for flags, says in (
        (["--sentence", "bad", "--pairs", "a.tsv"], "choose one"),
        (["--sentence", "bad", "--sentence", " "], "--sentence: the text is empty"),
        (["--sentence", "bad ||| "], "no target behind |||"),
        (["--sentence", "||| bad"], "no source before |||"),
        (["--sentence", "bad", "--svg", "no/bad.svg"], "there is no folder no"),
        (["--columns", "1,2"], "--columns needs --pairs"),
        (["--minutes", "2"], "--minutes is for --compare"),
        (["--compare", "dot,none"], "'none' is no attention"),
        (["--compare", "dot,dot"], "name each attention once"),
        (["--compare", "dot", "--hidden", "33"], "give an even number"),
        ([], "no held-out pairs"),
    ):
        result = rnntui("inspect", "attention", RUNS / "copy", *flags)
        assert result.code == 2 and says in result.err and result.err.count("\n") == 1, result.err


def test_models_that_differ_in_their_attention_are_trained_and_compared(
    rnntui, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(run: RunFolder, stop: object, budget: object) -> int:
        write_weights(run)  # random ones, which take no time
        run.write_status(RunStatus("done", step=1))
        return 0

    monkeypatch.setattr("rnntui.cli.training_command.train_and_report", train)
    words = [first + second + third for first in "abcd" for second in "abcd" for third in "ab"]
    Path("copy.tsv").write_text("".join(f"{word}\t{word}\n" for word in words))
    flags = ["--compare", "additive,dot", "--minutes", "2", "--hidden", "8", "--tokenizer", "char", "--json"]
    result = rnntui("inspect", "attention", "copy.tsv", *flags)
    assert result.code == 0, result.err
    values = json.loads(result.out)
    assert [(run["run"], run["attention"]) for run in values["runs"]] == [
        ("copy-additive", "additive"), ("copy-dot", "dot")
    ]  # fmt: skip
    assert values["origin"].endswith("held-out pairs") and values["runs"][0]["guided_alignment"] == 0
    assert {path.name for path in Path("checkpoints").iterdir() if path.name[0] != "."} == {"copy-additive", "copy-dot"}
    again = rnntui("inspect", "attention", "copy.tsv", *flags)
    assert again.code == 0 and "copy-additive is trained already" in again.err
    again = rnntui("inspect", "attention", "copy.tsv", *flags, "--hidden", "6")
    assert again.code == 2 and "run copy-additive in checkpoints has hidden 8, not 6" in again.err
