"""The app in its Classify or Translate tab, with a worker that works only when a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from fake_classifier import FakeClassifier
from fake_translator import FakeTranslator
from textual.pilot import Pilot
from waiting import wait_until

from rnntui.sessions.classification_worker import classification_worker
from rnntui.sessions.line_worker import LineWorker
from rnntui.sessions.translation_worker import translation_worker
from rnntui.tui.app import RnntuiApp
from rnntui.tui.classify.tab import ClassifyTab
from rnntui.tui.lines.messages import ModelOpened
from rnntui.tui.lines.text_panes import ResultPane
from rnntui.tui.tabs import TABS
from rnntui.tui.translate.tab import TranslateTab

_KEYS = {" ": "space", "\n": "enter", ".": "full_stop", "?": "question_mark"}


class LineTabUser:
    """A person who uses a tab in which each line has a result."""

    def __init__(self, app: RnntuiApp, pilot: Pilot[None], tab: str) -> None:
        self.app, self.pilot, self._tab = app, pilot, tab

    @property
    def tab(self) -> Any:
        return self.app.tabs[self._tab]

    @property
    def session(self) -> Any:
        return self.tab.session

    @property
    def worker(self) -> LineWorker[Any, Any]:
        assert self.session.worker is not None
        return self.session.worker

    @property
    def shown(self) -> list[str]:
        """The lines of the pane with the results."""
        return self.tab.query_one(ResultPane).encoded_lines

    @property
    def status(self) -> str:
        return str(self.tab.query_one(f"#{self._tab}-status").render())

    @property
    def notices(self) -> str:
        return "\n".join(f"{n.title}: {n.message}" for n in self.app._notifications)

    @property
    def screen(self) -> str:
        """The text of the screen."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    def row(self, part: str) -> int:
        """Return the row of the screen that has this text."""
        return next(row for row, line in enumerate(self.screen.split("\n")) if part in line)

    def column(self, selector: str) -> str:
        """Return the text of a part of the screen."""
        region = self.app.screen.query_one(selector).region
        lines = self.screen.split("\n")[region.y : region.bottom]
        return "\n".join(line[region.x : region.right].rstrip() for line in lines)

    @property
    def shaded(self) -> list[tuple[str, float]]:
        """The shaded parts of the text and their weights."""
        area = self.tab.typing_target
        line = area.encoded_lines[area._highlighted_line]
        return [(line[start:end], weight) for start, end, weight in area._word_highlights]

    async def type(self, text: str) -> None:
        """Press the keys of a text."""
        await self.pilot.press(*(_KEYS.get(character, character) for character in text))

    async def fill(self, text: str) -> None:
        """Fill the editor with a text at once."""
        self.tab.typing_target.fill(text)
        await wait_until(self.pilot, lambda: self.session.text == text)

    async def open_model(self, name: str, model: FakeClassifier | FakeTranslator) -> None:
        """Use this model, as if it had been read from disk."""
        self.tab.post_message(ModelOpened(name, model))
        await wait_until(self.pilot, lambda: self.session.run_name == name and not self.session.problem)

    async def work(self) -> None:
        """Let the worker compute until nothing is left."""
        await self.pilot.pause()
        while self.worker.work():
            pass
        await self.pilot.pause()


def using_classify(
    tmp_path: Path, classifier: FakeClassifier | None = None, size: tuple[int, int] = (80, 24), threaded: bool = False
) -> AbstractAsyncContextManager[LineTabUser]:
    """Open the Classify tab with this model, under the name "one"."""

    def make(*callbacks: Callable[..., None]) -> LineWorker[Any, Any]:
        worker = classification_worker(*callbacks)
        return worker.start() if threaded else worker

    return _using(tmp_path, "classify", lambda context: ClassifyTab(context, make), classifier, size)


def using_translate(
    tmp_path: Path, translator: FakeTranslator | None = None, size: tuple[int, int] = (80, 24), threaded: bool = False
) -> AbstractAsyncContextManager[LineTabUser]:
    """Open the Translate tab with this model, under the name "one"."""

    def make(*callbacks: Callable[..., None]) -> LineWorker[Any, Any]:
        worker = translation_worker(*callbacks)
        return worker.start() if threaded else worker

    return _using(tmp_path, "translate", lambda context: TranslateTab(context, make), translator, size)


@asynccontextmanager
async def _using(
    tmp_path: Path, tab: str, widget: Callable[..., Any], model: Any, size: tuple[int, int]
) -> AsyncIterator[LineTabUser]:
    app = RnntuiApp(tmp_path / "runs", first=tab, tabs={**TABS, tab: replace(TABS[tab], widget=widget)})
    # There is no model but those given.
    with patch("rnntui.runs.lookup.shipped_runs", list), patch("rnntui.runs.listing.shipped_runs", list):
        async with app.run_test(size=size) as pilot:
            user = LineTabUser(app, pilot, tab)
            await wait_until(pilot, lambda: user.session.problem)
            app._notifications.clear()
            if model is not None:
                await user.open_model("one", model)
            yield user
