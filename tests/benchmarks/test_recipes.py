"""Experiments on the defaults of training: what is cut off, resuming, tables."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "corpus.txt").write_text("".join(f"line {index} of a text, and a word.\n\n" for index in range(120)))
    (tmp_path / "some.toml").write_text('[train]\n"as it is" = ""\n"with dropout" = "--dropout 0.5 --bptt 16"\n')
    return tmp_path


def test_experiments_run_once_each_and_become_a_table(folder: Path, commands: list[list[str]]) -> None:
    import recipes

    page, results = folder / "page.md", folder / "results.jsonl"
    page.write_text(f"before\n{recipes.START}\nold\n{recipes.END}\nafter\n")

    def run(*seeds: str) -> None:
        options = ["--experiments", str(folder / "some.toml"), "--results", str(results), "--seeds", *seeds]
        recipes.main(
            [
                "train",
                f"lines={folder / 'corpus.txt'}",
                "--tokens",
                "2560",
                *options,
                "--",
                "--warmup",
                "1",
                "--batch-size",
                "16",
            ]
        )

    run("1")
    assert [command[command.index("--steps") + 1] for command in commands] == ["5", "10"], "the same tokens"
    assert commands[1][-11:-6] == ["0.5", "--bptt", "16", "--warmup", "1"]
    with results.open("a") as file:
        file.write('{"experiment": "as it')  # stopped while it was written
    run("1", "2")
    assert len(commands) == 4
    recipes.main(["table", "--write", "--page", str(page), "--results", str(results)])
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "### lines: `rnntui train`, 2,560 tokens" in text
    [first, second] = [line for line in text.splitlines() if line.endswith("| 1, 2 |")]
    assert "`--dropout 0.5 --bptt 16 --warmup 1 --batch-size 16`" in second
    rows = [json.loads(line) for line in results.read_text().splitlines() if line.endswith("}")]
    assert [row["seed"] for row in rows] == [1, 1, 2, 2]
    losses = [row["results"]["streaming_loss"] for row in rows]
    assert f"| {sum(losses[::2]) / 2:.4f} ({min(losses[::2]):.4f}–{max(losses[::2]):.4f}) |" in first
    gain = sum(losses[::2]) / 2 - sum(losses[1::2]) / 2
    validation = "".join(f"line {index} of a text, and a word.\n\n" for index in range(120))[-400:]
    characters_per_word = len(validation) / (len(validation.split()) + validation.count("\n"))
    bits_per_word = rows[0]["results"]["bits_per_character"] * characters_per_word
    assert math.log2(rows[0]["results"]["word_perplexity"]) == pytest.approx(bits_per_word, rel=0.01)
    assert f"| {gain:+.4f} |" in second and "+" not in first and rows[0]["tokens"] == 2560


@pytest.mark.parametrize(("unit", "separator"), [("line", "\n"), ("blank", "\n\n"), ("none", " ")])
def test_what_is_reported_is_cut_off(folder: Path, monkeypatch: pytest.MonkeyPatch, unit: str, separator: str) -> None:
    import recipes

    texts = [f"{'abcdefgh'[index % 8] * 3}{index:04d}" for index in range(500)]
    path, target = folder / "names.txt", folder / "cut.txt"
    path.write_text(separator.join(texts))
    monkeypatch.setattr(recipes, "detect_documents", lambda corpus, stats: unit)
    recipes.cut_text(path, None, target)
    left = target.read_text().split(separator)
    assert set(left[:-1]) < set(texts) and len(left) == 451 - (unit == "none")
    assert (left[:-1] == texts[: len(left) - 1]) == (unit == "none"), "documents are held out all over the text"
    recipes.cut_text(path, 100, target)
    assert target.read_text() == separator.join(left[:40])[:100]
    with pytest.raises(SystemExit, match="characters for training"):
        recipes.cut_text(path, 10_000, target)


def test_pairs_that_are_reported_are_cut_off(folder: Path) -> None:
    import recipes

    lines = [f"source {index}\ttarget {index}" for index in range(100)]
    (folder / "pairs.tsv").write_text("\n".join(lines) + "\n")
    recipes.cut_pairs(folder / "pairs.tsv", folder / "cut.tsv")
    left = (folder / "cut.tsv").read_text().splitlines()
    assert 80 < len(left) < 100 and set(left) < set(lines)
    aligned = ["train-seq2seq", f"mine={folder / 'pairs.tsv'}", str(folder / "cut.tsv"), "--epochs", "6"]
    [data] = recipes.prepare(recipes.parse([*aligned, "--whole"]), folder)
    assert data.name == "mine" and data.arguments[::2] == ("--source", "--target")
    with pytest.raises(SystemExit, match="give --whole"):
        recipes.prepare(recipes.parse(aligned), folder)
