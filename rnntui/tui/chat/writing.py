"""What the keys of the Chat tab do to the texts: saying, stopping, going back, steering."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual import work
from textual.message import Message

from rnntui.text.control_chars import unknown_characters_message
from rnntui.tui.chat.pane import Pane
from rnntui.tui.chat.panes import Panes
from rnntui.tui.chat.prompt import Prompt
from rnntui.tui.chat.settings_panel import SettingsPanel

if TYPE_CHECKING:
    from rnntui.sessions.alternatives import Alternative
    from rnntui.sessions.generation_worker import GenerationWorker
    from rnntui.tui.widgets.stream_view import StreamView


class Writing(Panes):
    """Panes whose conversations go on, stop, and go back."""

    class Remember(Message, namespace="chat_tab"):
        """These preferences are to be there the next time."""

        def __init__(self, changes: dict[str, Any]) -> None:
            super().__init__()
            self.changes = changes

    def __init__(self, run_name: str | None, make_writer: Callable[[], GenerationWorker]) -> None:
        super().__init__(run_name, make_writer)
        self._said_early: list[str] = []  # lines sent before the model was open

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
            self.tell(unknown_characters_message(unknown), severity="warning")

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
            self.tell("The model has written nothing yet; type something and press Enter.")

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
            self.query_one(Prompt).fill(last)

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

    def action_turns(self) -> None:
        """Let a model of turns write on as any other, or take turns again."""
        conversation = self.active.conversation
        if conversation is None or not conversation.takes_turns:
            self.tell("The model was not trained on turns (lines that begin with A: and B:, or two other labels).")
            return
        conversation.chat = not conversation.chat
        self.tell("The model answers in turns." if conversation.chat else "The model writes on as any other.")

    def on_pane_rewind(self, event: Pane.Rewind) -> None:
        conversation = event.pane.conversation
        if conversation is not None:
            conversation.stop()
            conversation.replace(conversation.transcript.text[: event.offset])
            event.pane.changed()
            self._wake()
            self.query_one(Prompt).focus()

    # -- alternatives --------------------------------------------------------------------------------------------

    def on_stream_view_cursor_moved(self, event: StreamView.CursorMoved) -> None:
        pane = next((pane for pane in self.panes if pane.text is event.view), None)
        # At the end of a text that is being written, it would be another question with each token.
        if pane is not None and not (pane.conversation is not None and pane.conversation.is_writing):
            cursor = pane.text.cursor
            if pane.conversation is None or cursor is None:
                self._forget_alternatives()
            else:
                self._look_up(pane, pane.conversation.transcript.token_of_character(cursor))

    @work(thread=True, exclusive=True, group="alternatives")
    def _look_up(self, pane: Pane, token: int) -> None:
        """In a thread: what could have stood at a token's place."""
        conversation = pane.conversation
        if conversation is not None:
            found = conversation.alternatives(token)
            self.app.call_from_thread(self._show_alternatives, pane, token, found)

    def _show_alternatives(self, pane: Pane, token: int, found: list[Alternative]) -> None:
        conversation = pane.conversation
        if conversation is None or pane not in self.panes or token > len(conversation.transcript):
            return
        transcript = conversation.transcript
        at_end = token == len(transcript)
        text = None if at_end else transcript.text[transcript.start_of(token) : transcript.start_of(token + 1)]
        bits = None if at_end else transcript.bits(token)
        self.shown_alternatives = (pane, token, found)
        self.query_one(SettingsPanel).show_alternatives(text, bits, found)

    def on_pane_branch(self, event: Pane.Branch) -> None:
        """Go on with an alternative that is shown; there may be none, as before the first move of the cursor."""
        if (
            self.shown_alternatives is None
            or self.shown_alternatives[0] is not event.pane
            or event.pane.conversation is None
        ):
            self.tell("Move the cursor: the alternatives to what it stands on are shown, and can be chosen.")
            return
        _, token, found = self.shown_alternatives
        if event.number <= len(found):
            event.pane.conversation.branch(token, found[event.number - 1].id)
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
        panel = self.query_one(SettingsPanel)
        if not panel.filled:
            return
        name = panel.next_preset()
        self.tell(f"Preset: {name}", seconds=2)

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
        if self.wants_panel and self.has_class("-bare"):
            self.tell("There is no room for the settings; close a pane (F7) or make the terminal wider.")
        self.post_message(self.Remember({"panel": self.wants_panel}))
