"""Learning in a given time: the losses that `rnntui train` reaches, alone or beside rivals on the same tokens.

Each budget is one run of the real command in a process of its own, in a temporary folder (`training_runs.py`).

For the file known as tinyshakespeare, split at 90% as nanoGPT splits it, published losses stand beside ours. Those
are of Transformers, in windows that start from nothing: compare them with the column *windowed*.

With `--rivals`, a small Transformer and the LSTM of tutorials (`language_model_rivals.py`) train for the same time on
the ids that `rnntui train` makes of the text, and are measured on the same held-out tokens. The clock of rnntui
includes its evaluations, that of a rival its training steps alone. They take turns, seed by seed; `--results` continues
a series that was stopped.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import LOAD, cores, parted, print_heading, print_table, processor
from language_model_rivals import RIVALS, TokenData, train_rival
from training_runs import ResultsFile, TrainingResult, named_path, train

from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import Curve
from rnntui.charts.metric_charts import ChartHeading
from rnntui.charts.metrics_history import MetricSeries
from rnntui.charts.svg import ChartDrawing, render_svg
from rnntui.config import FINAL_EVALUATION_FACTOR, Budget, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.text.corpus import find_corpus
from rnntui.training.device import choose_hardware
from rnntui.training.prepare_language_model import LanguageModelRequest, create_language_model_run
from rnntui.training.task import token_files

TINY_SHAKESPEARE = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"  # sha256 of its 1,115,394 bytes
TINY_SHAKESPEARE_VALIDATION = 0.1
# https://github.com/karpathy/nanoGPT, README.md, "quick start"
PUBLISHED = [
    ("nanoGPT, 10.65 M parameters, context 256", "about 180 s on an A100", "1.4697"),
    ("nanoGPT, small (4 layers of 128), context 64", "about 180 s on a MacBook's CPU", "1.88"),
]
OURS = "rnntui train"
KEY = ("contestant", "flags", "fingerprint", "minutes", "seed")
DATA_FLAGS = (
    "--tokenizer", "--vocab-size", "--documents", "--turns", "--validation-text", "--validation-fraction",
    "--validation-from", "--eval-tokens", "--encoding", "--errors", "--newlines",
)  # fmt: skip
"""Flags that change what is trained on or measured, of which rivals know nothing."""
CURVE_POINTS = 60  # of a median curve
FIRST_SHOWN = 0.04  # fraction of the time from which curves are drawn: before, losses are those of no model


def learn(corpus: Path, seconds: float, seed: int, extra: Sequence[str]) -> TrainingResult:
    """Train on the corpus for so many seconds with the command."""
    return train(["train", str(corpus), "--minutes", f"{seconds / 60:.6f}", "--seed", str(seed), *extra])


def report(results: Sequence[tuple[float, TrainingResult]], curve: bool) -> None:
    """Print the tables of results with the seconds that were asked for."""
    print_table(
        "learned",
        [
            "seconds asked", "training", "process", "steps", "tokens", "parameters", "streaming", "windowed 256",
            "bits/char",
        ],
        [
            [
                f"{asked:g}", f"{r.seconds:.1f}", f"{r.process_seconds:.1f}", f"{r.steps:,}", f"{r.tokens:,}",
                f"{r.parameters:,}", f"{r.final['streaming_loss']:.4f}", f"{r.final['windowed_loss']:.4f}",
                f"{r.final['bits_per_character']:.4f}",
            ]
            for asked, r in results
        ],
    )  # fmt: skip
    print("  training, process: wall-clock seconds; losses in nats a token on the validation text, best weights of")
    print("  the run; streaming carries the state through the text, windowed starts every 256 tokens from zeros")
    if all(
        (r.corpus.fingerprint, r.settings["training"]["validation_fraction"])
        == (TINY_SHAKESPEARE, TINY_SHAKESPEARE_VALIDATION)
        for _, r in results
    ):
        print_table("published for this corpus and split", ["Transformer", "trained for", "windowed"], PUBLISHED)
    else:
        print("\nnot tinyshakespeare with its last tenth for validation: no published losses to compare with")
    for asked, r in results if curve else []:
        print_table(
            f"validation loss against time, {asked:g} s asked",
            ["step", "seconds", "streaming", "bits/char"],
            [
                [
                    f"{row['step']:,}",
                    f"{row['seconds']:.1f}",
                    f"{row['validation_loss']:.4f}",
                    f"{row['bits_per_character']:.4f}",
                ]
                for row in r.evaluations
            ],
        )


def token_data(corpus: Path) -> tuple[TokenData, str]:
    """Return the token ids that `rnntui train` makes of a corpus by default, and the corpus's hash."""
    settings = LanguageModelTrainingConfig(sample_length=0)
    request = LanguageModelRequest(LanguageModelConfig(), TokenizerConfig(), settings, Budget(steps=1))
    with tempfile.TemporaryDirectory() as folder:
        run = create_language_model_run(find_corpus([str(corpus)]), request, Path(folder), None)
        config = run.read_config()
        training, validation = token_files(run, config)
        predicted = settings.eval_tokens * FINAL_EVALUATION_FACTOR
        data = TokenData(
            torch.from_numpy(training.read(run.training_ids).astype(np.int64)),
            validation.read(run.validation_ids)[: predicted + 1].astype(np.int64),
            settings.eval_tokens,
            config.vocab_size,
        )
    return data, config.corpus.fingerprint


