"""What the keys of the Chat tab do with texts as wholes: taking back, saving, keeping, reopening, copying, finding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work

from rnntui.errors import RnntuiError
from rnntui.sessions.transcript_files import pending_transcript
from rnntui.tui.chat.pane import Pane
from rnntui.tui.chat.prompt import Prompt
from rnntui.tui.chat.writing import Writing

if TYPE_CHECKING:
    from rnntui.sessions.autosave import Autosave, SaveJob
    from rnntui.sessions.generation_worker import GenerationWorker
    from rnntui.tui.chat.find_bar import FindBar
    from rnntui.tui.widgets.stream_view import StreamView


_TOGETHER = 0.5  # seconds within which several panes were changed by one key


class Texts(Writing):
    """Conversations whose texts outlive the app."""

    def __init__(self, run_name: str | None, make_writer: Callable[[], GenerationWorker]) -> None:
        super().__init__(run_name, make_writer)
        self._searched: StreamView | None = None  # the view that the find bar is for

    def action_copy(self) -> None:
        """Copy what is selected, or else the whole text of the active pane."""
        text = self.screen.get_selected_text() or self._text()
        self.app.copy_to_clipboard(text)
        self.notifications.info(f"Copied {len(text):,} characters.", seconds=2)

    @work
    async def action_save(self) -> None:
        """Ask for a name and save the active pane's text and turns."""
        from rnntui.sessions.transcript_files import free_name, path_from, save
        from rnntui.tui.screens.dialogs import AskScreen

        conversation = self.active.conversation
        if conversation is None or not conversation.transcript.text:
            self.notifications.warn("There is nothing to save yet.")
            return
        name = await self.app.push_screen_wait(AskScreen("Save the text as", str(free_name(conversation.name, Path()))))
        if not name:
            return
        try:
            path = path_from(name)
            path = free_name(conversation.name, path) if path.is_dir() else path
            text_file, turns_file = save(conversation.transcript, path)
        except RnntuiError as error:
            self.notifications.error(str(error), title="Not saved")
        except OSError as error:
            problem = f"{name}: {error.strerror or error}"
            self.notifications.error(problem, title="Not saved")
        else:
            self.notifications.info(f"{text_file}, and its turns in {turns_file.name}", title="Saved")

    def action_undo(self) -> None:
        """Take back what last cut a text; in every pane, if it was done in every pane."""
        times = [pane.conversation.last_change or 0.0 for pane in self._shown() if pane.conversation is not None]
        if not any(times):
            self.notifications.info("There is nothing to take back.")
            return
        for pane, at in zip(self._shown(), times, strict=True):
            if pane.conversation is not None and at >= max(times) - _TOGETHER:
                self.keep()
                pane.conversation.undo()
                pane.autosave.begin()
                pane.changed()
        self._wake()

    def action_redo(self) -> None:
        """Take back the last undo of the active pane."""
        pane = self.active
        if pane.conversation is None or not pane.conversation.redo():
            self.notifications.info("There is nothing to bring back.")
            return
        pane.autosave.begin()
        pane.changed()
        self._wake()

    def on_prompt_undo_when_empty(self) -> None:
        self.action_undo()

    def action_new(self) -> None:
        """Begin another text in every pane; the one before is kept."""
        for pane in self._shown():
            assert pane.conversation is not None
            pane.conversation.stop()
            self.keep()
            pane.conversation.clear()
            pane.autosave.begin()
            pane.changed()

    def keep(self) -> None:
        """Keep each pane's text, if it has changed, where it is found again after whatever may happen."""
        for pane in self.panes:
            if pane.conversation is not None:
                job = pending_transcript(pane.autosave, pane.conversation.transcript)
                if job is not None:
                    self._write_kept(pane.autosave, job)

    @work(thread=True, group="keep")
    def _write_kept(self, autosave: Autosave, job: SaveJob) -> None:
        """In a thread: a disk may take its time."""
        problem = autosave.write(job)
        if problem:
            self.app.call_from_thread(self._not_kept, problem)

    def _not_kept(self, problem: str) -> None:
        self.notifications.warn(problem, title="Autosave failed")

    def _keep_at_end(self) -> None:
        problem = ""
        for pane in self.panes:
            if pane.conversation is not None:
                failure = pane.autosave.write_last(pending_transcript(pane.autosave, pane.conversation.transcript))
                problem = f"the text could not be saved: {failure}" if failure else problem
        kept = any(pane.autosave.path is not None for pane in self.panes)
        self.farewell = problem or ("the text is kept; go on with it by: rnntui chat --reopen" if kept else "")

    @work
    async def action_reopen(self) -> None:
        """Go on with a saved text in the active pane."""
        from rnntui.tui.screens.dialogs import AskScreen

        pane = self.active
        if pane.conversation is None:
            return
        name = await self.app.push_screen_wait(AskScreen("Reopen which text?", str(pane.autosave.newest() or "")))
        if name:
            self.reopen(pane, name)

    def reopen(self, pane: Pane, name: str) -> None:
        """Go on with a saved text in a pane whose model is open."""
        from rnntui.sessions.transcript_files import path_from, read, turns_file

        if pane.conversation is None:
            return
        try:
            turns = read(turns_file(path_from(name)))
        except RnntuiError as error:
            self.notifications.error(str(error), title="Not opened")
        except OSError as error:
            self.notifications.error(f"{name}: {error.strerror or error}", title="Not opened")
        else:
            pane.conversation.stop()
            self.keep()
            pane.conversation.reopen(turns)
            pane.autosave.begin()
            pane.changed()
            self._wake()

    # -- finding -------------------------------------------------------------------------------------------------

    async def action_find(self) -> None:
        """Open the find bar."""
        from rnntui.tui.chat.find_bar import FindBar

        if not self.query(FindBar):
            await self.mount(FindBar(), before="#ask")
        self.query_one(FindBar).open()

    def on_find_bar_changed(self, event: FindBar.Changed) -> None:
        self._searched = view = self.active.text
        event.bar.tell(view.find(event.needle))
        view.next_match()

    def on_find_bar_moved(self, event: FindBar.Moved) -> None:
        view = self._searched or self.active.text
        if event.forward:
            view.next_match()
        else:
            view.previous_match()

    def on_find_bar_closed(self) -> None:
        if self._searched is not None:
            self._searched.clear_find()
        self.query_one(Prompt).focus()
