"""Sampling speed: time from the shell to the first text, and seconds a token, compared with torch.

*Cold start*: fresh processes, started in turn over several rounds after one round that is not counted, so files lie in
the system's cache and modules are compiled. Measured from the start of the process: `rnntui sample -n 1` until its
first byte comes through the pipe; `rnntui sample -n 200`, `rnntui --help`, `python -c "import torch"` and
`python -c "import numpy"` until they end.

*Single stream*: one text, one token at a time, temperature 0.8, one thread, the engines in this process and in turn.
*Ours* is what the command does for a token, `Generation.step`: distribution with `<unk>` banned, draw, the token's
surprise, model step in numpy. The others are the plain ways in torch, under `inference_mode`: `nn.Embedding`,
`nn.LSTM`, `nn.Linear`, `softmax(logits / 0.8)`, `multinomial`, and the id as a number, which a text needs; and the same
with an `nn.LSTMCell` for each layer. The latter is the stronger contestant: `nn.LSTM` is made for many steps, and where
oneDNN runs it, a call costs more the larger the weights. All have the same random weights, and before anything is timed
their logits are compared over a random text.

*Precisions and batches*: `Generation.step` of one text and of 64, with float32, 8-bit and 4-bit weights, here and in
turn. Tokens of all texts are counted; ratios are to one text in float32. Without onnxruntime, numpy computes the
quantized models, which is no faster.
"""

from __future__ import annotations

import os

# numpy takes its number of threads from the environment, once, when it is first imported.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["VECLIB_MAXIMUM_THREADS"] = "1"

import argparse
import contextlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import alternate, print_heading, print_table, ratio, verdict
from torch import nn

from rnntui.config import Budget, TokenizerConfig
from rnntui.config_generation import SamplingConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.inference.generate import Generation, generators_from
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.models.language_model import LanguageModel
from rnntui.models.weight_arrays import weights_of
from rnntui.runs.weights_file import save_arrays
from rnntui.text.corpus import find_corpus
from rnntui.training.prepare_language_model import LanguageModelRequest, create_language_model_run

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# For the processes of the cold start, which are to choose their threads themselves.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in THREADS}
SHIPPED = Path(__file__).resolve().parent.parent / "checkpoints" / "shakespeare"
SHAPES = [(2, 128), (2, 256), (1, 512), (2, 1024)]  # layers, hidden
VOCAB_SIZE = 65
EMBEDDING = 128
TEMPERATURE = 0.8
COLD_TARGET = 0.25  # of `import torch`, for 200 tokens
HELP_TARGET = 0.15  # seconds
PRECISION_SHAPES = [(1, 512), (2, 1024)]
PRECISIONS = ("fp32", "int8", "int4")
BATCH = 64
PRECISION_TARGETS = {((2, 1024), "int4", 1): 5.0, ((1, 512), "fp32", BATCH): 20.0, ((2, 1024), "int4", BATCH): 20.0}
SPEED_TARGETS = {(2, 256): 4.0}  # times torch
TOLERANCE = 1e-4  # between the engines' logits


def until_end(command: Sequence[str]) -> float:
    """Return the seconds that a fresh process takes."""
    began = time.perf_counter()
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=ENVIRONMENT, check=True)
    return time.perf_counter() - began


def until_first_byte(command: Sequence[str]) -> float:
    """Return the seconds until a fresh process has written something."""
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0, env=ENVIRONMENT
    ) as process:
        assert process.stdout is not None
        first = process.stdout.read(1)
        seconds = time.perf_counter() - began
        process.stdout.read()
    if process.returncode or not first:
        sys.exit(f"sampling.py: {' '.join(command)} ended with code {process.returncode}")
    return seconds


def rnntui_script() -> str:
    """Return the command installed beside this Python."""
    script = shutil.which("rnntui", path=str(Path(sys.executable).parent))
    if script is None:
        sys.exit(f"sampling.py: no rnntui beside {sys.executable}; install it there with: pip install -e .")
    return script


def make_run(folder: Path) -> Path:
    """Make a run of a 1×512 LSTM with random weights, which loads and samples as slowly as a trained one."""
    text = folder / "alphabet.txt"
    text.write_text("".join(chr(0x100 + i) for i in range(VOCAB_SIZE - 1)) * 100, encoding="utf-8")
    request = LanguageModelRequest(
        LanguageModelConfig(), TokenizerConfig(), LanguageModelTrainingConfig(), Budget(steps=1)
    )
    run = create_language_model_run(find_corpus([str(text)]), request, folder / "runs", "random")
    config = run.read_config()
    save_arrays(run.weights_file, dict(weights_of(LanguageModel(config.model, config.vocab_size))), {})
    return run.path


