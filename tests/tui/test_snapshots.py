"""Pictures of each screen, at both sizes. After a change that is meant: `pytest tests/tui/test_snapshots.py
--snapshot-update`, and look at the new ones."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_classifier import FakeClassifier
from fake_translator import FakeTranslator
from textual.pilot import Pilot
from textual.widgets import Input, Select, TextArea
from tiny_runs import make_run
from train_host import make_pairs_logged
from waiting import wait_until

from rnntui.runs.folder import RunFolder
from rnntui.runs.run_status import RunStatus
from rnntui.sessions.chat_session import ChatSession
from rnntui.sessions.classification_worker import classification_worker
from rnntui.sessions.generation_worker import GenerationWorker
from rnntui.sessions.translation_worker import translation_worker
from rnntui.tui.app import RnntuiApp
from rnntui.tui.chat.tab import ChatTab
from rnntui.tui.classify.tab import ClassifyTab
from rnntui.tui.inspect.tab import InspectTab
from rnntui.tui.lines.messages import ModelOpened
from rnntui.tui.tabs import TABS
from rnntui.tui.train.form_fields import Field
from rnntui.tui.train.tab import TrainTab
from rnntui.tui.translate.tab import TranslateTab

SIZES = [(80, 24), (140, 40)]
TEXT = """HAMLET:
To be, or not to be, that is the question:
Whether 'tis nobler in the mind to suffer

