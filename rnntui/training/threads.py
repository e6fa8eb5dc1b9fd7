"""Number of threads that torch computes with: fixed, or tuned to what the machine has free at the moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rnntui.thread_tuner import ThreadTuner

TRAINING = "training"


class TorchThreads:
    """Sets torch's number of threads for each piece of work, by a tuner for each activity.

    Activities differ in what a thread gains them: a training step of 32 time steps, an evaluation of 256 in full
    precision. While the training finds the processors busy, other activities begin with its number.

    Args:
        counts: The numbers to choose from, ascending; a single one is fixed.
    """

    def __init__(self, counts: list[int]) -> None:
        self._counts = counts
        self._tuners: dict[str, ThreadTuner] = {}
        self._active = ""

    @property
    def count(self) -> int:
        """Number of threads of a training step."""
        tuner = self._tuners.get(TRAINING)
        return tuner.count if tuner is not None else self._counts[-1]

    @property
    def are_reduced(self) -> bool:
        """True while fewer threads train than before, because other programs use the processors."""
        return TRAINING in self._tuners and self._tuners[TRAINING].is_reduced

    def each_count(self) -> Iterator[int]:
        """Set the numbers to choose from, one after the other, for a measurement of one's own."""
        for count in self._counts:
            torch.set_num_threads(count)
            yield count
        self._active = ""

    def add_step(self, seconds: float, tokens: int) -> None:
        """Add the time of a training step, and set the number of threads of the next one."""
        self._activate(TRAINING).add(seconds, tokens)

    @contextmanager
    def timed(self, activity: str, work: float) -> Iterator[None]:
        """Do the piece of work inside with the number of threads that suits the activity, and measure it.

        Args:
            activity: Name of the kind of work.
            work: Size of this piece, in a unit of the activity such as tokens.
        """
        with self._activate(activity).timed(work):
            yield

    def start_step(self) -> int:
        """Set the number of threads of a training step, after other work; return it."""
        return self._activate(TRAINING).count

    def _activate(self, activity: str) -> ThreadTuner:
        tuner = self._tuners.get(activity)
        if tuner is None:
            tuner = self._tuners[activity] = ThreadTuner(self._counts, torch.set_num_threads)
        if activity != self._active:
            self._active = activity
            tuner.resume(self.count if activity != TRAINING and self.are_reduced else None)
        return tuner


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread inside, so that the result does not depend on the number of processors."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