@contextlib.contextmanager
def sampled_run(given: Path | None) -> Iterator[tuple[Path, str]]:
    """Return the run to sample in cold starts with its label: the given one, the shipped one, or one made here."""
    if given is not None:
        yield given, given.name
    elif (SHIPPED / "model.safetensors").is_file():
        yield SHIPPED, "the shipped one, shakespeare"
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield make_run(Path(folder)), "lstm 1x512 with random weights"


def cold_starts(run: Path, rounds: int) -> None:
    """Measure and print the fresh processes."""
    rnntui, python = rnntui_script(), sys.executable
    sample = [rnntui, "sample", "--run", str(run), "--seed", "1"]
    torch_only = 'python -c "import torch"'
    seconds = alternate(
        {
            "rnntui sample -n 1, first byte": partial(until_first_byte, [*sample, "-n", "1"]),
            "rnntui sample -n 200": partial(until_end, [*sample, "-n", "200"]),
            "rnntui --help": partial(until_end, [rnntui, "--help"]),
            torch_only: partial(until_end, [python, "-c", "import torch"]),
            'python -c "import numpy"': partial(until_end, [python, "-c", "import numpy"]),
        },
        rounds,
    )
    rows = []
    for name, taken in seconds.items():
        median, share = statistics.median(taken), ratio(taken, seconds[torch_only])
        target = reached = ""
        if name == "rnntui sample -n 200":
            target, reached = f"<= {COLD_TARGET:g} x", verdict(share <= COLD_TARGET)
        elif name == "rnntui --help":
            target, reached = f"< {HELP_TARGET:g} s", verdict(median < HELP_TARGET)
        rows.append([name, f"{median:.3f}", f"{min(taken):.3f}", f"{max(taken):.3f}", f"{share:.3f}", target, reached])
    columns = ["fresh process", "median s", "least", "most", "of import torch", "target", ""]
    print_table(f"cold start, {rounds} rounds", columns, rows)


