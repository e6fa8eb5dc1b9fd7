"""Opening the model of a tab: by name, for a saved text, or chosen in the run picker."""

from __future__ import annotations

from functools import partial
from typing import Any

from textual.widget import Widget

from rnntui.errors import RnntuiError
from rnntui.sessions.model_cache import ModelCache
from rnntui.tui.lines.messages import ModelFailed, ModelOpened
from rnntui.tui.notifications import Notifications


class ModelOpener:
    """Reads models in threads of a tab, and posts `ModelOpened` or `ModelFailed` to it."""

    def __init__(self, tab: Widget, models: ModelCache[Any], notifications: Notifications) -> None:
        self._tab, self._models, self._notifications = tab, models, notifications

    def open(self, name: str | None) -> None:
        """Open the run of that name or path; None is the newest run of the kind, or the shipped one."""
        self._tab.run_worker(partial(self._open, name), thread=True)

    def open_for_text(self, run: str, present: str) -> None:
        """Open the run that last read a saved text, else the present one or the newest; "" is none."""
        self._tab.run_worker(partial(self._open_for_text, run, present), thread=True)

    def has_run(self, name: str, present: str) -> bool:
        """Return False if the run of that name is gone, and is not the one that is open; for any thread."""
        return self._models.has_run(name, present)

    def pick(self, current: str) -> None:
        """Ask for one of the trained runs, and open it. `current` is the name of the present one."""
        from rnntui.tui.screens.run_picker import pick_run

        def done(path: str | None) -> None:
            if path is not None:
                self.open(path)

        pick_run(self._tab.app, self._models, current, done, self._notifications.warn)

    def _open(self, name: str | None) -> None:
        run = None
        try:
            run = self._models.find(name)
            model = self._models.load(run)
        except (RnntuiError, OSError, ValueError, MemoryError) as error:
            none_yet = name is None and run is None
            self._tab.post_message(ModelFailed(str(error) or type(error).__name__, none_yet))
        else:
            self._tab.post_message(ModelOpened(run.name, model))

    def _open_for_text(self, run: str, present: str) -> None:
        try:
            model = self._models.load_for_text(run, present)
        except (RnntuiError, OSError, ValueError, MemoryError) as error:
            self._tab.post_message(ModelFailed(str(error) or type(error).__name__, none_yet=not run))
            return
        if model.model is not None:
            self._tab.post_message(ModelOpened(model.name, model.model))
        if model.note:
            self._tab.app.call_from_thread(self._notifications.warn, model.note, seconds=10)
