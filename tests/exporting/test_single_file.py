"""A language model in one Python file: it reads and predicts as rnntui does, and needs numpy alone."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from random_models import random_cell
from tiny_runs import make_run, word_tokenizer

from rnntui.config_language_model import LanguageModelConfig
from rnntui.errors import UsageError
from rnntui.exporting.single_file import export_single_file
from rnntui.inference.loaded_model import load_language_model
from rnntui.ngram_index import NgramIndex
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import save_arrays
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.ngram_counts import count_ngrams
from rnntui.text.subword_tokenizer import SubwordTokenizer
from rnntui.text.tokenizer import Tokenizer

WORDS = "the old man and the sea went on and on until the sea was old; Weiß, naïve 猫\n"
SAMPLES = ("the old man", "", "on  and on\n\nthe sea", "a naïve Weiß 猫!", "zyx 日本 \U0001f600 sea", "ooooold")


def load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def random_run(folder: Path, tokenizer: Tokenizer, continuations: bool = True, **settings: Any) -> RunFolder:
    defaults = {"hidden": 16, "embedding": 8, "tied": False, "ngrams": 1}
    config = LanguageModelConfig(**{**defaults, **settings}).resolved("char")
    run = make_run(folder, "tiny", tokenizer=tokenizer)
    run.write_config(replace(run.read_config(), model=config))
    rng, size = np.random.default_rng(2), tokenizer.vocab_size
    embedding = config.embedding or 16
    shapes = {"embedding.weight": (size, embedding), "output.bias": (size,)}
    if not config.tied:
        shapes["output.weight"] = (size, 16)
    for length, rows in NgramIndex.of(config, size, tokenizer.end_id).table_sizes.items():
        shapes[f"ngram_embeddings.{length}"] = (rows, embedding)
    if config.ngram_prior:
        shapes |= {"prior_scale.weight": (1, 16), "prior_scale.bias": (1,)}
        text = tokenizer.encode(WORDS * 40).astype(np.uint16)
        prior = count_ngrams(text, size, config.ngram_prior, continuations=continuations)
        save_arrays(run.ngrams_file, prior.to_arrays(), {})
    weights = {name: rng.normal(0, 0.5, shape) for name, shape in shapes.items()}
    for layer in range(config.layers):
        weights |= random_cell(rng, config, "rnn", (16 if layer else embedding, 16), layer)
    save_arrays(run.weights_file, {name: array.astype(np.float16) for name, array in weights.items()}, {})
    return run


@pytest.mark.parametrize(
    "settings",
    [
        {"layers": 2},
        {"cell": "gru", "embedding": 16, "tied": True},
        {"cell": "rnn", "nonlinearity": "relu"},
        {"cell": "rnn", "ngrams": 4, "ngram_buckets": 700, "ngram_prior": 5},
        {"cell": "rnn", "ngram_prior": 4, "continuations": False},  # of an older file
    ],
    ids=str,
)
@pytest.mark.parametrize("has_end", [False, True])
def test_the_file_gives_the_logits_of_the_model(tmp_path: Path, settings: dict[str, Any], has_end: bool) -> None:
    tokenizer = CharTokenizer(sorted(set(WORDS)), has_end)
    run = random_run(tmp_path, tokenizer, **settings)
    result = export_single_file(run, tmp_path / "tiny.py")
    assert result.difference == 0 and result.code_lines < 200
    model, read = load(tmp_path / "tiny.py").load()
    network = load_language_model(run).network
    state = network.initial_state()
    np.testing.assert_allclose(model.logits(), network.logits_of(state)[0], rtol=1e-5, atol=1e-4)
    for token in [tokenizer.end_id or 1, *read.encode("the old"), tokenizer.end_id or 2, *read.encode("man\n")]:
        expected, state = network.step(np.array([token]), state)
        model.step(token)
        np.testing.assert_allclose(model.logits(), expected[0], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("kind", ["char", "bpe", "unigram"])
def test_the_file_reads_and_writes_text_as_the_tokenizer_does(tmp_path: Path, kind: Any) -> None:
    if kind == "char":
        tokenizer: Tokenizer = CharTokenizer(sorted(set(WORDS)))
    else:
        tokenizer = SubwordTokenizer.train([WORDS * 20], kind, 330, len(set(WORDS)), symbols=("\ue000", "A: "))
    export_single_file(random_run(tmp_path, tokenizer), tmp_path / "tiny.py")
    _, read = load(tmp_path / "tiny.py").load()
    for text in (*SAMPLES, "A: the \ue000 sea\nA: old"):
        ids = read.encode(text)
        assert ids == tokenizer.encode(text).tolist()
        known = [token for token in ids if token != tokenizer.unknown_id]
        assert b"".join(map(read.decode, known)).decode() == tokenizer.decode(known)


def test_the_file_writes_text_without_rnntui(tmp_path: Path) -> None:
    export_single_file(random_run(tmp_path, CharTokenizer(sorted(set(WORDS)))), tmp_path / "tiny.py")
    code = "import runpy, sys; sys.modules['rnntui'] = None; sys.argv[1:] = ['the ', '--length', '20', '--seed', '1']\n"
    code += f"runpy.run_path({str(tmp_path / 'tiny.py')!r}, run_name='__main__')"
    result = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, check=True, encoding="utf-8", env={"PYTHONUTF8": "1"}
    )
    assert result.stdout.startswith("the ") and len(result.stdout) == len("the ") + 21


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_the_program_ends_in_a_line_at_most(tmp_path: Path) -> None:
    export_single_file(random_run(tmp_path, CharTokenizer(sorted(set(WORDS)))), tmp_path / "tiny.py")
    reader, gone = os.pipe()
    os.close(reader)

    def ended(redirection: str = "") -> tuple[int, str]:
        command = f"'{sys.executable}' -I tiny.py the {redirection}"
        result = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, stdout=gone, stderr=subprocess.PIPE, text=True, check=False
        )
        return result.returncode, result.stderr

    assert ended() == (0, ""), "the reader has left"
    assert ended(">&-") == (1, "standard output is closed\n")
    assert ended("> /dev/full") == (1, "[Errno 28] No space left on device\n")
    os.close(gone)
    endless = [sys.executable, "-I", tmp_path / "tiny.py", "the", "--length", "1000000"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(endless, preexec_fn=_allow_interrupts, **pipes) as program:  # noqa: PLW1509
        assert program.stdout is not None and program.stdout.read(1) == b"t"
        program.send_signal(signal.SIGINT)
        assert program.communicate()[1] == b"" and program.returncode == 130


def _allow_interrupts() -> None:
    """Undo that a background process, as of these tests, ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_what_cannot_be_exported_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path, "words", tokenizer=word_tokenizer())
    with pytest.raises(UsageError, match="a model of words"):
        export_single_file(run, tmp_path / "words.py")
    (tmp_path / "there.py").touch()
    with pytest.raises(UsageError, match="exists and is not replaced"):
        export_single_file(run, tmp_path / "there.py")
