"""Line worker: the thread that computes a result for each line of a text while it is typed; no line twice.

The screen's thread calls everything here but `work`, which the worker's thread calls, or a test. The last request
counts: one that has not begun is dropped, and a running computation is cancelled where another line is more urgent, or
where none of its lines is wanted any more.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

from rnntui.errors import CancelledError

MAX_DETAIL_BYTES = 64 * 2**20
"""Size of the details in the cache; what was dropped is computed again when it is looked at."""

MAX_SPARE_DETAILS = 100
"""Number of lines that are no longer in the text and keep their details, mostly lines as they were while typed.

Details are many small objects, of which 2,000 lines would have 20 MB.
"""

MAX_CACHE_KEYS = 4
"""Number of models, or of settings of one, whose results are in the cache; it holds the models."""

MAX_CACHED_LINES = 2_000
"""Number of results in the cache, beyond those of the text: mostly of lines as they were while they were typed."""


class LineRequest(Protocol):
    """Lines of a text: first the one at `cursor`, then those from `first` to before `end`, then the others."""

    @property
    def lines(self) -> Sequence[str]:
        """The lines. Blanks around a line change nothing."""

    @property
    def cursor(self) -> int:
        """The index of the line at the cursor."""

    @property
    def first(self) -> int:
        """The index of the first visible line."""

    @property
    def end(self) -> int:
        """The index after that of the last visible line."""

    @property
    def cache_key(self) -> Hashable:
        """All that a line's result depends on, except for the line."""


class LineResult(Protocol):
    """The result for one line."""

    @property
    def problem(self) -> str:
        """What prevented a result, or ""."""

    @property
    def detail_bytes(self) -> int:
        """Size of the part that `without_detail` drops; 0 if there is none."""

    def without_detail(self) -> Any:
        """Return the result without the part that is large, and needed for the line at the cursor only."""


Request = TypeVar("Request", bound=LineRequest)
Result = TypeVar("Result", bound=LineResult)
Request_contra = TypeVar("Request_contra", bound=LineRequest, contravariant=True)


class BatchSizes(NamedTuple):
    """Lines that are computed together: of `visible` ones fewer, so that the first of them appear soon."""

    visible: int
    hidden: int


class LineComputation(Protocol[Request_contra, Result]):
    """The computation of a `LineWorker`."""

    @property
    def batch_sizes(self) -> BatchSizes:
        """Numbers of lines."""

    @property
    def blank(self) -> Result:
        """The result of a blank line."""

    def compute(
        self,
        request: Request_contra,
        lines: Sequence[str],
        present: Mapping[str, Result],
        is_cancelled: Callable[[], bool],
    ) -> list[Result]:
        """Return the results of lines, none of which is blank. Called in the worker's thread.

        Args:
            request: the request that the lines are from.
            lines: without blanks around them, of at most `longest` characters; the line at the cursor comes alone.
            present: results that there are already, by line. If the line at the cursor has one, it is not complete.
            is_cancelled: returns True when the results are not wanted any more.

        Raises `CancelledError` where it was cancelled; any other error is that of one of the lines.
        """

    def is_complete(self, request: Request_contra, result: Result) -> bool:
        """Return True if computing the line at the cursor again would add nothing."""

    def failed(self, problem: str) -> Result:
        """Return the result of a line without one. It is complete."""

    def refusal(self, line: str) -> str:
        """Return why a line cannot be computed, or ""."""


