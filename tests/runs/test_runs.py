"""A run's files: whole after any failure, followed while they grow, found by name, locked against a second writer."""

from __future__ import annotations

import json
import math
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rnntui.atomic_files import atomic_write
from rnntui.config import Budget, LanguageModelConfig, LanguageModelTrainingConfig, TokenizerConfig
from rnntui.errors import RnntuiError, RunError, UsageError
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import CHECKPOINTS_VARIABLE, checkpoints_folder, find_run, named_run, runs_in
from rnntui.runs.metrics_log import MetricsLog, MetricsTail, drop_after, read_metrics
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_status import RunStatus
from rnntui.runs.weights_file import load_arrays, load_weights, save_arrays

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=60)

CONFIG = RunConfig(
    kind="language-model",
    model=LanguageModelConfig(hidden=16, layers=2),
    training=LanguageModelTrainingConfig(bptt=8),
    budget=Budget(steps=10),
    tokenizer=TokenizerConfig(vocab_size=30),
    corpus=TextCorpusInfo(name="tiny", sources=("tiny.txt",)),
    created=1.5,
    versions={"numpy": "2"},
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """An empty run folder."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    return RunFolder(folder)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the many files of a property test."""
    return tmp_path_factory.mktemp("scratch")


class Failure(Exception):
    """Stands for whatever may go wrong in the middle of a write."""


def fail(*_: object) -> None:
    raise Failure


# Files are written whole.


def test_a_write_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"first", b"", b"a longer second\n"):
        atomic_write(path, content)
        assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize("old", [b"old content", None])
