"""Engines of models: made when a model is first used, leased to requests, freed when memory is short."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from rnntui.errors import RnntuiError
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_header import read_weights_header
from rnntui.serving.api_errors import ApiError, server_is_stopping

_BYTES_PER_WEIGHT = 4  # float32


class Engine(Protocol):
    """A model that requests compute with."""

    def stop(self) -> None:
        """End all requests, and the engine's thread if it has one; returns when it has ended."""


EngineType = TypeVar("EngineType", bound=Engine)
EngineType_co = TypeVar("EngineType_co", bound=Engine, covariant=True)


class Lease(Generic[EngineType_co]):
    """The right to use an engine: it is not stopped before `end`, which may be called more than once."""

    def __init__(self, engine: EngineType_co, end: Callable[[], None]) -> None:
        self.engine = engine
        self._end: Callable[[], None] | None = end

    def end(self) -> None:
        """Give the engine back."""
        end, self._end = self._end, None
        if end is not None:
            end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


async def lease_in_thread(make: Callable[[], Lease[EngineType]]) -> Lease[EngineType]:
    """Return a lease that is made in a thread, as loading a model takes a while; ended if nobody waits for it any more.

    Raises as `make` does.
    """
    future = asyncio.get_running_loop().run_in_executor(None, make)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        future.add_done_callback(_end_lease_of)
        raise


def _end_lease_of(future: asyncio.Future[Lease[EngineType]]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().end()


@dataclass(eq=False)
class _Entry:
    """An engine, None until it is made; requests that want it while it is made wait for `lock`.

    Args:
        path: the folder of the run.
        weights_time: modification time of the weights, in nanoseconds.
        size: estimated bytes of the model.
        users: number of leases.
    """

    path: Path
    weights_time: int
    size: int
    users: int = 0
    engine: Any = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class EngineCache:
    """Engines by run. The one that has not been used for longest is freed first; one that is in use, never.

    Weights that a training has improved are loaded for the next request, while requests that are running end with the
    old ones. Safe for threads: loading a model takes a while, so the server does it outside of its event loop.

    Args:
        max_bytes: size of all models together from which on unused ones are freed.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Path, _Entry] = OrderedDict()  # the one used last is at the end
        self._replaced: list[_Entry] = []  # by newer weights, and still in use
        self._lock = threading.Lock()
        self._is_stopped = False

    def lease(self, run: RunFolder, make: Callable[[RunFolder], EngineType]) -> Lease[EngineType]:
        """Return a lease of the engine of a run, which `make` makes if there is none.

        Raises `ApiError` if the files of the run cannot be read, there is no memory for it, or the server is stopping.
        """
        try:
            entry = self._entry(run)
        except OSError as error:
            raise _cannot_load(run, error) from error
        try:
            with entry.lock:
                if entry.engine is None:
                    entry.engine = make(run)
        except (RnntuiError, OSError, MemoryError) as error:
            self._end_lease(entry, is_broken=True)
            raise _cannot_load(run, error) from error
        except BaseException:
            self._end_lease(entry, is_broken=True)
            raise
        if self._is_stopped:  # meanwhile
            entry.engine.stop()
        return Lease(entry.engine, lambda: self._end_lease(entry))

    def has_room(self, run: RunFolder) -> bool:
        """Return True if a model can be loaded without freeing another."""
        with self._lock:
            return self._total + _estimated_bytes(run) <= self._max_bytes

    @property
    def is_busy(self) -> bool:
        """True while an engine is leased."""
        with self._lock:
            return any(entry.users for entry in (*self._entries.values(), *self._replaced))

    @property
    def paths(self) -> list[Path]:
        """The folders of the runs whose models are loaded, that used last at the end."""
        with self._lock:
            return [entry.path for entry in self._entries.values() if entry.engine is not None]

    def stop(self) -> None:
        """Stop all engines, and those that are still being made."""
        with self._lock:
            self._is_stopped = True
            entries = [*self._entries.values(), *self._replaced]
        _stop(entries)

    @property
    def _total(self) -> int:
        return sum(entry.size for entry in (*self._entries.values(), *self._replaced))

    def _entry(self, run: RunFolder) -> _Entry:
        """Return the entry of a run with one more user, after others were freed for it if need be."""
        path, time = run.path.resolve(), run.weights_file.stat().st_mtime_ns
        with self._lock:
            if self._is_stopped:
                raise server_is_stopping()
            unused: list[_Entry] = []
            entry = self._entries.get(path)
            if entry is not None and entry.weights_time != time:
                del self._entries[path]
                (self._replaced if entry.users else unused).append(entry)
                entry = None
            if entry is None:
                size = _estimated_bytes(run)
                unused += self._make_room(size)
                entry = self._entries[path] = _Entry(path, time, size)
            self._entries.move_to_end(path)
            entry.users += 1
        _stop(unused)
        return entry

    def _make_room(self, size: int) -> list[_Entry]:
        """Remove unused entries until there is room for that many bytes, and return them."""
        removed = []
        for entry in list(self._entries.values()):
            if self._total + size <= self._max_bytes:
                break
            if not entry.users:
                removed.append(self._entries.pop(entry.path))
        return removed

    def _end_lease(self, entry: _Entry, is_broken: bool = False) -> None:
        with self._lock:
            entry.users -= 1
            is_current = self._entries.get(entry.path) is entry
            if is_broken and is_current and not entry.users:
                del self._entries[entry.path]
            unused = [] if is_current or entry.users else [entry]
            self._replaced = [each for each in self._replaced if each not in unused]
            unused += self._make_room(0)
        _stop(unused)


def _stop(entries: list[_Entry]) -> None:
    for entry in entries:
        if entry.engine is not None:
            entry.engine.stop()


def _estimated_bytes(run: RunFolder) -> int:
    """Return about how many bytes a model takes: its weights in float32, and its n-grams."""
    header = read_weights_header(run.weights_file)
    weights = _BYTES_PER_WEIGHT * header.parameters if header is not None else 0
    return weights + (run.ngrams_file.stat().st_size if run.ngrams_file.is_file() else 0)


def _cannot_load(run: RunFolder, error: Exception) -> ApiError:
    problem = "there is not enough memory" if isinstance(error, MemoryError) else str(error)
    return ApiError(500, f"The model `{run.name}` cannot be loaded: {problem}", "model", "model_error")