class LineWorker(Generic[Request, Result]):
    """Computes the lines of the newest request, until it is closed, and caches the results.

    From its thread it calls `on_results` when there are new results, and `on_error` with a line and the error of its
    computation; that line is not tried again.
    """

    def __init__(
        self,
        computation: LineComputation[Request, Result],
        on_results: Callable[[], None],
        on_error: Callable[[str, Exception], None],
    ) -> None:
        self._computation = computation
        self._on_results, self._on_error = on_results, on_error
        self._condition = threading.Condition()
        self._request: Request | None = None
        self._cache: OrderedDict[Hashable, dict[str, Result]] = OrderedDict()  # least recently used first
        self._detail_bytes: OrderedDict[tuple[Hashable, str], int] = OrderedDict()  # least recently used first
        self._running: tuple[Hashable, set[str]] | None = None  # the lines of the present computation
        self._cancelled = False
        self._closed = False
        self._thread: threading.Thread | None = None
        # Used by `work` alone, and therefore without the lock:
        self._queued_request: Request | None = None
        self._queue: list[str] = []  # lines of that request, the most urgent last
        self._retry_singly: set[str] = set()  # lines of a batch that failed

    def start(self) -> Self:
        """Start the thread, and return the worker."""
        self._thread = threading.Thread(target=self._run, name="line worker", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """End the thread, after the present step of its computation."""
        self._closed = True
        self.stop()
        if self._thread is not None:
            self._thread.join(timeout=2)

    # -- called by the screen ------------------------------------------------------------------------------------

    def submit(self, request: Request) -> None:
        """Compute this from now on, and nothing else."""
        with self._condition:
            self._request = request
            if self._running is not None:
                cache_key, running = self._running
                urgent = _text_at_cursor(request)
                is_urgent = bool(urgent) and urgent not in running and not self._is_complete(request, urgent)
                unwanted = running.isdisjoint(map(str.strip, request.lines))
                if cache_key != request.cache_key or is_urgent or unwanted:
                    self._cancelled = True
            self._condition.notify()

    def stop(self) -> None:
        """Compute nothing until the next request. The cache stays."""
        with self._condition:
            self._request = None
            self._cancelled = True
            self._condition.notify()

    def result(self, request: Request, line: str) -> Result | None:
        """Return the result for a line with the request's cache key; None if there is none yet."""
        with self._condition:
            text = line.strip()
            if (request.cache_key, text) in self._detail_bytes:
                self._detail_bytes.move_to_end((request.cache_key, text))
            return self._results(request).get(text)

    def results(self, request: Request) -> list[Result | None]:
        """Return `result` for every line of a request; for a blank line that of the computation."""
        blank = self._computation.blank
        with self._condition:
            results = self._results(request)
            return [results.get(text) if text else blank for text in map(str.strip, request.lines)]

    def _results(self, request: Request) -> dict[str, Result]:
        results = self._cache.setdefault(request.cache_key, {})
        self._cache.move_to_end(request.cache_key)
        if len(self._cache) > MAX_CACHE_KEYS:
            dropped, _ = self._cache.popitem(last=False)
            for key in [key for key in self._detail_bytes if key[0] == dropped]:
                del self._detail_bytes[key]
        return results

    def _is_complete(self, request: Request, text: str) -> bool:
        result = self._results(request).get(text)
        return result is not None and self._computation.is_complete(request, result)

    # -- the work ------------------------------------------------------------------------------------------------

    def work(self) -> bool:
        """Compute the most urgent batch. Returns whether there may be more to do."""
        with self._condition:
            request = self._request
        if request is None:
            return False
        batch = self._batch_at_cursor(request)
        if not batch:
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
            results = self._compute(request, batch)
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

    def _fill_queue(self, request: Request) -> None:
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

    def _batch_at_cursor(self, request: Request) -> list[str]:
        """Return the line at the cursor, alone, unless it is complete."""
        with self._condition:
            text = _text_at_cursor(request)
            return [text] if text and not self._is_complete(request, text) else []

    def _next_batch(self, request: Request) -> list[str]:
        """Return the next lines to compute: some visible ones, then many others."""
        with self._condition:
            batch: list[str] = []
            results, sizes = self._results(request), self._computation.batch_sizes
            visible = {line.strip() for line in request.lines[request.first : request.end]}
            while self._queue and len(batch) < (sizes.visible if batch and batch[0] in visible else sizes.hidden):
                single = self._queue[-1] in self._retry_singly
                if single and batch:
                    break
                text = self._queue.pop()
                if text not in results:
                    batch.append(text)
                if single:
                    break
            return batch

    def _compute(self, request: Request, batch: list[str]) -> dict[str, Result]:
        """Compute a batch. Raises `CancelledError` where that is cancelled."""
        computation = self._computation
        refusals = {line: computation.refusal(line) for line in batch}
        results = {line: computation.failed(refusal) for line, refusal in refusals.items() if refusal}
        lines = [line for line in batch if line not in results]
        if not lines:
            return results
        with self._condition:
            present = {line: result for line in lines if (result := self._results(request).get(line)) is not None}
        try:
            computed = computation.compute(request, lines, present, lambda: self._cancelled)
        except CancelledError:
            raise
        except Exception as error:  # reported for the one line that causes it; the other lines go on
            if len(lines) > 1:
                self._retry_singly.update(lines)
                self._queue += reversed(lines)
                return results
            self._on_error(lines[0], error)
            return {**results, lines[0]: computation.failed(f"{type(error).__name__}: {error}")}
        return {**results, **dict(zip(lines, computed, strict=True))}

    def _store(self, request: Request, new_results: dict[str, Result]) -> None:
        with self._condition:
            results = self._results(request)
            for text, result in new_results.items():
                results[text] = result
                self._detail_bytes.pop((request.cache_key, text), None)
                if result.detail_bytes:
                    self._detail_bytes[request.cache_key, text] = result.detail_bytes
            if sum(map(len, self._cache.values())) > MAX_CACHED_LINES + len(request.lines):
                self._drop_all_but(request)
            if len(self._detail_bytes) > MAX_SPARE_DETAILS + len(request.lines):
                self._drop_spare_details(request)
            total = sum(self._detail_bytes.values())
            while total > MAX_DETAIL_BYTES and len(self._detail_bytes) > 1:
                total -= self._drop_detail(next(iter(self._detail_bytes)))

    def _drop_detail(self, key: tuple[Hashable, str]) -> int:
        """Keep a result without its detail, and return the size of that."""
        cache_key, text = key
        self._cache[cache_key][text] = self._cache[cache_key][text].without_detail()
        return self._detail_bytes.pop(key)

    def _drop_spare_details(self, request: Request) -> None:
        """Drop the details of lines that are not in the text, but for half as many as there may be."""
        wanted = {(request.cache_key, line.strip()) for line in request.lines}
        spare = [key for key in self._detail_bytes if key not in wanted]
        for key in spare[: len(spare) - MAX_SPARE_DETAILS // 2]:
            self._drop_detail(key)

    def _drop_all_but(self, request: Request) -> None:
        wanted = set(map(str.strip, request.lines))
        results = {text: result for text, result in self._results(request).items() if text in wanted}
        self._cache = OrderedDict({request.cache_key: results})
        for cache_key, text in list(self._detail_bytes):
            if text not in self._cache.get(cache_key, {}):
                del self._detail_bytes[cache_key, text]

    def _run(self) -> None:
        while not self._closed:
            with self._condition:
                request = self._request
            if self.work():
                continue
            with self._condition:
                if self._request is request and not self._closed:
                    self._condition.wait()


def _text_at_cursor(request: LineRequest) -> str:
    """Return the line at the cursor, without blanks around it."""
    return request.lines[request.cursor].strip() if request.lines else ""


def too_long(line: str, limit: int, advice: str) -> str:
    """Return that a line has more characters than the limit, and what to do about it; "" if it has not."""
    return f"{len(line):,} characters are too many for one line; {advice}" if len(line) > limit else ""
