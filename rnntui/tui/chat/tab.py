"""The Chat tab: what its keys do to the panes and their conversations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Label

from rnntui.errors import RnntuiError
from rnntui.text.visible import one_line
from rnntui.tui.chat.pane import Pane
from rnntui.tui.chat.panel import SettingsPanel
from rnntui.tui.chat.prompt import Prompt
from rnntui.tui.keys import bindings
from rnntui.tui.preferences import kept_text
from rnntui.tui.widgets.stream_view import StreamView

if TYPE_CHECKING:
    from rnntui.inference.conversation import Alternative, Conversation
    from rnntui.inference.run import LoadedRun
    from rnntui.inference.writer import Writer
    from rnntui.runs.folder import RunFolder
    from rnntui.tui.chat.find import FindBar
    from rnntui.tui.opening import OpenRuns

FRAMES = 24  # times a second that new tokens are taken to the screen: as in a film, and less work than at 30
_KEEP_EVERY = 10.0  # seconds
_MOST_PANES = 4
_NARROWEST_PANE = 40  # columns; with less, the settings make room


class ChatTab(Vertical):
    """One to four panes side by side, the settings of the active one, and the prompt for all of them."""

    BINDINGS = bindings("chat")

    class Remember(Message):
        """These preferences are to be there the next time."""

        def __init__(self, changes: dict[str, Any]) -> None:
            super().__init__()
            self.changes = changes

    def __init__(self, runs: OpenRuns, run_name: str | None, make_writer: Callable[[], Writer]) -> None:
        super().__init__(id="chat")
        self._runs, self._run_name, self._make_writer = runs, run_name, make_writer
        self.writer: Writer | None = None
        self.panes = [Pane(run_name or "")]
        self._said_early: list[str] = []  # lines sent before the model was open
        self.farewell = ""  # what to say once the app has closed
        self._kept = ""
        self._keeps = True
        self.keymap: dict[str, str] = {}
        self.reopens = False  # go on with the text that was kept last
        self.wants_panel = True
        self.surprise = False

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
        self.set_interval(1 / FRAMES, self._take)
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

    def on_resize(self) -> None:
        self._make_room()

    # -- panes ---------------------------------------------------------------------------------------------------

    @property
    def active(self) -> Pane:
        """The pane that the settings are of."""
        return next((pane for pane in self.panes if pane.active), self.panes[0])

    @property
    def conversations(self) -> list[Conversation]:
        """The conversations of all panes whose model is open."""
        return [pane.conversation for pane in self.panes if pane.conversation is not None]

    def _take(self) -> None:
        for pane in self.panes:
            pane.take()

    def _make_room(self) -> None:
        """Hide the settings where the panes would be too narrow beside them."""
        panes = len(self.panes)
        self.set_class(panes > 1, "-several")
        fits = self.size.width - 30 >= _NARROWEST_PANE * panes
        self.set_class(not (self.wants_panel and fits), "-bare")

    def _wake(self) -> None:
        """The conversations have changed: the writer looks at them again."""
        if self.writer is None:
            self.writer = self._make_writer()
        self.writer.serve(self.conversations)

    def activate(self, pane: Pane) -> None:
        """Let the settings be those of this pane."""
        for other in self.panes:
            other.active = other is pane
        if pane.conversation is not None:
            conversation = pane.conversation
            self.query_one(SettingsPanel).show(conversation.settings, conversation.writing, conversation.seed)

    def on_pane_activated(self, event: Pane.Activated) -> None:
        self.activate(event.pane)

    # -- opening models ------------------------------------------------------------------------------------------

    def open_run(self, name: str) -> None:
        """Let the active pane go on with the run of that name or path."""
        self._open(self.active, name)

    @work(thread=True)
    def _open(self, pane: Pane, name: str | None) -> None:
        """In a thread: find and read a run, and give it to a pane."""
        try:
            run = self._runs.find(name)
            loaded = self._runs.load(run)
        except RnntuiError as error:
            self.app.call_from_thread(self._failed, pane, str(error))
            return
        self.app.call_from_thread(self._opened, pane, run, loaded)

    def _failed(self, pane: Pane, problem: str) -> None:
        if pane.conversation is None:
            pane.problem = "no model: choose one by F5"
            pane.show_status()
        self.notify(one_line(problem), title="Cannot open the model", severity="error", timeout=10)

    def _opened(self, pane: Pane, run: RunFolder, loaded: LoadedRun) -> None:
        from rnntui.inference.conversation import Conversation

        if pane.conversation is None:
            panel = self.query_one(SettingsPanel)
            conversation = Conversation(loaded, run.name, panel.sampling)
            conversation.writing, conversation.seed = panel.writing, panel.seed
            pane.show(conversation)
            if self.reopens:
                self.reopens = False
                self.reopen(pane, kept_text())
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
        from rnntui.figures import number
        from rnntui.runs.folder import RunFolder
        from rnntui.runs.listing import list_runs
        from rnntui.tui.screens.dialogs import PickScreen

        pane = self.active
        runs = [run for run in list_runs(self._runs.checkpoints) if (Path(run.path) / "model.safetensors").is_file()]
        if not runs:
            self.notify("There is no trained run; the Train tab makes one.", severity="warning")
            return
        names = [
            f"{run.name:<20} {run.cell} {run.size:<7} loss {number(run.validation_loss) or '?':<7} {run.state}"
            for run in runs
        ]
        current = next((at for at, run in enumerate(runs) if run.name == pane.run_name), 0)
        chosen = await self.app.push_screen_wait(PickScreen("Which model?", names, current))
        if chosen is not None:
            self._open(pane, RunFolder(Path(runs[chosen].path)).path.as_posix())

    # -- writing -------------------------------------------------------------------------------------------------

    def on_prompt_sent(self, event: Prompt.Sent) -> None:
        self.say(event.line)

    def say(self, line: str) -> None:
        """Say a line in every pane and let the models go on; an empty one lets them go on from where they are."""
        if not self.conversations:
            self._said_early.append(line)
            return
        if not line:
            self.action_go_on()
            return
        unknown: dict[str, None] = {}
        for pane in self._shown():
            assert pane.conversation is not None
            unknown |= dict.fromkeys(pane.conversation.say(line))
            pane.changed()
            pane.text.scroll_end(animate=False)
        self._wake()
        self._tell_unknown(list(unknown))

    def _shown(self) -> list[Pane]:
        return [pane for pane in self.panes if pane.conversation is not None]

    def _tell_unknown(self, unknown: list[str]) -> None:
        if unknown:
            shown = ", ".join(repr(character) for character in unknown[:8])
            self.notify(f"{shown}: not in the model's vocabulary, read as <unk>", severity="warning")

    def action_stop(self) -> None:
        """Stop all panes at once."""
        for pane in self._shown():
            assert pane.conversation is not None
            pane.conversation.stop()
            pane.changed()
        self._wake()

    def action_go_on(self) -> None:
        """Let every model write on."""
        for pane in self._shown():
            assert pane.conversation is not None
            pane.conversation.go_on()
            pane.changed()
        self._wake()

    def action_again(self) -> None:
        """Write every pane's last turn again, with other seeds."""
        done = [pane.conversation.regenerate() for pane in self._shown() if pane.conversation is not None]
        for pane in self._shown():
            pane.changed()
        self._wake()
        if not any(done):
            self.notify("The model has written nothing yet; type something and press Enter.")

    def action_edit_prompt(self) -> None:
        """Put your last line back into the prompt; it and what follows leave the text."""
        last = None
        for pane in self._shown():
            assert pane.conversation is not None
            found = pane.conversation.last_prompt()
            if found is not None:
                pane.conversation.rewind(found[0])
                pane.changed()
                last = last or found[1]
        if last is not None:
            prompt = self.query_one(Prompt)
            prompt.text = last
            prompt.move_cursor(prompt.document.end)
            prompt.focus()

    def on_prompt_up_when_empty(self) -> None:
        self.action_edit_prompt()

    @work
    async def action_edit_text(self) -> None:
        """Edit the active pane's text."""
        from rnntui.tui.screens.dialogs import EditScreen

        pane = self.active
        if pane.conversation is None:
            return
        pane.conversation.stop()
        pane.changed()
        text = await self.app.push_screen_wait(EditScreen("The text; the model goes on from its end", self._text()))
        if text is not None:
            self._tell_unknown(pane.conversation.replace(text))
            pane.changed()
            self._wake()

    def action_new(self) -> None:
        """Empty every pane."""
        for pane in self._shown():
            assert pane.conversation is not None
            pane.conversation.clear()
            pane.changed()

    def on_pane_rewind(self, event: Pane.Rewind) -> None:
        if event.pane.conversation is not None:
            event.pane.conversation.rewind(event.offset)
            event.pane.changed()
            self._wake()
            self.query_one(Prompt).focus()

    # -- alternatives --------------------------------------------------------------------------------------------

    def on_stream_view_cursor_moved(self, event: StreamView.CursorMoved) -> None:
        self._look_up(self.active)

    @work(thread=True, exclusive=True, group="alternatives")
    def _look_up(self, pane: Pane) -> None:
        """In a thread: what could have stood at the cursor."""
        conversation, cursor = pane.conversation, pane.text.cursor
        if conversation is None:
            return
        if cursor is None:
            self.app.call_from_thread(self.query_one(SettingsPanel).show_alternatives, "", None, [])
            return
        token = conversation.transcript.token_at(cursor)
        found = conversation.alternatives(token)
        self.app.call_from_thread(self._show_alternatives, pane, token, found)

    def _show_alternatives(self, pane: Pane, token: int, found: list[Alternative]) -> None:
        conversation = pane.conversation
        if conversation is None or token > len(conversation.transcript):
            return
        transcript = conversation.transcript
        at_end = token == len(transcript)
        text = "" if at_end else transcript.text[transcript.start_of(token) : transcript.start_of(token + 1)]
        self._found = found
        bits = None if at_end else transcript.bits(token)
        self.query_one(SettingsPanel).show_alternatives(text, bits, found)

    def on_pane_branch(self, event: Pane.Branch) -> None:
        conversation, cursor = event.pane.conversation, event.pane.text.cursor
        if conversation is None or cursor is None:
            return
        token = conversation.transcript.token_at(cursor)
        found = conversation.alternatives(token)
        if event.number <= len(found):
            conversation.branch(token, found[event.number - 1].id)
            event.pane.changed()
            self._wake()

    # -- settings ------------------------------------------------------------------------------------------------

    def on_settings_panel_changed(self, event: SettingsPanel.Changed) -> None:
        conversation = self.active.conversation
        if conversation is not None:
            conversation.settings, conversation.writing, conversation.seed = event.sampling, event.writing, event.seed
            self.active.show_status()
            self._wake()

    def action_preset(self) -> None:
        """The next preset."""
        name = self.query_one(SettingsPanel).next_preset()
        self.notify(f"Preset: {name}", timeout=2)

    def action_surprise(self) -> None:
        """Colour by surprise, on or off."""
        self.surprise = not self.surprise
        for pane in self.panes:
            pane.text.shade = self.surprise
        self.post_message(self.Remember({"surprise": self.surprise}))

    def action_panel(self) -> None:
        """Show the settings, or hide them."""
        self.wants_panel = not self.wants_panel
        self._make_room()
        self.post_message(self.Remember({"panel": self.wants_panel}))

    # -- comparing -----------------------------------------------------------------------------------------------

    async def action_add_pane(self) -> None:
        """A pane beside the active one, with the same model and prompt."""
        source = self.active
        if len(self.panes) == _MOST_PANES:
            self.notify(f"{_MOST_PANES} panes are the most there are.", severity="warning")
            return
        pane = Pane(source.run_name)
        self.panes.append(pane)
        await self.query_one("#panes").mount(pane)
        if source.conversation is not None:
            pane.show(source.conversation.fork())
        pane.text.shade = self.surprise
        self._make_room()
        self.activate(pane)
        self._wake()

    async def action_close_pane(self) -> None:
        """Close the active pane, unless it is the only one."""
        pane = self.active
        if len(self.panes) == 1:
            self.notify("This is the only pane.", severity="warning")
            return
        if pane.conversation is not None:
            pane.conversation.stop()
        self.panes.remove(pane)
        await pane.remove()
        self._make_room()
        self.activate(self.panes[0])
        self._wake()
        self.query_one(Prompt).focus()

    # -- keeping -------------------------------------------------------------------------------------------------

    def _text(self) -> str:
        conversation = self.active.conversation
        return conversation.transcript.text if conversation is not None else ""

    def action_copy(self) -> None:
        """Copy what is selected, or else the whole text of the active pane."""
        text = self.screen.get_selected_text() or self._text()
        self.app.copy_to_clipboard(text)
        self.notify(f"Copied {len(text):,} characters.", timeout=2)

    @work
    async def action_save(self) -> None:
        """Ask for a name and save the active pane's text and turns."""
        from rnntui.inference.saving import free_name, save
        from rnntui.tui.screens.dialogs import AskScreen

        conversation = self.active.conversation
        if conversation is None or not conversation.transcript.text:
            self.notify("There is nothing to save yet.", severity="warning")
            return
        name = await self.app.push_screen_wait(AskScreen("Save the text as", str(free_name(conversation.name, Path()))))
        if not name:
            return
        try:
            text_file, turns_file = save(conversation.transcript, Path(name).expanduser())
        except RnntuiError as error:
            self.notify(one_line(str(error)), title="Not saved", severity="error")
        except OSError as error:
            problem = f"{name}: {error.strerror or error}"
            self.notify(one_line(problem), title="Not saved", severity="error")
        else:
            self.notify(one_line(f"{text_file}, and its turns in {turns_file.name}"), title="Saved")

    def keep(self) -> None:
        """Keep the active pane's text, if it has changed, where it is found again after whatever may happen."""
        conversation = self.active.conversation
        if conversation is None or conversation.transcript.text in ("", self._kept):
            return
        from rnntui.inference.saving import json_lines

        self._kept = conversation.transcript.text
        self._write_kept(self._kept, json_lines(conversation.transcript))

    def _keep_at_end(self) -> None:
        from rnntui.inference.saving import json_lines, write

        conversation = self.active.conversation
        if conversation is None or not conversation.transcript.text:
            return
        path = kept_text()
        try:
            write(conversation.transcript.text, json_lines(conversation.transcript), path)
            self.farewell = f"the text is kept in {path} (in chat: Ctrl+P, Reopen)"
        except OSError as error:
            self.farewell = f"the text could not be kept in {path}: {error.strerror or error}"

    @work(thread=True, group="keep")
    def _write_kept(self, text: str, turns: str) -> None:
        """In a thread: a disk may take its time."""
        from rnntui.inference.saving import write

        path = kept_text()
        try:
            write(text, turns, path)
        except OSError as error:
            problem = f"{path}: {error.strerror or error}"
            self.app.call_from_thread(self._not_kept, problem)

    def _not_kept(self, problem: str) -> None:
        if self._keeps:  # told once
            self._keeps = False
            self.notify(one_line(problem), title="The text is not kept", severity="warning")

    @work
    async def action_reopen(self) -> None:
        """Go on with a saved text in the active pane."""
        from rnntui.tui.screens.dialogs import AskScreen

        pane = self.active
        if pane.conversation is None:
            return
        name = await self.app.push_screen_wait(AskScreen("Reopen which text?", str(kept_text())))
        if name:
            self.reopen(pane, Path(name))

    def reopen(self, pane: Pane, path: Path) -> None:
        """Go on with a saved text in a pane whose model is open."""
        from rnntui.inference.saving import read

        if pane.conversation is None:
            return
        try:
            turns = read(path.expanduser().with_suffix(".jsonl"))
        except RnntuiError as error:
            self.notify(one_line(str(error)), title="Not opened", severity="error")
        except OSError as error:
            self.notify(one_line(f"{path}: {error.strerror or error}"), title="Not opened", severity="error")
        else:
            pane.conversation.reopen(turns)
            pane.changed()
            self._wake()

    # -- finding -------------------------------------------------------------------------------------------------

    async def action_find(self) -> None:
        """Open the find bar."""
        from rnntui.tui.chat.find import FindBar

        if not self.query(FindBar):
            await self.mount(FindBar(), before="#ask")
        self.query_one(FindBar).open()

    def on_find_bar_changed(self, event: FindBar.Changed) -> None:
        view = self.active.text
        event.bar.tell(view.find(event.needle))
        view.next_match()

    def on_find_bar_moved(self, event: FindBar.Moved) -> None:
        view = self.active.text
        if event.forward:
            view.next_match()
        else:
            view.previous_match()

    def on_find_bar_closed(self) -> None:
        self.active.text.clear_find()
        self.query_one(Prompt).focus()
