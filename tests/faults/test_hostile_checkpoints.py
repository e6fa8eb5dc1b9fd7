"""Files of runs as somebody with bad intentions may make them: read, or refused with one error, in little memory.

`benchmarks/hostile.py` is the long form, with all commands and a process for each attempt.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tiny_runs import make_run

from rnntui import atomic_files
from rnntui.charts.metrics_history import MetricsHistory
from rnntui.errors import RnntuiError, RunError, UsageError
from rnntui.exporting.small_copy import half_precision
from rnntui.inference.classifier import load_classifier
from rnntui.inference.loaded_model import load_language_model
from rnntui.inference.run_ngrams import counted_again
from rnntui.inference.text_state import load_text_state
from rnntui.inference.translator import load_translator
from rnntui.runs.folder import RunFolder
from rnntui.runs.integrity import verify_run
from rnntui.runs.listing import summarize_run
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.repair import repair_run
from rnntui.runs.tuning_ledger import TuningFolder, TuningLedger, read_tuning
from rnntui.runs.weights_file import load_arrays, load_weights
from rnntui.runs.weights_header import read_weights_header
from rnntui.sessions.saved_transcript import parse_lines
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.ngram_counts import count_ngrams
from rnntui.text.ngram_model import NgramModel
from rnntui.untrusted_files import MAX_JSON_BYTES, parse_bounded_json, read_bounded, read_json

MEGA = 1 << 20
SHARES = {"wrong type": 0.01, "huge number": 0.01, "header": 0.05, "type": 0.05, "shape": 0.05}
LOADERS = {"language-model": load_language_model, "seq2seq": load_translator, "classifier": load_classifier}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a run of each kind, without checksums; the scripts that make and mutate them can be imported."""
    scripts = str(Path(__file__).resolve().parents[2] / "benchmarks")
    sys.path.insert(0, scripts)
    from hostile_runs import make_runs, without_checksums

    folder = tmp_path_factory.mktemp("hostile")
    for name in make_runs(folder / "sealed", ["char", "joint", "labels"]):
        without_checksums(folder / "sealed" / name, folder / "bare" / name)
    yield folder / "bare"
    sys.path.remove(scripts)


def error_of(read: Callable[[], object], what: str = "") -> str:
    """The error with which something is refused, as users see it; "" if it is read."""
    try:
        read()
    except (RnntuiError, OSError) as error:
        return str(error)
    except Exception as error:
        raise AssertionError(what) from error
    return ""


def open_everything(run: RunFolder) -> None:
    """Read all that is in a run, as commands do; the first error ends it."""
    summarize_run(run, False)
    verify_run(run)
    MetricsHistory(run.metrics_file).read_all()
    LOADERS.get(run.read_config().kind, load_language_model)(run)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["char", "joint", "labels"])
def test_a_mutated_run_opens_or_is_refused_with_one_error(hostile: Path, tmp_path: Path, name: str) -> None:
    from hostile_files import mutations

    chosen, refused = random.Random(name), 0
    others = sorted(hostile.iterdir())
    for mutation in mutations(hostile / name, others):
        # Of what takes long only a little; a link to /dev/zero is an endless file to a reader that does not look.
        if (
            chosen.random() > SHARES.get(mutation.kind, 0.02)
            or "large" in mutation.label
            or mutation.label in ("sparse", "white space")
        ):
            continue
        copy = tmp_path / name
        shutil.copytree(hostile / name, copy, symlinks=True)
        mutation.apply(copy)
        message = error_of(
            partial(open_everything, RunFolder(copy)), f"{mutation.file} [{mutation.kind}] {mutation.label}"
        )
        assert len(message) < 2000, mutation
        refused += bool(message)
        shutil.rmtree(copy)
    assert refused > 20  # the mutations reach the parsers


def readers_of(run: RunFolder) -> dict[str, Callable[[], object]]:
    """The files of a run by name, with what reads each."""
    return {
        "config.json": run.read_config,
        "status.json": run.read_status,
        "tokenizer.json": lambda: CharTokenizer.load(run.path),
        "model.safetensors": lambda: load_weights(run.weights_file),
        "metrics.jsonl": lambda: read_metrics(run.metrics_file),
        "note.txt": run.read_note,
        "lock": run.is_locked,
    }


