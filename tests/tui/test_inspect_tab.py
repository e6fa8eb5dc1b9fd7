"""The Inspect tab, as a person uses it: runs, views, a text, stopping, saving."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from test_contrast import illegible
from textual.pilot import Pilot
from textual.widgets import Input, OptionList
from tiny_runs import make_run
from waiting import wait_until

from rnntui.charts.styled_text import LABEL, Row
from rnntui.errors import CorpusError
from rnntui.inspection.inspection import Cancelled, InspectionRequest, check_cancelled
from rnntui.inspection.views import VIEWS, InspectionView
from rnntui.runs.folder import RunFolder
from rnntui.sessions import inspection_session
from rnntui.tui.app import RnntuiApp
from rnntui.tui.chat.tab import ChatTab
from rnntui.tui.inspect.inspection_view import InspectionRows
from rnntui.tui.inspect.tab import InspectTab
from rnntui.tui.messages import OpenRun
from rnntui.tui.screens.dialogs import AskScreen, PickScreen

KIND = ("language-model",)


@dataclass(frozen=True)
class Echo:
    """An inspection that shows its request and its width."""

    request: InspectionRequest

    def rows(self, width: int) -> list[Row]:
        return [[(f"{', '.join(run.name for run in self.request.runs)} at {width}", LABEL)]]

    def summary(self) -> list[str]:
        return [f"The text is {self.request.text!r}.", "words " * 40]

    def svg(self) -> str:
        return "<svg></svg>"

    def to_json(self) -> dict[str, Any]:
        return {}


gate = threading.Event()
computed: list[str] = []
may_end: list[threading.Event] = []


def echo(request: InspectionRequest, cancelled: Cancelled) -> Echo:
    computed.append(request.text)
    return Echo(request)


def slow(request: InspectionRequest, cancelled: Cancelled) -> Echo:
    request.on_progress(0.375)
    while not gate.wait(0.005):
        check_cancelled(cancelled)
    return Echo(request)


def stubborn(request: InspectionRequest, cancelled: Cancelled) -> Echo:
    """Goes on after it was stopped, until it may end; the first call fails then."""
    may_end.append(threading.Event())
    is_first = len(may_end) == 1
    may_end[-1].wait(10)
    if is_first:
        raise CorpusError("too late")
    return Echo(request)


def failing(request: InspectionRequest, cancelled: Cancelled) -> Echo:
    raise CorpusError("it has 3 tokens", hint="name a longer text, FILE...")


class Views:
    """The user of the tab, and what is on the screen."""

    def __init__(self, pilot: Pilot[None], app: RnntuiApp) -> None:
        self.pilot, self.app = pilot, app

    @property
    def tab(self) -> InspectTab:
        tab = self.app.tabs["inspect"]
        assert isinstance(tab, InspectTab)
        return tab

    @property
    def screen(self) -> str:
        """The text of the screen, with the notifications, which lie over it."""
        rows = [strip.text for strip in self.pilot.app.screen._compositor.render_strips()]
        return "\n".join([*rows, *(notification.message for notification in self.pilot.app._notifications)])

    def can_choose(self) -> bool:
        """Return True once the dialog of the runs has read their list."""
        screen = self.pilot.app.screen
        options = [option for choices in screen.query(OptionList) for option in choices.options]
        return isinstance(screen, PickScreen) and any(not option.disabled for option in options)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def sees(self, text: str) -> None:
        try:
            await wait_until(self.pilot, lambda: text in self.screen)
        except AssertionError as error:
            raise AssertionError(f"{text!r} is not on the screen:\n{self.screen}") from error


@asynccontextmanager
async def inspecting(
    folder: Path, monkeypatch: pytest.MonkeyPatch, run: str | None = "alpha", first: str = "inspect"
) -> AsyncIterator[Views]:
    for name in list(VIEWS):
        monkeypatch.delitem(VIEWS, name)
    for view in (
        InspectionView("echo", "Echo", "What was asked?", KIND, f"{__name__}:echo", "optional", "say it", 3),
        InspectionView("needy", "Needy", "What does it say of a text?", KIND, f"{__name__}:echo", "required"),
        InspectionView("slow", "Slow", "How long does it take?", KIND, f"{__name__}:slow"),
        InspectionView("failing", "Failing", "What is wrong?", KIND, f"{__name__}:failing", "optional"),
        InspectionView("stubborn", "Stubborn", "When does it end?", KIND, f"{__name__}:stubborn"),
    ):
        monkeypatch.setitem(VIEWS, view.name, view)
    monkeypatch.setenv("RNNTUI_SETTINGS", str(folder / "settings.json"))
    monkeypatch.chdir(folder)
    computed.clear()
    may_end.clear()
    gate.clear()
    for seed, name in enumerate(("alpha", "beta")):
        make_run(folder / "runs", name, seed=seed)
    app = RnntuiApp(folder / "runs", run, first=first)
    async with app.run_test(size=(80, 24)) as pilot:
        yield Views(pilot, app)


async def test_a_view_is_computed_when_it_is_shown_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with inspecting(tmp_path, monkeypatch) as user:
        await user.sees("alpha at 78")
        assert "alpha (LM lstm 1×16)" in user.screen and "The text is ''." in user.screen
        await user.press("right_square_bracket")
        await user.sees("Press t, type a text, and press Enter.")
        await user.press("left_square_bracket")
        await user.sees("alpha at 78")
        assert computed == [""]
        await user.pilot.resize_terminal(140, 40)
        await user.sees("alpha at 90")  # the sentences are beside it
        assert any("alpha at" in line and "The text" in line for line in user.screen.splitlines())
        await user.pilot.resize_terminal(80, 7)
        await user.sees("alpha at 77")  # the scrollbar takes a column


async def test_a_text_is_typed_for_all_views_that_take_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with inspecting(tmp_path, monkeypatch) as user:
        await user.sees("alpha at")
        assert user.tab.query_one(Input).placeholder == "say it"
        await user.press("t", *"be[]", "enter")
        await user.sees("The text is 'be[]'.")
        await user.press("right_square_bracket")
        await user.sees("The text is 'be[]'.")
        await user.press("t", *"more", "escape")  # not taken
        assert user.pilot.app.focused is user.tab.query_one(InspectionRows)
        assert user.tab.query_one(Input).value == "be[]" and computed == ["", "be[]", "be[]"]


async def test_a_slow_view_is_stopped_and_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with inspecting(tmp_path, monkeypatch) as user:
        await user.sees("alpha at")
        await user.press("right_square_bracket", "right_square_bracket")
        await user.sees("s (Esc stops)")
        await user.press("escape")
        await user.sees("Stopped. Enter computes it.")
        await user.press("enter")
        await user.sees("Computing… 38%, ")
        await user.press("right_square_bracket")  # to another view: the computation ends
        await user.sees("it has 3 tokens; name a longer text, FILE... Press t to type a text.")
        await user.press("left_square_bracket")
        await user.sees("Stopped. Enter computes it.")
        gate.set()
        await user.press("enter")
        await user.sees("alpha at 78")


async def test_models_are_compared_and_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with inspecting(tmp_path, monkeypatch) as user:
        await user.sees("alpha at")
        for key, choice, seen in (
            ("f6", "beta", "alpha, beta at 78"), ("f6", "beta", "run beta is shown already"),
            ("f6", "authors", ""), ("f7", "", "alpha at 78"), ("f5", "beta", "beta at 78"),
        ):  # fmt: skip
            await user.press(key)
            if choice:
                await wait_until(user.pilot, user.can_choose)
                await user.press(*choice)
                if not seen:
                    await user.sees("Nothing matches.")  # a classifier cannot join
                    await user.press("escape")
                    continue
                await user.press("enter")
            await user.sees(seen)
        assert "alpha" not in user.screen
        assert not user.tab.check_action("remove_run", ())
        await user.press("f5", *"alp")  # no key that follows goes to the tab
        assert isinstance(user.pilot.app.screen, PickScreen)


async def test_picture_and_sentences_are_saved_and_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with inspecting(tmp_path, monkeypatch) as user:
        await user.sees("alpha at")
        await user.press("ctrl+g")
        assert user.pilot.app.clipboard.startswith("The text is ''.\nwords")
        await user.press("e")
        await wait_until(user.pilot, lambda: isinstance(user.pilot.app.screen, AskScreen))
        await user.press("enter")
        await wait_until(user.pilot, (tmp_path / "alpha-echo.svg").exists)
        for _ in range(2):  # colours are looked up again
            await user.press("ctrl+t")
            await wait_until(user.pilot, lambda: not illegible(user.app))
        await user.sees("alpha at 78")


async def test_weights_that_have_changed_are_looked_at_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their time is read in a thread: a slow disk stops no key."""
    readers: set[str] = set()
    stat = inspection_session.weights_times

    def traced(runs: Sequence[RunFolder]) -> dict[Path, int]:
        readers.add(threading.current_thread().name)
        return stat(runs)

    monkeypatch.setattr("rnntui.tui.inspect.tab.weights_times", traced)
    async with inspecting(tmp_path, monkeypatch) as user:
        await user.sees("alpha at")
        assert computed == [""]
        weights = tmp_path / "runs" / "alpha" / "model.safetensors"
        os.utime(weights, ns=(0, 1))
        await user.press("right_square_bracket", "left_square_bracket")
        await wait_until(user.pilot, lambda: len(computed) == 2)
        assert threading.main_thread().name not in readers


