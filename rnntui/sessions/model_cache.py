"""Cache of loaded models, so that each is read from disk once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    from rnntui.kinds.model_kind import ModelKind
    from rnntui.runs.folder import RunFolder

Model = TypeVar("Model")


class ModelCache(Generic[Model]):
    """Loaded models of one kind, by folder and modification time: a run that was trained further is read again.

    Safe to call from worker threads. Imports numpy only when the first model is loaded.

    Args:
        checkpoints: the folder of the user's runs.
        kind: the kind of model; its loader returns the type `Model`.
    """

    def __init__(self, checkpoints: Path, kind: ModelKind) -> None:
        self.checkpoints = checkpoints
        self.kind = kind
        self._models: dict[tuple[Path, int], Model] = {}
        self._lock = threading.Lock()

    def find(self, name: str | None) -> RunFolder:
        """Return the run of a name or path; for None the newest, else the shipped one. Raises as `find_run` does."""
        from rnntui.runs.lookup import find_run

        return find_run(name, self.checkpoints, self.kind)

    def load(self, run: RunFolder) -> Model:
        """Return the model of a run. Raises `RunError` or `TokenizerError` if a file is missing or broken."""
        from rnntui.errors import RunError
        from rnntui.kinds.model_kind import resolve

        try:
            key = (run.path.resolve(), run.weights_file.stat().st_mtime_ns)
        except FileNotFoundError as error:
            raise RunError(f"{run.name} has no weights yet; wait for the first evaluation of its training") from error
        except OSError as error:
            raise RunError(f"cannot read {run.weights_file}: {error.strerror}") from error
        with self._lock:
            if key not in self._models:
                loader: Any = resolve(self.kind.loader)
                self._models[key] = cast(Model, loader(run))
            return self._models[key]