@pytest.mark.parametrize("name", list(readers_of(RunFolder(Path()))))
def test_a_pipe_or_device_in_place_of_a_file_does_not_stop_a_reader(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path, "run")
    path = run.path / name
    for make in (os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")):
        path.unlink(missing_ok=True)
        make(path)
        assert name in error_of(readers_of(run)[name], name) or name in (
            "note.txt",
            "lock",
            "status.json",
            "metrics.jsonl",
        )
        verify_run(run)
        summarize_run(run, False)
        path.rmdir() if path.is_dir() else path.unlink()


def test_what_is_no_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    large.touch()
    os.truncate(large, 1 << 40)  # sparse
    with pytest.raises(OSError, match="too large, over 16 MB"):
        read_json(large)
    with pytest.raises(OSError, match="not a file"):
        read_bounded(tmp_path, 10)
    os.truncate(large, MAX_JSON_BYTES)
    assert len(read_bounded(large, MAX_JSON_BYTES)) == MAX_JSON_BYTES


def test_a_small_file_takes_little_memory_whatever_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_bytes(b"1" * 1000)
    tracemalloc.start()
    assert read_bounded(path, MAX_JSON_BYTES) == b"1" * 1000
    assert len(read_bounded(Path("/proc/self/status"), MAX_JSON_BYTES)) > 100
    assert tracemalloc.get_traced_memory()[1] < MEGA // 4
    tracemalloc.stop()


@pytest.mark.parametrize(
    "text",
    [
        b"[" + b"[]," * 2_000_000 + b"0]",
        b"[" + b'{"a":1},' * 500_000 + b"0]",
        b"[" + b"0.1," * 3_000_000 + b"0]",
        b"[" + b'"",' * 3_000_000 + b"0]",
        b"[" + rb'"\\",' * 500_000 + b"0]",
        f"[{'0,' * 500_000}0]".encode("utf-16"),
        f'["\u0122",{"0," * 500_000}0]'.encode("utf-16"),  # whose bytes have an odd number of quotes
    ],
)
def test_json_takes_a_few_times_its_size_in_memory(text: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(ValueError, match="too many"):
        parse_bounded_json(text)
    assert tracemalloc.get_traced_memory()[1] < MEGA
    tracemalloc.stop()
    rows = [{"columns": [1, 2], "name": f"a file of a long name, {index}"} for index in range(3000)]
    assert parse_bounded_json(json.dumps(rows).encode()) == rows


@pytest.mark.parametrize("text", ["1,2,3,4\n" * 100_000, '{"a": [1, "\\"]}' * 40_000, "\\" * 300_001 + "[,"])
def test_commas_and_brackets_in_a_text_are_no_values(text: str) -> None:
    values = {"role": "prompt", "text": text, "seed": 1}
    assert parse_bounded_json(json.dumps(values).encode()) == values
    assert parse_lines([json.dumps(values)]).turn_texts[0][1] == text


def test_headers_of_weights_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, path, {"long": "x" * (1 << 22)})
    with pytest.raises(RunError, match="a header of"):
        load_arrays(path)
    assert read_weights_header(path) is None
    save_file({str(index): np.zeros(0, np.float32) for index in range(10_001)}, path)
    with pytest.raises(RunError, match="too many arrays"):
        load_arrays(path)
    for shape in ("[-1]", "[true]", "[1.5]", '["1"]', "[9223372036854775807,3]", "3"):
        header = f'{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,0]}}}}'.encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header)
        assert read_weights_header(path) is None


def test_half_precision_weights_and_ngrams_take_little_more_memory_than_they_need(tmp_path: Path) -> None:
    """At the peak, weights of 2 bytes take what they have in float32 and half as much again; n-grams less than that."""
    arrays = {f"layer {index}": np.ones((256, 1024), np.float16) for index in range(8)}
    save_file(arrays, tmp_path / "model.safetensors")
    tracemalloc.start()
    weights = load_weights(tmp_path / "model.safetensors")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert list(weights) == list(load_arrays(tmp_path / "model.safetensors")[0])
    assert peak < 3 * 8 * 256 * 1024 * 2

    ids = np.random.default_rng(1).integers(0, 40, 60_000).astype(np.uint8)
    save_file(count_ngrams(ids, 41, 3).to_arrays(), tmp_path / "ngrams.safetensors")
    arrays = load_arrays(tmp_path / "ngrams.safetensors")[0]
    size = sum(array.nbytes for array in arrays.values())
    tracemalloc.start()
    model = NgramModel.from_arrays(arrays, 41)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert model.contexts > 1000 and size + peak < 3 * size


def test_a_value_of_any_length_is_quoted_in_one_line(tmp_path: Path) -> None:
    run = make_run(tmp_path, "run")
    values = json.loads(run.config_file.read_bytes())
    for section, key in (("model", "hidden"), ("model", "cell"), ("training", "learning_rate"), ("model", "x" * 10**5)):
        for value in ("x" * 10**5, ["y"] * 10**5, 10**300):
            run.config_file.write_text(json.dumps({**values, section: {**values[section], key: value}}))
            with pytest.raises(RunError) as error:
                run.read_config()
            assert len(str(error.value)) < 1500
    run.config_file.write_text(json.dumps({**values, "format": "x" * 10**5}))
    with pytest.raises(RunError) as error:
        run.read_config()
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("folder", ["resume", "source", "novelty", "tensorboard", "metrics.jsonl"])
def test_a_repair_writes_nothing_behind_a_link(tmp_path: Path, folder: str) -> None:
    run = make_run(tmp_path, "run")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "state.safetensors").write_bytes(b"mine")
    (run.path / folder).symlink_to(outside if folder != "metrics.jsonl" else outside / "state.safetensors")
    run.status_file.write_bytes(b"{")
    with pytest.raises(RunError, match="symbolic link"):
        repair_run(run, counted_again)
    assert [path.name for path in outside.iterdir()] == ["state.safetensors"]


