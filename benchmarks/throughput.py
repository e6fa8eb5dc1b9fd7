"""Training speed in tokens a second, compared with a bare loop over torch's own modules in the same run.

*Ours* is the training of the command, `rnntui.training.train_run`, hence its `Trainer` and `LanguageModelTask`,
in a temporary run over a text of random characters, with the command's defaults (dropout, clipping, metrics, schedule).
*Bare* is what one writes first: `nn.Embedding`, `nn.LSTM` or `nn.GRU` or `nn.RNN`, `nn.Linear`, `cross_entropy`,
`backward`, `AdamW(fused=True)`, of the same sizes and at the same precision, with the state carried and detached,
without dropout, clipping or any log, over random tokens made beforehand.

The two take turns. A round is so many steps, timed as a whole after three that are not; ours between the `Stepped`
events that training reports. The medians are over the rounds, the ratio's over those of each pair.

GFLOP/s are 6 × parameters in matrix products × tokens/s: a product and its two gradients, of the recurrent layers and
the output layer. Their share is of the fastest of several products of two 2048 × 2048 matrices, at that precision and
taken between the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from common import Contestant, alternate, print_heading, print_table, ratio, verdict
from torch import nn
from torch.nn.functional import cross_entropy

from rnntui.config import Budget, Cell, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.runs.folder import RunFolder
from rnntui.text.corpus import find_corpus
from rnntui.training.device import Hardware, choose_hardware
from rnntui.training.events import Event, Stepped
from rnntui.training.prepare_language_model import LanguageModelRequest, create_language_model_run
from rnntui.training.train_run import train_run

UNTIMED = 3  # steps at the start of every round
BATCHES = 16  # of random tokens, used over and over by the bare loop
CHARACTERS = 65  # as many as tinyshakespeare has
ROUND_SECONDS = 4.0  # of timed steps, where --steps does not say how many
FEWEST_STEPS = 5
PEAK_SIZE = 2048
TARGET = 0.95


@dataclass(frozen=True)
class Shape:
    """One row: a model and its batches; `embedding` is the command's default for characters."""

    cell: Cell
    layers: int
    hidden: int
    batch: int = 16
    window: int = 64
    embedding: int = 128
    target: float | None = None

    @property
    def name(self) -> str:
        return f"{self.cell} {self.layers}x{self.hidden} b{self.batch} w{self.window}"


SHAPES = [
    *(Shape(cell, 1, 512, batch=32, window=32, embedding=64) for cell in ("lstm", "gru", "rnn")),  # the default shape
    Shape("lstm", 1, 512),
    Shape("lstm", 2, 256, batch=32),
    Shape("gru", 1, 512),
    Shape("rnn", 1, 512),
    Shape("lstm", 2, 512, batch=64, window=128, target=TARGET),
]


class Ours:
    """A run of rnntui, trained for some steps at every call."""

    def __init__(self, shape: Shape, hardware: Hardware, corpus: Path, folder: Path) -> None:
        self._shape = shape
        model = LanguageModelConfig(
            cell=shape.cell, layers=shape.layers, hidden=shape.hidden, embedding=shape.embedding
        )
        # No check, no sample and no save by the clock falls among the steps: they alone are timed.
        training = LanguageModelTrainingConfig(
            batch_size=shape.batch, bptt=shape.window, evaluations=1, eval_tokens=256, sample_length=0, save_every=1e6,
            precision="bf16" if hardware.bf16 else "fp32", device="cpu",
        )  # fmt: skip
        request = LanguageModelRequest(model, TokenizerConfig(), training, Budget(steps=1_000_000))
        self._run: RunFolder = create_language_model_run(find_corpus([str(corpus)]), request, folder, None)
        self.vocab_size = self._run.read_config().vocab_size

    def timed(self, steps: int) -> float:
        """Return the mean seconds of a step; the run restarts each time and stops as at Ctrl-C."""
        for file in (self._run.resume_file, self._run.status_file):
            file.unlink(missing_ok=True)
        ends: list[float] = []

        def report(event: Event) -> None:
            if isinstance(event, Stepped):
                ends.append(time.perf_counter())

        train_run(self._run, report, stop_requested=lambda: len(ends) >= UNTIMED + steps)
        return (ends[-1] - ends[UNTIMED - 1]) / steps


class Bare(nn.Module):
    """Torch's modules in a loop of five lines."""

    def __init__(self, shape: Shape, hardware: Hardware, vocab_size: int) -> None:
        super().__init__()
        self._hardware = hardware
        self.embedding = nn.Embedding(vocab_size, shape.embedding)
        layers = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[shape.cell]
        self.rnn = layers(shape.embedding, shape.hidden, shape.layers)
        self.output = nn.Linear(shape.hidden, vocab_size)
        self._optimizer = torch.optim.AdamW(self.parameters(), lr=4e-3, fused=True)
        self._tokens = torch.randint(vocab_size, (BATCHES, shape.window + 1, shape.batch))  # (N, T + 1, B)
        self._done = 0
        self._state: torch.Tensor | tuple[torch.Tensor, ...] | None = None

    @property
    def matrix_parameters(self) -> int:
        """Number of parameters in matrix products: all matrices but the embedding, which is only looked up."""
        return sum(p.numel() for name, p in self.named_parameters() if p.dim() > 1 and not name.startswith("embedding"))

    def timed(self, steps: int) -> float:
        """Return the mean seconds of a step."""
        for _ in range(UNTIMED):
            self._step()
        began = time.perf_counter()
        for _ in range(steps):
            self._step()
        return (time.perf_counter() - began) / steps

    def _step(self) -> None:
        tokens = self._tokens[self._done % BATCHES]
        self._done += 1
        with self._hardware.autocast():
            hidden, state = self.rnn(self.embedding(tokens[:-1]), self._state)
            logits = self.output(hidden)
        # Autocast may give the state in bf16; it is carried as ours is.
        self._state = tuple(s.detach().float() for s in state) if isinstance(state, tuple) else state.detach().float()
        loss = cross_entropy(logits.float().flatten(0, 1), tokens[1:].flatten())
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self._optimizer.step()


