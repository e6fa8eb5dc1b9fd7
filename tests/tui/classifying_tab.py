"""The app in its Classify tab, with a worker that classifies only when a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from fake_classifier import FakeClassifier
from textual.pilot import Pilot
from waiting import wait_until

from rnntui.sessions.classification_session import ClassificationSession
from rnntui.sessions.classification_worker import ClassificationWorker, classification_worker
from rnntui.tui.app import RnntuiApp
from rnntui.tui.classify.tab import ClassifyTab
from rnntui.tui.lines.messages import ModelOpened
from rnntui.tui.tabs import TABS


class UserOfClassify:
    """A person who uses the app."""

    def __init__(self, app: RnntuiApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def tab(self) -> ClassifyTab:
        tab = self.app.tabs["classify"]
        assert isinstance(tab, ClassifyTab)
        return tab

    @property
    def session(self) -> ClassificationSession:
        return self.tab.session

    @property
    def worker(self) -> ClassificationWorker:
        assert self.session.worker is not None
        return self.session.worker

    @property
    def shown(self) -> list[str]:
        """The lines of the pane with the labels."""
        return self.tab.labels.encoded_lines

    @property
    def status(self) -> str:
        return str(self.tab.query_one("#classify-status").render())

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
        area = self.tab.editor
        line = area.encoded_lines[area._highlighted_line]
        return [(line[start:end], weight) for start, end, weight in area._word_highlights]

    async def type(self, text: str) -> None:
        """Press the keys of a text."""
        names = {" ": "space", "\n": "enter"}
        await self.pilot.press(*(names.get(character, character) for character in text))

    async def fill(self, text: str) -> None:
        """Fill the editor with a text at once."""
        self.tab.editor.fill(text)
        await wait_until(self.pilot, lambda: self.session.text == text)

    async def open_model(self, name: str, classifier: FakeClassifier) -> None:
        """Classify with this model, as if it had been read from disk."""
        self.tab.post_message(ModelOpened(name, classifier))
        await wait_until(self.pilot, lambda: self.session.classifier is classifier)

    async def work(self) -> None:
        """Let the worker classify until nothing is left."""
        await self.pilot.pause()
        while self.worker.work():
            pass
        await self.pilot.pause()


@asynccontextmanager
async def using_classify(
    tmp_path: Path, classifier: FakeClassifier | None = None, size: tuple[int, int] = (80, 24), threaded: bool = False
) -> AsyncIterator[UserOfClassify]:
    """Open the Classify tab with this model, under the name "one"."""

    def make(on_results: Callable[[], None], on_error: Callable[[str, Exception], None]) -> ClassificationWorker:
        worker = classification_worker(on_results, on_error)
        if threaded:
            worker.start()
        return worker

    classify = replace(TABS["classify"], widget=lambda context: ClassifyTab(context, make))
    app = RnntuiApp(tmp_path / "runs", first="classify", tabs={**TABS, "classify": classify})
    # There is no model but those given.
    with patch("rnntui.runs.lookup.shipped_runs", list), patch("rnntui.runs.listing.shipped_runs", list):
        async with app.run_test(size=size) as pilot:
            user = UserOfClassify(app, pilot)
            await wait_until(pilot, lambda: user.session.problem)
            app._notifications.clear()
            if classifier is not None:
                await user.open_model("one", classifier)
            yield user
