"""The thread that translates a text while a person types it: the newest text alone, and no line twice.

The screen's thread calls everything here but `work`, which the thread calls, or a test. What is asked for last counts:
a request that has not begun is forgotten, and a search that runs is given up between two steps where a line is wanted
sooner, or none of its lines any more.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rnntui.config_seq2seq import BeamConfig
from rnntui.inference.beam_search import CancelledError
from rnntui.inference.translator import BATCH, Translation, Translator

LONGEST = 10_000
"""Characters of a line at most: a longer one would take minutes and gigabytes."""

_SOON = 8  # lines searched at once of those that are in view, so that the first of them come soon
_HEAVY = 64 * 2**20  # bytes of attention that are kept; what is older is searched again when it is looked at
_REMEMBERED = 50_000  # lines that are kept though the text has them no more

_Way = tuple[Translator, BeamConfig]


@dataclass(frozen=True)
class Answer:
    """What became of a line: the text of its best hypothesis, or the `problem` that kept it from being translated.

    `translation` has all hypotheses with their attention; it is None where that was given up for want of room.
    """

    text: str
    translation: Translation | None = None
    problem: str = ""


@dataclass(frozen=True)
class TranslationRequest:
    """Lines to translate. The one at `cursor` comes first, then those from `first` to before `after`, then the rest."""

    translator: Translator
    settings: BeamConfig
    lines: Sequence[str]
    cursor: int
    first: int
    after: int

    @property
    def way(self) -> _Way:
        """What the answer to a line hangs on, beside the line. Blanks around a line change nothing."""
        return self.translator, self.settings


class TranslationWorker:
    """Translates what is asked for until it is closed.

    In its thread it calls `on_found` when there are new answers, and `on_error` with a line and the error that its
    search failed with; that line is not tried again.
    """

    def __init__(self, on_found: Callable[[], None], on_error: Callable[[str, Exception], None]) -> None:
        self._on_found, self._on_error = on_found, on_error
        self._condition = threading.Condition()
        self._request: TranslationRequest | None = None
        self._answers: dict[_Way, dict[str, Answer]] = {}
        self._heavy: OrderedDict[tuple[_Way, str], int] = OrderedDict()  # bytes of attention
        self._running: tuple[_Way, set[str]] | None = None
        self._given_up = False
        self._closed = False
        self._thread: threading.Thread | None = None
        # These belong to whoever works.
        self._begun: TranslationRequest | None = None
        self._left: list[str] = []  # of the begun request, the most urgent last
        self._alone: set[str] = set()  # lines of a batch that failed

    def start(self) -> None:
        """Begin to work in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="translating", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, after the step that its search is at."""
        self._closed = True
        self.stop()
        if self._thread is not None:
            self._thread.join(timeout=2)

    # -- what the screen asks ------------------------------------------------------------------------------------

    def ask(self, request: TranslationRequest) -> None:
        """Translate this from now on, and nothing else."""
        with self._condition:
            self._request = request
            if self._running is not None:
                way, running = self._running
                urgent = request.lines[request.cursor].strip() if request.lines else ""
                sooner = bool(urgent) and urgent not in running and not self._is_known(request, urgent)
                if way != request.way or sooner or running.isdisjoint(map(str.strip, request.lines)):
                    self._given_up = True
            self._condition.notify()

    def stop(self) -> None:
        """Translate nothing until there is another request; what was found stays."""
        with self._condition:
            self._request = None
            self._given_up = True
            self._condition.notify()

    def answer(self, request: TranslationRequest, line: str) -> Answer | None:
        """What is known of a line under the request's model and settings; None before it is searched for."""
        with self._condition:
            text = line.strip()
            if (request.way, text) in self._heavy:
                self._heavy.move_to_end((request.way, text))
            return self._known(request).get(text)

    def answers(self, request: TranslationRequest) -> list[Answer | None]:
        """What is known of every line of a request; a blank line has an empty answer."""
        blank = Answer("")
        with self._condition:
            known = self._known(request)
            return [known.get(text) if text else blank for text in map(str.strip, request.lines)]

    def _known(self, request: TranslationRequest) -> dict[str, Answer]:
        return self._answers.setdefault(request.way, {})

    def _is_known(self, request: TranslationRequest, text: str) -> bool:
        """Whether nothing more is to be found of a line that is looked at."""
        answer = self._known(request).get(text)
        return answer is not None and (answer.translation is not None or bool(answer.problem))

    # -- the work ------------------------------------------------------------------------------------------------

    def work(self) -> bool:
        """Translate a batch of what is wanted most. Returns whether there may be more to do."""
        with self._condition:
            request = self._request
        if request is None:
            return False
        if request is not self._begun:
            self._begin(request)
        batch = self._next(request)
        if not batch:
            return False
        with self._condition:
            if request is not self._request:
                return True
            self._running, self._given_up = (request.way, set(batch)), False
        try:
            found = self._search(request, batch)
        except CancelledError:
            self._begun = None  # its lines are still to be searched for, if they are wanted
            found = []
        finally:
            with self._condition:
                self._running = None
        self._take(request, found)
        if found:
            self._on_found()
        return True

    def _begin(self, request: TranslationRequest) -> None:
        """Put what the request wants and nobody has searched for in order."""
        places: dict[str, int] = {}
        for number, line in enumerate(request.lines):
            far = max(request.first - number, number - request.after + 1, 0)
            text = line.strip()
            places[text] = min(places.get(text, far), far)
        places.pop("", None)
        with self._condition:
            known = self._known(request)
            wanted = [text for text in places if text not in known]
        self._left = sorted(wanted, key=places.__getitem__)[::-1]
        self._begun, self._alone = request, set()

    def _next(self, request: TranslationRequest) -> list[str]:
        """The lines to search for now: the one at the cursor alone, then some in view, then many."""
        with self._condition:
            at_cursor = request.lines[request.cursor].strip() if request.lines else ""
            if at_cursor and not self._is_known(request, at_cursor):
                return [at_cursor]
            batch: list[str] = []
            known = self._known(request)
            in_view = {line.strip() for line in request.lines[request.first : request.after]}
            while self._left and len(batch) < (_SOON if batch and batch[0] in in_view else BATCH):
                alone = self._left[-1] in self._alone
                if alone and batch:
                    break
                text = self._left.pop()
                if text not in known:
                    batch.append(text)
                if alone:
                    break
            return batch

    def _search(self, request: TranslationRequest, batch: list[str]) -> list[tuple[str, Answer]]:
        too_long = [(line, Answer("", problem=_too_long(line))) for line in batch if len(line) > LONGEST]
        lines = [line for line in batch if len(line) <= LONGEST]
        try:
            found = request.translator.translate(lines, request.settings, is_cancelled=lambda: self._given_up)
        except CancelledError:
            raise
        except Exception as error:  # told to whoever looks at it; the other lines go on
            if len(lines) > 1:
                self._alone.update(lines)
                self._left += reversed(lines)
                return too_long
            self._on_error(lines[0], error)
            return [*too_long, (lines[0], Answer("", problem=f"{type(error).__name__}: {error}"))]
        return too_long + [(line, Answer(one.text, one)) for line, one in zip(lines, found, strict=True)]

    def _take(self, request: TranslationRequest, found: list[tuple[str, Answer]]) -> None:
        with self._condition:
            known = self._known(request)
            for text, answer in found:
                known[text] = answer
                if answer.translation is not None:
                    self._heavy[request.way, text] = sum(one.attention.nbytes for one in answer.translation.hypotheses)
                    self._heavy.move_to_end((request.way, text))
            if sum(map(len, self._answers.values())) > _REMEMBERED + len(request.lines):
                self._forget_all_but(request)
            total = sum(self._heavy.values())
            while total > _HEAVY and len(self._heavy) > 1:
                (way, text), size = self._heavy.popitem(last=False)
                self._answers[way][text] = replace(self._answers[way][text], translation=None)
                total -= size

    def _forget_all_but(self, request: TranslationRequest) -> None:
        known, wanted = self._known(request), set(map(str.strip, request.lines))
        self._answers = {request.way: {text: answer for text, answer in known.items() if text in wanted}}
        for way, text in list(self._heavy):
            if text not in self._answers.get(way, {}):
                del self._heavy[way, text]

    def _run(self) -> None:
        while not self._closed:
            with self._condition:
                asked = self._request
            if self.work():
                continue
            with self._condition:
                if self._request is asked and not self._closed:
                    self._condition.wait()


def _too_long(line: str) -> str:
    return f"{len(line):,} characters on one line are too many to translate here; give it sentence by sentence"
