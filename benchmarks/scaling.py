"""Scaling: loss against parameters and tokens, with a fit; time of a step against batch and width; the tables of both.

`run` trains a model on a text and writes a row at each evaluation to a file of JSON lines. One run gives the points of
many token counts: the learning rate is constant after its warm-up and the weights that are evaluated are averaged,
which stands in for a schedule that ends there (Hägele et al. 2024, arXiv 2405.18392). Each token of the text is read
at most once. Runs are fixed by steps, so that other load on the machine changes nothing but the time.

`fit` fits L(N, D) = E + A / N^a + B / D^b (Hoffmann et al. 2022, arXiv 2203.15556, equation 10) to the rows of the runs
that are not named `check-...`: for fixed exponents it is linear, hence a search over the exponents around a
linear least squares with E, A, B of at least 0. N counts the weights in matrix products, D tokens. The rows that were
left out are then predicted.

`steps` measures the time of a training step, in CPU seconds of this process, against batch and hidden size.

`--write FILE` replaces the tables between markers, `<!-- NAME -->` and `<!-- /NAME -->`.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import parts_at_markers
from numpy.typing import NDArray

from rnntui.config import Budget, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.runs.folder import RunFolder
from rnntui.text.corpus import find_corpus
from rnntui.training.events import Evaluated, Event, Stepped
from rnntui.training.prepare_language_model import LanguageModelRequest, create_language_model_run
from rnntui.training.train_run import train_run

ROWS = Path(__file__).with_name("scaling.jsonl")
CORPUS = Path(__file__).parents[1] / "corpora" / "shakespeare.txt"
BATCH, WINDOW = 32, 32  # the command's defaults: 1,024 tokens a step
EVAL_TOKENS = 16_384
FIRST_STEP = 200  # a row before it is of the warm-up, and is not fitted
CHECK = "check-"  # begins the name of a run that is not fitted, but predicted
Row = dict[str, Any]

STEPS = Path(__file__).with_name("scaling_steps.jsonl")
HIDDEN_SIZES, BATCHES = (64, 128, 256, 512, 1024), (1, 4, 16, 64)

# What the table of costs is computed from; SCALING.md says which are measured, published and assumed.
BYTES_PER_SUBWORD = 3.3
FLOATS_OF_LAYER = (15.6, 7.4)  # for each position and hidden unit: the first layer, every other one
BYTES_PER_WEIGHT = 4 * 5 + 2  # weight, gradient, two moments, average; a copy in bf16
GPU_FLOPS, GPU_SHARE = 989e12, 0.3
GPU_BATCH, GPU_WINDOW = 256, 128
NODE_LINK, NETWORK_LINK = 450e9, 50e9  # bytes a second in one direction

# Hidden size, steps, contexts of the n-gram prior and evaluations of each run, the last one the longest.
PLAN = {
    "h64": (64, 4000, 0, 8),
    "h256": (256, 2400, 0, 8),
    "h512": (512, 960, 0, 8),
    "h128": (128, 2400, 0, 8),
    "prior-h256": (256, 1000, 6, 4),
    "h1024": (1024, 3840, 0, 16),
    CHECK + "h1024": (1024, 256, 0, 8),
    CHECK + "h512": (512, 3840, 0, 16),
    CHECK + "h2048": (2048, 3840, 0, 16),
}


def create(hidden: int, prior: int, budget: int, evaluations: int, folder: Path, batch: int = BATCH) -> RunFolder:
    """Create a run with one thread, no dropout, and a learning rate that stays constant after its warm-up."""
    model = LanguageModelConfig(hidden=hidden, ngram_prior=prior, dropout=0.0)
    training = LanguageModelTrainingConfig(
        batch_size=batch, bptt=WINDOW, evaluations=evaluations, eval_tokens=EVAL_TOKENS, sample_length=0,
        save_every=1e6, threads=1, patience=0, final_learning_rate=1.0, device="cpu",
    )  # fmt: skip
    request = LanguageModelRequest(model, TokenizerConfig(), training, Budget(steps=budget))
    return create_language_model_run(find_corpus([str(CORPUS)]), request, folder, None)


def run(name: str, hidden: int, steps: int, prior: int, evaluations: int, rows: Path) -> None:
    """Train, and append a row to the file at each evaluation: a run that is ended early keeps those it has."""
    began, done = time.process_time(), 0
    with tempfile.TemporaryDirectory() as folder:
        run_folder = create(hidden, prior, steps, evaluations, Path(folder))

        def report(event: Event) -> None:
            nonlocal done
            if isinstance(event, Stepped):
                done = event.step
            elif isinstance(event, Evaluated) and event.step:
                row = {
                    "name": name, "hidden": hidden, "parameters": parameters(hidden, vocab_size), "prior": prior,
                    "step": event.step, "tokens": event.step * BATCH * WINDOW, "loss": event.validation_loss,
                    "cpu_seconds": round(time.process_time() - began, 1),
                }  # fmt: skip
                with rows.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                print(json.dumps(row), flush=True)

        vocab_size = run_folder.read_config().vocab_size
        # Stopped at the final evaluation, whose many tokens would cost more than the steps.
        train_run(run_folder, report, stop_requested=lambda: done >= steps)


def parameters(hidden: int, vocab_size: int, embedding: int = 64) -> int:
    """Return the number of weights in matrix products of an LSTM of one layer: recurrent layer and output layer."""
    return 4 * hidden * (embedding + hidden) + hidden * vocab_size


@dataclass(frozen=True)
class Law:
    """L(N, D) = E + A / N^a + B / D^b in nats a token."""

    e: float
    a: float
    b: float
    alpha: float
    beta: float

    def loss(self, parameters: float, tokens: float) -> float:
        return self.e + self.a / parameters**self.alpha + self.b / tokens**self.beta


def fit(rows: Sequence[Row]) -> tuple[Law, float]:
    """Return the law with the least squares of the residuals, and their root mean square in nats a token."""
    sizes, tokens, losses = (np.array([row[key] for row in rows], float) for key in ("parameters", "tokens", "loss"))

    def solved(alpha: float, beta: float) -> tuple[float, Law]:
        columns = np.stack([np.ones_like(sizes), (sizes / 1e5) ** -alpha, (tokens / 1e6) ** -beta], axis=1)
        (e, a, b), error = non_negative_least_squares(columns, losses)
        return error, Law(e, a * 1e5**alpha, b * 1e6**beta, alpha, beta)

    low, high = np.array([0.02, 0.02]), np.array([1.5, 1.5])
    best = math.inf, Law(0, 0, 0, 1, 1)
    for _ in range(8):  # each round looks at a finer grid around the best exponents so far
        grid = [np.linspace(low[i], high[i], 15) for i in range(2)]
        best = min((solved(x, y) for x in grid[0] for y in grid[1]), key=lambda found: found[0])
        steps, centre = (high - low) / 14, np.array([best[1].alpha, best[1].beta])
        low, high = np.maximum(0.02, centre - 2 * steps), np.minimum(1.5, centre + 2 * steps)
    return best[1], math.sqrt(best[0] / len(rows))


def non_negative_least_squares(columns: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[list[float], float]:
    """Return the coefficients of at least 0 of a few columns `(N, K)`, by trying each subset, and the squared error."""
    count = columns.shape[1]
    best: tuple[list[float], float] = [0.0] * count, float((values**2).sum())
    for subset in range(1, 1 << count):
        chosen = [i for i in range(count) if subset >> i & 1]
        found = np.linalg.lstsq(columns[:, chosen], values, rcond=None)[0]
        error = float(((columns[:, chosen] @ found - values) ** 2).sum())
        if (found >= 0).all() and error < best[1]:
            best = [0.0] * count, error
            for index, coefficient in zip(chosen, found, strict=True):
                best[0][index] = float(coefficient)
    return best


def step_seconds(hidden: int, batch: int, steps: int) -> float:
    """Return the median CPU seconds of a training step of the command's loop, after three that are not counted."""
    ends: list[float] = []

    def report(event: Event) -> None:
        if isinstance(event, Stepped):
            ends.append(time.process_time())

    with tempfile.TemporaryDirectory() as folder:
        train_run(create(hidden, 0, 1_000_000, 1, Path(folder), batch), report, lambda: len(ends) >= steps + 3)
    return statistics.median(np.diff(ends[2:]).tolist())


