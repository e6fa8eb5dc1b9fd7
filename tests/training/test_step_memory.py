"""Memory of a training step: what is available, what is surely needed, and the one line where it is not enough."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from run_examples import CONFIG

from rnntui.config import TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig
from rnntui.config_seq2seq import Seq2SeqConfig
from rnntui.errors import RunError, TrainingError
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.runs.folder import RunFolder
from rnntui.system_memory import available_memory, is_out_of_memory
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.training.device import Hardware
from rnntui.training.evaluate_language_model import load_torch_model
from rnntui.training.language_model_task import LanguageModelTask
from rnntui.training.step_memory import (
    language_model_step_bytes,
    require_step_memory,
    require_weights_fit,
    seq2seq_step_bytes,
)
from rnntui.training.train_run import open_task, train_run

CPU = Hardware(torch.device("cpu"), bf16=False)
CPU_BF16 = Hardware(torch.device("cpu"), bf16=True)
KB = 1024
MEMORY = "MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\nSwapFree: 1000000 kB\n"
FREE = 9_000_000 * KB
V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n"
V1_MOUNT = "32 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"


@pytest.mark.parametrize(
    ("files", "available"),
    [
        ({}, None),
        ({"proc/meminfo": "MemTotal: 5 kB\n"}, None),
        ({"proc/meminfo": MEMORY}, FREE),
        ({"proc/meminfo": MEMORY, "proc/spl/kstat/zfs/arcstats": "size 4 500\nc_min 4 100\n"}, FREE + 400),
        (
            {
                "proc/meminfo": MEMORY, "proc/self/cgroup": "0::/app\n", "proc/self/mountinfo": V2_MOUNT,
                "sys/fs/cgroup/app/memory.max": "2000000000\n", "sys/fs/cgroup/app/memory.current": "1500000000\n",
                "sys/fs/cgroup/app/memory.stat": "anon 1\nfile 300000000\n",
                "sys/fs/cgroup/app/memory.swap.max": "0\n",
            },
            800_000_000,
        ),
        (
            {
                "proc/meminfo": MEMORY, "proc/self/cgroup": "0::/app\n", "proc/self/mountinfo": V2_MOUNT,
                "sys/fs/cgroup/app/memory.max": "max\n", "sys/fs/cgroup/app/memory.current": "1500000000\n",
            },
            FREE,
        ),
        (
            {
                "proc/meminfo": MEMORY, "proc/self/cgroup": "4:memory:/job\n", "proc/self/mountinfo": V1_MOUNT,
                "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "2000000000\n",
                "sys/fs/cgroup/memory/job/memory.usage_in_bytes": "1500000000\n",
                "sys/fs/cgroup/memory/job/memory.stat": "cache 1\ntotal_cache 100000000\n",
            },
            600_000_000 + 1_000_000 * KB,
        ),
    ],
    ids=["unknown", "old kernel", "system", "zfs", "version 2", "no limit", "version 1"],
)  # fmt: skip
def test_available_memory(tmp_path: Path, files: dict[str, str], available: int | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_memory(tmp_path) == available


@pytest.mark.parametrize(
    ("cell", "layers", "hidden", "vocab_size", "hardware", "measured"),
    [
        ("lstm", 1, 512, 65, CPU, 32_880), ("lstm", 2, 512, 65, CPU, 47_968), ("lstm", 1, 512, 65, CPU_BF16, 19_444),
        ("lstm", 3, 512, 65, CPU_BF16, 33_842), ("lstm", 1, 64, 4000, CPU_BF16, 56_992),
        ("lstm", 1, 64, 4000, CPU, 65_823),
        ("gru", 1, 512, 65, CPU, 26_007), ("gru", 2, 512, 65, CPU_BF16, 31_813), ("rnn", 1, 512, 65, CPU, 9_065),
        ("rnn", 2, 512, 65, CPU, 13_970), ("rnn", 1, 512, 65, CPU_BF16, 5_594),
        ("lstm", 2, 256, 1000, CPU_BF16, 22_953),
    ],
)  # fmt: skip
def test_the_bound_is_below_what_was_measured_and_not_far_below(
    cell, layers: int, hidden: int, vocab_size: int, hardware: Hardware, measured: int
) -> None:
    config = LanguageModelConfig(cell=cell, layers=layers, hidden=hidden, embedding=64)
    bound = language_model_step_bytes(config, vocab_size, 1, hardware)
    assert 0.5 * measured < bound < 0.9 * measured


def test_the_bound_of_pairs_is_that_of_the_largest_batch() -> None:
    config = Seq2SeqConfig()
    small, large = (10, 12, 48), (200, 180, 48)
    assert seq2seq_step_bytes(config, [small, large, small], CPU) == seq2seq_step_bytes(config, [large], CPU)
    additive = Seq2SeqConfig(attention="additive")
    assert seq2seq_step_bytes(additive, [large], CPU) > 10 * seq2seq_step_bytes(config, [large], CPU)


def test_a_step_that_cannot_fit_is_refused_before_a_run_is_made(
    make_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnntui.training.step_memory.available_memory", lambda: 50_000_000)
    with pytest.raises(TrainingError, match=r"step needs at least \S+ GB, and only 50\.0 MB are available; lower "):
        make_run(batch_size=4096, bptt=1024)
    with pytest.raises(TrainingError, match=r"available; lower .* or --ngram-buckets$"):
        make_run(ngrams=5, ngram_buckets=1_000_000)
    assert not (tmp_path / "checkpoints").exists()
    assert make_run(name="fits", steps=1)


def is_refused(step_bytes: float, weights: int, hardware: Hardware) -> bool:
    try:
        require_step_memory(step_bytes, weights, LANGUAGE_MODEL, hardware)
    except TrainingError:
        return True
    return False


@pytest.mark.parametrize("available", [None, 10**6, 10**12])
def test_no_step_is_refused_where_memory_is_unknown_or_enough(
    available: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnntui.training.step_memory.available_memory", lambda: available)
    assert not is_refused(10.0**15, 0, Hardware(torch.device("cuda"), bf16=True))
    assert is_refused(10.0**9, 10**6, CPU) == (available == 10**6)


def test_a_library_that_finds_no_room_is_out_of_memory() -> None:
    refused = "libtorch_cpu.so: failed to map segment from shared object"
    assert is_out_of_memory(ImportError(refused))
    assert not is_out_of_memory(ImportError(f"{refused}: Operation not permitted"))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_an_allocation_that_fails_says_what_to_lower(
    make_run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(self: LanguageModelTask) -> None:
        raise error

    assert is_out_of_memory(error) and not is_out_of_memory(RuntimeError("shape mismatch"))
    run: RunFolder = make_run(steps=3)
    monkeypatch.setattr(LanguageModelTask, "loss", fail)
    with pytest.raises(
        TrainingError, match=r"^out of memory at step 0; lower --batch-size, --bptt, --hidden or --ngram-buckets$"
    ):
        train_run(run, lambda event: None, lambda: False)
    status = run.read_status()
    assert status.state == "failed" and status.message.startswith("out of memory at step 0")


@pytest.mark.parametrize("settings", [{"hidden": 8192}, {"layers": 4, "hidden": 2000}, {"ngrams": 3, "embedding": 999}])
def test_a_config_that_implies_more_weights_than_the_files_hold_is_refused(
    tmp_path: Path, settings: dict[str, int]
) -> None:
    """Torch would make the model before its weights are looked at: gigabytes for a config of a few lines."""
    run = RunFolder(tmp_path)
    config = replace(CONFIG, model=LanguageModelConfig(**settings), tokenizer=TokenizerConfig(vocab_size=300))
    require_weights_fit(run, config)  # a new run, which has no weights yet
    run.weights_file.write_bytes(b"x" * 1000)
    for make_model in (
        lambda: require_weights_fit(run, config),
        lambda: open_task(run, config),
        lambda: load_torch_model(run, config, CharTokenizer(["a"])),
    ):
        with pytest.raises(RunError, match=r"implies a model of at least [\d.]+ M weights"):
            make_model()
    require_weights_fit(run, replace(config, model=LanguageModelConfig(hidden=64, ngrams=1)))
