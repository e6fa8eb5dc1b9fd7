"""`rnntui inspect attention`: its matrix, JSON and image, over a sentence and over a file of pairs."""

from __future__ import annotations

import json
from pathlib import Path

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
        (["--columns", "1,2"], "--columns needs --pairs"),
        ([], "no held-out pairs"),
    ):
        result = rnntui("inspect", "attention", RUNS / "copy", *flags)
        assert result.code == 2 and says in result.err and result.err.count("\n") == 1, result.err
