"""Training on one GPU: tokens a second beside torch's bare kernels, a loss within a minute, exact resume.

*Ours* is the training of the command, with embedding, output layer, loss, clipping, AdamW, metrics. *Bare* is the
forward and backward pass of `nn.LSTM` alone, of the same sizes and precision, on inputs that lie on the device. They
take turns. The share of the peak is 6 × weights in matrix products × tokens/s (a product and its two gradients) over
the fastest product of two square matrices in the same run.

The three parts take about three minutes. With `--device cpu --tiny` they run anywhere, to show that they run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import alternate, print_heading, print_table, ratio, verdict
from torch import nn

from rnntui.config import Budget, Device, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import load_arrays
from rnntui.text.corpus import find_corpus
from rnntui.training.device import Hardware, choose_hardware
from rnntui.training.events import Event, Stepped
from rnntui.training.metrics_and_status import LOG_EVERY
from rnntui.training.prepare_language_model import LanguageModelRequest, create_language_model_run
from rnntui.training.train_run import train_run

SHARE_OF_BARE = 0.85  # the goals
WINDOWED_LOSS, SECONDS = 1.45, 60.0
EMBEDDING = 64
ROUNDS = 3
CORPUS = Path(__file__).parents[1] / "corpora" / "shakespeare.txt"


@dataclass(frozen=True)
class Sizes:
    """Sizes of the three parts."""

    layers: int = 2
    hidden: int = 1024
    batch: int = 256
    window: int = 128
    steps: int = 50  # in a round, a multiple of `LOG_EVERY`
    peak: int = 8192
    minutes: float = 0.9


TINY = Sizes(hidden=16, batch=4, window=8, steps=10, peak=256, minutes=0.02)


def wait(hardware: Hardware) -> None:
    """Wait until a GPU has done its work."""
    if hardware.device.type == "cuda":
        torch.cuda.synchronize()


def make_run(
    corpus: Path, folder: Path, name: str, device: Device, values: dict[str, Any], budget: Budget
) -> RunFolder:
    """Create a run; the values are those of a model or of its training."""
    of_model = {key: values.pop(key) for key in ("layers", "hidden", "dropout", "ngram_prior") if key in values}
    training = LanguageModelTrainingConfig(device=device, sample_length=0, **values)
    request = LanguageModelRequest(LanguageModelConfig(**of_model), TokenizerConfig(), training, budget)
    return create_language_model_run(find_corpus([str(corpus)]), request, folder, name)


class Ours:
    """A training of rnntui, some steps at every call."""

    def __init__(self, sizes: Sizes, corpus: Path, folder: Path, device: Device) -> None:
        self._steps = sizes.steps
        values = {
            "layers": sizes.layers, "hidden": sizes.hidden, "dropout": 0.0, "ngram_prior": 0,
            "batch_size": sizes.batch, "bptt": sizes.window, "evaluations": 1, "eval_tokens": 256, "save_every": 1e6,
        }  # fmt: skip
        self._run = make_run(corpus, folder, "speed", device, values, Budget(steps=1_000_000))
        self.vocab_size = self._run.read_config().vocab_size

    def timed(self) -> float:
        """Return the mean seconds of a step, after `LOG_EVERY` that are not timed; both ends wait for the device."""
        for file in (self._run.resume_file, self._run.status_file):
            file.unlink(missing_ok=True)
        ends: dict[int, float] = {}

        def report(event: Event) -> None:
            if isinstance(event, Stepped) and event.step % LOG_EVERY == 0:
                ends[event.step] = time.perf_counter()

        last = LOG_EVERY + self._steps
        train_run(self._run, report, stop_requested=lambda: last in ends)
        return (ends[last] - ends[LOG_EVERY]) / self._steps


class Bare:
    """Forward and backward pass of torch's module, with its weights in the precision of the matrix products."""

    def __init__(self, sizes: Sizes, hardware: Hardware) -> None:
        self._hardware, self._steps = hardware, sizes.steps
        kind = torch.bfloat16 if hardware.bf16 else torch.float32
        self._rnn = nn.LSTM(EMBEDDING, sizes.hidden, sizes.layers).to(hardware.device, kind)
        self._inputs = torch.randn(sizes.window, sizes.batch, EMBEDDING, device=hardware.device, dtype=kind)
        self._gradient = torch.randn(sizes.window, sizes.batch, sizes.hidden, device=hardware.device, dtype=kind)

    @property
    def matrix_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self._rnn.parameters() if parameter.dim() > 1)

    def timed(self) -> float:
        """Return the mean seconds of a pass, after some that are not timed."""
        for _ in range(3):
            self._pass()
        wait(self._hardware)
        began = time.perf_counter()
        for _ in range(self._steps):
            self._pass()
        wait(self._hardware)
        return (time.perf_counter() - began) / self._steps

    def _pass(self) -> None:
        self._rnn.zero_grad(set_to_none=True)
        torch.autograd.backward(self._rnn(self._inputs)[0], self._gradient)


class Peak:
    """The product of two square matrices."""

    def __init__(self, sizes: Sizes, hardware: Hardware) -> None:
        kind = torch.bfloat16 if hardware.bf16 else torch.float32
        self._hardware, self._size = hardware, sizes.peak
        self._a, self._b = (torch.randn(self._size, self._size, device=hardware.device).to(kind) for _ in range(2))

    def timed(self) -> float:
        """Return the seconds of a product, the mean of ten."""
        torch.matmul(self._a, self._b)
        wait(self._hardware)
        began = time.perf_counter()
        for _ in range(10):
            torch.matmul(self._a, self._b)
        wait(self._hardware)
        return (time.perf_counter() - began) / 10

    def rate(self, seconds: float) -> float:
        """Return FLOP/s."""
        return 2 * self._size**3 / seconds


