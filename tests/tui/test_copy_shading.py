"""Shading of a text in the Chat tab by what the model copied from its training text."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chatting import Chatting, chatting
from novelty_runs import random_text, trained_on, trained_on_from
from tiny_runs import make_run
from waiting import wait_until

from rnntui.inspection import novelty_index, unit_probes
from rnntui.inspection.novelty_index import NoveltyIndex, SourceLine
from rnntui.runs.folder import RunFolder
from rnntui.sessions.saved_transcript import SavedTranscript
from rnntui.sessions.transcript import Turn
from rnntui.tui.screens.dialogs import PickScreen
from rnntui.tui.widgets.slider import Slider

SINGULAR = "a most singular stretch of text that nobody has"


def levels(user: Chatting) -> list[float | None]:
    document = user.pane.text.document
    assert document is not None
    return [span.level for span in document.spans(0, len(user.text))]


def status(user: Chatting) -> str:
    return str(user.pane.query_one(".status").render())


def is_shaded(user: Chatting, start: int, end: int) -> bool:
    """True if the characters from one offset to another are shaded, and no others."""
    return [level is not None for level in levels(user)] == [start <= i < end for i in range(len(user.text))]


def reopen(user: Chatting, *turns: tuple[Turn, str]) -> None:
    user.conversation.reopen(SavedTranscript([*turns]))


async def test_copies_are_shaded_as_the_text_grows_and_their_source_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = random_text(1, 800)
    run = trained_on(tmp_path, f"{text[:2000]}{SINGULAR}\n{text[2000:]}")
    make_run(tmp_path, "other")
    async with chatting(tmp_path, "run", size=(140, 24), length=3) as user:
        await user.pilot.press("alt+k")
        await wait_until(user.pilot, lambda: "blue: copies of " in status(user))
        assert (run.novelty_folder / "index.json").is_file() and user.pane.text.has_levels
        reopen(user, (Turn("prompt", 0), SINGULAR[:9]), (Turn("model", 0), f"zz{SINGULAR[9:40]}"))
        user.chat.show_changes()
        copied = 9 + 2, 9 + 2 + 31  # what a person wrote does not count
        await wait_until(user.pilot, lambda: is_shaded(user, *copied))
        weak = levels(user)[-1]
        reopen(user, (Turn("model", 0), f"zz{SINGULAR}"), (Turn("prompt", 0), SINGULAR))
        user.chat.show_changes()
        await wait_until(user.pilot, lambda: is_shaded(user, 2, 2 + len(SINGULAR)))
        strong = levels(user)[5]
        assert weak is not None and strong is not None and weak < strong <= 1
        user.pane.text.focus()
        user.pane.text.cursor = 20
        line = (f"{text[:2000]}").count("\n") + 1
        await wait_until(user.pilot, lambda: f"text.txt:{line}" in status(user))
        assert f"copied: {len(SINGULAR)} characters" in status(user)
        user.pane.text.cursor = 0
        await wait_until(user.pilot, lambda: "(Alt+K: off)" in status(user))
        hostile = SourceLine("a\x1b[2Jb", 7, "x" * 10**7)  # a run and its corpus may be somebody else's
        monkeypatch.setattr("rnntui.sessions.copy_levels.CopyLevels.source_of", lambda *_arguments: hostile)
        user.chat.copies._sources.clear()
        user.pane.text.cursor = 20
        await wait_until(user.pilot, lambda: "[2Jb:7" in status(user))
        assert "\x1b" not in status(user) and max(map(len, user.pane.pane.colouring)) < 2000
        user.pane.text.cursor = 0
        await user.pilot.press("f9")  # surprisal takes its place
        assert user.pane.text.shade and not user.pane.text.has_levels and "copies" not in status(user)
        await user.pilot.press("f9", "alt+k")
        await wait_until(user.pilot, lambda: user.pane.text.has_levels)
        await user.pilot.press("alt+k")
        assert not user.pane.text.has_levels and set(levels(user)) == {None} and "copies" not in status(user)


async def test_a_text_that_is_gone_is_told_and_another_model_ends_the_shading(tmp_path: Path) -> None:
    trained_on(tmp_path, random_text(1, 800))
    make_run(tmp_path, "other")
    async with chatting(tmp_path, "run", size=(100, 24), length=3) as user:
        await user.pilot.press("alt+k")
        await wait_until(user.pilot, lambda: user.pane.text.has_levels)
        user.chat.open_run("other")
        await wait_until(user.pilot, lambda: user.conversation.name == "other")
        await wait_until(user.pilot, lambda: not user.pane.text.has_levels and "copies" not in status(user))
        await user.pilot.press("alt+k")
        await user.told("does not say what it was trained on")
        assert "copies" not in status(user) and not user.pane.text.has_levels


async def test_only_the_last_of_copies_units_and_surprisal_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes the place of the others, also of one that is still being prepared."""
    trained_on(tmp_path, random_text(1, 800))
    gates = [threading.Event() for _ in range(4)]
    began: list[threading.Event] = []
    build, rank = novelty_index.open_or_build_novelty_index, unit_probes.rank_features

    def slow(compute: Callable[..., Any]) -> Callable[..., Any]:
        def wait(*arguments: Any, **settings: Any) -> Any:
            began.append(gates[len(began)])
            began[-1].wait(10)
            return compute(*arguments, **settings)

        return wait

    monkeypatch.setattr(novelty_index, "open_or_build_novelty_index", slow(lambda run, on_progress: build(run, print)))
    monkeypatch.setattr(unit_probes, "rank_features", slow(lambda reading, cancelled: rank(reading)))
    monkeypatch.setattr("rnntui.inspection.probe_reading.PROBE_TOKENS", 1200)
    monkeypatch.setattr(unit_probes, "_SHIFTS", (0.4,))
    async with chatting(tmp_path, "run", size=(100, 24), length=3) as user:
        for number, (keys, said) in enumerate(
            ((("alt+k",), "looking for copies"), (("alt+u",), "probing"), (("alt+k",), "looking for copies"))
        ):
            await user.pilot.press(*keys)
            await wait_until(user.pilot, lambda number=number: len(began) > number)  # type: ignore[misc]
            assert said in status(user)
        for gate in gates[:2]:  # what is no longer wanted ends
            gate.set()
        for _ in range(5):
            await user.pilot.pause(0.02)
        assert "looking for copies" in status(user) and not user.pane.text.has_levels
        assert not isinstance(user.app.screen, PickScreen)
        await user.pilot.press("f9")
        gates[2].set()
        for _ in range(5):
            await user.pilot.pause(0.02)
        assert user.pane.text.shade and not user.pane.text.has_levels and "copies" not in status(user)
        gates[3].set()
        await user.pilot.press("alt+k")
        await wait_until(user.pilot, lambda: user.pane.text.has_levels and "blue: copies" in status(user))


