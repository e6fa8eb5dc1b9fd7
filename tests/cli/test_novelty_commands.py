"""Novelty on the command line: what was copied, limits of copies, and the index they need."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

ARGUMENTS = ("-n", "120", "--temperature", "0.3", "--no-echo")
BRIEFLY = ("--steps", "1", "--batch-size", "4", "--bptt", "16", "--eval-tokens", "512", "--ngram-prior", "0")


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of a trained run, which has no index yet."""
    return Path(shutil.copytree(trained / "words", tmp_path / "checkpoints" / "words"))


def longest_copy(text: str, source: str) -> str:
    """The first of the longest stretches of a text that are in a source."""
    longest = ""
    for start in range(len(text)):
        while start + len(longest) < len(text) and text[start : start + len(longest) + 1] in source:
            longest = text[start : start + len(longest) + 1]
    return longest


def test_sample_reports_copies_and_keeps_to_a_limit(rnntui, trained: Path, run: Path) -> None:
    source = (trained.parent / "words.txt").read_text()
    source = source[: int(len(source) * 0.9)]
    free = rnntui("sample", *ARGUMENTS, "--seed", "1", "--novelty")
    assert "indexed the training text of words, " in free.err and (run / "novelty" / "index.json").is_file()
    copied = longest_copy(free.out, source)
    line = source[: source.index(copied)].count("\n") + 1
    assert len(copied) > 10 and f"longest copy        {len(copied)} " in free.err
    assert f"words.txt:{line:,}, {len(copied)} characters: " in free.err
    limited = rnntui("sample", *ARGUMENTS, "--seed", "1", "--samples", "2", "--novel", "9", "--json", "--novelty")
    lines = [json.loads(line) for line in limited.out.splitlines()]
    assert limited.err == ""
    for line in lines:
        assert len(longest_copy(line["text"], source)) == line["novelty"]["longest_copy"] <= 9
        assert line["settings"]["novel"] == 9 and line["novelty"]["held_out"]["longest_copy"]["median"] > 10
    alone = rnntui("sample", *ARGUMENTS, "--seed", "2", "--novel", "9")
    assert alone.out.rstrip("\n") == lines[1]["text"].rstrip("\n") and alone.err == ""
    assert (run / "novelty").is_dir() and rnntui("delete", "words", "--yes").code == 0 and not run.exists()


def test_a_text_that_stops_and_goes_on_copies_as_if_it_had_never_stopped(rnntui, run: Path) -> None:
    limit = ("--temperature", "0.3", "--novel", "9", "--no-echo")
    whole = rnntui("sample", "-n", "80", "--seed", "4", *limit).out
    first = rnntui("sample", "-n", "33", "--seed", "4", *limit, "--save-state", "s").out
    rest = rnntui("sample", "-n", "47", *limit, "--from-state", "s").out
    assert (first.removesuffix("\n") + rest).split() == whole.split()


def test_text_of_an_earlier_run_is_searched_or_named(rnntui, trained: Path, run: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.txt"
    file.write_text("".join(random.Random(5).choices(["delta ", "alpha\n"], k=600)))
    started = rnntui("train", str(file), "--from", "words", "--name", "on", *BRIEFLY)
    assert started.code == 0, started.err
    mine = tmp_path / "mine.txt"
    mine.write_text((trained.parent / "words.txt").read_text()[100:160])  # which `on` has not been trained on itself
    arguments = ("inspect", "novelty", "on", "--text", str(mine), "--json")
    assert json.loads(rnntui(*arguments).out)["generated"]["longest_copy"]["max"] == 60
    shutil.rmtree(run)
    rnntui("index", "on", "--delete")
    unseen = "copies from the training text of words are not seen, as that text is not at hand\n"
    assert rnntui("index", "on").err.endswith(f"rnntui: {unseen}")
    for flags in (("--novel", "9"), ("--novelty",), ("--novelty", "--json")):
        assert rnntui("sample", "--run", "on", *ARGUMENTS, *flags).err.count(unseen) == 1
    values = json.loads(rnntui("sample", "--run", "on", *ARGUMENTS, "--novelty", "--json").out)
    assert values["novelty"]["missing_texts"] == json.loads(rnntui(*arguments).out)["missing_texts"] == ["words"]
    assert f"C{unseen[1:-1]}." in " ".join(rnntui(*arguments[:-1]).out.split())


def test_evaluate_inspect_and_index(rnntui, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.inspection.novelty_report.DEFAULT_TEXTS", 3)
    monkeypatch.setattr("rnntui.inspection.novelty_report.DEFAULT_LENGTH", 60)
    table = rnntui("evaluate", "--novelty")
    assert table.code == 0 and "generated: 3 × 60 characters  held out: " in table.out and "longest copy" in table.out
    values = json.loads(rnntui("evaluate", "--novelty", "--json").out)
    assert values["novelty"]["generated"]["texts"] == 3 and "streaming" not in values
    (run.parent / "mine.txt").write_text("alpha beta gamma zzz")
    shown = rnntui("inspect", "novelty", "words", "--text", str(run.parent / "mine.txt"))
    assert shown.code == 0 and "n-grams that are in the training text" in shown.out and "alpha beta" in shown.out
    assert rnntui("inspect", "novelty", "--svg", "n.svg").code == 0 and Path("n.svg").read_text().startswith("<svg")
    assert "novelty" not in rnntui("verify", "words").out
    deleted = rnntui("index", "words", "--delete")
    assert deleted.err == "rnntui: deleted the index of words\n" and not (run / "novelty").exists()
    assert "there is no index of words" in rnntui("index", "words", "--delete").err
    shutil.rmtree(run / "resume")
    config = run / "config.json"
    config.write_text(config.read_text().replace("words.txt", "gone.txt"))
    for checksums in ("checksums.json", "resume/copy-checksums.json"):
        (run / checksums).unlink(missing_ok=True)
    gone = rnntui("sample", "--novelty")
    assert (
        gone.code == 1 and "gone.txt" in gone.err and gone.err.endswith("name that text: rnntui index words FILE...\n")
    )
    assert rnntui("evaluate", "--novelty", "--run", "en-es").code == 2
    assert rnntui("delete", "words", "--yes").code == 0 and not run.exists()
