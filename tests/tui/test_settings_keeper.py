"""The settings keeper: what it writes and when, how long it waits, and what it tells."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.widget import Widget

from rnntui.sessions.folder_lock import LOCK_TIMEOUT
from rnntui.tui import settings_keeper
from rnntui.tui.preferences import PreferencesFile
from rnntui.tui.settings_keeper import SettingsKeeper


def keeper_of(
    file: PreferencesFile, warn: Callable[[str], object] = print, kept: dict[str, Any] | None = None
) -> SettingsKeeper:
    """The keeper of an app with one tab, whose present settings these are."""

    class Tab(Widget):
        kept_settings = kept or {}

    return SettingsKeeper(file, {"train": Tab()}, {"train": "Train"}, {}, warn)


class SlowFile(PreferencesFile):
    """A file that another app holds for ever: whoever saves waits as long as it would, by a clock of its own.

    `saved` has the changes of each call, `waited` the seconds. `meanwhile` is called in the next one.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(Path("settings.json"))
        self.saved: list[Mapping[str, Any]] = []
        self.waited: list[float] = []
        self.clock = 1000.0
        self.meanwhile: Callable[[], object] = lambda: None
        monkeypatch.setattr(settings_keeper, "time", SimpleNamespace(monotonic=self.monotonic))

    def monotonic(self) -> float:
        return self.clock

    def save(self, changes: Mapping[str, Any], timeout: float = LOCK_TIMEOUT) -> str:
        self.saved.append(changes)
        self.waited.append(max(timeout, 0))
        self.clock += self.waited[-1]
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return ""


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowFile:
    return SlowFile(monkeypatch)


def test_a_preference_that_is_saved_is_not_saved_again(tmp_path: Path) -> None:
    """Another app may have changed it since."""
    path = tmp_path / "settings.json"
    keeper = keeper_of(PreferencesFile(path))
    keeper.remember("theme", "nord")
    assert keeper.is_waiting
    keeper.save({})
    assert not keeper.is_waiting
    PreferencesFile(path).save({"theme": "gruvbox"})
    keeper.remember("surprisal", True)
    keeper.save({})
    assert json.loads(path.read_text()) == {"theme": "gruvbox", "surprisal": True}


def test_a_problem_is_told_once_and_again_when_it_has_come_back(tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "settings.json"
    path.mkdir()
    keeper = keeper_of(PreferencesFile(path), told.append)
    keeper.remember("theme", "nord")
    keeper.save({})
    keeper.save({})
    assert len(told) == 1 and keeper.exit_lines == told
    path.rmdir()
    keeper.save({})
    assert len(told) == 1 and keeper.exit_lines == []
    path.unlink()
    path.mkdir()
    keeper.remember("theme", "gruvbox")
    keeper.save({})
    assert len(told) == 2 and keeper.exit_lines == told[1:]


def test_a_preference_that_is_changed_while_it_is_saved_is_saved_after_that(slow: SlowFile) -> None:
    keeper = keeper_of(slow)
    keeper.remember("theme", "nord")

    def change() -> None:
        keeper.remember("theme", "gruvbox")
        keeper.save({})  # as the thread of that change does, which must not wait

    slow.meanwhile = change
    keeper.save({})
    assert slow.saved == [{"theme": "nord"}, {"theme": "gruvbox"}] and not keeper.is_waiting
    assert sum(slow.waited) == LOCK_TIMEOUT


def test_the_end_of_the_app_waits_for_a_thread_and_for_another_app_together_once(slow: SlowFile) -> None:
    keeper = keeper_of(slow, kept={"form": {"name": "mine"}})
    keeper.remember("theme", "nord")
    is_saving, has_begun, may_go_on = threading.Event(), threading.Event(), threading.Event()

    def stay() -> None:
        is_saving.set()
        assert may_go_on.wait(60)

    slow.meanwhile = stay
    thread = threading.Thread(target=keeper.save, args=({},))
    thread.start()
    assert is_saving.wait(60)
    slow.monotonic = lambda: has_begun.set() or slow.clock  # type: ignore[method-assign, func-returns-value]
    settings_keeper.time.monotonic = slow.monotonic  # type: ignore[misc]
    end = threading.Thread(target=keeper.save, args=(keeper.changed(),), kwargs={"at_exit": True})
    end.start()
    assert has_begun.wait(60)
    slow.clock += LOCK_TIMEOUT - 0.5  # which it waits for the thread
    may_go_on.set()
    thread.join()
    end.join()
    assert slow.saved == [{"theme": "nord"}, {"tabs": {"train": {"form": {"name": "mine"}}}}]
    assert slow.waited == [LOCK_TIMEOUT, 0.5]


def test_the_longest_fields_are_left_out_until_the_others_fit(tmp_path: Path) -> None:
    told: list[str] = []
    text = "x" * 600_000
    values = {"form": {"corpus": text + "xxx", "name": text + "xx", "hidden": "1"}, "other": text}
    file = PreferencesFile(tmp_path / "settings.json")
    keeper = keeper_of(file, told.append, values)
    keeper.save(keeper.changed())
    assert file.load()[0].tabs == {"train": {"form": {"hidden": "1"}, "other": text}}
    assert told == ["Train: too long to be kept for the next start: corpus and name"]


@pytest.mark.parametrize(("letters", "is_kept"), [(180_000, True), (520_000, True), (530_000, False)])
def test_the_limit_is_of_bytes_in_the_file(tmp_path: Path, letters: int, is_kept: bool) -> None:
    """A Cyrillic letter has two."""
    told: list[str] = []
    file = PreferencesFile(tmp_path / "settings.json")
    values = {"text": "ж" * letters, "view": "units"}
    keeper = keeper_of(file, told.append, values)
    keeper.save(keeper.changed())
    assert file.load()[0].tabs == {"train": values if is_kept else {"view": "units"}}
    assert bool(told) is not is_kept
    assert not is_kept or file.path.stat().st_size < 2 * letters + 200


def test_what_could_not_be_saved_waits_and_gives_way_to_what_another_app_has_saved_since(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    file = PreferencesFile(path)
    file.load()
    keeper = keeper_of(file, lambda line: None, {"form": {"name": "mine", "seed": "1"}})
    path.mkdir()
    keeper.remember("theme", "nord")
    keeper.save(keeper.changed())
    path.rmdir()
    PreferencesFile(path).save({"theme": "gruvbox", "tabs": {"train": {"form": {"name": "theirs"}}}})
    keeper.save(keeper.changed())
    expected = {"theme": "gruvbox", "tabs": {"train": {"form": {"name": "theirs", "seed": "1"}}}}
    assert json.loads(path.read_text()) == expected
    assert not keeper.is_waiting and not keeper.changed()
