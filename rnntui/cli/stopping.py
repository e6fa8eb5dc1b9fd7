"""What the commands that train share: stopping by a signal, and what cannot change when a run goes on."""

from __future__ import annotations

import signal
from types import FrameType
from typing import TYPE_CHECKING, Any

from rnntui.config import described_settings, flag_of
from rnntui.errors import UsageError

if TYPE_CHECKING:
    from rnntui.runs.folder import RunConfig


class StopRequest:
    """Ctrl-C or a termination signal: the first asks training to stop and save, a second Ctrl-C does not wait.

    Signals are caught inside its `with` block; one that was ignored, as `nohup` has it, stays ignored.
    """

    def __init__(self) -> None:
        self.requested = False
        self._training = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # not every system has all three
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def training(self) -> None:
        """From now on there is something to save; until now a signal ended the process, with nothing written."""
        self._training = True

    def __call__(self) -> bool:
        return self.requested

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._training or (self.requested and number == signal.SIGINT):
            raise KeyboardInterrupt
        self.requested = True


def refuse_changes(config: RunConfig, given: dict[str, Any]) -> None:
    """Raises `UsageError` if a setting is given that differs from the run's own."""
    for group in (config.model, config.tokenizer, config.training):
        for name, described in described_settings(type(group)).items():
            option = described.option
            if option in given and given[option] != getattr(group, name):
                raise UsageError(
                    f"{flag_of(option)} cannot change when a run is resumed (it is {getattr(group, name)}, "
                    f"got {given[option]}); leave it out, or start a new run"
                )
