"""The app around its tabs: keys, help, palette, themes, what it remembers."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path
from typing import ClassVar

import pytest
from chatting import chat_without_thread, chatting
from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.command import CommandList, CommandPalette
from textual.widgets import Input, Static
from textual.widgets._toast import Toast
from tiny_runs import make_run
from waiting import wait_until

from rnntui.cli.main import run
from rnntui.tui.app import RnntuiApp
from rnntui.tui.chat.prompt import Prompt
from rnntui.tui.footer import KeyFooter
from rnntui.tui.installation import UPGRADED
from rnntui.tui.keys import KEYS, Key, app_keys, bindings, keymap_problems, known_keys
from rnntui.tui.messages import OpenRun, RunRenamed
from rnntui.tui.preferences import settings_file, texts_folder
from rnntui.tui.screens.help import HelpScreen
from rnntui.tui.tabs import TABS, TabContext, TabEntry


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    make_run(tmp_path / "runs", "tiny")
    return tmp_path / "runs"


def help_text(app: RnntuiApp) -> str:
    screen = app.screen
    assert isinstance(screen, HelpScreen)
    return "\n".join(
        " ".join([section.title, *(f"{row.keys} {row.help}" for row in section.rows)]) for section in screen.sections
    )


# One key table.


def test_every_key_has_one_id_and_an_action_that_exists() -> None:
    ids = [key.id for keys in KEYS.values() for key in keys]
    assert len(ids) == len(set(ids)) and set(ids) == set(known_keys())
    from rnntui.tui.chat.pane_view import PaneView
    from rnntui.tui.chat.prompt import Prompt
    from rnntui.tui.chat.settings_panel import SettingsPanel
    from rnntui.tui.chat.tab import ChatTab
    from rnntui.tui.classify.label_list import LabelList
    from rnntui.tui.classify.tab import ClassifyTab
    from rnntui.tui.inspect.tab import InspectTab
    from rnntui.tui.train.tab import TrainTab
    from rnntui.tui.translate.hypothesis_list import HypothesisList
    from rnntui.tui.translate.tab import TranslateTab

    owners = {
        "app": RnntuiApp, "chat": ChatTab, "prompt": Prompt, "text": PaneView, "settings": SettingsPanel,
        "train": TrainTab, "translate": TranslateTab, "hypotheses": HypothesisList, "aside": TranslateTab,
        "classify": ClassifyTab, "inspect": InspectTab, "explanation": ClassifyTab, "labels": LabelList,
    }  # fmt: skip
    for context, keys in KEYS.items():
        for key in keys:
            name = key.action.partition("(")[0]
            assert hasattr(owners[context], f"action_{name}"), key.id


def test_no_key_does_two_things_at_once() -> None:
    for context in TABS:
        keys = [
            one
            for group in ("app", context)
            for binding in bindings(group)
            for one in binding.key.split(",")  # type: ignore[union-attr]
        ]
        assert len(keys) == len(set(keys))


async def test_help_shows_every_key(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.pilot.press("f1")
        shown = help_text(user.app)
        for keys in KEYS.values():
            for key in keys:
                assert key.help.split(":")[0].split(",")[0].split("(")[0].strip()[:30] in shown
        await user.pilot.press("escape")
        assert not isinstance(user.app.screen, HelpScreen)


async def test_the_palette_finds_commands_by_the_words_of_their_help(runs: Path) -> None:
    async with chatting(runs) as user:
        labels = {command.title for command in user.app.commands()}
        possible = {key.label for context in ("app", "chat") for key in KEYS[context] if key.palette}
        assert possible - {"Previous unit", "Next unit"} <= labels  # these need a unit that colours the text
        await user.pilot.press("ctrl+p")
        await wait_until(user.pilot, lambda: isinstance(user.app.screen, CommandPalette))
        await user.pilot.press(*"token shade")
        palette = user.app.screen.query_one(CommandList)
        await wait_until(user.pilot, lambda: palette.option_count == 1)
        assert "F9" in str(palette.get_option_at_index(0).prompt)
        await user.pilot.press("enter")
        await wait_until(user.pilot, lambda: user.chat.shows_surprisal)
        assert user.app.commands()[0].id == "chat.surprisal"  # used last


async def test_a_keymap_gives_other_keys(runs: Path, own_settings: Path) -> None:
    own_settings.parent.mkdir()
    own_settings.write_text(json.dumps({"keymap": {"chat.new": "f11", "no.such": "a"}}))
    async with chatting(runs) as user:
        await user.told("no key called 'no.such'")
        await user.say("Hello")
        await user.pilot.press("f12")
        assert user.text != ""
        await user.pilot.press("f11")
        assert user.text == ""
        await user.pilot.press("f1")
        assert "F11" in help_text(user.app)


@pytest.mark.parametrize(
    ("keymap", "problem"),
    [
        ({"no.such": "f11"}, "no key called 'no.such'"),
        ({"chat.again": "ctrl+q"}, "ctrl+q is the key of both app.quit and chat.again"),
        ({"chat.again": "notakey++"}, "'notakey++', which is not a key"),
        ({"chat.again": "hyperctrl+x"}, "'hyperctrl+x', which is not a key"),
    ],
)
def test_a_keymap_that_cannot_be_is_told(keymap: dict[str, str], problem: str) -> None:
    assert [p for p in keymap_problems(keymap, known_keys()) if problem in p]


def test_the_table_itself_and_sound_keymaps_have_no_problems() -> None:
    assert keymap_problems({}, known_keys()) == []
    assert keymap_problems({"chat.again": "f11,alt+r", "text.rewind": "x"}, known_keys()) == []


# Tabs.


async def test_tabs_are_changed_by_key_and_by_mouse(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.pilot.press("f3")
        await wait_until(user.pilot, lambda: user.app.query_one("#tabs").current == "train")  # type: ignore[attr-defined]
        await user.pilot.press("f2")
        assert user.app.query_one("#tabs").current == "chat"  # type: ignore[attr-defined]
        shown = str(user.app.query_one("#bar", Static).render())
        await user.pilot.click("#bar", offset=(shown.index("Train"), 0))
        assert user.app.query_one("#tabs").current == "train"  # type: ignore[attr-defined]


class ToyTab(Static):
    """A tab with one key, a place for the focus, a run to open and something to say at the end."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("w", "wave", "Wave", id="toy.wave")]
    can_focus = True

    def __init__(self, context: TabContext) -> None:
        super().__init__("nothing yet", id="toy")
        self.opened = [context.run] if context.run else []
        self.waves = 0

    def open_run(self, name: str) -> None:
        self.opened.append(name)

    @property
    def exit_message(self) -> str:
        return f"waved {self.waves} times"

    def compose(self) -> ComposeResult:
        yield Input(id="toy-input")

    def action_wave(self) -> None:
        self.waves += 1


