"""The Chat tab: widgets, keys and dialogs. What they do to the texts is in `rnntui.sessions.chat_session`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Label

from rnntui.sessions.chat_pane import ChatSettings
from rnntui.sessions.chat_session import ChatSession
from rnntui.sessions.prompt_history import PromptHistory
from rnntui.tui.chat.chat_dialogs import ChatDialogs
from rnntui.tui.chat.copy_limits import CopyLimits
from rnntui.tui.chat.copy_shading import CopyShading
from rnntui.tui.chat.messages import (
    BranchWanted,
    LineSent,
    PaneActivated,
    PresetChosen,
    PromptWanted,
    PutBackWanted,
    RewindWanted,
    SettingsChanged,
)
from rnntui.tui.chat.pane_model_opener import PaneModelOpener
from rnntui.tui.chat.pane_row import PaneRow
from rnntui.tui.chat.pane_view import STATUS_KEYS, PaneView
from rnntui.tui.chat.prompt import Prompt
from rnntui.tui.chat.prompt_line import PromptLine
from rnntui.tui.chat.settings_panel import SettingsPanel
from rnntui.tui.chat.unit_colouring import UnitColouring
from rnntui.tui.keys import bindings, known_keys
from rnntui.tui.messages import RememberPreference, TextsSaved
from rnntui.tui.notifications import Notifications
from rnntui.tui.preferences import history_file, texts_folder

if TYPE_CHECKING:
    from rnntui.sessions.alternatives import Alternative
    from rnntui.sessions.autosave import Autosave, SaveJob
    from rnntui.sessions.chat_pane import ChatPane
    from rnntui.sessions.conversation import Conversation
    from rnntui.sessions.generation_worker import GenerationWorker
    from rnntui.tui.tabs import TabContext
    from rnntui.tui.widgets.stream_view import StreamView

POLL_RATE = 24  # polls a second for new tokens: as in a film, and less work than at 30
AUTOSAVE_INTERVAL = 10.0  # seconds
_MIN_PANE_WIDTH = 40  # columns; with less, the settings panel is hidden
_PANEL_WIDTH = 30  # columns
_COPIES_KEY = "chat.copies"
_UNIT_KEYS = ("chat.units", "chat.previous_unit", "chat.next_unit")
_STATUS_WIDTH = 72  # columns; narrower panes have two rows for their status


class ChatTab(Vertical):
    """One to four panes side by side, the settings of the active one, and the prompt for all of them."""

    BINDINGS = bindings("chat")

    def __init__(self, context: TabContext, start_worker: Callable[[], GenerationWorker] | None = None) -> None:
        """`start_worker` replaces the generation worker, for tests."""
        super().__init__(id="chat")
        self.notifications = Notifications(self.notify)
        self.session = ChatSession(
            context.checkpoints, self, start_worker or self._start_worker, texts_folder, context.run
        )
        keymap, keys = context.preferences.keymap, known_keys()
        status_keys = {key_id: keymap.get(key_id, keys[key_id]).split(",")[0] for key_id in STATUS_KEYS}
        self.row, self.panel = PaneRow(self.session, status_keys), SettingsPanel()
        unit_keys = [keymap.get(key_id, keys[key_id]).split(",")[0] for key_id in _UNIT_KEYS]
        self.units = UnitColouring(self, self.session, self.row, self.notifications, unit_keys)
        copies_key = keymap.get(_COPIES_KEY, keys[_COPIES_KEY]).split(",")[0]
        self.copies = CopyShading(self, self.session, self.row, self.notifications, copies_key)
        self.copy_limits = CopyLimits(
            self, self.session, self.notifications, lambda: self.panel.show(self.session.settings)
        )
        self._opener = PaneModelOpener(self, self.session)
        self._dialogs = ChatDialogs(self, self._opener, self.focus_prompt, self.session, self.row)
        history = PromptHistory(history_file)
        self.prompt, self._prompt_hint = Prompt(keymap, history), Label("", id="prompt-hint")
        self._line = PromptLine(self, self.prompt, history, self.notifications)
        self._first_run, self._reopens, self._kept = context.run, context.reopen, context.kept
        self._has_kept_settings = False
        self.shows_surprisal, self.wants_panel = context.preferences.surprisal, context.preferences.panel

    def compose(self) -> ComposeResult:
        with Horizontal(id="body"):
            yield self.row
            yield self.panel
        with Horizontal(id="ask"):
            yield Label("❯ ")
            yield self.prompt
            yield self._prompt_hint

    def on_mount(self) -> None:
        self.row.mark_active()
        self.prompt.focus()
        self.set_interval(1 / POLL_RATE, self._poll)
        self.set_interval(AUTOSAVE_INTERVAL, self.session.files.autosave)
        self.call_after_refresh(self._finish)

    def _poll(self) -> None:
        self.row.poll()
        self.units.poll()
        self.copies.poll()
        self.copy_limits.poll()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for keys that have nothing to act on: without a text that is coloured by a unit."""
        return action != "unit" or self.units.has_others(self.session.active)

    async def _finish(self) -> None:
        """Do what the first paint need not wait for: sliders and model."""
        self.row.shade(self.shows_surprisal)
        self.session.apply(ChatSettings.of_values(self._kept))
        self._has_kept_settings = True
        await self.panel.fill(self.session.settings)
        if self._reopens:
            self._opener.open_last(self.session.active, self._first_run)
        else:
            self._opener.open_run(self.session.active, self._first_run)

    def on_resize(self) -> None:
        self._arrange()

    def on_unmount(self) -> None:
        self.session.close()
        self._line.save_history()

    def save_at_exit(self) -> str:
        """Stop generating, and save texts, prompt and history. Return what failed, or ""."""
        failure = self.session.save_at_exit()
        self._line.save_history()
        self.show_changes()
        return failure

    @property
    def save_problem(self) -> str:
        """Why a text is not saved; "" while all are."""
        return self.session.files.problem

    @property
    def kept_settings(self) -> dict[str, Any]:
        """The settings of the active pane; until they are shown, those of the last time."""
        return self.session.settings.values if self._has_kept_settings else dict(self._kept)

    @property
    def typing_target(self) -> Prompt:
        """The editor that typing goes to."""
        return self.prompt

    @property
    def exit_message(self) -> str:
        """Printed once the app has closed."""
        return self.session.exit_message

    # -- the session's screen ------------------------------------------------------------------------------------

    @property
    def unsent_line(self) -> str:
        """What the prompt holds; while an unchanged line is taken back, what it held before."""
        return self._line.unsent

    def show_unsent_line(self, line: str) -> None:
        """Fill the prompt with the line that was typed for a text; if it holds another, the history has this one."""
        self._line.show(line)

    def edited_text(self, pane: ChatPane) -> str | None:
        """Return the text of a pane as it is being edited (F10); None if it is not, or not changed."""
        return self._dialogs.edited_text(pane)

    def resume_edit(self, pane: ChatPane, edited: str) -> None:
        """Go on with an edit of a pane's text that was not finished."""
        self._dialogs.resume_edit(pane, edited)

    def show_changes(self) -> None:
        """Show what the session has changed."""
        self.row.update_views()
        self._show_alternatives()
        can_put_back = self.session.can_put_back
        if can_put_back is not self.prompt.can_put_back:
            self.prompt.can_put_back = can_put_back
            self._prompt_hint.update(" Esc: put it back" if can_put_back else "")
            self.prompt.refresh_bindings()

    @work(thread=True, group="autosave")
    def save_in_background(self, autosave: Autosave, job: SaveJob) -> None:
        """Write a draft in a thread."""
        problem = autosave.write(job)
        self.post_message(TextsSaved())
        if problem:
            self.app.call_from_thread(self.notifications.warn, problem, title="Autosave failed")

    def _start_worker(self) -> GenerationWorker:
        from rnntui.sessions.generation_worker import GenerationWorker

        worker = GenerationWorker(self._generation_failed)
        worker.start()
        return worker

    def _generation_failed(self, conversation: Conversation, error: Exception) -> None:
        """Report a failure; called in the worker's thread."""
        problem = f"{conversation.name}: {type(error).__name__}: {error}"
        self.app.call_from_thread(self.notifications.error, problem, title="The model stopped", seconds=20)

    # -- models and panes ----------------------------------------------------------------------------------------

    def open_run(self, name: str) -> None:
        """Continue the active pane with the run of that name or path."""
        self._opener.open_run(self.session.active, name)

    @property
    def model_name(self) -> str:
        """Name of the run whose model the active pane has, "" if it has none."""
        pane = self.session.active
        return pane.run_name if pane.conversation is not None else ""

    def follow_rename(self, old: str, new: str) -> None:
        """Show the new name of a run that may be open."""
        self.session.follow_rename(old, new)

    def action_model(self) -> None:
        """Choose another model for the active pane."""
        self._dialogs.choose_model()

    async def action_add_pane(self) -> None:
        """Add a pane beside the active one."""
        self.session.add_pane()
        await self._match_panes()
        self.focus_prompt()

    async def action_close_pane(self) -> None:
        """Close the active pane."""
        self.session.close_pane()
        await self._match_panes()
        self.focus_prompt()

    async def _match_panes(self) -> None:
        await self.row.match_panes()
        self.row.shade(self.shows_surprisal)
        self.panel.show(self.session.settings)
        self._arrange()

    def activate(self, pane: ChatPane) -> None:
        """Make a pane the active one, and show its settings."""
        self.session.activate(pane)
        self.row.mark_active()
        self.panel.show(self.session.settings)

    def on_pane_activated(self, event: PaneActivated) -> None:
        if event.pane in self.session.panes:
            self.activate(event.pane)

    def _arrange(self) -> None:
        """Hide the settings panel where the panes would be too narrow beside it."""
        panes = len(self.session.panes)
        self.set_class(panes > 1, "-several")
        fits = self.size.width - _PANEL_WIDTH >= _MIN_PANE_WIDTH * panes
        is_bare = not (self.wants_panel and fits)
        self.set_class(is_bare, "-bare")
        if is_bare and self.panel.has_focus_within:
            self.focus_prompt()
        room = self.size.width - (0 if is_bare or panes == 1 else _PANEL_WIDTH)
        self.set_class(room // panes < _STATUS_WIDTH, "-narrow")
        self.row.show_temperature(is_bare or panes > 1)
        self._show_alternatives()

    def focus_prompt(self) -> None:
        """Let typing go to the prompt again."""
        self.screen.set_focus(self.prompt)

    def on_prompt_wanted(self, event: PromptWanted) -> None:
        self.action_stop()

    # -- generation -----------------------------------------------------------------------------------------------

    def say(self, line: str) -> None:
        """Say a line in every pane."""
        self.session.say(line)
        if line:
            self.row.scroll_to_ends()

    def on_line_sent(self, event: LineSent) -> None:
        self.say(event.line)
        self._line.sent(event.line)

    def action_stop(self) -> None:
        """Stop all panes, close the find bar, and go back to the prompt."""
        from rnntui.tui.chat.find_bar import FindBar

        if self.units.stop_probing() or self.copies.stop_indexing():
            return
        self.session.stop()
        for bar in self.query(FindBar):
            bar.action_close()
        self.focus_prompt()

    def action_generate(self) -> None:
        """Let the models continue."""
        self.session.generate()
        self.focus_prompt()

    def action_regenerate(self) -> None:
        """Generate the last turn again."""
        self.session.regenerate()
        self.focus_prompt()

    def action_version(self, step: int) -> None:
        """Put back the next version of the last turn of the active pane, or a previous one."""
        self.session.choose_version(step)

    def action_turns(self) -> None:
        """Let a model of turns continue the text like any other, or take turns again."""
        self.session.toggle_turns()

    def action_learning(self) -> None:
        """Let the model of the active pane learn from what is written, or forget what it has learned."""
        self.session.toggle_learning()

    # -- editing -------------------------------------------------------------------------------------------------

    def action_edit_prompt(self) -> None:
        """Take the last line back into the prompt. The next one to be sent is followed by what the prompt held."""
        line = self.session.take_back_last_prompt()
        if line is None:
            self.notifications.info("The text has no line of yours to edit; type one and press Enter.")
        else:
            self._line.take_back(line)
        self.focus_prompt()

    def on_put_back_wanted(self, event: PutBackWanted) -> None:
        self._put_back()

    def _put_back(self) -> None:
        """Put the line back that was taken to be edited, and what the prompt held before."""
        self.session.put_back()
        self._line.put_back()

    def action_edit_text(self) -> None:
        """Edit the active pane's text in a dialog."""
        self._dialogs.edit_text()

    def action_branches(self) -> None:
        """List the branches and bookmarks of the active pane's text."""
        self._dialogs.browse_branches()

    def action_compare_branches(self) -> None:
        """Show the branch left last beside the current one."""
        self._dialogs.compare_branches()

    def action_bookmark(self) -> None:
        """Set a bookmark in the active pane's text."""
        self._dialogs.set_bookmark()

    def on_rewind_wanted(self, event: RewindWanted) -> None:
        self.session.rewind(event.pane, event.offset)
        self.focus_prompt()

    def action_undo(self) -> None:
        """Undo the last change that cut a text."""
        if self.session.can_put_back:
            self._put_back()
        else:
            self.session.undo()

    def on_undo_wanted(self) -> None:
        self.action_undo()

    def on_redo_wanted(self) -> None:
        self.action_redo()

    def action_redo(self) -> None:
        """Redo what was undone."""
        self.session.redo()

    def action_new(self) -> None:
        """Begin an empty text in every pane."""
        self.session.new_texts()
        self.focus_prompt()

    # -- alternatives --------------------------------------------------------------------------------------------

    def on_stream_view_cursor_moved(self, event: StreamView.CursorMoved) -> None:
        view = event.view.parent
        assert isinstance(view, PaneView)
        conversation = view.pane.conversation
        if conversation is not None and conversation.is_generating:
            return  # at the end of the text, the cursor moves with each token
        cursor = event.view.cursor
        if conversation is None or cursor is None:
            self.session.offered = None
            self._show_alternatives()
        else:
            self.row.show_alternatives(None, 0)  # those of the previous token; the panel shows them a moment longer
            self._find_alternatives(view.pane, conversation, conversation.transcript.first_token_of_char(cursor))

    @work(thread=True, exclusive=True, group="alternatives")
    def _find_alternatives(self, pane: ChatPane, conversation: Conversation, token: int) -> None:
        alternatives = conversation.alternatives(token)
        self.app.call_from_thread(self._offer_alternatives, pane, token, alternatives)

    def _offer_alternatives(self, pane: ChatPane, token: int, alternatives: list[Alternative]) -> None:
        self.session.offer_alternatives(pane, token, alternatives)
        self._show_alternatives()

    def _show_alternatives(self) -> None:
        """Show the alternatives to a token, and let digits choose those that can be seen."""
        offered = self.session.offered
        self.panel.show_alternatives(offered)
        is_visible = offered is not None and not self.has_class("-bare")
        self.row.show_alternatives(
            offered.pane if offered is not None else None, len(offered.alternatives) if offered and is_visible else 0
        )

    def on_branch_wanted(self, event: BranchWanted) -> None:
        self.session.branch(event.pane, event.number)

    # -- settings ------------------------------------------------------------------------------------------------

    def on_settings_changed(self, event: SettingsChanged) -> None:
        self.session.apply(event.settings)

    def on_preset_chosen(self, event: PresetChosen) -> None:
        self.session.use_preset(event.name)
        self.panel.show(self.session.settings)

    def action_preset(self) -> None:
        """Use the next preset."""
        self.session.next_preset()
        self.panel.show(self.session.settings)

    def action_surprisal(self) -> None:
        """Shade each token by its surprisal, or not."""
        self.shows_surprisal = not self.shows_surprisal
        self.units.turn_all_off()
        self.copies.turn_all_off()
        self.row.shade(self.shows_surprisal)
        self.post_message(RememberPreference("surprisal", self.shows_surprisal))

    def action_units(self) -> None:
        """Colour the active pane's text by a unit of its model, or no longer."""
        self.copies.turn_off(self.session.active)
        self.units.choose()

    def action_copies(self) -> None:
        """Shade what the active pane's model copied from its training text, or no longer."""
        self.units.turn_off(self.session.active)
        self.copies.toggle()

    def action_unit(self, by: int) -> None:
        """Colour by another unit of those that track the same."""
        self.units.step(by)

    def action_panel(self) -> None:
        """Show or hide the settings panel."""
        self.wants_panel = not self.wants_panel
        self._arrange()
        if self.wants_panel and self.has_class("-bare"):
            self.notifications.info("No room for the settings; close a pane (F7) or make the terminal wider.")
        self.post_message(RememberPreference("panel", self.wants_panel))

    # -- files, clipboard, find ----------------------------------------------------------------------------------

    def action_copy(self) -> None:
        """Copy the selection, or else the active pane's text."""
        text = self.screen.get_selected_text() or self.session.active.text
        self.app.copy_to_clipboard(text)
        self.notifications.info(f"Copied {len(text):,} characters.", seconds=2)

    def action_save(self) -> None:
        """Ask for a name and save the active pane's text and turns."""
        self._dialogs.save()

    def action_reopen(self) -> None:
        """Show the saved texts, and continue the chosen one in the active pane."""
        self._dialogs.browse_texts()

    async def action_find(self) -> None:
        """Open the find bar."""
        from rnntui.tui.chat.find_bar import FindBar

        if not self.query(FindBar):
            await self.mount(FindBar(lambda: self.row.active.text), before="#ask")
        self.query_one(FindBar).open()

    def on_search_closed(self) -> None:
        self.focus_prompt()
