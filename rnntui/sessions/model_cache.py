"""Cache of loaded models, so that each is read from disk once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from weakref import WeakValueDictionary

from rnntui.system_memory import use_few_malloc_arenas

if TYPE_CHECKING:
    from rnntui.kinds.model_kind import ModelKind
    from rnntui.runs.folder import RunFolder

Model = TypeVar("Model")

MAX_KEPT = 3
"""Number of models that stay loaded although none of them may be in use: those that were asked for last."""


@dataclass(frozen=True)
class ModelForText(Generic[Model]):
    """The model that continues a saved text. `model` is None where it is the one that is open already.

    `note` says why it is not the one that wrote the text, or is "".
    """

    name: str
    model: Model | None
    note: str = ""


class ModelCache(Generic[Model]):
    """Loaded models of one kind, by folder and modification time: a run that was trained further is read again.

    A model that is in use is shared, however many there are; of the others only the last are kept, and no earlier
    weights of a run. Safe to call from worker threads. Imports numpy only when the first model is loaded.

    Args:
        checkpoints: the folder of the user's runs.
        kind: the kind of model; its loader returns the type `Model`.
    """

    def __init__(self, checkpoints: Path, kind: ModelKind) -> None:
        self.checkpoints = checkpoints
        self.kind = kind
        self._models: WeakValueDictionary[tuple[Path, int], Model] = WeakValueDictionary()
        self._kept: OrderedDict[tuple[Path, int], Model] = OrderedDict()  # the one that was asked for last at the end
        self._lock = threading.Lock()

    def find(self, name: str | None) -> RunFolder:
        """Return the run of a name or path; for None the newest, else the shipped one. Raises as `find_run` does."""
        from rnntui.runs.lookup import find_run

        return find_run(name, self.checkpoints, self.kind)

    def has_run(self, writer: str, present: str) -> bool:
        """Return False if the run that wrote a text is gone: moved, renamed or deleted, and not the one that is open.

        Args:
            writer: its name.
            present: name of the run that is open, or "".
        """
        from rnntui.errors import UsageError

        if writer == present:
            return True
        try:
            self.find(writer)
        except UsageError:
            return False
        except OSError:  # a folder that cannot be read: nobody knows
            return True
        return True

    def load(self, run: RunFolder) -> Model:
        """Return the model of a run. Raises `RunError` or `TokenizerError` if a file is missing or broken."""
        from rnntui.errors import RunError, os_error_hint
        from rnntui.kinds.model_kind import resolve

        try:
            key = (run.path.resolve(), run.weights_file.stat().st_mtime_ns)
        except FileNotFoundError as error:
            raise RunError(f"{run.name} has no weights yet; wait for the first evaluation of its training") from error
        except OSError as error:
            raise RunError(f"cannot read {run.weights_file}: {error.strerror}", hint=os_error_hint(error)) from error
        with self._lock:
            model = self._models.get(key)
            if model is None:
                use_few_malloc_arenas()  # before numpy, whose arrays are most of the memory
                loader: Any = resolve(self.kind.loader)
                self._models[key] = model = cast(Model, loader(run))
            self._keep(key, model)
            return model

    def _keep(self, key: tuple[Path, int], model: Model) -> None:
        """Keep a model until others have been asked for."""
        for other in list(self._kept):
            if other[0] == key[0]:
                del self._kept[other]
        self._kept[key] = model
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    def load_for_text(self, writer: str, present: str) -> ModelForText[Model]:
        """Return the model that wrote a text; if there is none or it cannot be opened, the present or the newest one.

        Args:
            writer: name of the run that wrote the text, or "".
            present: name of the run that is open, or "".

        Raises as `find` and `load` do if no model can be opened.
        """
        from rnntui.errors import RnntuiError

        note = ""
        if writer and writer != present:
            try:
                run = self.find(writer)
                return ModelForText(run.name, self.load(run))
            except (RnntuiError, OSError, ValueError, MemoryError) as error:
                problem = error.problem if isinstance(error, RnntuiError) else f"{error}" or type(error).__name__
                note = f"The text was written with {writer}, which cannot be opened ({problem}); "
        if present:
            return ModelForText(present, None, note and f"{note}{present} continues it.")
        run = self.find(None)
        return ModelForText(run.name, self.load(run), note and f"{note}{run.name} continues it.")
