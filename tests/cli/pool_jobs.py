"""A job for a pool of processes. These import its module, so it imports little."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from rnntui.errors import RnntuiError


@dataclass(frozen=True)
class Doubling:
    """Doubles numbers; raises or ends its process at some."""

    fails_at: int = -1
    dies_at: int = -1

    def load(self, workers: int) -> Callable[[int], tuple[int, int]]:
        def double(number: int) -> tuple[int, int]:
            if number == self.dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            if number == self.fails_at:
                raise RnntuiError(f"no {number}", hint="take another")
            time.sleep(0.02 * (number % 2))  # the later one is done first
            return 2 * number, workers

        return double
