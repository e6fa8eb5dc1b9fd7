"""Translation worker: the thread that translates a text while it is typed; the newest text only, and no line twice.

The screen's thread calls everything here but `work`, which the worker's thread calls, or a test. The last request
counts: one that has not begun is dropped, and a running search is cancelled between two steps where another line is
more urgent, or where none of its lines is wanted any more.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rnntui.config_seq2seq import BeamConfig
from rnntui.inference.batched_search import BATCH
from rnntui.inference.beam_search import CancelledError
from rnntui.inference.translation import Translation
from rnntui.inference.translator import Translator

MAX_LINE_LENGTH = 10_000
"""Characters of a line; a longer one would take minutes and gigabytes."""

_VISIBLE_BATCH = 8  # visible lines searched at once: fewer than `BATCH`, so that the first of them appear soon
_MAX_ATTENTION_BYTES = 64 * 2**20  # in the cache; attention that was dropped is computed again when it is looked at
_MAX_CACHED_LINES = 50_000  # beyond those of the text

CacheKey = tuple[Translator, BeamConfig]


@dataclass(frozen=True)
class LineTranslation:
    """The result for one line: the text of its best hypothesis, or the `problem` that prevented a translation.

    `translation` has all hypotheses with their attention; it is None where the cache has dropped it.
    """

    text: str
    translation: Translation | None = None
    problem: str = ""

    @property
    def is_complete(self) -> bool:
        """True if another search would add nothing."""
        return self.translation is not None or bool(self.problem)


@dataclass(frozen=True)
class TranslationRequest:
    """Lines to translate: first the one at `cursor`, then those from `first` to before `end`, then the others."""

    translator: Translator
    settings: BeamConfig
    lines: Sequence[str]
    cursor: int
    first: int
    end: int

    @property
    def cache_key(self) -> CacheKey:
        """All that a line's result depends on, except for the line. Blanks around a line change nothing."""
        return self.translator, self.settings

    @property
    def text_at_cursor(self) -> str:
        """The line at the cursor, without blanks around it."""
        return self.lines[self.cursor].strip() if self.lines else ""


