"""The Chat tab."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Label

from rnntui.errors import RnntuiError
from rnntui.tui.chat.pane import Pane
from rnntui.tui.chat.prompt import Prompt
from rnntui.tui.chat.settings_panel import SettingsPanel
from rnntui.tui.chat.texts import Texts
from rnntui.tui.chat.transcript_autosave import last_text
from rnntui.tui.keys import bindings

if TYPE_CHECKING:
    from rnntui.inference.loaded_model import LoadedModel
    from rnntui.runs.folder import RunFolder
    from rnntui.sessions.generation_worker import GenerationWorker
    from rnntui.sessions.model_cache import ModelCache

FRAMES = 24  # times a second that new tokens are taken to the screen: as in a film, and less work than at 30
_KEEP_EVERY = 10.0  # seconds


class ChatTab(Texts):
    """One to four panes side by side, the settings of the active one, and the prompt for all of them."""

    BINDINGS = bindings("chat")

    def __init__(
        self, runs: ModelCache[LoadedModel], run_name: str | None, make_writer: Callable[[], GenerationWorker]
    ) -> None:
        super().__init__(run_name, make_writer)
        self._runs, self._run_name = runs, run_name
        self.keymap: dict[str, str] = {}
        self.reopens = False  # go on with the text that was kept last

    def compose(self) -> ComposeResult:
        with Horizontal(id="body"):
            with Horizontal(id="panes"):
                yield from self.panes
            yield SettingsPanel()
        with Horizontal(id="ask"):
            yield Label("❯ ")
            yield Prompt(self.keymap)

    def on_mount(self) -> None:
        self.panes[0].active = True
        self.query_one(Prompt).focus()
        self.set_interval(1 / FRAMES, self.take)
        self.set_interval(_KEEP_EVERY, self.keep)
        self.call_after_refresh(self._complete)

    async def _complete(self) -> None:
        """What the first paint need not wait for: the sliders, and the model."""
        await self.query_one(SettingsPanel).fill()
        self._open(self.panes[0], self._run_name)

    def on_unmount(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self._keep_at_end()

    def open_run(self, name: str) -> None:
        """Let the active pane go on with the run of that name or path."""
        self._open(self.active, name)

    @work(thread=True)
    def _open(self, pane: Pane, name: str | None) -> None:
        """In a thread: find and read a run, and give it to a pane."""
        try:
            run = self._runs.find(name)
            loaded = self._runs.load(run)
        except (RnntuiError, OSError, ValueError, MemoryError) as error:
            self.app.call_from_thread(self._failed, pane, f"{error}" or type(error).__name__)
            return
        self.app.call_from_thread(self._opened, pane, run, loaded)

    def _failed(self, pane: Pane, problem: str) -> None:
        if pane.conversation is None and pane in self.panes:
            pane.problem = "no model: choose one by F5"
            pane.show_status()
        self.tell(problem, title="Cannot open the model", severity="error", seconds=10)

    def _opened(self, pane: Pane, run: RunFolder, loaded: LoadedModel) -> None:
        from rnntui.sessions.conversation import Conversation

        if pane not in self.panes:  # closed meanwhile
            return
        if pane.conversation is None:
            panel = self.query_one(SettingsPanel)
            conversation = Conversation(loaded, run.name, panel.sampling)
            conversation.writing, conversation.seed = panel.writing, panel.seed
            pane.show(conversation)
            if self.reopens:
                self.reopens = False
                path = last_text()
                if path is None:
                    self.tell("No text has been kept yet.", title="Nothing to reopen", severity="warning")
                else:
                    self.reopen(pane, str(path))
        else:
            pane.conversation.use(loaded, run.name)
            pane.run_name = run.name
            pane.changed()
        pane.text.shade = self.surprise
        self._wake()
        early, self._said_early = self._said_early, []
        for line in early:
            self.say(line)

    @work
    async def action_model(self) -> None:
        """Choose another model for the active pane."""
        from rnntui.tui.screens.run_picker import pick_run

        pane = self.active
        path = await pick_run(self.app, self._runs.checkpoints, self._runs.kind, pane.run_name, self.warn)
        if path is not None:
            self._open(pane, path)