class Peak:
    """The fastest product of two square matrices seen so far, in FLOP/s."""

    def __init__(self, hardware: Hardware) -> None:
        kind = torch.bfloat16 if hardware.bf16 else torch.float32
        self._a, self._b = (torch.randn(PEAK_SIZE, PEAK_SIZE).to(kind) for _ in range(2))
        self.best = 0.0
        self.measure(3)

    def measure(self, times: int = 1) -> float:
        for _ in range(times):
            began = time.perf_counter()
            torch.matmul(self._a, self._b)
            self.best = max(self.best, 2 * PEAK_SIZE**3 / (time.perf_counter() - began))
        return self.best


@dataclass(frozen=True)
class Measured:
    """Tokens a second of both, their median ratio, and FLOP/s of rnntui."""

    shape: Shape
    steps: int
    ours: float
    bare: float
    ratio: float
    flops: float


def measure(shape: Shape, hardware: Hardware, peak: Peak, steps: int | None, rounds: int, corpus: Path) -> Measured:
    """Time rnntui and the bare loop alternately, over so many rounds."""
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(shape, hardware, corpus, Path(folder))
        bare = Bare(shape, hardware, ours.vocab_size)
        if steps is None:
            steps = max(FEWEST_STEPS, min(200, round(ROUND_SECONDS / bare.timed(1))))
        contestants: dict[str, Contestant] = {
            "ours": partial(ours.timed, steps),
            "bare": partial(bare.timed, steps),
            "peak": peak.measure,
        }
        # Each round has steps of its own that are not timed; a round that is not counted would only cost time.
        seconds = alternate(contestants, rounds, warm_up=0)
    tokens = shape.batch * shape.window
    rates = {name: statistics.median(tokens / s for s in seconds[name]) for name in ("ours", "bare")}
    flops = 6 * bare.matrix_parameters * rates["ours"]
    return Measured(shape, steps, rates["ours"], rates["bare"], ratio(seconds["bare"], seconds["ours"]), flops)


def report(results: list[Measured], peak: float) -> None:
    """Print the table."""
    print_table(
        "training, tokens a second",
        ["model, batch, window", "steps", "ours", "bare torch", "ours/bare", "target", "", "GFLOP/s", "of peak"],
        [
            [
                r.shape.name, r.steps, f"{r.ours:,.0f}", f"{r.bare:,.0f}", f"{r.ratio:.3f}",
                None if r.shape.target is None else f"{r.shape.target:g}",
                "" if r.shape.target is None else verdict(r.ratio >= r.shape.target),
                f"{r.flops / 1e9:,.1f}", f"{r.flops / peak:.0%}",
            ]
            for r in results
        ],
    )  # fmt: skip
    print(f"  peak: {peak / 1e9:,.1f} GFLOP/s, the fastest {PEAK_SIZE}-cubed product of torch in this run")


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Print the training speed of rnntui and of a bare torch loop on this processor.",
        epilog="Rows: " + "; ".join(shape.name for shape in SHAPES),
    )
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto", help="[default: auto]")
    parser.add_argument(
        "--steps", type=int, help="timed steps in a round [default: as many as take about 4 s, 5 at least]"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds of ours and bare in turn [default: 5]")
    parser.add_argument("--only", default="", metavar="TEXT", help="only rows whose name has this text in it")
    arguments = parser.parse_args()
    shapes = [shape for shape in SHAPES if arguments.only in shape.name]
    if not shapes:
        parser.error(f"--only {arguments.only!r}: no such row; there are {', '.join(shape.name for shape in SHAPES)}")
    for name in ("steps", "rounds"):
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            parser.error(f"--{name} must be 1 or more")

    hardware = choose_hardware("cpu", "auto" if arguments.precision == "bf16" else arguments.precision, None)
    precision = hardware.precision
    if arguments.precision != "fp32" and not hardware.bf16:
        precision += ": this processor does not compute in bf16"
    print_heading("training speed", precision, threads=torch.get_num_threads(), rounds=arguments.rounds)
    peak = Peak(hardware)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "random.txt"
        characters = np.random.default_rng(1).integers(0x100, 0x100 + CHARACTERS, 1_000_000)
        corpus.write_text("".join(map(chr, characters)), encoding="utf-8")
        for shape in shapes:
            results.append(measure(shape, hardware, peak, arguments.steps, arguments.rounds, corpus))
    report(results, peak.best)


if __name__ == "__main__":
    main()
