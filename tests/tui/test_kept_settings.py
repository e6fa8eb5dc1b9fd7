"""Settings, and what stands in forms, are there again at the next start; what is no longer valid is at its default."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from chatting import chatting
from textual.pilot import Pilot
from textual.widgets import Input, Select, Static
from tiny_runs import make_run
from waiting import wait_until

from rnntui.sessions.explanation_view import MEASURES
from rnntui.sessions.translation_session import DEFAULT_BEAM
from rnntui.tui.app import RnntuiApp
from rnntui.tui.inspect.tab import InspectTab
from rnntui.tui.preferences import PreferencesFile
from rnntui.tui.train.form_fields import Field
from rnntui.tui.train.form_screen import TrainingFormScreen
from rnntui.tui.widgets.slider import Slider


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A checkpoints folder with two language models; the second is the newest."""
    for seed, name in enumerate(("alpha", "beta")):
        make_run(tmp_path / "runs", name, seed=seed)
    return tmp_path / "runs"


@asynccontextmanager
async def using(runs: Path, tab: str, *, reopen: bool = False) -> AsyncIterator[tuple[Any, Pilot[None]]]:
    """The app in one of its tabs: the tab, and what presses its keys. At the end the user quits."""
    app = RnntuiApp(runs, first=tab, reopen=reopen)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        yield app.tabs[tab], pilot
        await pilot.press("ctrl+q")
        await wait_until(pilot, lambda: app._exit)


def kept(settings: Path, tab: str) -> object:
    return json.loads(settings.read_text()).get("tabs", {}).get(tab)


def told(app: RnntuiApp) -> list[str]:
    """Return what notifications say of settings."""
    return [notice.message for notice in app._notifications if notice.title == "Settings"]


def write_tabs(settings: Path, **tabs: object) -> None:
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(json.dumps({"tabs": tabs}))


async def test_settings_of_a_search_and_hidden_parts_come_back(runs: Path, own_settings: Path) -> None:
    async with using(runs, "translate") as (tab, pilot):
        tab.query_one("#beam", Slider).focus()
        await pilot.press("right")
        tab.action_matrix()
        tab.action_panel()
    assert kept(own_settings, "translate") == {"beam": DEFAULT_BEAM.beam + 1, "matrix": True, "panel": False}
    async with using(runs, "translate") as (tab, pilot):
        assert tab.session.settings.beam == tab.query_one("#beam", Slider).value == DEFAULT_BEAM.beam + 1
        assert tab.has_class("-matrix") and tab.has_class("-bare")
        tab.query_one("#beam", Slider).value = DEFAULT_BEAM.beam
        tab.action_matrix()
        tab.action_panel()
    assert kept(own_settings, "translate") is None, "what is at its default is not kept"


@pytest.mark.parametrize("wrong", [{"beam": 65}, {"beam": "5"}, {"beam": True}, {"beam": [5]}, {"length_penalty": -1}])
async def test_values_of_a_search_that_cannot_be_are_at_their_defaults(
    runs: Path, own_settings: Path, wrong: dict[str, object]
) -> None:
    write_tabs(own_settings, translate={**wrong, "max_length": 3, "n_best": 2, "panel": "no", "other": 1})
    async with using(runs, "translate") as (tab, _):
        settings = tab.session.settings
        assert (settings.beam, settings.n_best, settings.length_penalty) == (DEFAULT_BEAM.beam, 2, 1.0)
        assert settings.max_length is None and not tab.has_class("-bare")
        assert not tab.app._notifications


async def test_settings_of_chat_come_back_but_for_the_seed(runs: Path, own_settings: Path) -> None:
    async with using(runs, "chat") as (tab, pilot):
        await wait_until(pilot, lambda: tab.session.conversations)
        tab.query_one("#temperature", Slider).value = 1.5
        tab.query_one("#length", Slider).value = 7
        tab.query_one("#seed", Slider).value = 3
        await wait_until(pilot, lambda: tab.session.settings.seed == 3)
    assert kept(own_settings, "chat") == {"temperature": 1.5, "length": 7}
    async with using(runs, "chat") as (tab, pilot):
        await wait_until(pilot, lambda: tab.session.conversations)
        settings = tab.session.settings
        assert (settings.sampling.temperature, settings.generation.length, settings.seed) == (1.5, 7, None)
        assert tab.query_one("#temperature", Slider).value == 1.5
    write_tabs(own_settings, chat={"temperature": float("nan"), "top_k": -1, "length": "7", "min_p": 0.1, "seed": 5})
    async with using(runs, "chat") as (tab, pilot):
        await wait_until(pilot, lambda: tab.session.conversations)
        assert tab.session.settings.values == {"min_p": 0.1} and tab.session.settings.seed is None