class TranslationWorker:
    """Translates the lines of the newest request, until it is closed, and caches the results.

    From its thread it calls `on_results` when there are new results, and `on_error` with a line and the error of its
    search; that line is not tried again.
    """

    def __init__(self, on_results: Callable[[], None], on_error: Callable[[str, Exception], None]) -> None:
        self._on_results, self._on_error = on_results, on_error
        self._condition = threading.Condition()
        self._request: TranslationRequest | None = None
        self._cache: dict[CacheKey, dict[str, LineTranslation]] = {}
        self._attention_bytes: OrderedDict[tuple[CacheKey, str], int] = OrderedDict()  # least recently used first
        self._running: tuple[CacheKey, set[str]] | None = None  # the lines of the present search
        self._cancelled = False
        self._closed = False
        self._thread: threading.Thread | None = None
        # Used by `work` alone, and therefore without the lock:
        self._queued_request: TranslationRequest | None = None
        self._queue: list[str] = []  # lines of that request, the most urgent last
        self._retry_singly: set[str] = set()  # lines of a batch that failed

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="translation worker", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, after the present step of its search."""
        self._closed = True
        self.stop()
        if self._thread is not None:
            self._thread.join(timeout=2)

    # -- called by the screen ------------------------------------------------------------------------------------

    def submit(self, request: TranslationRequest) -> None:
        """Translate this from now on, and nothing else."""
        with self._condition:
            self._request = request
            if self._running is not None:
                cache_key, running = self._running
                urgent = request.text_at_cursor
                is_urgent = bool(urgent) and urgent not in running and not self._is_complete(request, urgent)
                unwanted = running.isdisjoint(map(str.strip, request.lines))
                if cache_key != request.cache_key or is_urgent or unwanted:
                    self._cancelled = True
            self._condition.notify()

    def stop(self) -> None:
        """Translate nothing until the next request. The cache stays."""
        with self._condition:
            self._request = None
            self._cancelled = True
            self._condition.notify()

    def result(self, request: TranslationRequest, line: str) -> LineTranslation | None:
        """Return the result for a line with the request's model and settings; None if it is not translated yet."""
        with self._condition:
            text = line.strip()
            if (request.cache_key, text) in self._attention_bytes:
                self._attention_bytes.move_to_end((request.cache_key, text))
            return self._results(request).get(text)

    def results(self, request: TranslationRequest) -> list[LineTranslation | None]:
        """Return `result` for every line of a request; an empty one for a blank line."""
        blank = LineTranslation("")
        with self._condition:
            results = self._results(request)
            return [results.get(text) if text else blank for text in map(str.strip, request.lines)]

    def _results(self, request: TranslationRequest) -> dict[str, LineTranslation]:
        return self._cache.setdefault(request.cache_key, {})

    def _is_complete(self, request: TranslationRequest, text: str) -> bool:
        result = self._results(request).get(text)
        return result is not None and result.is_complete

    # -- the work ------------------------------------------------------------------------------------------------

    def work(self) -> bool:
        """Translate the most urgent batch. Returns whether there may be more to do."""
        with self._condition:
            request = self._request
        if request is None:
            return False
        if request is not self._queued_request:
            self._fill_queue(request)
        batch = self._next_batch(request)
        if not batch:
            return False
        with self._condition:
            if request is not self._request:
                return True
            self._running, self._cancelled = (request.cache_key, set(batch)), False
        try:
            results = self._translate(request, batch)
        except CancelledError:
            self._queued_request = None  # queue its lines again, if they are still wanted
            results = {}
        finally:
            with self._condition:
                self._running = None
        self._store(request, results)
        if results:
            self._on_results()
        return True

    def _fill_queue(self, request: TranslationRequest) -> None:
        """Queue the request's lines that have no result, by their distance from the visible ones."""
        distances: dict[str, int] = {}
        for index, line in enumerate(request.lines):
            distance = max(request.first - index, index - request.end + 1, 0)
            text = line.strip()
            distances[text] = min(distances.get(text, distance), distance)
        distances.pop("", None)
        with self._condition:
            results = self._results(request)
            texts = [text for text in distances if text not in results]
        self._queue = sorted(texts, key=distances.__getitem__)[::-1]
        self._queued_request, self._retry_singly = request, set()

    def _next_batch(self, request: TranslationRequest) -> list[str]:
        """Return the next lines to search: the one at the cursor alone, then some visible ones, then many."""
        with self._condition:
            text_at_cursor = request.text_at_cursor
            if text_at_cursor and not self._is_complete(request, text_at_cursor):
                return [text_at_cursor]
            batch: list[str] = []
            results = self._results(request)
            visible = {line.strip() for line in request.lines[request.first : request.end]}
            while self._queue and len(batch) < (_VISIBLE_BATCH if batch and batch[0] in visible else BATCH):
                single = self._queue[-1] in self._retry_singly
                if single and batch:
                    break
                text = self._queue.pop()
                if text not in results:
                    batch.append(text)
                if single:
                    break
            return batch

    def _translate(self, request: TranslationRequest, batch: list[str]) -> dict[str, LineTranslation]:
        """Search for a batch. Raises `CancelledError` where that is cancelled."""
        results = {line: LineTranslation("", problem=_too_long(line)) for line in batch if len(line) > MAX_LINE_LENGTH}
        lines = [line for line in batch if line not in results]
        try:
            translations = request.translator.translate(lines, request.settings, is_cancelled=lambda: self._cancelled)
        except CancelledError:
            raise
        except Exception as error:  # reported for the one line that causes it; the other lines go on
            if len(lines) > 1:
                self._retry_singly.update(lines)
                self._queue += reversed(lines)
                return results
            self._on_error(lines[0], error)
            return {**results, lines[0]: LineTranslation("", problem=f"{type(error).__name__}: {error}")}
        for line, translation in zip(lines, translations, strict=True):
            results[line] = LineTranslation(translation.text, translation)
        return results

    def _store(self, request: TranslationRequest, new_results: dict[str, LineTranslation]) -> None:
        with self._condition:
            results = self._results(request)
            for text, result in new_results.items():
                results[text] = result
                if result.translation is not None:
                    self._attention_bytes[request.cache_key, text] = result.translation.attention_bytes
                    self._attention_bytes.move_to_end((request.cache_key, text))
            if sum(map(len, self._cache.values())) > _MAX_CACHED_LINES + len(request.lines):
                self._drop_all_but(request)
            total = sum(self._attention_bytes.values())
            while total > _MAX_ATTENTION_BYTES and len(self._attention_bytes) > 1:
                (cache_key, text), size = self._attention_bytes.popitem(last=False)
                self._cache[cache_key][text] = replace(self._cache[cache_key][text], translation=None)
                total -= size

    def _drop_all_but(self, request: TranslationRequest) -> None:
        wanted = set(map(str.strip, request.lines))
        results = {text: result for text, result in self._results(request).items() if text in wanted}
        self._cache = {request.cache_key: results}
        for cache_key, text in list(self._attention_bytes):
            if text not in self._cache.get(cache_key, {}):
                del self._attention_bytes[cache_key, text]

    def _run(self) -> None:
        while not self._closed:
            with self._condition:
                request = self._request
            if self.work():
                continue
            with self._condition:
                if self._request is request and not self._closed:
                    self._condition.wait()


def _too_long(line: str) -> str:
    return f"{len(line):,} characters are too many for one line; split it into sentences"
