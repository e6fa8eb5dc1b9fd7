"""A conversation: one text that a person and a language model write in turns.

Threads: the screen's thread calls everything but `work` and `fail`, which a `GenerationWorker` calls in its own
thread. Both change the model cursor, the transcript and the running turn only with the conversation's lock held; the
worker holds it for one token (or 64 tokens read) at a time. Generated tokens wait in a queue until the screen takes
them by `drain`, which alone needs no lock: while the queue holds tokens, the worker does not touch the transcript.
What the screen has not taken is not part of the text yet, so a stop drops it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rnntui.config_generation import GenerationConfig, NoveltyConfig, SamplingConfig
from rnntui.inference.adaptation import OutputLearner
from rnntui.inference.cells import Array
from rnntui.inference.copy_guard import CopyGuard, SearchableText
from rnntui.inference.loaded_model import LoadedLanguageModel
from rnntui.sessions.alternatives import Alternative, top_alternatives
from rnntui.sessions.branch_tree import Branch, BranchPosition, BranchTree
from rnntui.sessions.model_cursor import ModelCursor, StateCheckpoint
from rnntui.sessions.paced_generation import PacedGeneration
from rnntui.sessions.saved_transcript import SavedTranscript
from rnntui.sessions.screen_lock import ScreenPriorityLock
from rnntui.sessions.transcript import Role, Transcript, Turn
from rnntui.sessions.transcript_editing import (
    append_text,
    append_turns,
    common_ends,
    cut_partial_character,
    without_start,
)
from rnntui.sessions.turn_versions import versions_of_last_turn
from rnntui.sessions.undo_history import UndoHistory, UndoneText
from rnntui.text.turns import SpeakerLabels, speaker_labels_of

_MAX_REREAD = 4096  # tokens read again to find alternatives


@dataclass(frozen=True)
class _TakenBack:
    """The text from before a turn was taken back to be edited, and its undo history."""

    text: UndoneText
    history: UndoHistory


class Conversation:
    """A text with its branches, and the model that continues it.

    `sampling` and `generation` may be replaced at any time and apply to the very next token. `seed` is the seed of the
    next turn, or None for a new one each time. `novelty` is the limit of copies, which holds once `limit_copies` has
    given the model's `training_text`. With `uses_turns`, a model that was trained on turns takes them.
    """

    def __init__(self, loaded: LoadedLanguageModel, name: str, sampling: SamplingConfig | None = None) -> None:
        self.tree = BranchTree(loaded.documents)
        self.sampling = sampling or SamplingConfig()
        self.generation = GenerationConfig()
        self.novelty = NoveltyConfig()
        self.seed: int | None = None
        self.uses_turns = True
        self.problem = ""  # the reason why the model can generate no more
        self._learns = False
        self._lock = ScreenPriorityLock()
        self._history = UndoHistory()
        self._taken_back: _TakenBack | None = None  # until the text changes
        self._set_model(loaded, name)

    def _set_model(self, loaded: LoadedLanguageModel, name: str) -> None:
        self.loaded, self.name, self.problem = loaded, name, ""
        self.training_text: SearchableText | None = None
        self._cursor = ModelCursor(loaded, learns=self._learns)
        self._paced_generation = PacedGeneration(loaded.documents)

    # -- state ---------------------------------------------------------------------------------------------------

    @property
    def transcript(self) -> Transcript:
        """The text, which is that of the current branch."""
        return self.tree.transcript

    @property
    def is_generating(self) -> bool:
        """True while the model generates, or has generated tokens that the screen has not taken yet."""
        return self._paced_generation.is_running

    @property
    def unread(self) -> int:
        """Number of tokens of the text that the model has to read before it can continue."""
        return self._cursor.unread

    @property
    def is_busy(self) -> bool:
        """True while the model generates or has something to read."""
        return self.is_generating or bool(self.unread)

    @property
    def speakers(self) -> SpeakerLabels | None:
        """The two speakers, if the model was trained on turns and is to take them."""
        return speaker_labels_of(self.loaded.config.corpus) if self.uses_turns else None

    @property
    def learns(self) -> bool:
        """True if the model adapts to what the person writes (see `ModelCursor`).

        It is at any time as if it had read the text that stands, and that alone: a rewind, an edit or an undo also
        takes back what was learned. Nothing is ever written to the run.
        """
        return self._learns

    @learns.setter
    def learns(self, learns: bool) -> None:
        """Read the whole text again, learning from it; or again as the trained model."""
        if learns == self._learns:
            return
        self.stop()
        self._learns = learns
        self.tree.revision += 1  # it is saved with the text
        with self._lock.for_screen():
            self._cursor = ModelCursor(self.loaded, learns=learns)
            self._cursor.target = len(self.transcript)

    @property
    def trained_on_turns(self) -> bool:
        """True if the model was trained on turns."""
        return speaker_labels_of(self.loaded.config.corpus) is not None

    @property
    def tokens_per_second(self) -> float:
        """Generation speed over the last two seconds."""
        return self._paced_generation.tokens_per_second

    @property
    def last_change(self) -> float | None:
        """Monotonic time of the change that `undo` would revert, or None if there is none."""
        return self._history.last_change(self.tree)

    @property
    def version(self) -> tuple[int, int] | None:
        """The number of the version of the last turn, from 1, and the number of versions; None if there is only one."""
        versions = versions_of_last_turn(self.tree)
        return (versions.index(self.tree.current) + 1, len(versions)) if versions else None

    @property
    def can_put_back(self) -> bool:
        """True while a turn is taken back and the text has not been changed since."""
        return self._taken_back is not None and not self._taken_back.text.is_gone()

    def limit_copies(self, novelty: NoveltyConfig, training_text: SearchableText | None) -> None:
        """Limit what the model copies from its training text, from the next token on; without that text, nothing is."""
        if (novelty, training_text) == (self.novelty, self.training_text):
            return
        with self._lock.for_screen():
            self.novelty, self.training_text = novelty, training_text
            self._guard_copies()

    def _guard_copies(self) -> None:
        """Let the cursor refuse tokens that would copy too much: of what the model wrote since a person did."""
        if not self.novelty.novel or self.training_text is None:
            self._cursor.generation.copy_guard = None
            return
        start = len(self.transcript)
        for turn in reversed(self.transcript.turns):
            if turn.role != "model":
                break
            start = turn.start
        written = self.transcript.text[self.transcript.start_of(start) :] + self._paced_generation.waiting_text
        self._cursor.generation.copy_guard = CopyGuard(
            self.training_text, self.loaded.tokenizer, self.novelty.novel, 1, written
        )

    # -- generation -----------------------------------------------------------------------------------------------

    def say(self, line: str) -> list[str]:
        """Append what a person typed and generate. Return the characters that the vocabulary lacks.

        For a model of turns it becomes the person's turn. Otherwise it is appended as it is, on a line of its own
        unless it begins with a space.
        """
        self.stop()
        before = self.transcript.text
        if self.speakers is not None:
            text = self.speakers.prompt(line, before)
        else:
            needs_line_break = before and before[-1] != "\n" and line[:1] not in ("", " ", "\n")
            text = ("\n" if needs_line_break else "") + line
        self._append(text)
        self._begin_turn()
        return self.loaded.documents.unknown_characters(line)

    def generate(self) -> None:
        """Let the model continue from the end of the text."""
        self.stop()
        text = self.transcript.text
        speakers = self.speakers
        if speakers is not None and (not text or text.endswith("\n")) and not text.endswith(speakers.model_label):
            self._append(speakers.model_label, role="model")  # it continues with a turn of its own
        self._begin_turn()

    def regenerate(self) -> bool:
        """Generate the model's last turn again, with another seed; the previous version is kept as a branch.

        Returns False if there is none.
        """
        self.stop()
        turn = next((turn for turn in reversed(self.transcript.turns) if turn.role == "model"), None)
        if turn is None:
            return False
        if turn.start < len(self.transcript):  # else it was stopped before its first token
            self.rewind(self.transcript.start_of(turn.start))
        self._begin_turn()
        return True

    def choose_version(self, step: int) -> bool:
        """Put back the version of the last turn that is `step` further, or before if negative. Generates nothing.

        Returns False if there is none.
        """
        versions = versions_of_last_turn(self.tree)
        index = versions.index(self.tree.current) + step if versions else -1
        if not 0 <= index < len(versions):
            return False
        self.stop()
        self._taken_back = None
        self._change_branch(lambda: self.tree.go_to(versions[index].shown))
        return True

    def go_to(self, branch: Branch) -> None:
        """Continue with another branch, which is read if need be. Generates nothing; `undo` goes back."""
        if branch is self.tree.current:
            return
        self.stop()
        self._taken_back = None
        self._history.record(self.tree)
        self._change_branch(lambda: self.tree.go_to(BranchPosition(branch, branch.end)))

    def _change_branch(self, change: Callable[[], None]) -> None:
        """Change the text by a function, and let the model read on from where it has changed."""
        with self._lock.for_screen():
            transcript = self.transcript
            transcript.intact_tokens = len(transcript)
            change()
            self._cursor.checkpoints.cut(transcript.intact_tokens)
            self._cursor.return_to_end(transcript)

    def stop(self) -> None:
        """Stop at once. The text stays as the screen has shown it; tokens it has not taken are dropped."""
        with self._lock.for_screen():
            if self._paced_generation.stop():
                cut_partial_character(self.transcript)
                self._cursor.return_to_end(self.transcript)
            self._cursor.postpone_reading()

    def _begin_turn(self) -> None:
        self._taken_back = None
        with self._lock.for_screen():
            seed = int.from_bytes(os.urandom(4)) if self.seed is None else self.seed
            self.transcript.begin_turn(Turn("model", len(self.transcript), self.name, seed, learned=self._learns))
            self._cursor.seed(seed)
            self._guard_copies()
            self._cursor.target = len(self.transcript)
            # A model that failed would fail again, until another one takes its place.
            if not self.problem and self.generation.length > 0:
                self._paced_generation.begin(self.speakers, self.transcript.text)

    def _append(self, text: str, role: Role = "prompt") -> None:
        if not text:
            return
        self._taken_back = None
        with self._lock.for_screen():
            self.transcript.begin_turn(Turn(role, len(self.transcript), self.name if role == "model" else ""))
            append_text(self.transcript, text, self.loaded.documents)
            self._cursor.target = len(self.transcript)

    # -- editing -------------------------------------------------------------------------------------------------

    def rewind(self, offset: int) -> str:
        """Cut the text after the last token that ends at or before `offset` characters. Return what is cut off.

        What is cut off becomes a branch.
        """
        self.stop()
        self._taken_back = None
        self._history.record(self.tree)
        before = self.transcript.text
        end = self.transcript.start_of(self.transcript.token_at(offset))
        self._change_branch(lambda: self.tree.cut(end))
        return before[end:]

    def replace(self, text: str) -> list[str]:
        """Replace the text; the model reads on from where the two differ. Return unknown characters."""
        before = self.transcript.text
        if text == before:
            return []
        prefix, suffix = common_ends(before, text)
        following = self.transcript.turn_texts_from(len(before) - suffix)
        self.rewind(prefix)
        # A token may extend over the place where the texts differ: then it was cut, and its start is typed again.
        start, end = len(self.transcript.text), len(text) - suffix
        if end < start:
            following, end = list(without_start(following, start - end)), start
        self._append(text[start:end])
        self._append_turns(following)
        return self.loaded.documents.unknown_characters(text[start:end])

    def branch(self, token: int, alternative: int) -> None:
        """Replace a token by an alternative (a token id), drop what follows, and generate from there.

        After the end of a document, nothing is generated.
        """
        self.rewind(self.transcript.start_of(token))
        with self._lock.for_screen():
            self.transcript.begin_turn(Turn("model", len(self.transcript), self.name))
            documents = self.loaded.documents
            stream = documents.tokenizer.stream(self.transcript.text)
            text = documents.separator if alternative == documents.tokenizer.end_id else stream.push(alternative)
            self.transcript.append([alternative], [text])
            self._cursor.target = len(self.transcript)
        if alternative != self.loaded.tokenizer.end_id:
            self._begin_turn()

    def clear(self) -> None:
        """Start with an empty text, which has no branches."""
        self.stop()
        self._taken_back = None
        self._history.record(self.tree)
        with self._lock.for_screen():
            self.tree = BranchTree(self.loaded.documents)
            self._cursor.restart()

    def reopen(self, saved: SavedTranscript) -> None:
        """Replace the text by a saved one, with its branches; the model learns from it if it did before."""
        self.clear()
        self.learns = saved.learns
        self._append_turns(saved.turn_texts)
        saved.add_to(self.tree)

    def _append_turns(self, turn_texts: Iterable[tuple[Turn, str]], source: Transcript | None = None) -> None:
        with self._lock.for_screen():
            append_turns(self.transcript, turn_texts, self.loaded.documents, source)
            self._cursor.target = len(self.transcript)

    def take_back(self) -> str | None:
        """Cut the text before the person's last turn. Return what was typed there, to be edited; None if there is none.

        `put_back` reverts it, until the text changes.
        """
        prompt = self.last_prompt()
        if prompt is None:
            return None
        self.stop()
        taken_back = self._taken_back or _TakenBack(UndoneText(self.tree, self.tree.position), self._history.copy())
        self.rewind(prompt[0])
        self._taken_back = taken_back
        return prompt[1]

    def put_back(self) -> bool:
        """Restore text and undo history from before `take_back`. Return False if the text has been changed since."""
        taken_back = self._taken_back
        if taken_back is None:
            return False
        self._restore(taken_back.text)
        self._history = taken_back.history
        return True

    def undo(self) -> bool:
        """Revert the last change that cut the text. Return False if there is none."""
        self.stop()
        return self._restore(self._history.undo(self.tree))

    def redo(self) -> bool:
        """Revert the last `undo`. Return False if there is none, or the text has been changed since."""
        self.stop()
        return self._restore(self._history.redo(self.tree))

    def _restore(self, text: UndoneText | None) -> bool:
        if text is None or text.is_gone():
            return False
        self._taken_back = None
        if text.tree is self.tree:
            self._change_branch(lambda: self.tree.go_to(text.position))
            return True
        with self._lock.for_screen():
            before, self.tree = self.transcript, text.tree
            self.tree.use(self.loaded.documents)
            self.tree.go_to(text.position)
            self._cursor.checkpoints.cut(self.transcript.common_prefix(before))
            self._cursor.return_to_end(self.transcript)
        return True

    # -- looking -------------------------------------------------------------------------------------------------

    def last_prompt(self) -> tuple[int, str] | None:
        """Return the character offset of the person's last turn and what was typed, or None if there is none."""
        for turn, text in reversed(list(self.transcript.turn_texts())):
            if turn.role == "prompt" and text.strip():
                line = text.strip("\n")
                if self.speakers is not None:
                    line = self.speakers.message(text)
                return self.transcript.start_of(turn.start), line
        return None

    def alternatives(self, token: int, count: int = 5) -> list[Alternative]:
        """Return the most probable tokens at the position of a token; `len(transcript)` is that of the next one.

        Reads the tokens since the nearest checkpoint again, which may take some hundredths of a second. Returns none
        where the model has not read that far yet.
        """
        with self._lock.for_screen():
            start, checkpoint = self._cursor.checkpoints.before(token)
            ids = self.transcript.ids(start, token)
            learned = self._cursor.learned_tokens(self.transcript, start, token)
            documents = self.loaded.documents
        network, state = checkpoint.network, checkpoint.state
        if len(ids) > _MAX_REREAD:
            return []
        if learned.any():
            logits = OutputLearner(network, start).feed(ids, state, learned)
        else:
            logits = network.feed(ids[:, None], state)[0] if len(ids) else network.logits_of(state)
        return top_alternatives(logits[0], documents, count)

    def state_before(self, token: int) -> tuple[int, Array]:
        """Return the last position not after a token that has a state checkpoint, and the state `(L, C, 1, H + K)`."""
        with self._lock.for_screen():
            position, checkpoint = self._cursor.checkpoints.before(token)
        return position, checkpoint.state

    def checkpoint_before(self, transcript: Transcript, token: int) -> tuple[int, StateCheckpoint]:
        """Return a position not after a token of another transcript, and the model's state after what is before it.

        As far as the transcript begins as the present text does, that is its nearest checkpoint.
        """
        with self._lock.for_screen():
            shared = transcript.common_prefix(self.transcript)
            return self._cursor.checkpoints.before(min(token, shared, self._cursor.position))

    # -- other models, other texts -------------------------------------------------------------------------------

    def switch_model(self, loaded: LoadedLanguageModel, name: str) -> None:
        """Continue with another model, which reads the whole text first."""
        self.stop()
        with self._lock.for_screen():
            self._set_model(loaded, name)
            self.tree.use(loaded.documents)
            self._cursor.target = len(self.transcript)

    def fork(self) -> Conversation:
        """Return another conversation with the same model and settings, on the same text up to the model's last turn.

        It generates that turn anew, if there is one, and has no branches yet.
        """
        other = Conversation(self.loaded, self.name, self.sampling)
        other.generation, other.uses_turns, other.seed = self.generation, self.uses_turns, self.seed
        other.learns = self.learns
        other.limit_copies(self.novelty, self.training_text)
        turn_texts = list(self.transcript.turn_texts())
        last = max((index for index, (turn, _) in enumerate(turn_texts) if turn.role == "model"), default=None)
        other._append_turns(turn_texts[:last], self.transcript)
        if last is not None:
            other._begin_turn()
        return other

    # -- what the screen takes, and what the worker does ---------------------------------------------------------

    def drain(self) -> int:
        """Move generated tokens from the queue into the transcript. Return the number of characters."""
        tokens = self._paced_generation.take()
        if not tokens:
            return 0
        turn = self.transcript.turns[-1]
        for index, token in enumerate(tokens, start=len(self.transcript)):
            if not turn.settings or turn.settings[-1][1] != token.settings:
                turn.settings.append((index, token.settings))
        self.transcript.append([t.id for t in tokens], [t.text for t in tokens], [t.bits for t in tokens])
        return sum(len(token.text) for token in tokens)

    def work(self, now: float) -> float | None:
        """Read some of the text, or draw one token. Return when to call again: 0 at once, None when woken."""
        if self._lock.screen_waits:
            return now + 0.001
        with self._lock.lock:
            if self.problem:
                return None
            if self._cursor.position < self._cursor.target:
                self._cursor.read_some(self.transcript)
                return 0.0
            if not self._paced_generation.active:
                return None
            return self._paced_generation.draw(now, self._cursor, self.sampling, self.generation)

    def fail(self, problem: str) -> None:
        """Stop for good because the model cannot continue; another one may."""
        self.problem = problem
        self._paced_generation.active = False
        self._cursor.postpone_reading()