@pytest.mark.parametrize(
    ("shading", "measure"),
    [("gradient_x_input", MEASURES[1]), ("none", None), ("no such", MEASURES[0]), ([], MEASURES[0])],
)
async def test_the_shading_of_classify_comes_back(
    runs: Path, own_settings: Path, shading: object, measure: object
) -> None:
    write_tabs(own_settings, classify={"shading": shading, "panel": False})
    async with using(runs, "classify") as (tab, _):
        assert tab.session.measure == measure and tab.has_class("-bare")
        tab.session.next_measure(0)
        left = tab.kept_settings
    assert kept(own_settings, "classify") == left


async def test_the_text_of_inspect_comes_back_with_its_view_and_with_reopen_its_runs(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InspectTab, "_compute", lambda *_: None)  # which would take its time
    async with using(runs, "inspect") as (tab, pilot):
        await wait_until(pilot, lambda: tab.session.runs)
        tab.session.select("Units")
        tab._update()
        tab.open_run("alpha")
        await wait_until(pilot, lambda: tab.session.runs[0].name == "alpha")
        await pilot.press("t", *"brackets")  # not entered
    async with using(runs, "inspect") as (tab, pilot):
        await wait_until(pilot, lambda: tab.session.runs)
        assert tab.session.runs[0].name == "beta", "without --reopen it is the newest"
        assert tab.session.view.title == "Units"
        assert (tab.session.text, tab.query_one(Input).value) == ("brackets", "brackets")
        tab.open_run("alpha")
        await wait_until(pilot, lambda: tab.session.runs[0].name == "alpha")
    async with using(runs, "inspect", reopen=True) as (tab, pilot):
        await wait_until(pilot, lambda: [run.name for run in tab.session.runs] == ["alpha"])
    shutil.rmtree(runs / "alpha")
    async with using(runs, "inspect", reopen=True) as (tab, pilot):
        await wait_until(pilot, lambda: [run.name for run in tab.session.runs] == ["beta"])
        assert not tab.app._notifications


@pytest.mark.parametrize("wrong", [{"text": 1, "view": [], "runs": "alpha"}, {"runs": [1, "none", None]}])
async def test_wrong_settings_of_inspect_are_at_their_defaults(
    runs: Path, own_settings: Path, wrong: dict[str, object]
) -> None:
    write_tabs(own_settings, inspect={"view": "no such view", **wrong})
    async with using(runs, "inspect", reopen=True) as (tab, pilot):
        await wait_until(pilot, lambda: [run.name for run in tab.session.runs] == ["beta"])
        assert (tab.session.view, tab.session.text) == (tab.session.views[0], "")


@pytest.mark.usefixtures("few")
async def test_the_training_form_comes_back_as_it_was_when_the_app_ended_within_it(
    runs: Path, own_settings: Path
) -> None:
    async with using(runs, "train") as (_, pilot):
        await open_form(pilot)
        field(pilot, "corpus").focus()
        await pilot.press(*"book", "tab", *"mine")
        field(pilot, "hidden").focus()
        await pilot.press(*"1x")  # which is wrong, and was typed
    assert kept(own_settings, "train") == {"form": {"corpus": "book", "name": "mine", "hidden": "1x"}}
    async with using(runs, "train"):
        pass  # the form is not opened
    async with using(runs, "train") as (tab, pilot):
        await open_form(pilot)
        assert [field(pilot, name).value for name in ("corpus", "name", "hidden")] == ["book", "mine", "1x"]
        field(pilot, "hidden").value = ""
        await pilot.press("escape")
        await wait_until(pilot, lambda: not tab.app.screen.is_modal)
    assert kept(own_settings, "train") == {"form": {"corpus": "book", "name": "mine"}}


@pytest.mark.usefixtures("few")
async def test_what_is_wrong_in_a_form_that_comes_back_is_told(runs: Path, own_settings: Path) -> None:
    """Beside its field, without a key; no other field has a message."""
    write_tabs(own_settings, train={"form": {"corpus": "nowhere.txt", "hidden": "abc", "bptt": "-1", "name": "mine"}})
    async with using(runs, "train") as (_, pilot):
        await open_form(pilot)
        await wait_until(pilot, lambda: "corpus" in problems(pilot))
        assert problems(pilot).keys() == {"corpus", "hidden", "bptt"}
        assert "must be" in problems(pilot)["hidden"] and "nowhere.txt" in problems(pilot)["corpus"]
        field(pilot, "hidden").value = "64"
        await wait_until(pilot, lambda: problems(pilot).keys() == {"corpus", "bptt"})