class TorchModel(nn.Module):
    """The plain torch language model: one `nn.LSTM` for all layers, called for one token at a time."""

    def __init__(self, layers: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB_SIZE, EMBEDDING)
        self.rnn = nn.LSTM(EMBEDDING, hidden, layers)
        self.output = nn.Linear(hidden, VOCAB_SIZE)

    def forward(self, token: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """Logits `(1, V)` after one token `(1,)`, and the new state; None is the state before any text."""
        hidden, state = self.rnn(self.embedding(token), state)
        return self.output(hidden), state


class TorchCells(nn.Module):
    """The same model with an `nn.LSTMCell` for each layer."""

    def __init__(self, model: TorchModel) -> None:
        super().__init__()
        self.embedding, self.output = model.embedding, model.output
        layers, hidden = model.rnn.num_layers, model.rnn.hidden_size
        self.cells = nn.ModuleList(nn.LSTMCell(hidden if layer else EMBEDDING, hidden) for layer in range(layers))
        for layer, cell in enumerate(self.cells):
            for name, parameter in cell.named_parameters():
                parameter.data = model.rnn.get_parameter(f"{name}_l{layer}").data

    def forward(self, token: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """See `TorchModel`."""
        hidden, new = self.embedding(token), []
        for cell, before in zip(self.cells, state or [None] * len(self.cells), strict=True):
            new.append(cell(hidden, before))
            hidden = new[-1][0]
        return self.output(hidden), new


class TorchStream:
    """Sampling with torch, of a text that continues from call to call."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model.eval()
        self._token = torch.zeros(1, dtype=torch.int64)
        self._state: Any = None

    def __call__(self, tokens: int) -> float:
        """Sample so many tokens; return the seconds of one."""
        ids = []
        began = time.perf_counter()
        with torch.inference_mode():
            for _ in range(tokens):
                logits, self._state = self._model(self._token, self._state)
                self._token = torch.multinomial(torch.softmax(logits[0] / TEMPERATURE, dim=-1), 1)
                ids.append(self._token.item())
        return (time.perf_counter() - began) / tokens


class NumpyStream:
    """Sampling with rnntui, of a text that continues from call to call."""

    def __init__(self, model: NumpyLanguageModel, texts: int = 1) -> None:
        self._generation = Generation(model, generators_from(1, texts), banned=(0,))
        self._config = SamplingConfig(temperature=TEMPERATURE)
        self._texts = texts

    def __call__(self, tokens: int) -> float:
        """Sample so many tokens of each text; return the seconds of one."""
        ids = []
        began = time.perf_counter()
        for _ in range(tokens):
            ids.append([token.id for token in self._generation.step(self._config)])
        return (time.perf_counter() - began) / (tokens * self._texts)


def largest_difference(ours: NumpyLanguageModel, model: nn.Module, tokens: int = 200) -> float:
    """Return the largest difference between the logits of the two over a random text."""
    generator = random.Random(1)
    state, torch_state, largest = ours.initial_state(), None, 0.0
    with torch.inference_mode():
        for _ in range(tokens):
            token = generator.randrange(VOCAB_SIZE)
            logits, state = ours.step(np.array([token]), state)
            expected, torch_state = model(torch.tensor([token]), torch_state)
            largest = max(largest, float(np.abs(logits - expected.numpy()).max()))
    return largest


def single_stream(layers: int, hidden: int, tokens: int, rounds: int) -> list[object]:
    """Check that the engines agree, time them alternately, and return a row of the table."""
    torch.manual_seed(1)
    model = TorchModel(layers, hidden)
    cells = TorchCells(model)
    config = LanguageModelConfig(cell="lstm", layers=layers, hidden=hidden, embedding=EMBEDDING, tied=False)
    ours = NumpyLanguageModel(weights_of(model), config, VOCAB_SIZE)
    difference = max(largest_difference(ours, other) for other in (model, cells))
    if not difference < TOLERANCE:
        sys.exit(f"sampling.py: lstm {layers}x{hidden}: the engines' logits differ by {difference:.2g}")
    streams: dict[str, Callable[[int], float]] = {
        "ours": NumpyStream(ours),
        "lstm": TorchStream(model),
        "cells": TorchStream(cells),
    }
    seconds = alternate({name: partial(stream, tokens) for name, stream in streams.items()}, rounds)
    rates = [f"{statistics.median(1 / s for s in taken):,.0f}" for taken in seconds.values()]
    faster = ratio(seconds["lstm"], seconds["ours"])
    target = SPEED_TARGETS.get((layers, hidden))
    return [
        f"lstm {layers}x{hidden}", *rates, f"{faster:.2f}", "" if target is None else f">= {target:g}",
        "" if target is None else verdict(faster >= target), f"{ratio(seconds['cells'], seconds['ours']):.2f}",
        f"{difference:.0e}",
    ]  # fmt: skip


def single_streams(tokens: int, rounds: int) -> None:
    """Measure and print every model."""
    rows = [single_stream(layers, hidden, tokens, rounds) for layers, hidden in SHAPES]
    columns = ["model", "ours", "nn.LSTM", "nn.LSTMCell", "ours/LSTM", "target", "", "ours/Cell", "logits off"]
    print_table(f"single stream, tokens a second on one thread, {rounds} rounds of {tokens} tokens", columns, rows)


def precisions_and_batches(layers: int, hidden: int, tokens: int, rounds: int) -> None:
    """Measure and print one model in every precision, alone and in a batch."""
    torch.manual_seed(1)
    weights = weights_of(TorchModel(layers, hidden))
    config = LanguageModelConfig(cell="lstm", layers=layers, hidden=hidden, embedding=EMBEDDING, tied=False)
    streams: dict[tuple[str, int], Callable[[], float]] = {}
    for precision in PRECISIONS:
        model = NumpyLanguageModel(weights, config, VOCAB_SIZE)
        if precision != "fp32":
            model.quantize(8 if precision == "int8" else 4)
        for texts in (1, BATCH):
            streams[precision, texts] = partial(NumpyStream(model, texts), max(1, tokens // texts))
    seconds = alternate(streams, rounds)
    rows = []
    for (precision, texts), taken in seconds.items():
        faster = ratio(seconds["fp32", 1], taken)
        target = PRECISION_TARGETS.get(((layers, hidden), precision, texts))
        rate = f"{statistics.median(1 / s for s in taken):,.0f}"
        shown = ["", ""] if target is None else [f">= {target:g}", verdict(faster >= target)]
        rows.append([precision, texts, rate, f"{faster:.1f}", *shown])
    columns = ["weights", "texts", "tokens a second", "ratio", "target", ""]
    print_table(f"lstm {layers}x{hidden}, one thread, {rounds} rounds of {tokens} tokens", columns, rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Print how long rnntui takes from the shell to its first text, and how fast it writes on."
    )
    parser.add_argument("--run", type=Path, metavar="PATH", help="run folder to sample [default: the shipped model]")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each comparison [default: 9]")
    parser.add_argument("--tokens", type=int, default=200, help="tokens a round of a single stream [default: 200]")
    parser.add_argument("--only", choices=["cold", "stream", "precision"], help="only one of the parts")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    with sampled_run(arguments.run) as (run, called):
        print_heading("sampling", "fp32", run_of_cold_starts=called)
        if arguments.only in (None, "cold"):
            cold_starts(run, arguments.rounds)
    if arguments.only in (None, "stream"):
        single_streams(arguments.tokens, arguments.rounds)
    if arguments.only in (None, "precision"):
        for layers, hidden in PRECISION_SHAPES:
            precisions_and_batches(layers, hidden, arguments.tokens, arguments.rounds)


if __name__ == "__main__":
    main()
