"""The app in its Translate tab, with a worker that translates only when a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from fake_translator import FakeTranslator
from textual.pilot import Pilot
from waiting import wait_until

from rnntui.sessions.translation_session import TranslationSession
from rnntui.sessions.translation_worker import TranslationWorker, translation_worker
from rnntui.tui.app import RnntuiApp
from rnntui.tui.lines.messages import ModelOpened
from rnntui.tui.tabs import TABS
from rnntui.tui.translate.tab import TranslateTab


class UserOfTranslate:
    """A person who uses the app."""

    def __init__(self, app: RnntuiApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def tab(self) -> TranslateTab:
        tab = self.app.tabs["translate"]
        assert isinstance(tab, TranslateTab)
        return tab

    @property
    def session(self) -> TranslationSession:
        return self.tab.session

    @property
    def worker(self) -> TranslationWorker:
        assert self.session.worker is not None
        return self.session.worker

    @property
    def shown(self) -> list[str]:
        """The lines of the target pane."""
        return self.tab.target.encoded_lines

    @property
    def status(self) -> str:
        return str(self.tab.query_one("#translate-status").render())

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

    async def type(self, text: str) -> None:
        """Press the keys of a text."""
        names = {" ": "space", "\n": "enter", ".": "full_stop", "?": "question_mark"}
        await self.pilot.press(*(names.get(character, character) for character in text))

    async def fill(self, text: str) -> None:
        """Fill the source with a text at once."""
        self.tab.source.fill(text)
        await wait_until(self.pilot, lambda: self.session.text == text)

    async def open_model(self, name: str, translator: FakeTranslator) -> None:
        """Translate with this model, as if it had been read from disk."""
        self.tab.post_message(ModelOpened(name, translator))
        await wait_until(self.pilot, lambda: self.session.translator is translator)

    async def work(self) -> None:
        """Let the worker translate until nothing is left."""
        await self.pilot.pause()
        while self.worker.work():
            pass
        await self.pilot.pause()


@asynccontextmanager
async def using_translate(
    tmp_path: Path, translator: FakeTranslator | None = None, size: tuple[int, int] = (80, 24), threaded: bool = False
) -> AsyncIterator[UserOfTranslate]:
    """Open the Translate tab with this model, under the name "one"."""

    def make(on_results: Callable[[], None], on_error: Callable[[str, Exception], None]) -> TranslationWorker:
        worker = translation_worker(on_results, on_error)
        if threaded:
            worker.start()
        return worker

    translate = replace(TABS["translate"], widget=lambda context: TranslateTab(context, make))
    app = RnntuiApp(tmp_path / "runs", first="translate", tabs={**TABS, "translate": translate})
    with patch("rnntui.runs.lookup.shipped_runs", list):  # there is no model but those given
        async with app.run_test(size=size) as pilot:
            user = UserOfTranslate(app, pilot)
            await wait_until(pilot, lambda: user.session.problem)
            app._notifications.clear()
            if translator is not None:
                await user.open_model("one", translator)
            yield user
