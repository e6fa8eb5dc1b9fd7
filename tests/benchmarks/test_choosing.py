"""The measurements of docs/choosing.md: what is run, and the tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from rnntui.cli.main import cli
from rnntui.kinds.corpus_info import TextCorpusInfo

PAGE = Path(__file__).resolve().parents[2] / "docs" / "choosing.md"


def test_questions_run_once_for_each_size_and_become_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import choosing
    import recipes
    from training_runs import TrainingResult

    trained: list[Sequence[str]] = []

    def train(arguments: Sequence[str]) -> TrainingResult:
        trained.append(arguments)
        final = {"bits_per_character": 2.0 + 0.1 * len(trained), "streaming_loss": 1.5}
        return TrainingResult(
            1.0, 2.0, 2.5, 2, 64, 32.0, 1000, final, [], {"tokenizer": "char"}, TextCorpusInfo(name="lines")
        )

    monkeypatch.setattr(recipes, "train", train)
    (tmp_path / "corpus.txt").write_text("".join(f"line {index} of a text, and a word.\n\n" for index in range(120)))
    results, page = tmp_path / "results.jsonl", tmp_path / "choosing.md"
    ends = "\n".join(f"<!-- results: {name} -->\n<!-- end of results -->\n" for name in choosing.questions())
    page.write_text(f"<!-- results: best -->\n<!-- end of results -->\n{ends}", "utf-8")
    words = ["run", f"lines={tmp_path / 'corpus.txt'}", "--only", "cell", "--steps", "2", "--results", str(results)]
    for _ in range(2):
        choosing.main([*words, "--characters", "800", "2000", "--", "--bptt", "16"])
    cells = choosing.questions()["cell"]
    assert len(trained) == 2 * len(cells), "the second time, nothing is left to run"
    assert [flags for arguments in trained for flags in arguments if flags in ("lstm", "gru", "rnn")] == [
        "lstm", "gru", "rnn"
    ] * 2  # fmt: skip
    choosing.main(["table", "--write", "--page", str(page), "--results", str(results)])
    text = page.read_text("utf-8")
    cell = text[text.index("results: cell") : text.index("results: layers")]
    assert cell.count("\n| LSTM |") == cell.count("\n| GRU |") == cell.count("\n| plain RNN |") == 2
    assert "### lines, 800 characters: `rnntui train`, 2 steps" in cell and "--bptt 16" in cell
    best = [line for line in text.splitlines() if line.startswith("| lines, ")]
    assert len(best) == 2 and all("| LSTM (0.1000 ahead) |" in line and line.endswith("| – |") for line in best)
    assert text.count("Not measured yet.") == len(choosing.questions()) - 1
    # The results are gone, and others come: what was written stays.
    others = ["--only", "layers", "--characters", "800", "--", "--bptt", "16"]
    choosing.main([*words[:2], "--steps", "2", "--results", str(tmp_path / "others.jsonl"), *others])
    choosing.main(["table", "--write", "--page", str(page), "--results", str(tmp_path / "others.jsonl")])
    later = page.read_text("utf-8")
    assert cell in later and later.count("Not measured yet.") == len(choosing.questions()) - 2
    [both] = [line for line in later.splitlines() if line.startswith("| lines, 800")]
    assert "| LSTM (0.1000 ahead) | 1 layer of 512 (0.1000 ahead) | – |" in both
    choosing.main(["table", "--write", "--page", str(page), "--results", str(results)])
    assert page.read_text("utf-8") == later


def test_every_experiment_is_accepted_and_the_page_has_every_question() -> None:
    import choosing

    train = cli.get_command(click.Context(cli), "train")
    assert train is not None
    for question, experiments in choosing.questions().items():
        assert f"<!-- results: {question} -->" in PAGE.read_text("utf-8")
        for flags in experiments.values():
            train.make_context("train", ["text.txt", *flags.split()])
    with pytest.raises(SystemExit, match="no question"):
        choosing.main(["run", "text.txt", "--only", "size", "--steps", "1"])