def compete(arguments: argparse.Namespace, extra: Sequence[str]) -> list[dict[str, Any]]:
    """Train all contestants on all corpora with all seeds and return a row for each, also of earlier calls."""
    results = ResultsFile(arguments.results, KEY)
    rows = []
    for name, path in map(named_path, arguments.corpora):
        data, fingerprint = token_data(path)
        for seed in arguments.seeds:
            for contestant in (OURS, *RIVALS):
                flags = " ".join(extra) if contestant == OURS else ""
                key = {
                    "contestant": contestant, "flags": flags, "fingerprint": fingerprint,
                    "minutes": arguments.minutes, "seed": seed,
                }  # fmt: skip
                row = results.find(key)
                if row is None:
                    print(f"{name}, {arguments.minutes:g} minutes, seed {seed}: {contestant}", file=sys.stderr)
                    row = {"corpus": name, **key, **_train(contestant, path, data, arguments, seed, extra)}
                    row |= {"processor": f"{cores()} × {processor()}", "load_before": LOAD}
                    results.append(row)
                rows.append(row)
    return rows


def _train(
    contestant: str, path: Path, data: TokenData, arguments: argparse.Namespace, seed: int, extra: Sequence[str]
) -> dict[str, Any]:
    """Return the losses of a contestant, its sizes, and its curve as pairs of seconds and loss."""
    seconds = arguments.minutes * 60
    if contestant == OURS:
        ours = learn(path, seconds, seed, extra)
        return {
            "carried_loss": ours.final["streaming_loss"], "windowed_loss": ours.final["windowed_loss"],
            "seconds": ours.seconds, "steps": ours.steps, "tokens": ours.tokens, "parameters": ours.parameters,
            "curve": [(row["seconds"], row["validation_loss"]) for row in ours.evaluations],
        }  # fmt: skip
    threads = int(extra[extra.index("--threads") + 1]) if "--threads" in extra else None
    return asdict(train_rival(RIVALS[contestant], data, seconds, choose_hardware("cpu", "fp32", threads), seed))


def report_rivals(rows: Sequence[dict[str, Any]]) -> None:
    """Print a table for each corpus: medians, with the range over the seeds."""
    for corpus, members in _grouped(rows, "corpus").items():
        lines = []
        for contestant, of_seeds in _grouped(members, "contestant").items():
            speeds = [row["tokens"] / row["seconds"] for row in of_seeds]
            lines.append([
                contestant, f"{of_seeds[0]['parameters'] / 1e6:.2f} M", f"{statistics.median(speeds):,.0f}",
                f"{statistics.median(row['tokens'] for row in of_seeds) / 1e6:.2f} M",
                *(_spread([row[key] for row in of_seeds]) for key in ("carried_loss", "windowed_loss")),
                str(len(of_seeds)),
            ])  # fmt: skip
        columns = ["", "weights", "tokens/s", "tokens", "carried", "windowed", "seeds"]
        print_table(f"{corpus}, {members[0]['minutes']:g} minutes", columns, lines)
    print("  medians and ranges; losses in nats a token on the same held-out tokens, best weights; carried: the state")
    print(
        "  carried through the text, for the Transformer a sliding window; windowed: windows that start from nothing,"
    )
    print("  of 256 tokens, for the Transformer of its 64; tokens/s: of rnntui with its evaluations, of rivals without")


def _grouped(rows: Sequence[dict[str, Any]], key: str) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return groups


def _spread(values: Sequence[float]) -> str:
    text = f"{statistics.median(values):.4f}"
    return text + (f" ({min(values):.4f}–{max(values):.4f})" if len(values) > 1 else "")