async def test_a_limit_of_copies_is_a_slider_and_needs_the_training_text(tmp_path: Path) -> None:
    run = trained_on(tmp_path, random_text(1, 800))
    make_run(tmp_path, "other")
    async with chatting(tmp_path, "run", size=(140, 40), length=3) as user:
        slider = user.app.query_one("#novel", Slider)
        slider.value = 20
        await user.told("is being indexed")
        await wait_until(user.pilot, lambda: user.conversation.training_text is not None)
        assert user.conversation.novelty.novel == 20 and (run.novelty_folder / "index.json").is_file()
        user.chat.open_run("other")  # which does not say what it was trained on
        await user.told("does not say what it was trained on")
        await wait_until(user.pilot, lambda: slider.value == 0)
        assert user.conversation.novelty.novel == 0


async def test_a_limit_outlives_the_failure_of_a_model_that_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained_on(tmp_path, random_text(1, 800))
    make_run(tmp_path, "other")
    gate, open_index = threading.Event(), novelty_index.open_novelty_index

    def open_late(run: RunFolder) -> NoveltyIndex | None:
        if run.name == "other":
            gate.wait(10)
        return open_index(run)

    monkeypatch.setattr(novelty_index, "open_novelty_index", open_late)
    async with chatting(tmp_path, "other", size=(140, 40), length=3) as user:
        user.app.query_one("#novel", Slider).value = 20
        await user.pilot.pause(0.1)
        user.chat.open_run("run")
        await wait_until(user.pilot, lambda: user.conversation.name == "run")
        gate.set()
        await wait_until(user.pilot, lambda: user.conversation.training_text is not None)
        assert user.conversation.novelty.novel == 20


async def test_texts_of_earlier_runs_that_are_not_searched_are_told(tmp_path: Path) -> None:
    run, base = trained_on(tmp_path, random_text(1, 800)), trained_on(tmp_path, random_text(2, 800), name="base")
    trained_on_from(run, base)
    shutil.rmtree(base.path)
    unseen = "copies from the training text of base are not seen"
    async with chatting(tmp_path, "run", size=(140, 40), length=3) as user:
        await user.pilot.press("alt+k")
        await user.told(f"Not shaded: {unseen}")
        user.app.query_one("#novel", Slider).value = 20
        await user.told(f"Not limited: {unseen}")