def test_a_failed_write_leaves_the_old_file_and_no_partial_one(
    step: str, old: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    if old is not None:
        path.write_bytes(old)
    monkeypatch.setattr(step, fail)
    with pytest.raises(Failure):
        atomic_write(path, b"new")
    monkeypatch.undo()
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == ({} if old is None else {"file": old})


def test_a_file_is_synced_before_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    happened: list[str] = []
    synced, replaced = os.fsync, Path.replace

    def sync(handle: int) -> None:
        happened.append("synced")
        synced(handle)

    def rename(self: Path, target: Path) -> Path:
        happened.append(f"renamed while the old file says {path.read_text()}, the new one {self.read_text()}")
        return replaced(self, target)

    monkeypatch.setattr("os.fsync", sync)
    monkeypatch.setattr("pathlib.Path.replace", rename)
    atomic_write(path, b"new")
    assert happened[:2] == ["synced", "renamed while the old file says old, the new one new"]


def test_a_process_killed_while_writing_leaves_the_old_file_and_no_staging_folder(run: RunFolder) -> None:
    run.write_config(CONFIG)
    code = (
        "import os, sys; from pathlib import Path; from rnntui.atomic_files import atomic_write\n"
        "os.fsync = lambda handle: os.kill(os.getpid(), 9)\n"
        "atomic_write(Path(sys.argv[1]), b'{')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run.config_file)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert run.read_config() == CONFIG
    assert [found.name for found in runs_in(run.path.parent)] == ["tiny"]


def test_writing_into_a_missing_folder_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(RnntuiError, match=r"cannot write .*gone.file: No such file"):
        atomic_write(tmp_path / "gone" / "file", b"new")


# Metrics.


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_a_watcher_sees_each_row_as_soon_as_it_is_written(run: RunFolder) -> None:
    log, tail = MetricsLog(run.metrics_file), MetricsTail(run.metrics_file)
    try:
        for step in range(3):
            log.write({"step": step, "sample": "日本\n\u2028", "validation_loss": None})
            assert tail.read() == [{"step": step, "sample": "日本\n\u2028"}]
        assert tail.read() == []
    finally:
        log.close()
    assert len(read_metrics(run.metrics_file)) == 3


def test_reopening_a_log_appends_to_it(run: RunFolder) -> None:
    for step in range(2):
        log = MetricsLog(run.metrics_file)
        log.write({"step": step})
        log.close()
    assert read_metrics(run.metrics_file) == [{"step": 0}, {"step": 1}]


def test_no_byte_is_read_twice(run: RunFolder) -> None:
    append(run.metrics_file, b'{"step": 1}\n{"step": 2}\n')
    tail = MetricsTail(run.metrics_file)
    assert len(tail.read()) == 2
    with run.metrics_file.open("r+b") as file:
        # What was read may now say anything.
        file.write(b'{"step": 8}\n{"step": 9}\n{"step": 3}\n')
    assert tail.read() == [{"step": 3}]


def test_an_incomplete_line_is_left_for_the_next_read_even_if_it_is_json(run: RunFolder) -> None:
    tail = MetricsTail(run.metrics_file)
    for part in (b'{"step": 1, "sam', b'ple": "\xc3', b'\xa9"', b"}"):
        append(run.metrics_file, part)
        assert tail.read() == []
    append(run.metrics_file, b'\n{"step"')
    assert tail.read() == [{"step": 1, "sample": "é"}]


def test_a_missing_file_has_no_rows(run: RunFolder) -> None:
    tail = MetricsTail(run.metrics_file)
    assert tail.read() == []
    append(run.metrics_file, b'{"step": 1}\n')
    assert tail.read() == [{"step": 1}]
    assert not tail.restarted


def test_a_file_that_shrank_is_reread_and_restarted_is_true_once(run: RunFolder) -> None:
    append(run.metrics_file, b'{"step": 1}\n{"step": 2}\n{"step": 3}\n')
    tail = MetricsTail(run.metrics_file)
    tail.read()
    assert not tail.restarted
    drop_after(run.metrics_file, 1)
    assert tail.read() == [{"step": 1}]
    assert tail.restarted
    append(run.metrics_file, b'{"step": 2}\n')
    assert tail.read() == [{"step": 2}]
    assert not tail.restarted


def test_a_replaced_file_is_reread_even_if_it_is_longer(run: RunFolder) -> None:
    append(run.metrics_file, b'{"step": 1}\n{"step": 2, "loss": 4.5}\n')
    tail = MetricsTail(run.metrics_file)
    tail.read()
    drop_after(run.metrics_file, 1)
    append(run.metrics_file, b'{"step": 2, "loss": 4.25}\n{"step": 3, "loss": 4.0}\n')
    assert tail.read() == [{"step": 1}, {"step": 2, "loss": 4.25}, {"step": 3, "loss": 4.0}]
    assert tail.restarted


GARBAGE = (b"", b"not json", b"\xff\xfe\x00", b"\0\0\0\0", b"[1, 2]", b"7", b'"text"', b"null", b'{"step": ', b"{}}")


@pytest.mark.parametrize("garbage", [*GARBAGE, pytest.param(b"[" * 100_000, id="nested too deep")])
def test_a_line_that_is_not_a_row_is_skipped(garbage: bytes, run: RunFolder) -> None:
    append(run.metrics_file, b'{"step": 1}\n' + garbage + b'\n{"step": 2}\n')
    assert read_metrics(run.metrics_file) == [{"step": 1}, {"step": 2}]


@repeatable
@given(
    st.lists(
        st.one_of(
            st.dictionaries(st.text(max_size=3), json_values, max_size=3).map(
                lambda row: json.dumps(row, ensure_ascii=False).encode()
            ),
            st.sampled_from(GARBAGE),
        ),
        max_size=6,
    ),
    st.data(),
)
def test_rows_do_not_depend_on_how_the_writes_are_split(scratch: Path, lines: list[bytes], data: st.DataObject) -> None:
    written = b"".join(line + b"\n" for line in lines)
    expected = [json.loads(line) for line in lines if line not in GARBAGE]
    path = scratch / "metrics.jsonl"
    path.write_bytes(b"")
    cuts = sorted(data.draw(st.sets(st.integers(0, len(written)), max_size=6)))
    tail = MetricsTail(path)
    rows = []
    for start, end in zip([0, *cuts], [*cuts, len(written)], strict=True):
        append(path, written[start:end])
        rows += tail.read()
        assert not tail.restarted
    assert rows == expected
    assert read_metrics(path) == expected


def test_a_read_can_be_bounded(run: RunFolder) -> None:
    append(run.metrics_file, b"".join(b'{"step": %d}\n' % step for step in range(10)))
    tail = MetricsTail(run.metrics_file)
    assert tail.read(30) == [{"step": 0}, {"step": 1}] and tail.has_more
    assert tail.offset == 24, "the third line waits for the next read"
    assert tail.read(12) == [{"step": 2}] and tail.has_more
    assert len(tail.read()) == 7 and not tail.has_more
    assert tail.read(30) == [] and not tail.has_more


def test_only_lines_longer_than_the_bound_are_skipped(run: RunFolder) -> None:
    append(run.metrics_file, b'{"step": 1}\n{"long": "' + b"x" * 100 + b'"}\n{"step": 2}\n')
    tail = MetricsTail(run.metrics_file)
    found = tail.read(20)
    while tail.has_more:
        found += tail.read(20)
    assert found == [{"step": 1}, {"step": 2}]
    append(run.metrics_file, b'{"long": "' + b"x" * 50)
    assert tail.read(20) == tail.read(20) == []
    replaced = run.metrics_file.with_name("replaced")
    append(replaced, b'{"step": 3}\n')
    replaced.replace(run.metrics_file)
    assert tail.read(20) == [{"step": 3}] and tail.restarted, "another file begins with the start of a line"


def test_drop_after_removes_later_rows_and_broken_lines(run: RunFolder) -> None:
    append(
        run.metrics_file,
        b'{"kind": "start"}\n{"step": 1}\ngarbage\n{"step": 2}\n{"step": 3}\n{"step": 2, "late": true}\n{"step": 1',
    )
    drop_after(run.metrics_file, 2)
    append(run.metrics_file, b'{"step": 3, "again": true}\n')
    assert read_metrics(run.metrics_file) == [
        {"kind": "start"},
        {"step": 1},
        {"step": 2},
        {"step": 2, "late": True},
        {"step": 3, "again": True},
    ]


def test_drop_after_is_atomic(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = b'{"step": 1}\n{"step": 2}\n'
    append(run.metrics_file, before)
    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(Failure):
        drop_after(run.metrics_file, 1)
    assert run.metrics_file.read_bytes() == before


# config.json.

whole_numbers = st.integers(1, 4)
configs = st.builds(
    RunConfig,
    kind=st.text(max_size=8),
    model=st.builds(
        LanguageModelConfig,
        cell=st.sampled_from(["lstm", "gru", "rnn"]),
        layers=whole_numbers,
        hidden=st.integers(1, 8192),
        embedding=st.none() | st.integers(1, 8192),
        dropout=st.floats(0.0, 0.95),
        tied=st.none() | st.booleans(),
    ),
    training=st.builds(
        LanguageModelTrainingConfig,
        learning_rate=st.floats(0.0, 10.0) | st.just(1),
        seed=st.integers(0, 2**32 - 1),
        threads=st.none() | whole_numbers,
    ),
    budget=st.one_of(
        st.builds(Budget, minutes=st.none() | st.floats(0.01, 1e5)),
        st.builds(Budget, steps=st.integers(1, 10**9)),
        st.builds(Budget, epochs=st.floats(0.001, 1e5)),
    ),
    tokenizer=st.builds(
        TokenizerConfig,
        type=st.sampled_from(["char", "bpe", "unigram"]),
        vocab_size=st.none() | st.integers(2, 65536),
    ),
    corpus=st.builds(
        TextCorpusInfo,
        name=st.text(max_size=5),
        sources=st.lists(st.text(max_size=5), max_size=3).map(tuple),
        characters=st.integers(0, 10**12),
        speakers=st.none() | st.just(("A", "B")),
    ),
    created=st.floats(allow_nan=False, allow_infinity=False),
    versions=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)


@repeatable
@given(configs)
def test_a_config_round_trips(scratch: Path, config: RunConfig) -> None:
    run = RunFolder(scratch)
    run.write_config(config)
    assert run.read_config() == config


def test_a_config_can_name_a_corpus_file_whose_name_is_not_utf_8(run: RunFolder) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    config = replace(CONFIG, corpus=TextCorpusInfo(sources=(name,)))
    run.write_config(config)
    assert run.read_config().corpus.sources == (name,)


def fields_of(values: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where each value of nested objects stands."""
    for name, value in values.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from fields_of(value, (*above, name))


FIELDS = list(fields_of(CONFIG.to_json()))


def config_with(where: tuple[str, ...], value: object) -> dict[str, Any]:
    """The JSON of a good configuration with one value replaced."""
    values: dict[str, Any] = deepcopy(CONFIG.to_json())
    inner = values
    for name in where[:-1]:
        inner = inner[name]
    inner[where[-1]] = value
    return values


@settings(repeatable, max_examples=160)
@given(st.sampled_from(FIELDS), json_values)
@example(("model", "cell"), [])
@example(("model", "hidden"), True)
@example(("training",), None)
@example(("format",), 3)
@example(("training", "seed"), math.inf)
@example(("created",), math.nan)
def test_any_value_in_a_config_is_read_or_refused_naming_the_file(
    scratch: Path, where: tuple[str, ...], value: object
) -> None:
    run = RunFolder(scratch)
    run.config_file.write_text(json.dumps(config_with(where, value)))
    try:
        config = run.read_config()
    except RunError as error:
        assert str(run.config_file) in str(error)  # noqa: PT017 -- either outcome is right
        return
    assert RunConfig.from_json(config.to_json()) == config
    if len(where) == 2 and where[0] in ("model", "training", "budget", "tokenizer"):
        assert getattr(getattr(config, where[0]), where[1]) == value


@repeatable
@given(json_values)
def test_any_json_that_is_not_a_config_is_refused_naming_the_file(scratch: Path, value: object) -> None:
    run = RunFolder(scratch)
    run.config_file.write_text(json.dumps(value))
    with pytest.raises(RunError) as caught:
        run.read_config()
    assert str(run.config_file) in str(caught.value)


@pytest.mark.parametrize("where", [w for w in FIELDS if len(w) == 1 and w != ("versions",)])
def test_a_config_without_a_section_is_refused_naming_file_and_section(where: tuple[str, ...], run: RunFolder) -> None:
    values = CONFIG.to_json()
    del values[where[0]]
    run.config_file.write_text(json.dumps(values))
    with pytest.raises(RunError, match=where[0]) as caught:
        run.read_config()
    assert str(run.config_file) in str(caught.value)


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("format",), 3, "format 3"),
        (("model", "hidden"), 0, "--hidden"),
        (("model", "bogus"), 1, "bogus"),
        (("training", "learning_rate"), "fast", "--learning-rate"),
        (("training", "seed"), 1.5, "--seed"),
        (("budget", "epochs"), 3, "--epochs and --steps"),
    ],
)
def test_an_invalid_setting_is_named(where: tuple[str, ...], value: object, said: str, run: RunFolder) -> None:
    run.config_file.write_text(json.dumps(config_with(where, value)))
    with pytest.raises(RunError, match=said) as caught:
        run.read_config()
    assert str(run.config_file) in str(caught.value)


@pytest.mark.parametrize("where", [("created",), ("training", "seed"), ("training", "learning_rate")])
def test_a_huge_number_is_refused_naming_the_file(where: tuple[str, ...], run: RunFolder) -> None:
    run.config_file.write_text(json.dumps(config_with(where, 10**400)))
    with pytest.raises(RunError) as caught:
        run.read_config()
    assert str(run.config_file) in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"\0" * 20, pytest.param(b"[" * 100_000, id="nested too deep")],
)
def test_a_config_that_is_not_json_is_refused_naming_the_file(content: bytes, run: RunFolder) -> None:
    run.config_file.write_bytes(content)
    with pytest.raises(RunError) as caught:
        run.read_config()
    assert str(run.config_file) in str(caught.value)


def test_a_missing_config_is_refused_naming_the_file(run: RunFolder) -> None:
    with pytest.raises(RunError) as caught:
        run.read_config()
    assert str(run.config_file) in str(caught.value)


def test_a_config_without_vocabulary_size_is_refused_when_that_is_needed() -> None:
    with pytest.raises(RunError, match="vocabulary"):
        _ = replace(CONFIG, tokenizer=TokenizerConfig()).vocab_size
    assert CONFIG.vocab_size == 30


# status.json and the lock.


@pytest.fixture
def trainer(run: RunFolder) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the run's lock until it is killed."""
    code = (
        "import sys; from pathlib import Path; from rnntui.runs.folder import RunFolder\n"
        "lock = RunFolder(Path(sys.argv[1])).lock()\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


@pytest.mark.parametrize("state", ["done", "stopped", "failed"])
def test_a_status_round_trips_with_its_time_and_process(state: Any, run: RunFolder) -> None:
    status = RunStatus(state, step=3, steps=10, tokens=99, seconds=1.5, validation_loss=2.5, message="日本\n")
    run.write_status(status)
    read = run.read_status()
    assert replace(read, updated=0.0, process=0) == status
    assert read.process == os.getpid()
    assert read.updated > 0


def test_a_run_without_a_status_is_stopped(run: RunFolder) -> None:
    assert run.read_status() == RunStatus("stopped")
    assert not run.is_locked()


def test_a_running_status_without_a_lock_is_read_as_stopped(run: RunFolder) -> None:
    run.write_status(RunStatus("running", step=7, validation_loss=2.5))
    read = run.read_status()
    assert (read.state, read.step, read.validation_loss) == ("stopped", 7, 2.5)
    lock = run.lock()
    assert run.read_status().state == "running"
    lock.release()
    assert run.read_status().state == "stopped"


def test_a_run_cannot_be_locked_until_the_process_that_trains_it_is_killed(
    run: RunFolder, trainer: subprocess.Popen[str]
) -> None:
    run.write_status(RunStatus("running", step=7))
    assert run.is_locked()
    assert run.read_status().state == "running"
    with pytest.raises(RunError, match="run tiny is being trained by another process"):
        run.lock()
    trainer.kill()
    trainer.wait()
    assert not run.is_locked()
    assert run.read_status().state == "stopped"
    lock = run.lock()
    assert run.is_locked()
    lock.release()
    assert not run.is_locked()


def test_is_locked_does_not_release_the_lock(run: RunFolder) -> None:
    lock = run.lock()
    assert [run.is_locked() for _ in range(3)] == [True] * 3
    lock.release()


def test_locking_an_unwritable_run_names_its_folder(run: RunFolder) -> None:
    run.lock_file.mkdir()
    with pytest.raises(RunError, match="cannot write to") as caught:
        run.lock()
    assert str(run.path) in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"7",
        b"null",
        b'"done"',
        b'{"state": "done"',
        b'{"state": "done", "bogus": 1}',
        b'{"step": 3}',
        b"\xff\xfe\xff",
        b'{"state": 5}',
        b'{"state": "flying"}',
        b'{"state": null}',
        b'{"state": "done", "step": "three"}',
        b'{"state": "done", "tokens": null}',
        b'{"state": "done", "validation_loss": [2.5]}',
        b'{"state": "done", "updated": "now"}',
        b'{"state": "done", "message": 7}',
        pytest.param(b"[" * 100_000, id="nested too deep"),
    ],
)
def test_an_invalid_status_is_refused_naming_the_file(content: bytes, run: RunFolder) -> None:
    run.status_file.write_bytes(content)
    with pytest.raises(RunError) as caught:
        run.read_status()
    assert str(run.status_file) in str(caught.value)


# Which run is meant.


def make_run(folder: Path, name: str, written: int | None) -> RunFolder:
    """A run, with weights written at that second, or without any."""
    run = RunFolder(folder / name)
    run.path.mkdir(parents=True)
    run.write_config(CONFIG)
    if written is not None:
        run.weights_file.write_bytes(b"")
        os.utime(run.weights_file, (written, written))
    return run


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for the models that come with the package: one, newer than any of the user's."""
    folder = tmp_path / "shipped"
    make_run(folder, "shakespeare", 9_000_000)
    monkeypatch.setattr("rnntui.runs.lookup.shipped_folder", lambda: folder)
    return folder


def test_the_default_run_has_the_newest_weights(shipped: Path, tmp_path: Path) -> None:
    mine = tmp_path / "checkpoints"
    make_run(mine, "a", 1000)
    make_run(mine, "b", 3000)
    make_run(mine, "c", 2000)
    make_run(mine, "d", None)
    make_run(mine, ".making-1", 4000)
    (mine / "no run").mkdir()
    (mine / "file").touch()
    assert find_run(None, mine, LANGUAGE_MODEL).name == "b"
    assert [run.name for run in runs_in(mine)] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("untrained", [False, True])
def test_without_own_trained_runs_the_default_is_the_shipped_one(
    untrained: bool, shipped: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "checkpoints"
    if untrained:
        make_run(mine, "a", None)
    assert find_run(None, mine, LANGUAGE_MODEL) == RunFolder(shipped / "shakespeare")


def test_without_any_run_the_error_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.runs.lookup.shipped_folder", lambda: tmp_path / "nothing")
    with pytest.raises(RunError, match="rnntui train") as caught:
        find_run(None, tmp_path / "checkpoints", LANGUAGE_MODEL)
    assert str(tmp_path / "checkpoints") in str(caught.value)


def test_a_name_is_looked_up_in_own_runs_then_shipped_runs_then_paths(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "checkpoints"
    monkeypatch.chdir(tmp_path)
    here = make_run(Path(), "shakespeare", 1)
    assert find_run("shakespeare", mine, LANGUAGE_MODEL) == RunFolder(shipped / "shakespeare")
    own = make_run(mine, "shakespeare", 1)
    assert find_run("shakespeare", mine, LANGUAGE_MODEL) == own
    assert find_run("./shakespeare/", mine, LANGUAGE_MODEL).path.resolve() == own.path.resolve()
    assert find_run(str(here.path.resolve()), mine, LANGUAGE_MODEL).path == here.path.resolve()


def test_a_run_is_found_by_path(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    there = make_run(tmp_path / "elsewhere", "a", 1)
    assert find_run("elsewhere/a", tmp_path / "checkpoints", LANGUAGE_MODEL).path.resolve() == there.path
    assert find_run(str(there.path), tmp_path / "checkpoints", LANGUAGE_MODEL) == there


@pytest.mark.parametrize("name", ["c", "", "..", "a/b", "a\0", "x" * 300], ids=lambda name: repr(name[:9]))
def test_an_unknown_name_is_refused_listing_the_runs(
    name: str, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "checkpoints"
    make_run(mine, "a", 1)
    make_run(mine, "shakespeare", None)
    with pytest.raises(UsageError, match=r"there are a, shakespeare$") as caught:
        named_run(name, mine)
    assert str(mine) in str(caught.value)


def test_the_checkpoints_folder_comes_from_flag_then_environment_then_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CHECKPOINTS_VARIABLE, "from-environment")
    assert checkpoints_folder("from-flag") == Path("from-flag")
    assert checkpoints_folder(None) == Path("from-environment")
    monkeypatch.setenv(CHECKPOINTS_VARIABLE, "")
    assert checkpoints_folder(None) == Path("checkpoints")
    monkeypatch.delenv(CHECKPOINTS_VARIABLE)
    assert checkpoints_folder(None) == Path("checkpoints")


# Weights.


def test_arrays_and_metadata_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    arrays: dict[str, Any] = {
        "matrix": np.arange(12, dtype=np.float32).reshape(3, 4),
        "transposed": np.arange(12, dtype=np.float64).reshape(3, 4).T,
        "every other": np.arange(10, dtype=np.int64)[::2],
        "none": np.zeros((0, 3), dtype=np.uint8),
        "half": np.array([1.5, -0.0, np.inf], dtype=np.float16),
        "number": np.array(7),
    }
    save_arrays(path, arrays, {"step": "3", "日本": "\n"})
    loaded, metadata = load_arrays(path)
    assert metadata == {"step": "3", "日本": "\n"}
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].shape == array.shape, name
        assert loaded[name].dtype == array.dtype, name
        assert np.array_equal(loaded[name], array), name


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_weights_of_any_dtype_load_as_float32(dtype: type, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_arrays(path, {"w": np.array([[0.5, -2.0]], dtype=dtype)}, {})
    weights = load_weights(path)
    assert weights["w"].dtype == np.float32
    assert weights["w"].tolist() == [[0.5, -2.0]]


def raw_safetensors(dtype: str, data: bytes) -> bytes:
    """A file of one number, of a type that numpy may lack."""
    header = json.dumps({"w": {"dtype": dtype, "shape": [1], "data_offsets": [0, len(data)]}}).encode()
    return struct.pack("<Q", len(header)) + header + data


GOOD = raw_safetensors("F32", struct.pack("<f", 1.5))


@pytest.mark.parametrize("load", [load_arrays, load_weights])
@pytest.mark.parametrize("content", [None, *(GOOD[:length] for length in (0, 1, 8, 20, len(GOOD) - 1))])
def test_missing_or_truncated_weights_are_refused_naming_the_file(
    load: Callable[[Path], object], content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("load", [load_arrays, load_weights])
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"garbage " * 50, id="text"),
        pytest.param(b"\0" * 100, id="zeros"),
        pytest.param(b"\xff" * 100, id="a header longer than any file"),
        pytest.param(GOOD + b"more", id="longer than it says"),
        pytest.param(b"\x80\x04\x95\x0b\0\0\0\0\0\0\0}\x94.", id="a pickle"),
        pytest.param(raw_safetensors("F99", b"\0" * 4), id="no type that is known"),
        pytest.param(raw_safetensors("BF16", b"\0" * 2), id="bfloat16"),
        pytest.param(raw_safetensors("F8_E4M3", b"\0"), id="float8"),
    ],
)
def test_a_file_that_is_not_weights_is_refused_naming_it(
    load: Callable[[Path], object], content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_folder_in_place_of_weights_is_refused_naming_it(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        load_weights(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    "weight",
    [
        np.array([1.0, math.nan], dtype=np.float32),
        np.array([math.inf], dtype=np.float16),
        np.array([-math.inf], dtype=np.float64),
        np.array([1e300], dtype=np.float64),
        np.array([1 + 2j], dtype=np.complex64),
    ],
    ids=["not a number", "infinite", "minus infinite", "too large for float32", "complex"],
)
def test_unusable_weights_are_refused_naming_file_and_weight(weight: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_arrays(path, {"output.bias": weight, "w": np.ones(2, dtype=np.float32)}, {})
    with pytest.raises(RunError, match=r"output\.bias") as caught:
        load_weights(path)
    assert str(path) in str(caught.value)


def test_saving_weights_is_atomic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    save_arrays(path, {"w": np.ones(2, dtype=np.float32)}, {})
    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(Failure):
        save_arrays(path, {"w": np.zeros(2, dtype=np.float32)}, {})
    assert load_weights(path)["w"].tolist() == [1.0, 1.0]


def test_the_json_of_a_config_is_complete() -> None:
    values = CONFIG.to_json()
    assert values.pop("format") == 2
    assert values == asdict(CONFIG)


def test_a_run_that_ends_while_its_status_is_read_is_not_taken_for_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path)
    run.write_status(RunStatus("running", step=5))

    def ends_now(self: RunFolder) -> bool:
        self.write_status(RunStatus("done", step=9))
        return False

    monkeypatch.setattr(RunFolder, "is_locked", ends_now)
    assert run.read_status().state == "done"
