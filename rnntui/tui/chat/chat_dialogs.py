"""Dialogs of the Chat tab. Each is on the screen at once, so that what is typed after its key goes to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.widget import Widget

from rnntui.tui.messages import TextsSaved

if TYPE_CHECKING:
    from rnntui.sessions.branch_tree import Branch
    from rnntui.sessions.chat_files import SavedChat
    from rnntui.sessions.chat_pane import ChatPane
    from rnntui.sessions.chat_session import ChatSession
    from rnntui.sessions.conversation import Conversation
    from rnntui.tui.chat.branch_browser import TextPlace
    from rnntui.tui.chat.pane_model_opener import PaneModelOpener
    from rnntui.tui.chat.pane_row import PaneRow
    from rnntui.tui.notifications import Notifications
    from rnntui.tui.screens.dialogs import EditScreen


class ChatDialogs:
    """Opens the dialogs of the active pane, and does what is chosen in them."""

    def __init__(
        self,
        tab: Widget,
        opener: PaneModelOpener,
        focus_prompt: Callable[[], None],
        session: ChatSession,
        row: PaneRow,
    ) -> None:
        """
        Args:
            tab: the tab, in whose app the dialogs are opened.
            opener: opens the runs and texts that are chosen.
            focus_prompt: called when a dialog has been answered, so that typing goes to the prompt again.
            session: the session of the tab.
            row: the views of its panes.
        """
        self._tab, self._opener, self._focus_prompt = tab, opener, focus_prompt
        self._session, self._row = session, row
        self._edits: dict[ChatPane, EditScreen] = {}  # the open dialogs in which the text of a pane is edited

    @property
    def _notifications(self) -> Notifications:
        from rnntui.tui.notifications import Notifications

        return Notifications(self._tab.notify)

    def _conversation(self) -> Conversation | None:
        """Return the active conversation; without a model, say so and return None."""
        conversation = self._session.active.conversation
        if conversation is None:
            self._notifications.warn("No model is open yet; choose one with F5.")
        return conversation

    def _is_opening_text(self, pane: ChatPane) -> bool:
        """Return True, and say so, while a pane is about to get another text, to which an edit might go."""
        is_opening = self._opener.is_opening_text(pane)
        if is_opening:
            self._notifications.info("Another text is still being opened.")
        return is_opening

    # -- models and files ------------------------------------------------------------------------------------------

    def choose_model(self) -> None:
        """Choose another model for the active pane."""
        from rnntui.tui.screens.run_picker import pick_run

        pane = self._session.active

        def done(path: str | None) -> None:
            if path is not None:
                self._opener.open_run(pane, path)
            self._focus_prompt()

        pick_run(self._tab.app, self._session.cache, pane.run_name, done, self._notifications.warn)

    def save(self) -> None:
        """Ask for a name and save the active pane's text and turns."""
        from rnntui.tui.screens.dialogs import AskScreen

        pane, files = self._session.active, self._session.files
        suggestion = files.suggested_name(pane)
        if suggestion is None:
            self._focus_prompt()
        else:
            dialog = AskScreen("Save the text as", suggestion, partial(files.save, pane))

            def done(name: str | None) -> None:
                self._tab.post_message(TextsSaved())
                self._focus_prompt()

            self._tab.app.push_screen(dialog, done)

    def browse_texts(self) -> None:
        """Show the saved texts, and continue the chosen one in the active pane."""
        from rnntui.tui.screens.text_browser import TextBrowser

        pane, files = self._session.active, self._session.files
        if pane.conversation is None and not pane.problem:
            self._notifications.info("The model is still being opened.")
            return
        if self._is_opening_text(pane):
            return

        def done(saved: SavedChat | None) -> None:
            if saved is not None:
                self._opener.open_text(pane, saved)
            self._focus_prompt()

        present = pane.run_name if pane.conversation is not None else ""
        self._tab.app.push_screen(
            TextBrowser(
                files.saved_texts,
                partial(self._session.cache.has_run, present=present),
                files.read,
                files.writes(),
                "Conversations are saved here automatically.",
            ),
            done,
        )

    def edit_text(self) -> None:
        """Edit the active pane's text."""
        pane = self._session.active
        if pane.conversation is None:
            return
        if self._is_opening_text(pane):
            return
        pane.conversation.stop()
        self._row.update_views()
        self._show_editor(pane, "Edit the text; the model continues from its end")

    def resume_edit(self, pane: ChatPane, edited: str) -> None:
        """Go on with an edit of a pane's text that was not finished: the app ended within it."""
        self._show_editor(pane, "This edit was not finished; the text does not have it yet", edited)

    def edited_text(self, pane: ChatPane) -> str | None:
        """Return the text of a pane as it is being edited; None if it is not, or not changed."""
        editor = self._edits.get(pane)
        return editor.edited if editor is not None else None

    def _show_editor(self, pane: ChatPane, title: str, edited: str | None = None) -> None:
        from rnntui.tui.screens.dialogs import EditScreen

        def done(text: str | None) -> None:
            self._edits.pop(pane, None)
            if text is not None:
                self._session.replace_text(pane, text)
            self._focus_prompt()

        self._edits[pane] = editor = EditScreen(title, pane.text, edited)
        self._tab.app.push_screen(editor, done)

    # -- branches and bookmarks ------------------------------------------------------------------------------------

    def set_bookmark(self) -> None:
        """Ask for the name of a bookmark at the cursor in the text, or else at its end."""
        from rnntui.tui.screens.dialogs import AskScreen

        conversation = self._conversation()
        if conversation is None:
            return
        if not conversation.transcript.text:
            self._notifications.info("There is no text yet to set a bookmark in.")
            return
        branches, cursor = self._session.branches, self._row.active.text.cursor
        offset = len(conversation.transcript.text) if cursor is None else cursor
        is_set = conversation.tree.bookmark_at(offset) is not None
        place = "at the end of the text" if cursor is None else "at the cursor"
        question = f"New name of the bookmark {place}" if is_set else f"Name of the bookmark {place}"
        dialog = AskScreen(
            question,
            branches.bookmark_name(conversation, offset),
            lambda name, _: branches.set_bookmark(conversation, offset, name),
        )

        def done(name: str | None) -> None:
            if name is not None:
                self._notifications.info("Alt+T lists the bookmarks and the branches.", title="Bookmark set")

        self._tab.app.push_screen(dialog, done)

    def browse_branches(self) -> None:
        """Show the branches and bookmarks of the active pane's text, and go to the chosen one."""
        from rnntui.tui.chat.branch_browser import BranchBrowser

        conversation = self._conversation()
        if conversation is None:
            return

        def done(place: TextPlace | None) -> None:
            if place is None:
                self._focus_prompt()
            else:
                self._go_to(conversation, place.branch, place.offset)

        self._tab.app.push_screen(BranchBrowser(conversation, self._session.branches), done)

    def compare_branches(self) -> None:
        """Show the branch left last beside the current one, and go on with the chosen one."""
        from rnntui.tui.chat.branch_columns import BranchColumns

        conversation = self._conversation()
        if conversation is None:
            return
        branch = self._session.branches.left_last(self._session.active)
        if branch is None:
            self._notifications.info("The text has only one branch; a rewind, an edit or Ctrl+R makes another one.")
            return

        def done(chosen: Branch | None) -> None:
            if chosen is None:
                self._focus_prompt()
            else:
                self._go_to(conversation, chosen, None)

        self._tab.app.push_screen(BranchColumns(conversation, branch), done)

    def _go_to(self, conversation: Conversation, branch: Branch, offset: int | None) -> None:
        """Go to a branch, and to a place in it."""
        if branch is not conversation.tree.current:
            self._session.branches.go_to(conversation, branch)
            self._notifications.info("Ctrl+Z goes back to the branch you were on.", seconds=4)
        view = next((view for view in self._row.views if view.pane.conversation is conversation), None)
        if view is None or offset is None:
            if view is not None:
                view.scroll_to_end()
            self._focus_prompt()
        else:
            view.show_place(offset)
