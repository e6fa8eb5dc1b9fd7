"""The cache of models: shared while in use, and bounded."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from weakref import ref

import pytest

from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.runs.folder import RunFolder
from rnntui.sessions import model_cache as module
from rnntui.sessions.model_cache import MAX_KEPT, ModelCache


class Loaded:
    """A model."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelCache[Loaded]:
    monkeypatch.setattr("rnntui.kinds.model_kind.resolve", lambda name: lambda run: Loaded())
    monkeypatch.setattr(module, "use_few_malloc_arenas", lambda: None)
    return ModelCache(tmp_path, LANGUAGE_MODEL)


def trained(folder: Path, time: int = 1) -> RunFolder:
    """Return a run whose weights were written at a time."""
    run = RunFolder(folder)
    folder.mkdir(exist_ok=True)
    run.weights_file.write_bytes(b"weights")
    os.utime(run.weights_file, (time, time))
    return run


def test_a_model_is_loaded_once_while_it_is_used_or_was_asked_for_last(
    cache: ModelCache[Loaded], tmp_path: Path
) -> None:
    runs = [trained(tmp_path / f"run {number}") for number in range(MAX_KEPT + 3)]
    used = cache.load(runs[0])
    others = [ref(cache.load(run)) for run in runs[1:]]
    gc.collect()
    assert cache.load(runs[0]) is used
    gc.collect()
    assert sum(other() is not None for other in others) == MAX_KEPT - 1
    last = others[-1]()
    assert last is not None and cache.load(runs[-1]) is last


def test_earlier_weights_of_a_run_are_not_kept(cache: ModelCache[Loaded], tmp_path: Path) -> None:
    versions = [ref(cache.load(trained(tmp_path / "run", time))) for time in range(1, MAX_KEPT + 1)]
    gc.collect()
    assert [version() is not None for version in versions] == [False] * (MAX_KEPT - 1) + [True]


def test_a_run_is_there_until_it_is_deleted_and_for_a_text_while_its_model_is_open(
    cache: ModelCache[Loaded], tmp_path: Path
) -> None:
    trained(tmp_path / "mine").config_file.write_text("{}")
    assert cache.has_run("mine", "other") and cache.has_run("shakespeare", "")
    (tmp_path / "mine" / "config.json").unlink()
    assert not cache.has_run("mine", "other") and not cache.has_run("no/such" * 999, "")
    assert cache.has_run("mine", "mine")