def measure_steps(file: Path) -> None:
    """Write the CPU seconds of a step for each hidden size and batch to a file."""
    rows = []
    for hidden in HIDDEN_SIZES:
        for batch in BATCHES:
            rows.append({"hidden": hidden, "batch": batch, "seconds": step_seconds(hidden, batch, 7)})
            print(json.dumps(rows[-1]), flush=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def tables(rows: Sequence[Row], steps: Sequence[Row]) -> dict[str, str]:
    """Return the tables by the names of their markers."""
    plain = [row for row in rows if not row["prior"] and row["step"] >= FIRST_STEP]
    fitted = [row for row in plain if not row["name"].startswith(CHECK)]
    law, error = fit(fitted)
    without = {name: fit([row for row in fitted if row["name"] != name])[0] for name in names(fitted)}
    return {
        "runs": markdown(
            ["run", "weights N", "tokens D", "loss", "fit", "CPU s"],
            [
                [row["name"], f"{row['parameters']:,}", f"{row['tokens']:,}", f"{row['loss']:.3f}",
                 "" if row["prior"] else f"{law.loss(row['parameters'], row['tokens']):.3f}",
                 f"{row['cpu_seconds']:.0f}"]
                for row in ends_of(rows)
            ],
        ),
        "fit": markdown(
            ["fitted to", "E", "A", "α", "B", "β"],
            [
                [f"all {len(fitted)} points, residual {error:.3f}", *law_cells(law)],
                *([f"without {name}", *law_cells(other)] for name, other in without.items()),
            ],
        ),
        "halves": halves(fitted),
        "prediction": markdown(
            ["run", "tokens D", "loss", "predicted", "difference", "range without one run each"],
            [
                [row["name"], f"{row['tokens']:,}", f"{row['loss']:.3f}",
                 f"{law.loss(row['parameters'], row['tokens']):.3f}",
                 f"{row['loss'] - law.loss(row['parameters'], row['tokens']):+.3f}",
                 "{:.3f} to {:.3f}".format(*extremes(without.values(), row))]
                for row in plain
                if row["name"].startswith(CHECK) and is_new(row, fitted)
            ],
        ),
        "costs": markdown(
            ["text", "model", "tokens", "GPUs", "step", "exchange", "memory of a GPU", "one pass"], cost_rows()
        ),
        "steps": markdown(
            ["hidden", *(f"batch {batch}" for batch in BATCHES)],
            [
                [str(hidden), *(step_cell(row) for row in steps if row["hidden"] == hidden)]
                for hidden in HIDDEN_SIZES
            ],
        ),
    }  # fmt: skip


def is_new(row: Row, fitted: Sequence[Row]) -> bool:
    """Return False for a point of a check that a fitted run of the same model has passed, with the same losses."""
    return all(row["tokens"] > other["tokens"] for other in fitted if other["parameters"] == row["parameters"])


def halves(rows: Sequence[Row]) -> str:
    """Return the table of the ends of the runs, predicted by the law of their first halves."""
    ends = {
        name: max((row for row in rows if row["name"] == name), key=lambda row: row["tokens"]) for name in names(rows)
    }
    law, _ = fit([row for row in rows if 2 * row["tokens"] <= ends[row["name"]]["tokens"]])
    predicted = {name: law.loss(end["parameters"], end["tokens"]) for name, end in ends.items()}
    return markdown(
        ["run", "tokens D", "loss", "predicted from the first halves", "difference"],
        [
            [name, f"{end['tokens']:,}", f"{end['loss']:.3f}", f"{predicted[name]:.3f}",
             f"{end['loss'] - predicted[name]:+.3f}"]
            for name, end in ends.items()
        ],
    )  # fmt: skip


def cost_rows() -> list[list[str]]:
    """Return the rows of the table of costs, by the arithmetic that SCALING.md states."""
    rows = []
    for size, layers, hidden in ((10e9, 2, 3072), (100e9, 4, 6848), (1e12, 4, 8192)):
        weights, tokens = 8 * layers * hidden**2, size / BYTES_PER_SUBWORD
        batch_tokens = GPU_BATCH * GPU_WINDOW
        activations = 4 * batch_tokens * hidden * (FLOATS_OF_LAYER[0] + (layers - 1) * FLOATS_OF_LAYER[1])
        memory = BYTES_PER_WEIGHT * weights + activations
        step = 6 * weights * batch_tokens / (GPU_FLOPS * GPU_SHARE)
        for gpus in (1, 8, 64):
            exchange = 2 * 4 * weights * (gpus - 1) / gpus / (NODE_LINK if gpus <= 8 else NETWORK_LINK)
            hours = tokens / batch_tokens / gpus * (step + exchange) / 3600
            rows.append(
                [f"{size / 1e9:,.0f} GB", f"{layers}x{hidden}, {weights / 1e6:,.0f} M", f"{tokens / 1e9:,.1f} G",
                 str(gpus), f"{1e3 * step:,.0f} ms", f"{1e3 * exchange:,.0f} ms", f"{memory / 1e9:,.0f} GB",
                 duration(hours)]
            )  # fmt: skip
    return rows


def duration(hours: float) -> str:
    """Return a duration in minutes, hours or days."""
    if hours < 1:
        return f"{60 * hours:,.0f} min"
    return f"{hours:,.1f} h" if hours < 100 else f"{hours / 24:,.0f} days"


def names(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(row["name"] for row in rows))


def ends_of(rows: Sequence[Row]) -> list[Row]:
    """Return the row in the middle and the last row of each run, in the order of their sizes."""
    chosen = []
    for name in names(rows):
        of_run = [row for row in rows if row["name"] == name]
        chosen += [of_run[(len(of_run) - 1) // 2], of_run[-1]]
    return sorted(chosen, key=lambda row: (row["name"].startswith(CHECK), row["prior"], row["parameters"]))


def law_cells(law: Law) -> list[str]:
    return [f"{law.e:.3f}", f"{law.a:.3g}", f"{law.alpha:.3f}", f"{law.b:.3g}", f"{law.beta:.3f}"]


def extremes(laws: Iterable[Law], row: Row) -> tuple[float, float]:
    losses = [law.loss(row["parameters"], row["tokens"]) for law in laws]
    return min(losses), max(losses)


def step_cell(row: Row) -> str:
    """Return milliseconds of a step, microseconds of a time step, and tokens a second."""
    seconds, tokens = row["seconds"], row["batch"] * WINDOW
    return f"{1e3 * seconds:.1f} ms, {1e6 * seconds / WINDOW:.0f} µs, {tokens / seconds:,.0f}/s"


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    lines = [list(columns), ["---"] * len(columns), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(file: Path, made: dict[str, str]) -> None:
    """Replace the tables of a file between their markers. Raises `ValueError` if a marker is missing."""
    text = file.read_text(encoding="utf-8")
    for name, table in made.items():
        before, _, after = parts_at_markers(text, f"<!-- {name} -->", f"<!-- /{name} -->")
        text = f"{before}\n\n{table}\n\n{after}"
    file.write_text(text, encoding="utf-8")


def read(file: Path) -> list[Row]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure and fit how the loss and the time of a step scale.")
    parser.add_argument("what", choices=["run", "steps", "fit"], help="train, time steps, or fit and print the tables")
    parser.add_argument("names", nargs="*", help=f"runs of `run` [default: all]: {' '.join(PLAN)}")
    parser.add_argument("--rows", type=Path, default=ROWS, help="rows of the runs [default: %(default)s]")
    parser.add_argument("--steps-file", type=Path, default=STEPS, help="times of steps [default: %(default)s]")
    parser.add_argument("--write", type=Path, metavar="FILE", help="replace the tables of `fit` in a file, too")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - PLAN.keys():
        parser.error(f"no such run: {', '.join(sorted(unknown))}")
    if arguments.what == "run":
        for name in arguments.names or PLAN:
            run(name, *PLAN[name], arguments.rows)
    elif arguments.what == "steps":
        measure_steps(arguments.steps_file)
    else:
        made = tables(read(arguments.rows), read(arguments.steps_file))
        for name, table in made.items():
            print(f"{name}\n\n{table}\n")
        if arguments.write:
            write(arguments.write, made)


if __name__ == "__main__":
    main()
