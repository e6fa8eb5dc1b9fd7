"""Engines of models: made once, freed when memory is short, never while a request uses them."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tiny_runs import make_run

from rnntui.errors import RunError
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_header import read_weights_header
from rnntui.serving.api_errors import ApiError
from rnntui.serving.engine_cache import EngineCache, lease_in_thread


class FakeEngine:
    """An engine that knows whether it was stopped."""

    def __init__(self, run: RunFolder) -> None:
        self.run, self.is_stopped = run, False

    def stop(self) -> None:
        self.is_stopped = True


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunFolder]:
    folder = tmp_path_factory.mktemp("runs")
    return [make_run(folder, name) for name in ("a", "b", "c")]


def names(cache: EngineCache) -> list[str]:
    return [path.name for path in cache.paths]


def test_the_model_that_was_not_used_for_longest_is_freed(runs: list[RunFolder]) -> None:
    a, b, c = runs
    cache = EngineCache(2 * size_of(a))
    engines = {}
    for run in (a, b, a):
        with cache.lease(run, FakeEngine) as lease:
            assert engines.setdefault(run, lease.engine) is lease.engine
    assert names(cache) == ["b", "a"] and not cache.is_busy and not cache.has_room(c)
    with cache.lease(c, FakeEngine):
        assert names(cache) == ["a", "c"] and cache.is_busy
    assert engines[b].is_stopped and not engines[a].is_stopped


def test_a_model_in_use_is_never_freed_and_then_leaves_if_there_is_no_room(runs: list[RunFolder]) -> None:
    cache = EngineCache(0)
    first = cache.lease(runs[0], FakeEngine)
    second = cache.lease(runs[1], FakeEngine)
    assert not (first.engine.is_stopped or second.engine.is_stopped)
    first.end()
    first.end()
    assert first.engine.is_stopped and not second.engine.is_stopped
    second.end()
    assert second.engine.is_stopped and names(cache) == []


def test_better_weights_serve_the_next_request_while_the_last_one_ends(tmp_path: Path) -> None:
    run, cache = make_run(tmp_path, "a"), EngineCache(1 << 30)
    old = cache.lease(run, FakeEngine)
    os.utime(run.weights_file, (1, 1))
    with cache.lease(run, FakeEngine) as new:
        assert new.engine is not old.engine and not old.engine.is_stopped
    old.end()
    assert old.engine.is_stopped and not new.engine.is_stopped


def test_a_model_is_loaded_once_for_all_who_wait_and_holds_up_no_other(runs: list[RunFolder]) -> None:
    a, b, _ = runs
    cache, gate, made = EngineCache(1 << 30), threading.Event(), []

    def make_slowly(run: RunFolder) -> FakeEngine:
        made.append(run)
        assert gate.wait(20)
        return FakeEngine(run)

    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(cache.lease, a, make_slowly) for _ in range(2)]
        assert cache.lease(b, FakeEngine).engine.run == b
        gate.set()
        assert len({id(each.result().engine) for each in waiting}) == len(made) == 1


def test_a_model_that_cannot_be_loaded_is_tried_again(runs: list[RunFolder]) -> None:
    cache = EngineCache(1 << 30)
    for error, message in ((RunError("broken"), "broken"), (MemoryError(), "not enough memory")):
        with pytest.raises(ApiError, match=f"The model `a` cannot be loaded: .*{message}"):
            cache.lease(runs[0], lambda run, error=error: raise_error(error))
    assert not cache.is_busy
    assert cache.lease(runs[0], FakeEngine).engine.run == runs[0]
    with pytest.raises(ApiError, match="cannot be loaded"):
        cache.lease(RunFolder(Path("nowhere")), FakeEngine)


def test_the_end_stops_all_and_lends_no_more(runs: list[RunFolder]) -> None:
    cache = EngineCache(1 << 30)
    lease = cache.lease(runs[0], FakeEngine)
    cache.stop()
    assert lease.engine.is_stopped
    with pytest.raises(ApiError, match="shutting down"):
        cache.lease(runs[1], FakeEngine)


async def test_a_lease_that_nobody_waits_for_is_ended(runs: list[RunFolder]) -> None:
    cache, begun, gate = EngineCache(1 << 30), threading.Event(), threading.Event()

    def make_slowly(run: RunFolder) -> FakeEngine:
        begun.set()
        assert gate.wait(20)
        return FakeEngine(run)

    task = asyncio.create_task(lease_in_thread(lambda: cache.lease(runs[0], make_slowly)))
    while not begun.is_set():
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cache.is_busy
    gate.set()
    async with asyncio.timeout(20):
        while cache.is_busy:
            await asyncio.sleep(0.001)


def raise_error(error: Exception) -> FakeEngine:
    raise error


def size_of(run: RunFolder) -> int:
    """The bytes that a cache counts for a run without n-grams: 4 for each weight."""
    header = read_weights_header(run.weights_file)
    assert header is not None and not EngineCache(4 * header.parameters - 1).has_room(run)
    return 4 * header.parameters