床前明月光，疑是地上霜。
e\u0301tude, \x1b[31m escaped, \t a tab
"""

Snap = Callable[..., bool]
Prepare = Callable[[Pilot[None]], Awaitable[None]]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs with metrics of their own, that are two hours old."""
    folder = tmp_path / "runs"
    for number, name in enumerate(("notes", "sonnets", "turns")):
        run = make_run(folder, name, seed=number)
        write_metrics(run, number)
    return folder


def write_metrics(run: RunFolder, number: int) -> None:
    rows: list[dict[str, Any]] = []
    for step in range(0, 1001, 10):
        loss = 1.2 + 2.5 * 0.995 ** (step * (1 + number)) + 0.05 * ((step * 7) % 13 - 6) / 6
        place = {"step": step, "tokens": step * 512, "seconds": step * 0.06}
        rows.append({**place, "train_loss": loss, "learning_rate": 0.004 * (1 - step / 1100),
                     "gradient_norm": 0.5 + (step % 70) / 100, "tokens_per_second": 8000 + step})  # fmt: skip
        if step % 200 == 0:
            rows.append({**place, "validation_loss": loss + 0.1, "bits_per_character": loss * 1.44,
                         "sample": f"a sample of step {step}, with \x1b an escape"})  # fmt: skip
    run.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    status = RunStatus("done", 1000, 1000, 512_000, 60.0, 1.3 + number / 10, 1.9 + number / 10)
    run.write_status(status)
    run.write_stamped_status(replace(run.read_status(), updated=time.time() - 7200 - number))


def write_pair_metrics(run: RunFolder, number: int) -> None:
    rows: list[dict[str, Any]] = []
    for step in range(0, 1001, 50):
        place = {"step": step, "tokens": step * 600, "seconds": step * 0.09}
        score = 40 * (1 - 0.997 ** (step * (1 + number))) + (step * 7) % 3
        rows.append({**place, "validation_loss": 5 - score / 12, "bits_per_character": 4 - score / 20, "bleu": score,
                     "chrf": score + 14, "sample": f"{step}. → No. {step}.  (reference: Número {step}.)"})  # fmt: skip
        rows.append({**place, "train_loss": 5.2 - score / 12})
    run.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run.write_stamped_status(replace(run.read_status(), updated=time.time() - 7200 - number))


def app_of(runs: Path) -> RnntuiApp:
    chat = replace(TABS["chat"], widget=lambda context: ChatTab(context, start_generation))
    translate = replace(TABS["translate"], widget=lambda context: TranslateTab(context, translation_worker))
    classify = replace(TABS["classify"], widget=lambda context: ClassifyTab(context, classification_worker))
    return RnntuiApp(runs, "notes", tabs={**TABS, "chat": chat, "translate": translate, "classify": classify})


def start_generation() -> GenerationWorker:
    return GenerationWorker(lambda conversation, error: None)


def session_of(pilot: Pilot[None]) -> ChatSession:
    return pilot.app.query_one(ChatTab).session


async def with_text(pilot: Pilot[None]) -> None:
    row, session = pilot.app.query_one(ChatTab).row, session_of(pilot)
    await wait_until(pilot, lambda: session.conversations)
    for conversation in session.conversations:
        conversation.replace(TEXT)
    row.update_views()
    while any(conversation.unread for conversation in session.conversations):
        session.worker.work()  # type: ignore[union-attr]
    for conversation in session.conversations:
        # The same on every machine, whatever its arithmetic says in the last digit.
        for token in range(len(conversation.transcript)):
            conversation.transcript._bits[token] = token % 13
    row.poll()
    row.update_views()
    await pilot.pause()


async def surprisal(pilot: Pilot[None]) -> None:
    await with_text(pilot)
    await pilot.press("f9")


async def light(pilot: Pilot[None]) -> None:
    await with_text(pilot)
    await pilot.press("f9", "ctrl+t")


async def comparing(pilot: Pilot[None]) -> None:
    await wait_until(pilot, lambda: session_of(pilot).conversations)
    await pilot.press("f6")
    await with_text(pilot)


async def finding(pilot: Pilot[None]) -> None:
    await with_text(pilot)
    await pilot.press("ctrl+f", *"to be")
    await pilot.pause()


async def choosing(pilot: Pilot[None]) -> None:
    await with_text(pilot)
    await pilot.press("f5")
    await wait_until(pilot, lambda: len(pilot.app.screen_stack) == 2)


async def editing(pilot: Pilot[None]) -> None:
    await with_text(pilot)
    await pilot.press("f10")
    await wait_until(pilot, lambda: len(pilot.app.screen_stack) == 2)


async def branching(pilot: Pilot[None]) -> None:
    await with_text(pilot)
    session = session_of(pilot)
    (conversation,) = session.conversations
    for offset, text in ((60, "perchance to dream.\n"), (20, "a handsaw\n")):
        conversation.rewind(offset)
        conversation.replace(conversation.transcript.text + text)
    conversation.tree.rename(conversation.tree.current, "the carpenter")
    conversation.tree.add_bookmark("the question", 8)
    await pilot.press("alt+t")
    await wait_until(pilot, lambda: len(pilot.app.screen_stack) == 2)


async def helping(pilot: Pilot[None]) -> None:
    await with_text(pilot)
    await pilot.press("f1")


async def training(pilot: Pilot[None]) -> None:
    await wait_until(pilot, lambda: session_of(pilot).conversations)
    await pilot.press("f3")
    await wait_until(pilot, lambda: pilot.app.query("#dashboard #chart"))
    await wait_until(pilot, lambda: any(chart._curves for chart in pilot.app.query("Chart")))  # type: ignore[attr-defined]


async def form(pilot: Pilot[None]) -> None:
    await training(pilot)
    await pilot.press("n")
    await wait_until(pilot, lambda: len(pilot.app.screen_stack) == 2)


async def pairs_form(pilot: Pilot[None]) -> None:
    await form(pilot)
    pilot.app.screen.query(Select).first().value = "Seq2Seq model"
    await wait_until(pilot, lambda: any(field.option.name == "pairs" for field in pilot.app.screen.query(Field)))


async def bleu(pilot: Pilot[None]) -> None:
    """Runs of both kinds, overlaid where they can be; the folder is given two Seq2Seq runs for it."""
    for number, name in enumerate(("en-es", "dates")):
        write_pair_metrics(make_pairs_logged(Path("runs"), name), number)
    await training(pilot)
    await wait_until(pilot, lambda: len(pilot.app.query_one(TrainTab).run_list.options) == 5)
    await pilot.press("home", "space", "down", "space", "down", "space")
    board = pilot.app.query_one(TrainTab).dashboard
    await wait_until(pilot, lambda: "BLEU" in board.titles)
    board.select("BLEU")


SOURCE = """Where is the station?
To be, or not to be, that is the question, whether it is nobler in the mind to suffer or not

床前明月光，疑是地上霜。
e\u0301tude, \x1b[31m escaped
"""


async def translating(pilot: Pilot[None]) -> None:
    await wait_until(pilot, lambda: session_of(pilot).conversations)
    await pilot.press("f4")
    await wait_until(pilot, lambda: any(tab.session.problem for tab in pilot.app.query(TranslateTab)))
    tab = pilot.app.query_one(TranslateTab)
    tab.post_message(ModelOpened("turned", FakeTranslator(letters=SOURCE)))
    tab.editor.fill(SOURCE)
    await wait_until(pilot, lambda: len(tab.session.lines) > 1 and tab.session.worker is not None)
    assert tab.session.worker is not None
    while tab.session.worker.work():
        await pilot.pause()
    tab.editor.move_cursor((0, 7))
    await pilot.pause()


async def attention(pilot: Pilot[None]) -> None:
    await translating(pilot)
    await pilot.press("f9", "tab", "right", "right", "right", "right")


async def attention_light(pilot: Pilot[None]) -> None:
    await attention(pilot)
    await pilot.press("ctrl+t", "down", "down", "down", "down")


LINES = """a film of rare warmth and good acting , if a bit dull
bad and dull from the first minute to the last one , and there are so many of them

fine
床前明月光，疑是地上霜。
e\u0301tude, \x1b[31m escaped
"""


async def classifying(pilot: Pilot[None]) -> None:
    await wait_until(pilot, lambda: session_of(pilot).conversations)
    await pilot.press("alt+c")
    await wait_until(pilot, lambda: any(tab.session.problem for tab in pilot.app.query(ClassifyTab)))
    tab = pilot.app.query_one(ClassifyTab)
    tab.post_message(ModelOpened("reviews", FakeClassifier()))
    tab.editor.fill(LINES)
    await wait_until(pilot, lambda: len(tab.session.lines) > 1 and tab.session.worker is not None)
    assert tab.session.worker is not None
    while tab.session.worker.work():
        await pilot.pause()


async def inspecting(pilot: Pilot[None]) -> None:
    await wait_until(pilot, lambda: session_of(pilot).conversations)
    await pilot.press("alt+i")
    session = pilot.app.query_one(InspectTab).session
    await wait_until(pilot, lambda: session.result(session.key) is not None)


SCREENS: list[Prepare] = [
    with_text, surprisal, light, comparing, finding, choosing, editing, branching, helping, training, form, pairs_form,
    bleu, translating, attention, attention_light, classifying,
    inspecting,
]  # fmt: skip


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("prepare", SCREENS, ids=lambda prepare: prepare.__name__)
def test_a_screen_looks_as_it_did(
    snap_compare: Snap, runs: Path, monkeypatch: pytest.MonkeyPatch, prepare: Prepare, size: tuple[int, int]
) -> None:
    for place in ("runs.listing", "runs.lookup", "sessions.run_watcher"):  # they may be trained anew
        monkeypatch.setattr(f"rnntui.{place}.shipped_runs", lambda: [])
    # A cursor that blinks is there in one picture and not in the next.
    monkeypatch.setattr(TextArea, "cursor_blink", False)
    monkeypatch.setattr(Input, "cursor_blink", False)
    app = app_of(runs)
    app.animation_level = "none"

    async def settled(pilot: Pilot[None]) -> None:
        await prepare(pilot)
        await wait_until(pilot, lambda: pilot.app.screen_stack[0].query("KeyFooter"))
        same, before = 0, ""
        while same < 2:  # what is read in threads has come to the screen when nothing changes any more
            await pilot.pause()
            await asyncio.sleep(0.05)
            now = pilot.app.export_screenshot()
            same, before = (same + 1, before) if now == before else (0, now)

    assert snap_compare(app, terminal_size=size, run_before=settled)