async def test_a_tab_needs_a_row_of_the_table_and_its_keys(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABS, "toy", TabEntry("toy", "Toy", "f10", ToyTab, "#toy-input"))
    monkeypatch.setitem(KEYS, "toy", (Key("toy.wave", "w", "wave", "Wave", "Wave at the user"),))
    monkeypatch.setitem(KEYS, "app", app_keys())

    class ToyApp(RnntuiApp):
        BINDINGS = bindings("app")

    app = ToyApp(runs, tabs=chat_without_thread())
    async with app.run_test(size=(100, 40)) as pilot:
        assert "Toy" in str(app.query_one("#bar", Static).render())
        await pilot.press("f10")
        await wait_until(pilot, lambda: app.focused is not None and app.focused.id == "toy-input")
        toy = app.query_one(ToyTab)
        toy.focus()
        await pilot.press("w")
        assert toy.waves == 1
        commands = {command.title: command for command in app.commands()}
        await commands["Wave"].run()
        assert toy.waves == 2 and "Toy" in commands
        await pilot.press("f2")
        commands = {command.title: command for command in app.commands()}
        await commands["Toy: Wave"].run()
        assert toy.waves == 3 and app.query_one("#tabs").current == "toy"  # type: ignore[attr-defined]
        app.post_message(OpenRun("some/run", "toy"))
        await wait_until(pilot, lambda: toy.opened == ["some/run"])
        await pilot.press("f1")
        shown = help_text(app)
        assert "Go to the Toy tab" in shown and "Wave at the user" in shown
    assert app.exit_messages[-1] == "waved 3 times"


async def test_a_run_is_opened_in_a_tab_that_is_made_for_it(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABS, "toy", TabEntry("toy", "Toy", "f10", ToyTab, "#toy-input"))
    app = RnntuiApp(runs, tabs=chat_without_thread())
    async with app.run_test() as pilot:
        app.post_message(OpenRun("some/run", "toy"))
        await wait_until(pilot, lambda: "toy" in app.tabs)
        assert app.query_one(ToyTab).opened == ["some/run"]


# Notifications and screenshots.


async def test_notifications_cover_neither_prompt_nor_footer_and_esc_closes_them(runs: Path) -> None:
    app = RnntuiApp(runs, tabs=chat_without_thread())
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: app.query(KeyFooter))
        for _ in range(2):  # the second one is on the screen already
            app.notifications.error("/a/long/path/to/a/file: cannot be written " * 6, title="Not saved", seconds=20)
        app.notifications.info("Copied.")
        await wait_until(pilot, lambda: len(app.screen.query(Toast)) == 2)
        await wait_until(pilot, lambda: all(toast.region.height for toast in app.screen.query(Toast)))
        covered = [toast.region for toast in app.screen.query(Toast)]
        for widget in (app.query_one(Prompt), app.query_one(KeyFooter), app.query_one("#bar")):
            assert not any(region.overlaps(widget.region) for region in covered)
        assert max(region.height for region in covered) > 5  # it is wrapped, not cut
        await pilot.press("escape")
        await wait_until(pilot, lambda: not app.screen.query(Toast))
        app.notifications.error("/a/long/path", title="Not saved")
        await wait_until(pilot, lambda: app.screen.query(Toast))


