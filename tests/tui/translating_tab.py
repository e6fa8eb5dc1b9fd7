"""The app in its Translate tab, with a translator that searches only when a test says so."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from textual.pilot import Pilot
from waiting import wait_until

from rnntui.config_seq2seq import BeamConfig
from rnntui.inference.beam_search import CancelledError, Hypothesis
from rnntui.inference.translator import Translation
from rnntui.sessions.translation_worker import TranslationWorker
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.vocabulary import EOS, Vocabulary
from rnntui.tui.app import RnntuiApp
from rnntui.tui.translate.tab import TranslateTab

LETTERS = " .,?!'-" + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass(eq=False)
class FakeTranslator:
    """Turns each word round, letter by letter: "go home" is "og emoh". Attention says so, too.

    Hypothesis n has n exclamation marks more. `asked` are the lines of each search; `fails` one that ends in an error.
    """

    attention: bool = True
    fails: str = ""
    sign: str = ""
    letters: str = LETTERS
    asked: list[list[str]] = field(default_factory=list)
    settings: list[BeamConfig] = field(default_factory=list)
    gate: threading.Event | None = None  # what a search waits for, until it is given up
    training_lengths = None

    def __post_init__(self) -> None:
        self.source = self.target = Vocabulary(CharTokenizer(list(dict.fromkeys(self.letters + self.sign))))

    def translate(
        self,
        lines: Sequence[str],
        settings: BeamConfig,
        is_cancelled: Callable[[], bool] | None = None,
    ) -> list[Translation]:
        self.asked.append(list(lines))
        self.settings.append(settings)
        while self.gate is not None and not self.gate.wait(0.005):
            if is_cancelled is not None and is_cancelled():
                raise CancelledError
        if self.fails and self.fails in lines:
            raise FloatingPointError("overflow")
        return [self._one(line, settings) for line in lines]

    def _one(self, line: str, settings: BeamConfig) -> Translation:
        if not line.strip():
            return Translation(line)
        order, at = [], 0
        for word in line.split(" "):
            order += [*range(at + len(word) - 1, at - 1, -1), at + len(word)]
            at += len(word) + 1
        order = order[:-1]
        base = "".join(line[i] for i in order) + self.sign
        hypotheses = []
        for number in range(settings.n_best):
            text = base + "!" * number
            weights = np.full((len(text) + 1, len(line) + 1), 0.0, dtype=np.float32)
            for row in range(len(text) + 1):
                if self.attention:
                    weights[row, order[row] if row < len(order) else len(line)] = 1.0
            ids = [int(i) for i in self.target.encode(text)]
            hypotheses.append(Hypothesis(ids, text, -1.5 - number, -0.5 - number, weights, True))
        return Translation(line, [*line, "</s>"], hypotheses)

    def encode(self, line: str) -> Any:
        return np.append(self.source.encode(line.strip()), EOS)

    def tokens(self, hypothesis: Hypothesis) -> list[str]:
        return [*hypothesis.text, "</s>"]

    def source_spans(self, line: str) -> list[tuple[int, int]]:
        text = line.strip()
        before = line.index(text)
        return [(before + i, before + i + 1) for i in range(len(text))] + [(len(text), len(text))]

    def target_spans(self, hypothesis: Hypothesis) -> list[tuple[int, int]]:
        return [(i, i + 1) for i in range(len(hypothesis.text))] + [(len(hypothesis.text), len(hypothesis.text))]

    def warnings_for(self, line: str, label: str) -> list[str]:
        unknown = self.source.unknown_characters(line)
        return [f"{label}: {unknown!r} unknown"] if unknown else []


class UserOfTranslate:
    """An app under test, and what a test does with it."""

    def __init__(self, app: RnntuiApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def tab(self) -> TranslateTab:
        assert self.app.translate is not None
        return self.app.translate

    @property
    def translating(self) -> TranslationWorker:
        assert self.tab.translating is not None
        return self.tab.translating

    @property
    def shown(self) -> list[str]:
        """What stands on the right, line by line."""
        return self.tab.translation.raw_lines

    @property
    def status(self) -> str:
        return str(self.tab.query_one("#translate-status").render())

    @property
    def notices(self) -> str:
        return "\n".join(f"{n.title}: {n.message}" for n in self.app._notifications)

    @property
    def screen(self) -> str:
        """What is on the screen, line by line."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    def row(self, part: str) -> int:
        """The row of the screen that holds this."""
        return next(number for number, line in enumerate(self.screen.split("\n")) if part in line)

    async def type(self, text: str) -> None:
        """Press the keys of a text."""
        names = {" ": "space", "\n": "enter", ".": "full_stop", "?": "question_mark"}
        await self.pilot.press(*(names.get(character, character) for character in text))

    async def fill(self, text: str) -> None:
        """Put a text into the source at once."""
        self.tab.source.fill(text)
        await wait_until(self.pilot, lambda: self.tab.text == text)

    async def work(self) -> None:
        """Search until nothing is left to search for."""
        await self.pilot.pause()
        while self.translating.work():
            pass
        await self.pilot.pause()


@asynccontextmanager
async def using_translate(
    tmp_path: Path, *translators: FakeTranslator, size: tuple[int, int] = (80, 24), threaded: bool = False
) -> AsyncIterator[UserOfTranslate]:
    """The Translate tab with these models, the first of them open; they are called one, two and so on."""

    def make(on_found: Callable[[], None], on_error: Callable[[str, Exception], None]) -> TranslationWorker:
        translating = TranslationWorker(on_found, on_error)
        if threaded:
            translating.start()
        return translating

    app = RnntuiApp(tmp_path / "runs", make_translating=make, first="translate")
    with patch("rnntui.runs.lookup.shipped_runs", list):  # there is no model but those given
        async with app.run_test(size=size) as pilot:
            user = UserOfTranslate(app, pilot)
            await wait_until(pilot, lambda: app.translate is not None and app.translate.problem)
            app._notifications.clear()
            if translators:
                user.tab._opened("one", translators[0])  # type: ignore[arg-type]
                await pilot.pause()
            yield user
