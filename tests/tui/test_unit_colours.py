"""Colouring of a text in the Chat tab by a unit of the model."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from bracket_counter import bracket_run
from chatting import Chatting, chatting
from tiny_runs import make_run
from waiting import wait_until

from rnntui.tui.screens.dialogs import AskScreen, PickScreen


@pytest.fixture(autouse=True)
def quick_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.inspection.probe_reading.PROBE_TOKENS", 1200)
    monkeypatch.setattr("rnntui.inspection.unit_probes._SHIFTS", (0.4,))


def levels(user: Chatting) -> list[float | None]:
    """The levels of the tokens in the active pane's view."""
    document = user.pane.text.document
    assert document is not None
    return [span.level for span in document.spans(0, len(user.text))]


async def choose(user: Chatting, words: str) -> None:
    """Press Alt+U, wait for the list, and take the first choice that has these words."""
    await user.pilot.press("alt+u")
    await wait_until(user.pilot, lambda: isinstance(user.app.screen, PickScreen))
    await user.pilot.press(*(word if word != " " else "space" for word in words), "enter")
    await user.pilot.pause()


async def has_levels(user: Chatting, expected: list[float]) -> None:
    """Wait until the tokens have these levels, and those after them any."""

    def is_drawn() -> bool:
        drawn = levels(user)
        return None not in drawn and np.allclose(np.array(drawn[: len(expected)], dtype=float), expected, atol=1e-4)

    await wait_until(user.pilot, is_drawn)


def status(user: Chatting) -> str:
    return str(user.pane.query_one(".status").render())


async def choose_named(user: Chatting, *keys: str) -> None:
    """Choose a unit by its name, typed by these keys."""
    await choose(user, "by its name")
    assert isinstance(user.app.screen, AskScreen)
    await user.pilot.press(*keys, "enter")
    await user.pilot.pause()


async def test_a_text_is_coloured_by_a_unit_while_it_grows_and_when_it_is_cut(tmp_path: Path) -> None:
    bracket_run(tmp_path)
    make_run(tmp_path, "other")
    step = np.tanh(0.5) / 3  # levels of a cell state go from -3 to 3
    async with chatting(tmp_path, "brackets", size=(140, 24), length=5) as user:
        user.conversation.replace("a(b(c)d)e")
        user.chat.show_changes()
        await choose_named(user, "1", "slash", "8", "space", "c")
        assert "unit 1/8 c: blue above 0" in status(user) and user.pane.text.has_levels
        assert user.chat.check_action("unit", (1,)) is False  # there is no list to go through
        depths = [0, 1, 1, 2, 2, 1, 1, 0, 0]
        await has_levels(user, [step * depth for depth in depths])
        await user.say("f(")
        await user.write()
        await has_levels(user, [step * depth for depth in [*depths, 0, 0, 1]])
        assert len(levels(user)) == len(user.conversation.transcript) > 12
        user.conversation.replace("a((")
        user.chat.show_changes()
        await has_levels(user, [0, step, 2 * step])
        await user.pilot.press("f9")  # surprisal takes its place
        assert user.pane.text.shade and not user.pane.text.has_levels and "1/8" not in status(user)
        await choose(user, "position in the line")
        assert user.pane.text.has_levels and "high position in the line" in status(user)
        first = status(user)
        assert "Alt+↑/↓ 1/10, Alt+U off" in first
        await user.pilot.press("alt+down")
        assert "Alt+↑/↓ 2/10" in status(user)
        await user.pilot.press("alt+up")
        assert status(user) == first
        await choose(user, "without")
        assert not user.pane.text.has_levels and "unit" not in status(user) and set(levels(user)) == {None}
        await choose(user, "position in the line")
        user.chat.open_run("other")  # the unit belongs to the model
        await wait_until(user.pilot, lambda: user.conversation.name == "other" and not user.pane.text.has_levels)
        assert "unit" not in status(user)


async def test_a_unit_that_is_not_there_is_asked_for_again(tmp_path: Path) -> None:
    bracket_run(tmp_path)
    async with chatting(tmp_path, "brackets") as user:
        await choose_named(user, "9", "slash", "9")
        assert "this model has layers 1 to 2" in str(user.app.screen.query_one(".problem").render())
        await user.pilot.press("escape")
        assert not user.pane.text.has_levels


async def test_probing_can_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bracket_run(tmp_path)
    began = []

    def wait_for_a_stop(*_arguments: object, cancelled: object = None) -> None:
        from rnntui.errors import CancelledError

        began.append(True)
        while not cancelled():  # type: ignore[operator]
            pass
        raise CancelledError

    monkeypatch.setattr("rnntui.inspection.unit_probes.rank_features", wait_for_a_stop)
    async with chatting(tmp_path, "brackets", size=(100, 24)) as user:
        await user.pilot.press("alt+u")
        await wait_until(user.pilot, lambda: began)
        assert "probing units … (Esc: stop)" in status(user)
        await user.pilot.press("escape")
        await wait_until(user.pilot, lambda: "probing" not in status(user))
        assert not isinstance(user.app.screen, PickScreen) and not user.notices


async def test_probed_units_do_not_ask_over_another_tab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bracket_run(tmp_path)
    gate = threading.Event()

    def wait(*_arguments: object, **_settings: object) -> tuple[list[object], list[object]]:
        gate.wait(10)
        return [], []

    monkeypatch.setattr("rnntui.inspection.unit_probes.rank_features", wait)
    async with chatting(tmp_path, "brackets", size=(100, 24)) as user:
        await user.pilot.press("alt+u", "f3")
        gate.set()
        await wait_until(user.pilot, lambda: "Alt+U in the Chat tab" in user.notices)
        assert not isinstance(user.app.screen, PickScreen)
        await user.pilot.press("f2", "alt+u")
        await wait_until(user.pilot, lambda: isinstance(user.app.screen, PickScreen))
