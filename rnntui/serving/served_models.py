"""The models of a server: found among the runs, loaded when they are first used."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from rnntui.errors import RnntuiError, UsageError
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import title_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import kind_id_of, named_run, runs_in, shipped_runs
from rnntui.serving.api_errors import ApiError
from rnntui.serving.server_config import ServerConfig

if TYPE_CHECKING:
    from rnntui.serving.generation_engine import GenerationEngine


class Engine(Protocol):
    """A thread that computes with a model."""

    @property
    def is_busy(self) -> bool: ...

    def stop(self) -> None: ...


EngineType = TypeVar("EngineType", bound=Engine)


def served_runs(folder: Path, names: Sequence[str]) -> dict[str, RunFolder]:
    """Return the trained runs to serve by name: those with some names or paths; without names, all there are.

    A run of the user's comes before a shipped one of the same name. Raises `UsageError` if there is no such run.
    """
    runs = [named_run(name, folder) for name in names] if names else [*runs_in(folder), *shipped_runs()]
    by_name: dict[str, RunFolder] = {}
    for run in runs:
        if run.weights_file.is_file():
            by_name.setdefault(run.name, run)
        elif names:
            raise UsageError(f"run {run.name} has no weights yet", hint="wait for the first evaluation of its training")
    return by_name


@dataclass(frozen=True)
class ServedRuns:
    """The runs that a server answers for; without names, those that are trained while it runs are among them.

    Args:
        folder: the folder of the user's runs.
        names: names or paths of the runs to serve; empty for all.
    """

    folder: Path
    names: Sequence[str] = ()

    def of_kind(self, kind: ModelKind) -> dict[str, RunFolder]:
        """Return the runs of a kind by name."""
        return {name: run for name, run in self._all().items() if kind_id_of(run) == kind.id}

    def find(self, name: str, kind: ModelKind) -> RunFolder:
        """Return the run of that name. Raises `ApiError` if there is none, or it is of another kind."""
        run = self._all().get(name)
        kind_id = kind_id_of(run) if run is not None else None
        if run is not None and kind_id == kind.id:
            return run
        if run is not None:
            message = f"The model `{name}` is a {title_of(kind_id or '')}, not a {kind.title}."
        else:
            message = f"The model `{name[:80]}` does not exist. There are: {', '.join(self.of_kind(kind)) or 'none'}."
        raise ApiError(404, message, "model", "model_not_found")

    def _all(self) -> dict[str, RunFolder]:
        by_name: dict[str, RunFolder] = {}
        for names in [[name] for name in self.names] or [[]]:
            try:
                by_name = served_runs(self.folder, names) | by_name
            except RnntuiError:  # the run was deleted while the server runs; the others are still there
                continue
        return by_name


class EngineCache(Generic[EngineType]):
    """Engines by run, each made when its run is first used. A run that was trained further is loaded again when idle.

    Safe for threads: loading a model takes a while, so the server does it outside of its event loop.
    """

    def __init__(self, make: Callable[[RunFolder], EngineType]) -> None:
        self._make = make
        self._engines: dict[Path, tuple[int, EngineType]] = {}
        self._lock = threading.Lock()
        self._is_stopped = False

    def get(self, run: RunFolder) -> EngineType:
        """Return the engine of a run. Raises `ApiError` if its files cannot be read."""
        path = run.path.resolve()
        with self._lock:
            try:
                time = run.weights_file.stat().st_mtime_ns
                if path in self._engines:
                    loaded_time, engine = self._engines[path]
                    if loaded_time == time or engine.is_busy:
                        return engine
                    engine.stop()
                engine = self._make(run)
            except (RnntuiError, OSError) as error:
                raise ApiError(
                    500, f"The model `{run.name}` cannot be loaded: {error}", "model", "model_error"
                ) from error
            self._engines[path] = (time, engine)
            if self._is_stopped:
                engine.stop()
            return engine

    @property
    def engines(self) -> list[EngineType]:
        """The engines that were made."""
        return [engine for _, engine in list(self._engines.values())]

    def stop(self) -> None:
        """Stop all engines, and those that are still to be made."""
        self._is_stopped = True
        for engine in self.engines:
            engine.stop()


def make_generation_engine(run: RunFolder, config: ServerConfig) -> GenerationEngine:
    """Load a language model and start its engine."""
    from rnntui.inference.loaded_model import load_language_model
    from rnntui.serving.generation_engine import GenerationEngine

    return GenerationEngine(load_language_model(run), config, _fingerprint(run))


def _fingerprint(run: RunFolder) -> str:
    """Return what tells whether two responses came from the same weights."""
    return "fp_" + hashlib.blake2b(run.weights_file.read_bytes(), digest_size=5).hexdigest()


def model_json(name: str, run: RunFolder) -> Mapping[str, Any]:
    """Return a model as `/v1/models` lists it."""
    try:
        created = int(run.read_config().created)
    except RnntuiError:
        created = 0
    return {"id": name, "object": "model", "created": created, "owned_by": "rnntui"}


def language_models(runs: ServedRuns) -> list[Mapping[str, Any]]:
    """Return the language models as `/v1/models` lists them."""
    return [model_json(name, run) for name, run in runs.of_kind(LANGUAGE_MODEL).items()]