@pytest.mark.parametrize(
    "progress", ["[]", "1", "null", "[" * 100_000, "x", "{}", '{"step": "x"}', '{"best_loss": []}']
)
def test_a_repair_does_without_a_progress_that_is_none(tmp_path: Path, progress: str) -> None:
    run = make_run(tmp_path, "run")
    run.resume_folder.mkdir()
    save_file({"x": np.zeros(1, np.float32)}, run.resume_file, {"progress": progress})
    run.status_file.write_bytes(b"{")
    run.weights_file.write_bytes(b"broken")
    repairs = {repair.name: repair for repair in repair_run(run, counted_again)}
    assert repairs["status.json"].is_repaired and not repairs["model.safetensors"].is_repaired
    assert run.read_status().state == "stopped"


def test_a_broken_metrics_file_that_is_no_file_is_set_aside(tmp_path: Path) -> None:
    run = make_run(tmp_path, "run")
    os.mkfifo(run.metrics_file)
    [repair] = repair_run(run, counted_again)
    assert repair.name == "metrics.jsonl" and not repair.is_repaired
    assert run.metrics_file.read_bytes() == b""


def test_a_partial_file_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    run = make_run(tmp_path, "run")
    other = tmp_path / "other"
    other.write_text("mine")
    (run.path / f".status.json.{os.getpid()}-{atomic_files._host()}.partial").symlink_to(other)
    run.write_status(run.read_status())
    assert other.read_text() == "mine" and not list(run.path.glob(".*.partial"))


def test_a_ledger_of_many_trials_is_read_in_no_time(tmp_path: Path) -> None:
    folder = TuningFolder(tmp_path / "run.tuning")
    folder.path.mkdir()
    first = {"tuning": 1, "sources": [], "fixed": {}, "trial_budget": {"steps": 1}, "seed": 1, "search": {}}
    rows = [json.dumps({"trial": number, "settings": {}}) for number in range(1, 20_001)]
    folder.ledger_file.write_text("\n".join([json.dumps(first), *rows]) + "\n")
    start = time.process_time()
    tuning = read_tuning(folder)
    assert tuning is not None and len(tuning.trials) == 20_000
    assert time.process_time() - start < 5  # it took minutes when each line made a search anew
    for number in (0, -1, 10**9):
        folder.ledger_file.write_text(json.dumps(first) + "\n" + json.dumps({"trial": number, "settings": {}}) + "\n")
        with pytest.raises(RunError, match="is broken: trial"):
            read_tuning(folder)


def test_a_ledger_that_is_a_link_is_read_and_not_written(tmp_path: Path) -> None:
    folder, outside = TuningFolder(tmp_path / "run.tuning"), tmp_path / "outside"
    folder.path.mkdir()
    first = {"tuning": 1, "sources": [], "fixed": {}, "trial_budget": {"steps": 1}, "seed": 1, "search": {}}
    outside.write_text(json.dumps(first) + "\nthe beginning of a line")
    folder.ledger_file.symlink_to(outside)
    assert read_tuning(folder) is not None
    with pytest.raises(RunError, match="is a symbolic link"):
        TuningLedger.open(folder)
    assert outside.read_text().endswith("of a line")


def test_a_state_that_is_a_pipe_is_refused(tmp_path: Path) -> None:
    loaded = load_language_model(make_run(tmp_path, "run"))
    os.mkfifo(tmp_path / "state")
    with pytest.raises(RunError, match="not even a file"):
        load_text_state(tmp_path / "state", "", loaded)


def test_a_shown_value_is_short() -> None:
    from rnntui.config_language_model import LanguageModelConfig

    with pytest.raises(UsageError) as error:
        LanguageModelConfig.from_json({**asdict(LanguageModelConfig()), "hidden": "7" * 1000})
    assert "'7777" in str(error.value) and len(str(error.value)) < 200


def test_a_copy_of_weights_that_are_no_floats_is_refused() -> None:
    with pytest.raises(RunError, match="'a' holds complex64"):
        half_precision({"a": np.zeros(2, np.complex64)}, Path("model.safetensors"))


def test_documents_need_an_end_in_the_vocabulary(tmp_path: Path) -> None:
    run = make_run(tmp_path, "run")
    values = json.loads(run.config_file.read_bytes())
    values["corpus"]["documents"] = "line"
    run.config_file.write_text(json.dumps(values))
    with pytest.raises(RunError, match="the tokenizer has no <eos>"):
        load_language_model(run)