def problems(pilot: Pilot[None]) -> dict[str, str]:
    """Return the messages that are shown beside fields."""
    fields = pilot.app.screen.query(Field)
    return {
        each.option.name: str(each.query(".help").first(Static).content) for each in fields if each.has_class("-wrong")
    }


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    "wrong", ["text", {"kind": "no such", "no such": "1", "hidden": 5, "name": "mine", "tied": "?"}]
)
async def test_wrong_values_of_the_training_form_are_at_their_defaults(
    runs: Path, own_settings: Path, wrong: object
) -> None:
    write_tabs(own_settings, train={"form": wrong})
    async with using(runs, "train") as (_, pilot):
        await open_form(pilot)
        form = pilot.app.screen
        assert isinstance(form, TrainingFormScreen)
        assert {name: text for name, text in form.values.items() if name != "name"} == {}


async def open_form(pilot: Pilot[None]) -> None:
    await pilot.press("n")
    await wait_until(
        pilot, lambda: isinstance(pilot.app.screen, TrainingFormScreen) and pilot.app.screen.query("#start")
    )
    await pilot.pause()


def field(pilot: Pilot[None], name: str) -> Input:
    found = next(each for each in pilot.app.screen.query(Field) if each.option.name == name)
    return found.query_one(Input)


async def test_settings_are_kept_while_the_app_runs(runs: Path, own_settings: Path) -> None:
    app = RnntuiApp(runs, first="translate")
    async with app.run_test() as pilot:
        await pilot.pause()
        app._keep_settings()
        await app.workers.wait_for_complete()
        assert not own_settings.exists(), "nothing has changed"
        app.tabs["translate"].query_one("#n_best", Slider).value = 2
        await pilot.pause()
        app._keep_settings()  # as it is called every ten seconds
        await wait_until(pilot, own_settings.exists)
        assert kept(own_settings, "translate") == {"n_best": 2}


async def test_a_thread_that_saves_late_puts_no_older_settings_back(runs: Path, own_settings: Path) -> None:
    app = RnntuiApp(runs, first="translate")
    async with app.run_test() as pilot:
        await pilot.pause()
        slider = app.tabs["translate"].query_one("#n_best", Slider)
        slider.value = 2
        await pilot.pause()
        late = app._keeper.changed()
        slider.value = 3
        await pilot.pause()
        app.save_all()
        app._keeper.save(late)
        assert kept(own_settings, "translate") == {"n_best": 3}


async def test_settings_that_cannot_be_kept_are_told_and_hold_up_no_end(runs: Path, own_settings: Path) -> None:
    own_settings.parent.touch()  # a file where the folder should be
    app = RnntuiApp(runs, first="translate")
    async with app.run_test() as pilot:
        await pilot.pause()
        app.tabs["translate"].query_one("#n_best", Slider).value = 2
        await pilot.pause()
        app._keep_settings()
        await app.workers.wait_for_complete()
        app.theme = "textual-light"
        await pilot.pause()
        app._keep_settings()  # which tries again
        await app.workers.wait_for_complete()
        await pilot.pause()
        (line,) = [line for line in told(app) if line.startswith("Settings are not kept: ")]
        assert f": cannot write to {own_settings.parent}: " in line
        await pilot.press("ctrl+q")
        await wait_until(pilot, lambda: app._exit)
    assert app.return_code == 0 and app.exit_messages == [line]


async def test_settings_that_could_not_be_kept_are_kept_once_they_can_be(runs: Path, own_settings: Path) -> None:
    own_settings.mkdir(parents=True)
    app = RnntuiApp(runs, first="translate")
    async with app.run_test() as pilot:
        await pilot.pause()
        app.theme = "textual-light"
        app.tabs["translate"].query_one("#n_best", Slider).value = 2
        await pilot.pause()
        app._keep_settings()
        await app.workers.wait_for_complete()
        assert own_settings.is_dir() and len(app.exit_messages) == 1
        own_settings.rmdir()
        app._keep_settings()
        await app.workers.wait_for_complete()
        assert json.loads(own_settings.read_text()) == {"theme": "textual-light", "tabs": {"translate": {"n_best": 2}}}
        assert app.exit_messages == []


async def test_a_preference_that_could_not_be_kept_is_kept_once_it_can_be_though_nothing_else_changes(
    runs: Path, own_settings: Path
) -> None:
    own_settings.mkdir(parents=True)
    app = RnntuiApp(runs, first="translate")
    async with app.run_test() as pilot:
        app.theme = "textual-light"
        await wait_until(pilot, lambda: told(app))
        await app.workers.wait_for_complete()
        own_settings.rmdir()
        app._keep_settings()  # as it is called every ten seconds
        await app.workers.wait_for_complete()
        assert json.loads(own_settings.read_text()) == {"theme": "textual-light"}