async def test_the_model_of_another_tab_is_shown_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with inspecting(tmp_path, monkeypatch, run=None, first="chat") as user:
        chat = user.pilot.app.query_one(ChatTab)
        await wait_until(user.pilot, lambda: bool(chat.model_name))
        other = {"alpha": "beta", "beta": "alpha"}[chat.model_name]
        chat.open_run(other)
        await wait_until(user.pilot, lambda: chat.model_name == other)
        await user.press("alt+i")
        await user.sees(f"{other} at")


async def test_a_kind_without_views_and_a_missing_run_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with inspecting(tmp_path, monkeypatch) as user:
        await user.sees("alpha at")
        await user.pilot.app.on_open_run(OpenRun("authors", "inspect"))  # type: ignore[attr-defined]
        await user.sees("which no view is of")
        user.tab.open_run("gamma")
        await user.sees("no run 'gamma'")
        assert "alpha at" in user.screen


async def test_a_run_that_is_deleted_while_it_is_open_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inspecting(tmp_path, monkeypatch) as user:
        await user.sees("alpha at")
        shutil.rmtree(tmp_path / "runs" / "alpha")
        await user.press("f6")
        await wait_until(user.pilot, lambda: isinstance(user.pilot.app.screen, PickScreen))
        await user.press("escape", "right_square_bracket")
        await user.sees("Press t, type a text")
        assert "alpha (LM lstm 1×16)" in user.screen


async def test_a_computation_that_ends_after_it_was_stopped_does_not_end_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inspecting(tmp_path, monkeypatch) as user:
        await user.sees("alpha at")
        await user.press("left_square_bracket")
        await wait_until(user.pilot, lambda: len(may_end) == 1)
        await user.press("escape")
        await user.sees("Stopped. Enter computes it.")
        await user.press("enter")
        await wait_until(user.pilot, lambda: len(may_end) == 2)
        may_end[0].set()
        await wait_until(user.pilot, lambda: sum(worker.is_running for worker in user.pilot.app.workers) == 1)
        assert "Computing" in user.screen and "too late" not in user.screen
        may_end[1].set()
        await user.sees("alpha at 78")
