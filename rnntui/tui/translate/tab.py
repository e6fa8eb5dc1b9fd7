"""The Translate tab."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from rnntui.tui.keys import bindings
from rnntui.tui.translate.attention_matrix import Matrix
from rnntui.tui.translate.beam_panel import BeamPanel
from rnntui.tui.translate.hypothesis_list import Hypotheses
from rnntui.tui.translate.searching import MakeTranslating
from rnntui.tui.translate.source_pane import Source
from rnntui.tui.translate.texts import Texts
from rnntui.tui.translate.translation_pane import TranslationPane

if TYPE_CHECKING:
    from rnntui.inference.translator import Translator
    from rnntui.sessions.model_cache import ModelCache

_KEEP_EVERY = 10.0  # seconds
_TALL = 34  # rows of the terminal from which the matrix has room above the hypotheses, and not only in their place


class TranslateTab(Texts):
    """Source and translation side by side; below, the hypotheses for a line and the settings, or its attention."""

    BINDINGS = bindings("translate")

    def __init__(self, runs: ModelCache[Translator], run_name: str | None, make_translating: MakeTranslating) -> None:
        super().__init__(runs, run_name, make_translating)
        self._first_run = run_name

    def compose(self) -> ComposeResult:
        with Horizontal(id="sides"):
            yield Source()
            yield TranslationPane()
        yield Matrix()
        with Horizontal(id="lower"):
            yield Hypotheses()
            yield BeamPanel()
        yield Static("", id="translate-status", markup=False)

    def on_mount(self) -> None:
        self.active = self.source
        self.source.focus()
        self.show_status()
        self.watch(self.source, "scroll_y", self._source_scrolled, init=False)
        self.watch(self.translation, "scroll_y", self._translation_scrolled, init=False)
        self.set_interval(_KEEP_EVERY, self.keep)
        self.call_after_refresh(self._complete)

    def _complete(self) -> None:
        """What the first paint need not wait for."""
        self.restore()
        self.open_run(self._first_run)

    def on_resize(self) -> None:
        self.set_class(self.app.size.height >= _TALL, "-tall")
        self.call_after_refresh(self.align)

    def _source_scrolled(self, y: float) -> None:
        self.translation.scroll_to(y=y, animate=False, force=True)
        if self._done < self._total and not self._stopped:
            self.ask()  # what has come into view is wanted first

    def _translation_scrolled(self, y: float) -> None:
        self.source.scroll_to(y=y, animate=False, force=True)

    def action_panel(self) -> None:
        """Show the hypotheses and the settings, or hide them."""
        self.set_class(not self.has_class("-bare"), "-bare")

    @work
    async def action_model(self) -> None:
        """Choose another model; what is typed is translated anew."""
        from rnntui.tui.screens.run_picker import pick_run

        path = await pick_run(self.app, self._runs.checkpoints, self._runs.kind, self.run_name, self.warn)
        if path is not None:
            self.open_run(path)