async def test_the_screen_does_not_wait_while_a_preference_is_saved(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    monkeypatch.setattr(PreferencesFile, "save", lambda *_: threads.append(threading.current_thread()) or "")
    async with chatting(runs) as user:
        for key in ("ctrl+t", "f9", "ctrl+b"):
            count = len(threads)
            await user.pilot.press(key)
            await wait_until(user.pilot, lambda: len(threads) > count)  # noqa: B023
        assert threading.current_thread() not in threads


async def test_a_damaged_file_is_told_at_the_start_and_where_it_is_then(runs: Path, own_settings: Path) -> None:
    own_settings.parent.mkdir()
    own_settings.write_text('{"theme": "nord",}')
    app = RnntuiApp(runs, first="translate")
    async with app.run_test() as pilot:
        await pilot.pause()
        app.save_all()
        assert own_settings.read_text() == '{"theme": "nord",}', "nothing has changed"
        assert app.exit_messages == []
        app.tabs["translate"].query_one("#n_best", Slider).value = 2
        await pilot.pause()
        app.save_all()
        app.save_all()
        await pilot.pause()
        lines = told(app)
        assert len(lines) == 2 and all(str(own_settings) in line for line in lines)
        assert "when a setting changes, it is set aside" in lines[0] and "is now settings.json.damaged" in lines[1]
        assert app.exit_messages == lines[1:]
    assert kept(own_settings, "translate") == {"n_best": 2}
    assert own_settings.with_name("settings.json.damaged").read_text() == '{"theme": "nord",}'


async def test_two_apps_keep_each_others_settings_of_a_tab(runs: Path, own_settings: Path) -> None:
    one, other = RnntuiApp(runs, first="translate"), RnntuiApp(runs, first="translate")
    for app, name in ((one, "beam"), (other, "n_best")):
        async with app.run_test() as pilot:
            await pilot.pause()
            app.tabs["translate"].query_one(f"#{name}", Slider).value = 2
            await pilot.pause()
            app.save_all()
    assert kept(own_settings, "translate") == {"beam": 2, "n_best": 2}


def test_each_tab_is_kept_by_itself(own_settings: Path) -> None:
    file = PreferencesFile(own_settings)
    file.save({"tabs": {"translate": {"beam": 2}, "inspect": {"text": "one"}}})
    file.save({"tabs": {"inspect": {"text": None}, "classify": {}}})
    file.save({"theme": "nord"})
    assert json.loads(own_settings.read_text()) == {"theme": "nord", "tabs": {"translate": {"beam": 2}}}
    own_settings.write_text('{"tabs": {"translate": 3, "inspect": {"text": "two"}}}')
    preferences, problems = file.load()
    assert preferences.tabs == {"inspect": {"text": "two"}} and problems == []


async def test_a_text_that_is_too_long_is_told_and_the_rest_of_its_tab_is_kept(
    runs: Path, own_settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InspectTab, "_compute", lambda *_: None)
    app = RnntuiApp(runs, first="inspect")
    async with app.run_test() as pilot:
        await pilot.pause()
        for view in ("units", "steps"):
            monkeypatch.setattr(InspectTab, "kept_settings", {"view": view, "text": "x" * (1 << 20)})
            app.save_all()
        await pilot.pause()
        assert kept(own_settings, "inspect") == {"view": "steps"}
        line = "Inspect: too long to be kept for the next start: text"
        assert told(app) == app.exit_messages == [line]
        monkeypatch.setattr(InspectTab, "kept_settings", {"view": "steps", "text": "short"})
        app.save_all()
        assert kept(own_settings, "inspect") == {"view": "steps", "text": "short"} and app.exit_messages == []


@pytest.mark.usefixtures("few")
async def test_the_form_can_be_kept_at_any_moment(runs: Path, own_settings: Path) -> None:
    """Also while the fields of one kind of model are replaced by those of another."""
    app = RnntuiApp(runs, first="train")
    seen: list[object] = []
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        await open_form(pilot)
        field(pilot, "name").value = "mine"
        select = pilot.app.screen.query(Select).first()

        async def keep() -> None:
            while True:
                form = app._keeper.changed()["train"]["form"]
                if form not in seen:
                    seen.append(form)
                await asyncio.sleep(0)

        keeping = asyncio.create_task(keep())
        select.value = "classifier"
        await pilot.pause()
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping
    assert seen == [{"name": "mine", "kind": "classifier"}]
