"""Opening a run takes less than three times the size of its files: tried with an address space that ends there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rnntui.exporting.small_copy import half_precision
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import shipped_folder
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.ngram_counts import count_ngrams

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the size of the address space from /proc")
ROOT = Path(__file__).resolve().parents[2]
FACTOR = 3

# A tiny run of the same kind is opened first, for what is imported and allocated once.
OPEN = """
import gc, re, resource, sys
from functools import partial
from pathlib import Path

import sentencepiece

from rnntui.inference import classifier, loaded_model, translator
from rnntui.runs.folder import RunFolder

tiny, folder, precision, size = sys.argv[1:]
kind = RunFolder(Path(folder)).read_config().kind
load = {
    "language-model": partial(loaded_model.load_language_model, precision=precision),
    "seq2seq": translator.load_translator,
    "classifier": classifier.load_classifier,
}[kind]
load(RunFolder(Path(tiny)))
if precision != "fp32":
    from rnntui.inference import integer_kernels
    integer_kernels.int8_kernel(integer_kernels.np.ones((1000, 300), "i1"))
gc.collect()
pages = int(re.search(r"VmSize:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
resource.setrlimit(resource.RLIMIT_AS, (pages * 1024 + int(size),) * 2)
load(RunFolder(Path(folder)))
"""


def size_of(run: Path) -> int:
    return sum(path.stat().st_size for path in run.rglob("*") if path.is_file())


def opens(run: Path, tiny: Path, precision: str, limit: float) -> bool:
    """Return True if a run can be opened in so much more memory than a process has that has opened a tiny one."""
    arguments = [sys.executable, "-c", OPEN, str(tiny), str(run), precision, str(int(limit))]
    # So what was freed before is no part of the address space, and cannot be used again; nor do threads reserve any.
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    environment = {**os.environ, **threads, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    result = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0 or "memory" in result.stderr.lower() or "bad_alloc" in result.stderr, result.stderr
    return result.returncode == 0


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with random weights of 4 to 35 MB, and of tiny ones of each kind."""
    folder = tmp_path_factory.mktemp("runs")
    scripts = str(ROOT / "benchmarks")
    sys.path.insert(0, scripts)
    import hostile_runs

    large, tiny = (CharTokenizer([chr(0x4E00 + index) for index in range(size)]) for size in (1500, 30))
    sizes = {"hidden": 512, "embedding": 512, "layers": 2}
    language_model = hostile_runs.language_model
    language_model(folder / "language-model", large, tied=True, **sizes)
    language_model(folder / "untied", CharTokenizer(large.characters[:900]), hidden=1100, embedding=64)
    prior = language_model(folder / "prior", CharTokenizer(large.characters[:200]), ngram_prior=4)
    ids = np.minimum(np.random.default_rng(1).zipf(1.3, 400_000), 200).astype(np.uint8)
    save_arrays(prior.ngrams_file, count_ngrams(ids, prior.read_config().vocab_size, 4).to_arrays(), {})
    hostile_runs.seq2seq(folder / "seq2seq", large, encoder_hidden=256, **sizes)
    hostile_runs.classifier(folder / "classifier", large, **{**sizes, "hidden": 384})
    for maker in (hostile_runs.language_model, hostile_runs.seq2seq, hostile_runs.classifier):
        maker(folder / "tiny" / maker.__name__.replace("_", "-"), tiny)
    sys.path.remove(scripts)
    for name in ("language-model", "untied", "prior", "seq2seq", "classifier"):
        shutil.copytree(folder / name, folder / f"{name}-half")
        weights = RunFolder(folder / f"{name}-half").weights_file
        arrays, metadata = load_arrays(weights)
        save_arrays(weights, half_precision(arrays, weights), metadata)
    return folder


CASES = [
    ("language-model", "fp32"), ("language-model-half", "fp32"), ("language-model-half", "int8"),
    ("language-model-half", "int4"), ("language-model", "int8"), ("untied-half", "fp32"), ("prior-half", "fp32"),
    ("prior", "fp32"), ("seq2seq", "fp32"), ("seq2seq-half", "fp32"), ("classifier", "fp32"),
    ("classifier-half", "fp32"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "precision"), CASES)
def test_a_run_opens_within_three_times_its_size(runs: Path, name: str, precision: str) -> None:
    if precision != "fp32":
        pytest.importorskip("onnxruntime")
    tiny = runs / "tiny" / RunFolder(runs / name).read_config().kind
    assert opens(runs / name, tiny, precision, FACTOR * size_of(runs / name))


def test_the_limit_is_felt(runs: Path) -> None:
    run = runs / "language-model"
    assert not opens(run, runs / "tiny" / "language-model", "fp32", 0.9 * size_of(run))


@pytest.mark.parametrize("name", ["shakespeare", "chat", "en-es", "authors"])
def test_a_shipped_run_opens_within_three_times_its_size(runs: Path, name: str) -> None:
    run = shipped_folder() / name
    tiny = runs / "tiny" / RunFolder(run).read_config().kind
    assert opens(run, tiny, "fp32", FACTOR * size_of(run))
