"""The chat session: up to four conversations side by side, without a screen.

A `ChatScreen` shows it. All methods are called in the thread of the screen, except `load`, which may take seconds and
changes no state. Nothing here imports numpy before the first model is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rnntui.errors import RnntuiError
from rnntui.sessions.chat_branches import ChatBranches
from rnntui.sessions.chat_files import ChatFiles, ChatScreen, SavedChat
from rnntui.sessions.chat_pane import ChatPane, ChatSettings, OfferedAlternatives, open_panes
from rnntui.text.control_chars import unknown_characters_message

if TYPE_CHECKING:
    from rnntui.inference.loaded_model import LoadedLanguageModel
    from rnntui.sessions.alternatives import Alternative
    from rnntui.sessions.conversation import Conversation
    from rnntui.sessions.generation_worker import GenerationWorker
    from rnntui.sessions.model_cache import ModelCache, ModelForText

MAX_PANES = 4
_SAME_ACTION = 0.5  # seconds within which changes of several panes count as one action


class ChatSession:
    """The panes, the active one, and every action on them. The settings belong to the active pane."""

    def __init__(
        self,
        checkpoints: Path,
        screen: ChatScreen,
        start_worker: Callable[[], GenerationWorker],
        drafts_folder: Callable[[], Path],
        run_name: str | None = None,
    ) -> None:
        """
        Args:
            checkpoints: folder of the user's runs.
            screen: the view.
            start_worker: returns a started worker; called when the first model is loaded.
            drafts_folder: folder of the autosaved texts; asked anew each time.
            run_name: name or path of the first run, or None for the newest.
        """
        self._checkpoints, self._screen = checkpoints, screen
        self._start_worker, self._drafts_folder = start_worker, drafts_folder
        self.worker: GenerationWorker | None = None
        self.panes = [ChatPane(run_name or "", drafts_folder)]
        self.files = ChatFiles(self.panes, screen)
        self.branches = ChatBranches(self._changed)
        self.active = self.panes[0]
        self.offered: OfferedAlternatives | None = None
        self.exit_message = ""  # printed once the app has closed
        self._first_settings: ChatSettings | None = None  # set before a model was loaded

    # -- panes and models ----------------------------------------------------------------------------------------

    @cached_property
    def cache(self) -> ModelCache[LoadedLanguageModel]:
        """The language models that are loaded."""
        from rnntui.kinds.language_model import LANGUAGE_MODEL  # 20 ms that the first paint need not wait for
        from rnntui.sessions.model_cache import ModelCache

        return ModelCache(self._checkpoints, LANGUAGE_MODEL)

    @property
    def conversations(self) -> list[Conversation]:
        """The conversations of all panes whose model is loaded."""
        return [conversation for _, conversation in open_panes(self.panes)]

    def load(self, name: str | None) -> tuple[str, LoadedLanguageModel]:
        """Load a run by name or path, None being the newest. Returns its name and the model. Raises as the cache does.

        Called in a thread of its own; `set_model` takes the result.
        """
        run = self.cache.find(name)
        return run.name, self.cache.load(run)

    def set_model(self, pane: ChatPane, name: str, loaded: LoadedLanguageModel) -> None:
        """Continue a pane with a loaded model."""
        if pane not in self.panes:  # closed meanwhile
            return
        self._use_model(pane, name, loaded)
        self._changed()
        self._say_early_lines()

    def _use_model(self, pane: ChatPane, name: str, loaded: LoadedLanguageModel) -> Conversation:
        from rnntui.sessions.conversation import Conversation

        pane.run_name = name
        if pane.conversation is None:
            pane.conversation = Conversation(loaded, name)
            _configure(pane.conversation, self._first_settings or ChatSettings.defaults())
        else:
            pane.conversation.switch_model(loaded, name)
        return pane.conversation

    def _say_early_lines(self) -> None:
        lines = list(self.files.early_lines)
        self.files.early_lines.clear()
        for line in lines:
            self.say(line)

    def follow_rename(self, old: str, new: str) -> None:
        """Go on with a run under its new name."""
        for pane in self.panes:
            if pane.run_name == old:
                pane.run_name = new
                if pane.conversation is not None:
                    pane.conversation.name = new
        self._screen.show_changes()

    def loading_failed(self, pane: ChatPane, problem: str) -> None:
        """Report that a model cannot be loaded."""
        if pane.conversation is None:
            pane.problem = "no model: choose one with F5"
        self._screen.notifications.error(problem, title="Cannot open the model", seconds=10)
        self._screen.show_changes()

    def activate(self, pane: ChatPane) -> None:
        """Make a pane the active one."""
        self.active = pane

    def add_pane(self) -> None:
        """Add a pane with the model and prompt of the active one, and make it active."""
        if self.active.conversation is None:
            self._screen.notifications.warn("No model is open yet; choose one with F5.")
        elif len(self.panes) == MAX_PANES:
            self._screen.notifications.warn("Four panes at most.")
        else:
            pane = ChatPane(self.active.run_name, self._drafts_folder, self.active.conversation.fork())
            self.panes.append(pane)
            self.active = pane
            self._changed()

    def close_pane(self) -> None:
        """Close the active pane, unless it is the only one."""
        if len(self.panes) == 1:
            self._screen.notifications.warn("This is the only pane.")
            return
        self.active.settle()
        self.files.close_pane(self.active)
        self.panes.remove(self.active)
        self.active = self.panes[0]
        self._changed()

    def _changed(self) -> None:
        """Wake the worker and update the screen. Alternatives of another text or model can no longer be chosen."""
        self.offered = None
        if self.conversations:
            if self.worker is None:
                self.worker = self._start_worker()
            self.worker.serve(self.conversations)
        self._screen.show_changes()

    # -- generation -----------------------------------------------------------------------------------------------

    def say(self, line: str) -> None:
        """Say a line in every pane and let the models continue; with an empty line they just continue."""
        if not self.conversations:
            self.files.early_lines.append(line)
            return
        if not line:
            self.generate()
            return
        unknown: dict[str, None] = {}
        for conversation in self.conversations:
            unknown |= dict.fromkeys(conversation.say(line))
        self._changed()
        self._warn_unknown(list(unknown))

    def generate(self) -> None:
        """Let every model continue its text."""
        for conversation in self.conversations:
            conversation.generate()
        self._changed()

    def regenerate(self) -> None:
        """Generate the last turn of every pane again, with other seeds."""
        regenerated = [conversation.regenerate() for conversation in self.conversations]
        self._changed()
        if not any(regenerated):
            self._screen.notifications.info("The model has written nothing yet; type something and press Enter.")

    def choose_version(self, step: int) -> None:
        """Put back the next version of the active pane's last turn, or with a negative step a previous one."""
        conversation = self.active.conversation
        if conversation is None:
            return
        has_versions = conversation.version is not None
        if conversation.choose_version(step):
            self._changed()
        else:
            end = "This is the newest version." if step > 0 else "This is the first version."
            only = "The last turn has only one version; Ctrl+R generates another one."
            self._screen.notifications.info(end if has_versions else only, seconds=3)

    def stop(self) -> None:
        """Stop every pane at once."""
        for conversation in self.conversations:
            conversation.stop()
        self._changed()

    def toggle_turns(self) -> None:
        """Let a model of turns continue the text like any other, or take turns again."""
        conversation = self.active.conversation
        if conversation is None or not conversation.trained_on_turns:
            self._screen.notifications.info(
                "The model was not trained on turns (lines that begin with A: and B:, or two other labels)."
            )
            return
        conversation.uses_turns = not conversation.uses_turns
        self._screen.notifications.info(
            "The model answers in turns." if conversation.uses_turns else "The model continues the text."
        )

    def toggle_learning(self) -> None:
        """Let the model of the active pane learn from what the person writes there, or forget what it has learned."""
        conversation = self.active.conversation
        if conversation is None:
            self._screen.notifications.warn("No model is open yet; choose one with F5.")
            return
        conversation.learns = not conversation.learns
        self._changed()
        self._screen.notifications.info(
            "The model learns from what you write in this text. The run on disk stays as it is."
            if conversation.learns
            else "The model is again as it was trained; what it had learned from this text is forgotten."
        )

    def _warn_unknown(self, characters: list[str]) -> None:
        if characters:
            self._screen.notifications.warn(unknown_characters_message(characters))

    # -- editing -------------------------------------------------------------------------------------------------

    def take_back_last_prompt(self) -> str | None:
        """Cut every text before the last typed line. Return that line, to be edited, or None if there is none.

        Until a text changes, `put_back` restores all, and the whole texts are saved, beside what is typed meanwhile.
        """
        self.files.keep_whole_texts()
        lines = [conversation.take_back() for conversation in self.conversations]
        self._changed()
        return next((line for line in lines if line is not None), None)

    @property
    def can_put_back(self) -> bool:
        """True while turns that were taken back can be put back."""
        return any(conversation.can_put_back for conversation in self.conversations)

    def put_back(self) -> None:
        """Put back what `take_back_last_prompt` cut."""
        for conversation in self.conversations:
            conversation.put_back()
        self._changed()

    def replace_text(self, pane: ChatPane, text: str) -> None:
        """Replace the text of a pane by an edited one."""
        if pane.conversation is not None:
            unknown = pane.conversation.replace(text)
            self._changed()
            self._warn_unknown(unknown)

    def rewind(self, pane: ChatPane, offset: int) -> None:
        """Cut the text of a pane at a character offset."""
        if pane.conversation is not None:
            pane.conversation.stop()
            pane.conversation.replace(pane.text[:offset])
            self._changed()

    def undo(self) -> None:
        """Revert the last change that cut a text; in every pane, if it was made in every pane."""
        if self.can_put_back:
            self.put_back()
            return
        times = [(pane, conversation, conversation.last_change or 0.0) for pane, conversation in open_panes(self.panes)]
        latest = max((time for _, _, time in times), default=0.0)
        if not latest:
            self._screen.notifications.info("There is nothing to undo.")
            return
        for pane, conversation, time in times:
            if time >= latest - _SAME_ACTION:
                self.files.autosave()
                previous = conversation.tree
                conversation.undo()
                pane.follow_undo(previous)
        self._changed()

    def redo(self) -> None:
        """Revert the last undo of the active pane."""
        conversation = self.active.conversation
        previous = conversation.tree if conversation is not None else None
        if conversation is None or previous is None or not conversation.redo():
            self._screen.notifications.info("There is nothing to redo.")
            return
        self.active.follow_undo(previous)
        self._changed()

    def new_texts(self) -> None:
        """Begin an empty text in every pane; the previous one stays autosaved."""
        for pane, conversation in open_panes(self.panes):
            pane.settle()
            self.files.autosave(leaving=True)
            pane.leave_text()
            conversation.clear()
            pane.autosave.begin()
        self._changed()

    # -- alternatives --------------------------------------------------------------------------------------------

    def offer_alternatives(self, pane: ChatPane, token: int, alternatives: list[Alternative]) -> None:
        """Offer alternatives to a token, as `Conversation.alternatives` found them in a thread."""
        if pane not in self.panes or pane.conversation is None or token > len(pane.conversation.transcript):
            return
        transcript = pane.conversation.transcript
        if token == len(transcript):
            self.offered = OfferedAlternatives(pane, token, None, None, alternatives)
        else:
            text = transcript.text[transcript.start_of(token) : transcript.start_of(token + 1)]
            self.offered = OfferedAlternatives(pane, token, text, transcript.bits(token), alternatives)

    def branch(self, pane: ChatPane, number: int) -> None:
        """Replace the token by the offered alternative of that number, from 1, and continue from there."""
        if self.offered is None or self.offered.pane is not pane or pane.conversation is None:
            self._screen.notifications.info("Move the cursor to a token to see its alternatives and choose one.")
        elif number <= len(self.offered.alternatives):
            pane.conversation.branch(self.offered.token, self.offered.alternatives[number - 1].id)
            self._changed()

    # -- settings ------------------------------------------------------------------------------------------------

    @property
    def settings(self) -> ChatSettings:
        """The settings of the active pane."""
        conversation = self.active.conversation
        if conversation is None:
            return self._first_settings or ChatSettings.defaults()
        return ChatSettings(conversation.sampling, conversation.generation, conversation.novelty, conversation.seed)

    def apply(self, settings: ChatSettings) -> None:
        """Change the settings of the active pane, from the next token on."""
        if self.active.conversation is None:
            self._first_settings = settings
        else:
            _configure(self.active.conversation, settings)
            self._changed()

    def use_preset(self, name: str) -> None:
        """Apply the sampling settings of a preset."""
        from rnntui.config_generation import PRESETS

        self.apply(replace(self.settings, sampling=PRESETS[name]))

    def next_preset(self) -> None:
        """Apply the preset after the current one."""
        from rnntui.config_generation import PRESETS

        names, current = list(PRESETS), self.settings.preset
        name = names[(names.index(current) + 1) % len(names)] if current in names else names[0]
        self.use_preset(name)
        self._screen.notifications.info(f"Preset: {name}", seconds=2)

    # -- files ---------------------------------------------------------------------------------------------------

    def load_last(self, name: str | None) -> tuple[SavedChat | None, ModelForText[LoadedLanguageModel]]:
        """Read the last text, and load the run of that name or path; for None, the one that wrote the text.

        Returns None for the text if there is none or it cannot be read, which is reported. Raises as `load` does.
        Called in a thread of its own; `open_text` takes the result.
        """
        from rnntui.sessions.model_cache import ModelForText

        saved, note = None, ""
        try:
            saved = self.files.read_last()
            note = "" if saved is not None else "No text has been saved yet: there is nothing to reopen."
        except RnntuiError as error:
            note = f"The last text cannot be opened: {error}"
        if name is not None or saved is None:
            return saved, ModelForText(*self.load(name), note)
        return saved, self.cache.load_for_text(saved.content.run, "")

    def open_text(self, pane: ChatPane, saved: SavedChat | None, model: ModelForText[LoadedLanguageModel]) -> None:
        """Continue a saved text in a pane, with its model; the text before it stays saved.

        What was typed beside the text is shown again. An edit that was not finished is the user's to accept; lines that
        were sent before are to be sent again then, as they would change the text under it.
        """
        from rnntui.sessions.saved_transcript import typed_lines

        if pane not in self.panes:  # closed meanwhile
            return
        pane.settle()
        self.files.autosave(leaving=saved is not None)
        conversation = pane.conversation
        if model.model is not None:
            conversation = self._use_model(pane, model.name, model.model)
        if conversation is not None and saved is not None:
            pane.leave_text()
            conversation.reopen(saved.content)
            unsent, edited = saved.content.unsent, saved.content.edited
            if saved.path is not None:
                pane.autosave.open(saved.path, pane.text, conversation.tree.revision, typed_lines(unsent, edited))
            else:
                pane.autosave.begin()
            if edited is not None:
                unsent = "\n".join(filter(None, [unsent, *self.files.early_lines]))
                self.files.early_lines.clear()
                self._screen.resume_edit(pane, edited)
            if unsent:
                self._screen.show_unsent_line(unsent)
            if unknown := len(saved.content.unknown_lines):
                lines = "a line" if unknown == 1 else f"{unknown} lines"
                self._screen.notifications.info(
                    f"The file has {lines} of another version of rnntui, kept as written.", seconds=10
                )
        if model.note:
            self._screen.notifications.warn(model.note, seconds=10)
        self._changed()
        self._say_early_lines()

    def close(self) -> None:
        """End the worker, save every text, and set `exit_message`."""
        if self.worker is not None:
            self.worker.close()
        self.save_at_exit()

    def save_at_exit(self) -> str:
        """Save every text, and set `exit_message`. Return what failed, or ""."""
        failure = self.files.save_at_exit()
        self.exit_message = failure or self.files.where_saved
        return failure


def _configure(conversation: Conversation, settings: ChatSettings) -> None:
    conversation.sampling, conversation.generation = settings.sampling, settings.generation
    conversation.seed = settings.seed
    conversation.limit_copies(settings.novelty, conversation.training_text)
