"""`rnntui tune`: a small search for real, its continuation, and what it refuses."""

from __future__ import annotations

import json
import shlex
import signal
import tomllib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna")

from rnntui.config_tuning import TuningConfig
from rnntui.errors import UsageError
from rnntui.runs.folder import RunFolder
from rnntui.runs.integrity import verify_run
from rnntui.training import train_run
from rnntui.training.events import Event, Stepped

TEXT = "".join(f"{word} {word} and then\n" for word in ("one", "two", "three", "seven", "eleven") * 60)
FIXED = shlex.split("--hidden 8 --sample-length 0 --eval-tokens 256 --evaluations 4 --threads 1 --ngram-prior 0")
SHORT = ("--trial-steps", "8", "--trials", "3", *FIXED)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "tuning.jsonl").read_text().splitlines()]


def test_a_search_is_interrupted_continued_and_ends_with_the_command_that_trains(
    rnntui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "book.txt").write_text(TEXT)
    train = train_run.train_run

    def interrupted(run: RunFolder, report: Any, stop: Any) -> Any:
        def tell(event: Event) -> None:
            report(event)
            if run.name == "trial-2" and isinstance(event, Stepped) and event.step == 1:
                signal.raise_signal(signal.SIGINT)

        return train(run, tell, stop)

    monkeypatch.setattr(train_run, "train_run", interrupted)
    first = rnntui("tune", "book.txt", *SHORT, "--bptt", "8")
    assert first.code == 130 and first.out == "", first.err
    assert "trial 2  " in first.err and "interrupted" in first.err
    assert "continue exactly from here with: rnntui tune book.txt --trials 3 --trial-steps 8" in first.err
    monkeypatch.setattr(train_run, "train_run", train)
    folder = tmp_path / "checkpoints" / "book.tuning"
    assert {path.name for path in folder.iterdir()} >= {"trial-1", "trial-2", "tuning.jsonl"}

    result = rnntui("tune", "book.txt", *SHORT, "--bptt", "8", "--write-config", "best.toml")
    assert result.code == 0, result.err
    assert "goes on in trial 2" in result.err and "3 trials in" in result.err
    words = shlex.split(result.out)
    assert words[:3] == ["rnntui", "train", "book.txt"] and words[words.index("--steps") + 1] == "8"
    assert words[words.index("--hidden") + 1] == "8" and "--trials" not in words
    rows = rows_of(folder)
    ends = {row["trial"]: row for row in rows if row.get("state") not in (None, "interrupted")}
    assert rows[0]["fixed"]["bptt"] == 8 and set(rows[0]["search"]) >= {"cell", "layers", "dropout", "learning_rate"}
    assert "bptt" not in rows[0]["search"] and sorted(ends) == [1, 2, 3] and ends[1]["state"] == "finished"
    best = min((row for row in ends.values() if row["state"] == "finished"), key=lambda row: row["loss"])
    run = RunFolder(tmp_path / "checkpoints" / "book")
    config, settings = run.read_config(), next(row["settings"] for row in rows if row.get("trial") == best["trial"])
    assert run.read_status().validation_loss == best["loss"]
    values = {**vars(config.model), **vars(config.training)}
    assert {name: values[name] for name in settings} == settings
    assert not [path for path in folder.iterdir() if path.name.startswith("trial-")]
    # The run is a whole one of its own, and the settings file trains as the command does.
    assert not any(file.is_broken for file in verify_run(run))
    assert rnntui("train", "--resume", "--name", "book", "--steps", "9").code == 0
    written = tomllib.loads((tmp_path / "best.toml").read_text())
    assert written["corpus"] == ["book.txt"] and written["steps"] == 8 and written["dropout"] == settings["dropout"]
    assert rnntui("train", "--config", "best.toml", "--steps", "1", "--name", "again").code == 0

    # The end is the end, until there is more to do; other settings are another search.
    again = rnntui("tune", "book.txt", *SHORT, "--bptt", "8", "--json")
    summary = json.loads(again.out)
    assert summary["trials"] == 3 and summary["best"]["number"] == best["trial"]
    assert summary["run"] == "checkpoints/book" and summary["command"] == words
    other = rnntui("tune", "book.txt", *SHORT, "--bptt", "16")
    assert (
        other.code == 2 and "was begun with --bptt 8 (got --bptt 16); repeat its command, or give --name" in other.err
    )
    (tmp_path / "book.txt").write_text(TEXT * 2)
    changed = rnntui("tune", "book.txt", *SHORT, "--bptt", "8")
    assert changed.code == 1 and "is not the text that checkpoints/book.tuning was begun with" in changed.err


