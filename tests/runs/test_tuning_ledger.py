"""The ledger of a search: what its lines say, whatever is in them, and what is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rnntui.config import Budget
from rnntui.errors import RunError
from rnntui.runs.tuning_ledger import (
    Trial,
    Tuning,
    TuningDescription,
    TuningFolder,
    TuningLedger,
    read_tuning,
    settings_text,
    tunings_in,
    value_text,
)

SEARCH = TuningDescription(("日.txt",), {"cell": "gru"}, {"hidden": (128, 256)}, Budget(minutes=2), 7)


@pytest.fixture
def folder(tmp_path: Path) -> TuningFolder:
    path = tmp_path / "book.tuning"
    path.mkdir()
    return TuningFolder(path)


def told(*rows: dict[str, Any]) -> Tuning:
    tuning = Tuning(SEARCH)
    for row in rows:
        tuning = tuning.with_row(row)
    return tuning


def test_the_paths_of_a_search(tmp_path: Path) -> None:
    folder = TuningFolder(tmp_path / "a.tuning.tuning")
    assert folder.name == "a.tuning"
    assert folder.ledger_file == folder.path / "tuning.jsonl"
    assert (folder.template.name, folder.trial_run(3).path) == (".template", folder.path / "trial-3")
    assert TuningFolder(tmp_path / ".tuningx").name == ".tuningx"


def test_a_search_is_active_while_its_lock_is_held(folder: TuningFolder) -> None:
    from rnntui.runs.folder import RunFolder

    assert not folder.is_active()
    with RunFolder(folder.path).lock():
        assert folder.is_active()
    assert not folder.is_active()


def test_a_description_round_trips_through_the_first_line(folder: TuningFolder) -> None:
    TuningLedger.create(folder, SEARCH)
    assert json.loads(folder.ledger_file.read_text(encoding="utf-8")) == {
        "tuning": 1, "sources": ["日.txt"], "fixed": {"cell": "gru"}, "trial_budget": {"minutes": 2},
        "seed": 7, "search": {"hidden": [128, 256]},
    }  # fmt: skip
    assert "日" in folder.ledger_file.read_text(encoding="utf-8")
    tuning = read_tuning(folder)
    assert tuning == Tuning(SEARCH) and tuning.best is None


@pytest.mark.parametrize(
    "change",
    [
        {"tuning": 2}, {"tuning": None}, {"sources": None}, {"fixed": 3}, {"search": []}, {"search": {"a": 1}},
        {"trial_budget": {"steps": 0}}, {"trial_budget": {"steps": 1, "epochs": 1}}, {"seed": "x"}, {"seed": None},
    ],
)  # fmt: skip
def test_a_ledger_that_describes_no_search_is_broken(folder: TuningFolder, change: dict[str, Any]) -> None:
    folder.ledger_file.write_text(json.dumps(SEARCH.to_json() | change) + "\n")
    with pytest.raises(RunError, match=r"tuning\.jsonl is broken") as caught:
        read_tuning(folder)
    assert str(folder.path) in caught.value.hint
    folder.ledger_file.write_text("")
    assert read_tuning(folder) is None and TuningLedger.open(folder) is None


def test_a_trial_is_what_its_lines_say() -> None:
    start = {"trial": 1, "settings": {"hidden": 128}}
    end = {
        "trial": 1, "state": "pruned", "reason": "slow", "loss": 2, "bits_per_character": 3.5, "fraction": 0.5,
        "seconds": 9, "curve": [[0.25, 3], [0.5, 2]], "search_seconds": 12,
    }  # fmt: skip
    assert told(start).trials == (Trial(1, {"hidden": 128}),) and not told(start).trials[0].is_over
    tuning = told(start, end)
    trial = Trial(1, {"hidden": 128}, "pruned", "slow", 2.0, 3.5, 0.5, 9.0, ((0.25, 3.0), (0.5, 2.0)))
    assert tuning.trials == (trial,) and tuning.seconds == 12.0 and trial.is_over
    assert isinstance(tuning.trials[0].loss, float)
    [dropped] = told(start, end, {"trial": 1, "dropped": True}).trials
    assert (dropped.is_kept, dropped.published, dropped.state) == (False, "", "pruned")
    [published] = told(start, end, {"trial": 1, "published": "book"}).trials
    assert (published.is_kept, published.published) == (False, "book")


def test_a_trial_counts_its_starts_in_a_row() -> None:
    start = {"trial": 1, "settings": {"hidden": 128}}
    interrupted = {"trial": 1, "state": "interrupted", "loss": 3.0, "fraction": 0.5}
    assert told(start, start, start).trials[0].starts == 3
    assert told(start, interrupted).trials[0].reason == ""
    [again] = told(start, start, interrupted, {**start, "settings": {"hidden": 1}}).trials
    assert (again.starts, again.state, again.loss, again.settings) == (1, "running", 3.0, {"hidden": 128})


@pytest.mark.parametrize(
    "row",
    [
        {"state": "finished"}, {"trial": "1", "state": "finished"}, {"trial": 9, "state": "finished"}, {"trial": 9},
        {"trial": 1, "state": "flying"}, {"trial": 1}, {"trial": 1, "settings": [1]},
        {"trial": 1, "search_seconds": "9"}, {"trial": 1, "search_seconds": -1},
    ],
)  # fmt: skip
def test_a_line_that_says_nothing_known_changes_nothing(row: dict[str, Any]) -> None:
    before = told({"trial": 1, "settings": {}})
    assert before.with_row(row) == before and before.seconds == 0


@pytest.mark.parametrize("number", [1, 100_000])
def test_trials_are_counted_from_1_to_a_bound(number: int) -> None:
    assert [trial.number for trial in told({"trial": number, "settings": {}}).trials] == [number]
    for wrong in (0, -1, 100_001):
        with pytest.raises(ValueError, match=f"trial {wrong}"):
            told({"trial": wrong, "settings": {}})


def test_a_ledger_has_no_more_lines_than_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.runs.tuning_ledger._MAX_LINES", 3)
    rows: list[dict[str, Any]] = [SEARCH.to_json(), *[{"trial": 1, "settings": {}}] * 3]
    tuning = Tuning.of_rows(rows)
    assert tuning is not None and tuning.trials[0].starts == 3
    with pytest.raises(ValueError, match="more than 3 lines"):
        Tuning.of_rows([*rows, {}])


def test_trials_are_in_order_and_the_time_never_goes_back() -> None:
    rows: list[dict[str, Any]] = [{"trial": n, "settings": {}, "search_seconds": 10.0 * n} for n in (2, 3, 1)]
    tuning = told(*rows)
    assert [trial.number for trial in tuning.trials] == [1, 2, 3] and tuning.seconds == 30.0


def test_the_best_trial_is_finished_has_the_lowest_loss_and_is_the_earliest() -> None:
    results = [("finished", 2.0), ("pruned", 1.0), ("finished", 1.5), ("finished", 1.5), ("finished", None)]
    trials = tuple(Trial(n, {}, state, loss=loss) for n, (state, loss) in enumerate(results, 1))  # type: ignore[arg-type]
    best = Tuning(SEARCH, trials[::-1]).best
    assert best is not None and best.number == 3


@pytest.mark.parametrize("state", ["finished", "pruned", "failed", "running", "interrupted"])
def test_a_trial_is_over_when_it_will_not_go_on(state: Any) -> None:
    assert Trial(1, {}, state).is_over is (state in ("finished", "pruned", "failed"))


def test_a_trial_names_what_differs_from_the_defaults() -> None:
    default = Trial(1, {"hidden": 512, "cell": "lstm"})
    assert Trial(2, {"hidden": 256, "cell": "lstm", "layers": 1}).changes(default) == {"hidden": 256, "layers": 1}


def test_lines_are_appended_and_told_and_none_is_left_out(folder: TuningFolder) -> None:
    ledger = TuningLedger.create(folder, SEARCH)
    ledger.append(1, settings={"hidden": 128})
    ledger.append(1, state="finished", loss=1.5, reason=None, search_seconds=4.0)
    last = json.loads(folder.ledger_file.read_text(encoding="utf-8").splitlines()[-1])
    assert last == {"trial": 1, "state": "finished", "loss": 1.5, "search_seconds": 4.0}
    assert ledger.tuning == read_tuning(folder) and ledger.tuning.trials[0].loss == 1.5
    with pytest.raises(ValueError, match="Out of range"):
        ledger.append(1, loss=float("nan"))
    assert read_tuning(folder) == ledger.tuning


def test_half_a_line_is_removed_when_a_ledger_is_opened(folder: TuningFolder) -> None:
    TuningLedger.create(folder, SEARCH).append(1, settings={})
    whole = folder.ledger_file.read_bytes()
    folder.ledger_file.write_bytes(whole + b'{"trial": 2, "sett')
    ledger = TuningLedger.open(folder)
    assert ledger is not None and folder.ledger_file.read_bytes() == whole
    ledger.append(2, settings={})
    tuning = read_tuning(folder)
    assert tuning is not None and len(tuning.trials) == 2
    again = TuningLedger.open(folder)
    assert again is not None and (again.folder, again.tuning) == (folder, tuning)


@pytest.mark.parametrize("end", [{"loss": 10**400}, {"curve": [[1]]}, {"curve": 5}, {"curve": ["ab"]}])
def test_a_line_of_the_wrong_form_is_an_error(folder: TuningFolder, end: dict[str, Any]) -> None:
    rows = [SEARCH.to_json(), {"trial": 1, "settings": {}}, {"trial": 1, "state": "finished", **end}]
    folder.ledger_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(RunError, match="is broken"):
        read_tuning(folder)


def test_searches_are_found_sorted_by_name(tmp_path: Path) -> None:
    for name in ("b.tuning", "a.tuning", ".hidden.tuning", "run"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tuning.jsonl").touch()
    (tmp_path / "empty.tuning").mkdir()
    assert [folder.name for folder in tunings_in(tmp_path)] == ["a", "b"]
    assert tunings_in(tmp_path / "none") == []


def test_settings_are_written_as_flags() -> None:
    settings = {"learning_rate": 0.0014, "hidden": 512, "cell": "lstm", "tied": True, "shuffle": False}
    assert settings_text(settings) == "--learning-rate 0.0014 --hidden 512 --cell lstm --tied --no-shuffle"
    assert value_text(0.1 + 0.2) == "0.3" and value_text(1 / 3) == "0.3333333333" and value_text(None) == "None"
