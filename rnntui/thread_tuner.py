"""Choice of the number of threads by measured speed, while the work goes on.

A second thread is worth as much as the processor that it gets. Threads that compute one time step together wait for one
another, so a browser that takes one of two cores made training on two threads six times slower, and on one thread
hardly slower at all. How much time other programs take is not known beforehand and changes by the second, so the tuner
measures the work itself: it tries a neighbouring number of threads for a few samples, and keeps what is faster.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SAMPLE_SECONDS = 0.02  # shorter pieces of work are added up: a single one tells too little
_UNTIMED_SAMPLES = 2  # with a number of threads for the first time, kernels and caches are set up
_RECENT = 7  # samples that make the present speed
_TRIAL = 4  # samples of a trial
_GAIN = 0.95  # a trial must cost less than this fraction of the present to be kept
_HOPELESS = 1.3  # a trial that costs more than this multiple of the present is broken off
_CHANGE = 1.25  # ratio to the speed expected that calls for a trial at once
_TRIAL_SHARE = 0.025  # of the time may be lost to trials of a number
_MIN_PAUSE = 2.0  # seconds until a number that lost is tried again; doubled each time that it loses again
_MAX_PAUSE_UP, _MAX_PAUSE_DOWN = 8.0, 64.0  # a busy machine shows itself by its speed; a quiet one must be asked
_MAX_LOSS = 4.0  # times what a sample should take: a machine that stood still meanwhile says nothing about threads
_CHANGE_PAUSE = 1.0  # seconds between trials because of a change


def thread_counts(maximum: int) -> list[int]:
    """Return the numbers of threads worth trying, in ascending order: powers of two, the maximum, and one less.

    One less than all leaves a core to another program. On two processors, that is one.
    """
    powers = {1 << bit for bit in range(maximum.bit_length())}
    return sorted(count for count in powers | {maximum, maximum - 1} if 1 <= count <= maximum)


class ThreadTuner:
    """Finds the number of threads that is fastest now.

    Args:
        counts: The numbers of threads to choose from, ascending.
        apply: Sets the number of threads of the library that does the work.
        clock: Seconds from any origin.
    """

    def __init__(
        self, counts: list[int], apply: Callable[[int], None], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._counts = counts
        self._apply = apply
        self._clock = clock
        self._index = len(counts) - 1
        self._reduced_from = 0  # index before other programs became busy
        self._trial: _Trial | None = None
        self._recent: deque[float] = deque(maxlen=_RECENT)  # seconds for a unit of work
        self._expected: float | None = None  # cost when the present number was chosen
        self._known: set[int] = set()  # indices of numbers whose kernels are set up
        self._untimed = _UNTIMED_SAMPLES
        self._next_trial = [0.0] * len(counts)
        self._losses = [0] * len(counts)  # trials lost in a row
        self._next_change = 0.0
        self._seconds, self._work = 0.0, 0.0
        apply(self.count)

    @property
    def count(self) -> int:
        """Number of threads that the next piece of work should use, and that was applied."""
        return self._counts[self._trial.index if self._trial else self._index]

    @contextmanager
    def timed(self, work: float) -> Iterator[None]:
        """Measure the piece of work inside, `work` being its size in any unit."""
        began = self._clock()
        yield
        self.add(self._clock() - began, work)

    @property
    def is_reduced(self) -> bool:
        """True if more threads were used before a slowdown: other programs seem to use the processors."""
        return self._index < self._reduced_from

    def resume(self, at_most: int | None = None) -> None:
        """Go on after other work has used another number of threads, with at most `at_most` threads at first."""
        if at_most is not None and at_most < self.count:
            self._trial, self._expected = None, None
            self._seconds, self._work = 0.0, 0.0
            self._recent.clear()
            self._index = max(index for index, count in enumerate(self._counts) if count <= at_most)
        self._apply(self.count)

    def add(self, seconds: float, work: float) -> None:
        """Add a piece of work that was done with `count` threads, and choose the number for the next one."""
        if len(self._counts) == 1:
            return
        self._seconds += seconds
        self._work += work
        if self._seconds < _SAMPLE_SECONDS or self._work <= 0:
            return
        sample_seconds, cost = self._seconds, self._seconds / self._work
        self._seconds, self._work = 0.0, 0.0
        if self._untimed:
            self._untimed -= 1
        elif self._trial is not None:
            self._trial.add(sample_seconds, cost)
            self._judge(self._trial)
        else:
            self._add_sample(cost)

    def _add_sample(self, cost: float) -> None:
        self._known.add(self._index)
        self._recent.append(cost)
        if len(self._recent) < _TRIAL:
            return
        present, now = statistics.median(self._recent), self._clock()
        if self._expected is None:
            self._expected = present
        if now >= self._next_change and not 1 / _CHANGE < present / self._expected < _CHANGE:
            # Slower: other programs want the processors, so fewer threads may be faster. Faster: they are gone.
            step = -1 if present > self._expected else 1
            self._expected, self._next_change = present, now + _CHANGE_PAUSE
            if 0 <= self._index + step < len(self._counts):
                self._try(self._index + step, present, is_for_slowdown=step < 0)
                return
        for index in (self._index + 1, self._index - 1):
            if 0 <= index < len(self._counts) and now >= self._next_trial[index]:
                self._try(index, present)
                return

    def _try(self, index: int, present: float, is_for_slowdown: bool = False) -> None:
        self._trial = _Trial(index, present, is_for_slowdown)
        self._untimed = 0 if index in self._known else _UNTIMED_SAMPLES
        self._known.add(index)
        self._apply(self.count)

    def _judge(self, trial: _Trial) -> None:
        """End a trial if its result is clear."""
        if trial.is_hopeless:
            self._end(trial, chosen=False)
        elif len(trial.costs) >= _TRIAL:
            self._end(trial, chosen=statistics.median(trial.costs) < _GAIN * trial.present)

    def _end(self, trial: _Trial, chosen: bool) -> None:
        now = self._clock()
        self._trial = None
        if not chosen:
            longest = _MAX_PAUSE_UP if trial.index > self._index else _MAX_PAUSE_DOWN
            pause = min(longest, _MIN_PAUSE * 2.0 ** min(10, self._losses[trial.index]))
            self._losses[trial.index] += 1
            self._next_trial[trial.index] = now + max(pause, trial.loss / _TRIAL_SHARE)
            self._apply(self.count)
            return
        self._losses = [0] * len(self._counts)
        # The way back stays open soon; the next number in the same direction may be better still.
        self._next_trial[self._index] = now + _MIN_PAUSE
        if 0 <= 2 * trial.index - self._index < len(self._counts):
            self._next_trial[2 * trial.index - self._index] = now
        if trial.is_for_slowdown:
            self._reduced_from = max(self._reduced_from, self._index)
        self._index = trial.index
        self._recent.clear()
        self._recent.extend(trial.costs)
        self._expected = statistics.median(trial.costs)


class _Trial:
    """A number of threads on trial: its costs, beside the present cost of the number in use."""

    def __init__(self, index: int, present: float, is_for_slowdown: bool) -> None:
        self.index = index
        self.is_for_slowdown = is_for_slowdown
        self.present = present
        self.costs: list[float] = []
        self.loss = 0.0  # seconds that it took longer than the number in use would have

    def add(self, seconds: float, cost: float) -> None:
        """Add a sample."""
        self.costs.append(cost)
        expected = seconds * self.present / cost
        self.loss += min(max(0.0, seconds - expected), _MAX_LOSS * expected)

    @property
    def is_hopeless(self) -> bool:
        """True once no further sample is worth its time; a single slow one may be chance, unless it is very slow."""
        slow = [cost for cost in self.costs if cost > _HOPELESS * self.present]
        return len(slow) >= 2 or bool(slow and slow[0] > 2 * _HOPELESS * self.present)
