"""Learning in a given time: `rnntui train` for each budget, and the losses it then reports.

Each budget is one run of the real command in a process of its own, in a temporary folder. The numbers are those that
the run wrote into its `status.json`, `metrics.jsonl` and `model.safetensors`; the time of the whole process is taken
from outside. It includes importing torch and reading the corpus, which the time of the training does not.

For the file known as tinyshakespeare, split at 90 % as nanoGPT splits it, published losses stand beside ours. Those
are of Transformers, in windows that start from nothing: compare them with the column *windowed*.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common import parted, print_heading, print_table

from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.weights_file import load_weights
from rnntui.training.device import choose_hardware

TINY_SHAKESPEARE = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"  # sha256 of its 1,115,394 bytes
TINY_SHAKESPEARE_VALIDATION = 0.1
# https://github.com/karpathy/nanoGPT, README.md, "quick start"
PUBLISHED = [
    ("nanoGPT, 10.65 M parameters, context 256", "about 180 s on an A100", "1.4697"),
    ("nanoGPT, small (4 layers of 128), context 64", "about 180 s on a MacBook's CPU", "1.88"),
]


@dataclass(frozen=True)
class Learned:
    """Result of one budget; losses in nats a token, times in seconds."""

    asked: float
    training: float
    process: float
    steps: int
    tokens: int
    parameters: int
    validation_characters: int
    streaming_loss: float
    windowed_loss: float
    bits_per_character: float
    curve: list[dict[str, Any]]
    fingerprint: str
    validation: float


def learn(corpus: Path, seconds: float, validation: float, seed: int, extra: list[str]) -> Learned:
    """Train on the corpus for so many seconds with the command; its progress goes to stderr.

    Exits with the command's message if it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "rnntui", "train", str(corpus), "--name", "run", "--checkpoints", folder]
        command += [
            "--minutes",
            f"{seconds / 60:.6f}",
            "--validation-fraction",
            str(validation),
            "--seed",
            str(seed),
            *extra,
        ]
        began = time.perf_counter()
        code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode
        process = time.perf_counter() - began
        if code:
            sys.exit(f"learning.py: {' '.join(command)} ended with code {code}")
        return _learned(RunFolder(Path(folder) / "run"), seconds, process)


def _learned(run: RunFolder, asked: float, process: float) -> Learned:
    status, config, rows = run.read_status(), run.read_config(), read_metrics(run.metrics_file)
    last = rows[-1]  # the final evaluation, of the best weights
    kept = ("step", "seconds", "validation_loss", "bits_per_character")
    return Learned(
        asked=asked,
        training=status.seconds,
        process=process,
        steps=status.step,
        tokens=status.tokens,
        parameters=sum(array.size for array in load_weights(run.weights_file).values()),
        validation_characters=config.corpus.validation.characters,
        streaming_loss=last["streaming_loss"],
        windowed_loss=last["windowed_loss"],
        bits_per_character=last["bits_per_character"],
        curve=[{key: row[key] for key in kept} for row in rows if "validation_loss" in row],
        fingerprint=config.corpus.fingerprint,
        validation=config.training.validation_fraction,
    )


def report(results: list[Learned], curve: bool) -> None:
    """Print the tables."""
    print_table(
        "learned",
        [
            "seconds asked", "training", "process", "steps", "tokens", "parameters", "streaming", "windowed 256",
            "bits/char",
        ],
        [
            [
                f"{r.asked:g}", f"{r.training:.1f}", f"{r.process:.1f}", f"{r.steps:,}", f"{r.tokens:,}",
                f"{r.parameters:,}", f"{r.streaming_loss:.4f}", f"{r.windowed_loss:.4f}", f"{r.bits_per_character:.4f}",
            ]
            for r in results
        ],
    )  # fmt: skip
    print("  training, process: wall-clock seconds; losses in nats a token on the validation text, best weights of")
    print("  the run; streaming carries the state through the text, windowed starts every 256 tokens from zeros")
    if all((r.fingerprint, r.validation) == (TINY_SHAKESPEARE, TINY_SHAKESPEARE_VALIDATION) for r in results):
        print_table("published for this corpus and split", ["Transformer", "trained for", "windowed"], PUBLISHED)
    else:
        print("\nnot tinyshakespeare with its last tenth for validation: no published losses to compare with")
    for r in results if curve else []:
        print_table(
            f"validation loss against time, {r.asked:g} s asked",
            ["step", "seconds", "streaming", "bits/char"],
            [
                [
                    f"{c['step']:,}",
                    f"{c['seconds']:.1f}",
                    f"{c['validation_loss']:.4f}",
                    f"{c['bits_per_character']:.4f}",
                ]
                for c in r.curve
            ],
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Train with `rnntui train` for each time budget and print the validation losses reached.",
        epilog="Further flags of `rnntui train` may follow --, as in: learning.py input.txt --curve -- --hidden 256",
    )
    parser.add_argument("corpus", type=Path, metavar="CORPUS", help="text file to train on")
    parser.add_argument(
        "--seconds", type=float, nargs="+", default=[300.0, 116.0], metavar="S",
        help="budgets, each a run of its own [default: 300 116]",
    )  # fmt: skip
    parser.add_argument(
        "--validation-fraction", type=float, default=0.1, help="part kept for validation [default: 0.1]"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of every random choice [default: 1]")
    parser.add_argument("--curve", action="store_true", help="print the validation losses along the way as well")
    parser.add_argument("--json", action="store_true", help="print a JSON line for each budget after the tables")
    own, extra = parted(sys.argv[1:])
    arguments = parser.parse_args(own)
    if not arguments.corpus.is_file():
        parser.error(f"{arguments.corpus}: no such file")

    precision = "as given" if "--precision" in extra else choose_hardware("auto", "auto", None).precision
    results = [
        learn(arguments.corpus, seconds, arguments.validation_fraction, arguments.seed, extra)
        for seconds in arguments.seconds
    ]
    settings = ["--validation-fraction", f"{arguments.validation_fraction:g}", "--seed", str(arguments.seed), *extra]
    command = " ".join(["rnntui train", arguments.corpus.name, "--minutes S/60", *settings])
    validation = f"the last {results[0].validation_characters:,} characters"
    print_heading("learning in a given time", precision, command=command, validation=validation)
    report(results, arguments.curve)
    if arguments.json:
        print()
        for result in results:
            print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