async def test_memory_is_given_back_again_and_again(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    monkeypatch.setattr("rnntui.tui.app._MEMORY_INTERVAL", 0.05)
    monkeypatch.setattr("rnntui.tui.app.release_free_memory", lambda: threads.append(threading.current_thread().name))
    app = RnntuiApp(runs)
    async with app.run_test() as pilot:
        await wait_until(pilot, lambda: len(threads) >= 2)
    assert "MainThread" not in threads, "keys need not wait"


async def test_a_screenshot_is_saved_under_a_free_name(runs: Path) -> None:
    async with chatting(runs) as user:
        Path("screenshot-1.svg").write_text("mine")
        await user.pilot.press("alt+s")
        await user.told("Screenshot saved: screenshot-2.svg")
        picture = Path("screenshot-2.svg").read_text()
        assert picture.startswith("<svg") and "temperature" in picture
        assert Path("screenshot-1.svg").read_text() == "mine"
        user.app.action_screenshot(path="no/such/folder")
        await user.told("Screenshot not saved: cannot write no/such/folder/screenshot-1.svg")


# Preferences.


async def test_theme_surprisal_and_panel_are_remembered(runs: Path, own_settings: Path) -> None:
    async with chatting(runs) as user:
        await user.pilot.press("ctrl+t", "f9", "ctrl+b")
        assert user.app.theme == "textual-light"
        remembered = {"theme": "textual-light", "surprisal": True, "panel": False}
        await wait_until(
            user.pilot,
            lambda: own_settings.exists() and remembered.items() <= json.loads(own_settings.read_text()).items(),
        )
    async with chatting(runs) as user:
        assert user.app.theme == "textual-light"
        assert user.chat.shows_surprisal and user.pane.text.shade and not user.chat.wants_panel


def test_the_system_says_where_settings_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RNNTUI_SETTINGS")
    assert settings_file().parts[-2:] == ("rnntui", "settings.json")


async def test_a_theme_there_is_not_is_told(runs: Path, own_settings: Path) -> None:
    own_settings.parent.mkdir()
    own_settings.write_text('{"theme": "no-such"}')
    async with chatting(runs) as user:
        await user.told("no theme 'no-such'")
        assert user.app.theme == "textual-dark"


async def test_settings_that_cannot_be_saved_are_reported(runs: Path, own_settings: Path) -> None:
    own_settings.parent.touch()  # a file where the folder should be
    async with chatting(runs) as user:
        await user.pilot.press("ctrl+t")
        await user.told("Settings are not kept")
        await user.say("x")
        user.chat.session.files.autosave()
        await user.told("Autosave failed")
        assert user.app.is_running and user.text.startswith("x")


# Without a terminal.


def test_without_a_terminal_it_names_sample(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["chat"]) == 2
    assert capsys.readouterr().err == "rnntui: chat needs a terminal; in scripts and pipes use: rnntui sample\n"


def test_no_key_is_one_that_terminals_send_as_another() -> None:
    """Alt+B, for one, is Ctrl+← to Textual, for some terminals send that so."""
    letters = [key[-1] for keys in known_keys().values() for key in keys.split(",") if key[:-1] == "alt+"]
    assert "l" in letters and not [letter for letter in letters if f"\x1b{letter}" in ANSI_SEQUENCES_KEYS]


async def test_the_palette_offers_no_command_that_is_refused_and_a_renamed_run_is_shown(runs: Path) -> None:
    async with chatting(runs, size=(120, 30)) as user:
        await user.pilot.press("f3")
        await wait_until(user.pilot, lambda: "train.rename" in {command.id for command in user.app.commands()})
        ids = {command.id for command in user.app.commands()}
        assert "train.stop" not in ids  # it is not running
        user.app.post_message(RunRenamed("tiny", "larger"))
        await user.pilot.press("f2")
        await wait_until(user.pilot, lambda: "larger · ready" in str(user.pane._status_line.render()))
        assert user.pane.pane.run_name == user.conversation.name == "larger"


async def test_an_app_whose_modules_were_replaced_saves_its_texts_and_closes_with_one_line(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        monkeypatch.setitem(sys.modules, "rnntui.tui.screens.help", None)  # as if the file were gone
        user.app.post_message(events.Key("f1", None))
        while user.app.is_running:
            await asyncio.sleep(0.02)
        assert user.app.return_code == 1 and UPGRADED in user.app.exit_messages
    assert [path.read_text() for path in texts_folder().glob("*.txt")] == [user.text]


def test_with_stderr_redirected_it_says_so_instead_of_drawing_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(getattr(sys, stream), "isatty", lambda: True)
    assert run(["chat"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("rnntui: chat needs a terminal") and "stderr" in line