def draw(rows: Sequence[dict[str, Any]]) -> str:
    """Return an SVG image of validation loss against time: a chart for each corpus, the medians of the seeds."""
    drawings = []
    for corpus, members in _grouped(rows, "corpus").items():
        first = members[0]["minutes"] * 60 * FIRST_SHOWN
        curves = [
            _median_curve(contestant, [row["curve"] for row in of_seeds], index, first)
            for index, (contestant, of_seeds) in enumerate(_grouped(members, "contestant").items())
        ]
        heading = ChartHeading(f"Validation loss on {corpus}", "nats a token")
        drawings.append(ChartDrawing(heading, curves, ChartView(axis="seconds")))
    return render_svg(drawings)


def _median_curve(name: str, curves: Sequence[Sequence[Sequence[float]]], colour: int, first: float) -> Curve:
    """Return the median of curves of pairs of seconds and loss, which were not measured at the same times."""
    arrays = [np.array(curve, dtype=np.float64) for curve in curves]  # (N, 2) each
    start, end = max(first, *(a[0, 0] for a in arrays)), min(a[-1, 0] for a in arrays)
    seconds = np.linspace(min(start, end), end, CURVE_POINTS)  # (P,)
    losses = np.median([np.interp(seconds, a[:, 0], a[:, 1]) for a in arrays], axis=0)
    nothing = np.full(CURVE_POINTS, np.nan)
    return Curve(name, MetricSeries(losses, {"step": nothing, "seconds": seconds, "tokens": nothing}), colour)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Train with `rnntui train` for each time budget and print the validation losses reached.",
        epilog="Further flags of `rnntui train` may follow --, as in: learning.py input.txt --curve -- --hidden 256",
    )
    parser.add_argument(
        "corpora", nargs="+", metavar="[NAME=]CORPUS", help="text file to train on; with --rivals, several"
    )
    parser.add_argument(
        "--seconds", type=float, nargs="+", default=[300.0, 116.0], metavar="S",
        help="budgets, each a run of its own [default: 300 116]",
    )  # fmt: skip
    parser.add_argument(
        "--validation-fraction", type=float, default=0.1, help="part kept for validation [default: 0.1]"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of every random choice [default: 1]")
    parser.add_argument("--curve", action="store_true", help="print the validation losses along the way as well")
    parser.add_argument("--json", action="store_true", help="print a JSON line for each result after the tables")
    rivals = parser.add_argument_group("beside rivals")
    rivals.add_argument("--rivals", action="store_true", help="train a Transformer and the LSTM of tutorials, too")
    rivals.add_argument("--minutes", type=float, default=5.0, help="time of each training [default: 5]")
    rivals.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="[default: 1 2 3]")
    rivals.add_argument(
        "--results", type=Path, default=Path("learning.jsonl"), metavar="FILE",
        help="JSON lines to add results to; what is in it is not trained again [default: learning.jsonl]",
    )  # fmt: skip
    rivals.add_argument("--svg", type=Path, metavar="FILE", help="write the curves of the loss as an SVG image")
    own, extra = parted(sys.argv[1:])
    arguments = parser.parse_args(own)
    paths = [path for _, path in map(named_path, arguments.corpora)]
    for path in paths:
        if not path.is_file():
            parser.error(f"{path}: no such file")
    precision = "as given" if "--precision" in extra else choose_hardware("auto", "auto", None).precision

    if arguments.rivals:
        if changed := [flag for flag in extra if flag.partition("=")[0] in DATA_FLAGS]:
            parser.error(f"{changed[0]}: rivals train on the tokens, and are measured on the text, of the defaults")
        rows = compete(arguments, extra)
        command = " ".join([OURS, "CORPUS", f"--minutes {arguments.minutes:g}", *extra])
        print_heading("learning beside rivals", f"{precision}; rivals fp32", command=command)
        report_rivals(rows)
        if arguments.svg:
            arguments.svg.write_text(draw(rows), "utf-8")
        if arguments.json:
            print("\n" + "\n".join(map(json.dumps, rows)))
        return
    if len(paths) > 1:
        parser.error("several corpora are for --rivals")
    settings = ["--validation-fraction", f"{arguments.validation_fraction:g}"]
    results = [
        (seconds, learn(paths[0], seconds, arguments.seed, [*settings, *extra])) for seconds in arguments.seconds
    ]
    command = " ".join([OURS, paths[0].name, "--minutes S/60", "--seed", str(arguments.seed), *settings, *extra])
    held_out = results[0][1].corpus.validation
    validation = f"the last {held_out.characters:,} characters" if held_out else "unknown"
    print_heading("learning in a given time", precision, command=command, validation=validation)
    report(results, arguments.curve)
    if arguments.json:
        print()
        for seconds, result in results:
            print(json.dumps({"asked": seconds, **asdict(result)}))


if __name__ == "__main__":
    main()