def speed(sizes: Sizes, corpus: Path, device: Device, hardware: Hardware) -> dict[str, Any]:
    """Measure ours, the bare passes and the peak in turn."""
    with tempfile.TemporaryDirectory() as folder:
        ours, bare, peak = Ours(sizes, corpus, Path(folder), device), Bare(sizes, hardware), Peak(sizes, hardware)
        seconds = alternate({"ours": ours.timed, "bare": bare.timed, "peak": peak.timed}, ROUNDS)
    tokens = sizes.batch * sizes.window
    rate = tokens / statistics.median(seconds["ours"])
    flops = 6 * (bare.matrix_parameters + sizes.hidden * ours.vocab_size) * rate
    best = peak.rate(min(seconds["peak"]))
    memory = torch.cuda.max_memory_allocated() if hardware.device.type == "cuda" else None
    return {
        "model": f"lstm {sizes.layers}x{sizes.hidden}, batch {sizes.batch}, window {sizes.window}",
        "tokens_per_second": rate,
        "bare_tokens_per_second": tokens / statistics.median(seconds["bare"]),
        "ours_to_bare": ratio(seconds["bare"], seconds["ours"]),
        "teraflops": flops / 1e12,
        "peak_teraflops": best / 1e12,
        "share_of_peak": flops / best,
        "peak_bytes": memory,
    }


def quality(sizes: Sizes, corpus: Path, device: Device) -> dict[str, Any]:
    """Train within a budget of time, and return the loss and the seconds of the whole training, from the text on."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        # Larger than the command's defaults, which are for a CPU.
        values: dict[str, Any] = {"evaluations": 10}
        if sizes is not TINY:
            values |= {"hidden": 1024, "batch_size": 64, "bptt": 64}
        else:
            values |= {"hidden": 16, "eval_tokens": 256}
        run = make_run(corpus, Path(folder), "quality", device, values, Budget(minutes=sizes.minutes))
        finished = train_run(run, lambda event: None, lambda: False)
    return {
        "windowed_loss": finished.losses["windowed"],
        "streaming_loss": finished.losses["streaming"],
        "steps": finished.step,
        "seconds": time.perf_counter() - began,
    }


def resume(corpus: Path, device: Device) -> dict[str, Any]:
    """Compare a run that was stopped and resumed with one that was not, weights and moments bit for bit."""
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for stop_after in (10_000, 13):
            values = {
                "layers": 2, "hidden": 64, "dropout": 0.2, "ngram_prior": 0, "batch_size": 16, "bptt": 32, "threads": 1,
                "evaluations": 1, "eval_tokens": 256,
            }  # fmt: skip
            run = make_run(corpus, Path(folder), f"stop-{stop_after}", device, values, Budget(steps=30))
            asked = iter(range(1_000_000))
            train_run(run, lambda event: None, lambda asked=asked, last=stop_after: next(asked) >= last)
            if stop_after == 13:
                train_run(run, lambda event: None, lambda: False)
            results.append(load_arrays(run.resume_file)[0])
    whole, stopped = results
    unequal = [name for name in whole if not np.array_equal(whole[name], stopped[name])]
    return {"arrays": len(whole), "unequal": unequal}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure training on one GPU.")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="[default: cuda]")
    parser.add_argument("--tiny", action="store_true", help="the smallest sizes, to see that the script runs")
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="text [default: corpora/shakespeare.txt]; the goal "
                        "of a loss is for tinyshakespeare")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to a file, too")
    arguments = parser.parse_args()
    sizes = TINY if arguments.tiny else Sizes()
    hardware = choose_hardware(arguments.device, "auto", None)
    name = torch.cuda.get_device_name() if hardware.device.type == "cuda" else "cpu"
    cudnn = torch.backends.cudnn.version() if hardware.device.type == "cuda" else None
    print_heading("training on a GPU", hardware.precision, device=name, cudnn=cudnn)
    torch.manual_seed(1)

    fast = speed(sizes, arguments.corpus, arguments.device, hardware)
    good = quality(sizes, arguments.corpus, arguments.device)
    exact = resume(arguments.corpus, arguments.device)
    reached = good["windowed_loss"] <= WINDOWED_LOSS and good["seconds"] < SECONDS
    print_table(
        "results",
        ["", "value", "goal", ""],
        [
            ["tokens/s", f"{fast['tokens_per_second']:,.0f}", None, ""],
            ["bare forward and backward, tokens/s", f"{fast['bare_tokens_per_second']:,.0f}", None, ""],
            ["ours / bare", f"{fast['ours_to_bare']:.3f}", SHARE_OF_BARE,
             verdict(fast["ours_to_bare"] >= SHARE_OF_BARE)],
            ["TFLOP/s", f"{fast['teraflops']:,.2f}", None, ""],
            ["share of the fastest product", f"{fast['share_of_peak']:.1%}", None, ""],
            ["windowed loss", f"{good['windowed_loss']:.4f}", WINDOWED_LOSS, verdict(reached)],
            ["seconds for it, all included", f"{good['seconds']:.1f}", SECONDS, verdict(good["seconds"] < SECONDS)],
            ["arrays that differ after a resume", f"{len(exact['unequal'])} of {exact['arrays']}", 0,
             verdict(not exact["unequal"])],
        ],
    )  # fmt: skip
    if arguments.json:
        results = {"device": name, "cudnn": cudnn, "precision": hardware.precision, "torch": torch.__version__}
        results |= {"speed": fast, "quality": good, "resume": exact}
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