def test_a_file_that_was_put_into_the_run_of_a_trial_stays_and_is_named(
    rnntui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "book.txt").write_text(TEXT)
    train = train_run.train_run

    def annotated(run: RunFolder, report: Any, stop: Any) -> Any:
        (run.path / "notes.md").write_text("mine")
        return train(run, report, stop)

    monkeypatch.setattr(train_run, "train_run", annotated)
    result = rnntui("tune", "book.txt", "--trials", "2", "--trial-steps", "2", *FIXED)
    assert result.code == 0, result.err
    [kept] = (tmp_path / "checkpoints" / "book.tuning").glob("trial-*")
    number = kept.name.removeprefix("trial-")
    assert (
        f"trial {number}: its run in checkpoints/book.tuning/{kept.name} is not deleted: "
        "it holds files that do not belong to it: notes.md\n" in result.err
    )
    assert (kept / "notes.md").read_text() == (tmp_path / "checkpoints" / "book" / "notes.md").read_text() == "mine"
    assert not any(file.is_broken for file in verify_run(RunFolder(kept)))
    (kept / "notes.md").unlink()
    assert rnntui("tune", "book.txt", "--trials", "2", "--trial-steps", "2", *FIXED).code == 0
    assert not kept.exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--trial-minutes", "1", "--trial-steps", "9"], "--trial-minutes and --trial-steps are two lengths"),
        (["--minutes", "2", "--trial-minutes", "5"], "is more than the 2 minutes of the whole search"),
        (["--trials", "0"], "--trials must be between 1 and 100,000 (got 0)"),
        (["--write-config", "book.txt"], "--write-config book.txt: the file exists and is not replaced"),
        (["--name", "a/b"], "is not a valid name of a run"),
        (["--from", "nothing"], "no run 'nothing' in checkpoints"),
        (["--tied"], "--tied needs --embedding equal to --hidden"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_cannot_be_searched_is_told_in_a_line(rnntui, tmp_path: Path, arguments: list[str], problem: str) -> None:
    (tmp_path / "book.txt").write_text(TEXT)
    result = rnntui("tune", "book.txt", *arguments)
    assert result.code in (1, 2) and result.out == "" and problem in result.err
    assert not list(tmp_path.glob("checkpoints/*/trial-*"))


def test_a_search_in_use_is_left_alone(rnntui, tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text(TEXT)
    (tmp_path / "checkpoints" / "book.tuning").mkdir(parents=True)
    with RunFolder(tmp_path / "checkpoints" / "book.tuning").lock():
        result = rnntui("tune", "book.txt", *SHORT)
    assert result.code == 1 and "another process is searching in checkpoints/book.tuning" in result.err


@pytest.mark.parametrize(
    ("values", "length"),
    [
        ({}, "5 minutes"),
        ({"minutes": 24.0}, "2 minutes"),
        ({"minutes": 0.02}, "0.01 minutes"),
        ({"trials": 3}, "5 minutes"),
        ({"trial_steps": 7}, "7 steps"),
        ({"minutes": 600.0}, "5 minutes"),
    ],
)
def test_a_trial_takes_a_twelfth_of_the_time(values: dict[str, Any], length: str) -> None:
    config = TuningConfig(**values)
    assert config.trial_budget.summary == length
    assert config.search_minutes == (None if "trials" in values else values.get("minutes", 60.0))
    with pytest.raises(UsageError):
        TuningConfig(**{"trial_minutes": 61.0, "minutes": 60.0})
