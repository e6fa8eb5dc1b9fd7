"""Opening trained runs for the app, each once."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from rnntui.inference.loaded_model import LoadedModel
    from rnntui.inference.translator import Translator
    from rnntui.runs.folder import RunFolder

Opened = TypeVar("Opened")


class ModelCache(ABC, Generic[Opened]):
    """The models that are open, by folder and by the time their weights were written: a run that trains on is new.

    Called from worker threads. Nothing here imports numpy before the first model is wanted.
    """

    def __init__(self, checkpoints: Path) -> None:
        self.checkpoints = checkpoints
        self._open: dict[tuple[Path, int], Opened] = {}
        self._lock = threading.Lock()

    @property
    @abstractmethod
    def kind(self) -> str:
        """The kind of runs that are opened here, as `config.json` names it."""

    @abstractmethod
    def _read(self, run: RunFolder) -> Opened:
        """Read a run from disk."""

    def find(self, name: str | None) -> RunFolder:
        """The run of a name or path; the newest, or the shipped one, for None. Raises as `find_run` does."""
        from rnntui.runs.lookup import find_run

        return find_run(name, self.checkpoints, self.kind)

    def load(self, run: RunFolder) -> Opened:
        """What a run is used by. Raises `RunError` or `TokenizerError` if a file is missing or broken."""
        from rnntui.errors import RunError

        try:
            key = (run.path.resolve(), run.weights_file.stat().st_mtime_ns)
        except OSError as error:
            raise RunError(f"cannot read {run.weights_file}: {error.strerror}") from error
        with self._lock:
            if key not in self._open:
                self._open[key] = self._read(run)
            return self._open[key]


class LanguageModelCache(ModelCache["LoadedModel"]):
    """Language models."""

    @property
    def kind(self) -> str:
        from rnntui.runs.folder import LANGUAGE_MODEL

        return LANGUAGE_MODEL

    def _read(self, run: RunFolder) -> LoadedModel:
        from rnntui.inference.loaded_model import load_language_model

        return load_language_model(run)


class TranslatorCache(ModelCache["Translator"]):
    """Seq2Seq models."""

    @property
    def kind(self) -> str:
        from rnntui.runs.folder import SEQ2SEQ

        return SEQ2SEQ

    def _read(self, run: RunFolder) -> Translator:
        from rnntui.inference.translator import load_translator

        return load_translator(run)
