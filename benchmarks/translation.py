"""Quality and speed of Seq2Seq training and translation, in three parts.

`learn` trains by the real command, in a process of its own, and measures the best weights on the validation files by
`rnntui evaluate` with a beam of 5. `train` compares target tokens a second with those of the same model whose decoder
is stepped one token at a time, with input feeding, in the same run. `translate` compares the cold command with
`python -c "import torch"`, and a file in batches with the same beam search through torch, a sentence at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from common import alternate, parted, print_heading, print_table, ratio, verdict

PARTS = ("learn", "train", "translate")


def learn(arguments: argparse.Namespace, extra: list[str], folder: Path) -> Path:
    """Train for so many minutes, print the results and return the run. Exits if the command fails."""
    from rnntui.runs.folder import RunFolder
    from rnntui.runs.metrics_log import read_metrics
    from rnntui.runs.weights_file import load_weights

    command = [sys.executable, "-m", "rnntui", "train-seq2seq", "--source", *arguments.train[:1], "--target"]
    command += [*arguments.train[1:], "--validation-source", arguments.validation[0]]
    command += ["--validation-target", arguments.validation[1], "--minutes", str(arguments.minutes)]
    command += ["--name", "run", "--checkpoints", str(folder), *extra]
    began = time.perf_counter()
    code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode
    process = time.perf_counter() - began
    if code:
        sys.exit(f"translation.py: {' '.join(command)} ended with code {code}")
    run = RunFolder(folder / "run")
    measure = [sys.executable, "-m", "rnntui", "evaluate", "--run", str(run.path), "--beam", "5", "--json"]
    measure += ["--source", arguments.validation[0], "--target", arguments.validation[1]]
    found = json.loads(subprocess.run(measure, capture_output=True, check=True).stdout)
    status, config = run.read_status(), run.read_config()
    trained = [row for row in read_metrics(run.metrics_file) if "train_loss" in row]
    speed = statistics.median(row["tokens_per_second"] for row in trained)
    parameters = sum(array.size for array in load_weights(run.weights_file).values())
    # Target tokens of an epoch: all pairs, each with its end.
    from rnntui.text.pair_ids import PairDataset
    from rnntui.training.task import token_files

    pairs = PairDataset(token_files(run, config)[0], run.training_ids)
    tokens = int(pairs.target_lengths.sum()) + len(pairs)
    print_table(
        "learnt",
        ["BLEU", "chrF", "loss", "parameters", "s an epoch", "epochs", "steps", "training s", "process s"],
        [
            [
                f"{found['bleu']:.2f}", f"{found['chrf']:.2f}", f"{found['loss']:.4f}", f"{parameters:,}",
                f"{tokens / speed:.1f}", f"{status.tokens / tokens:.1f}", f"{status.step:,}", f"{status.seconds:.0f}",
                f"{process:.0f}",
            ]
        ],
    )  # fmt: skip
    print(f"  {found['pairs']:,} validation pairs, beam 5; {found['bleu_signature']}")
    print(f"  target: BLEU of {arguments.target:g} or more: {verdict(found['bleu'] >= arguments.target)}")
    print(f"  target: 7 M parameters or fewer: {verdict(parameters <= 7e6)}")
    return run.path


def speed(arguments: argparse.Namespace, run: Path) -> None:
    """Compare training with the whole target in one call to one step at a time; whole steps with the optimizer."""
    import torch
    from stepped import stepped_loss

    from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTrainingConfig
    from rnntui.inference.translator import read_vocabularies
    from rnntui.runs.folder import RunFolder
    from rnntui.training.device import choose_hardware
    from rnntui.training.seq2seq_task import Seq2SeqTask
    from rnntui.training.training_state import make_optimizer

    folder = RunFolder(run)
    config = folder.read_config()
    hardware = choose_hardware("cpu", "fp32", None)
    smoothing = config.training_as(Seq2SeqTrainingConfig).label_smoothing

    def plain(task: Seq2SeqTask) -> tuple[torch.Tensor, int]:
        batch = task.batches.next()
        return stepped_loss(task.model, batch, smoothing), batch.tokens

    def contestant(feeding: bool, loss_of: Callable[[Seq2SeqTask], tuple[torch.Tensor, int]]) -> Callable[[], float]:
        model = replace(config.model_as(Seq2SeqConfig), input_feeding=feeding)
        ours = replace(config, model=model)
        task = Seq2SeqTask(folder, ours, read_vocabularies(folder, ours), hardware)
        optimizer = make_optimizer(task, config.training)

        def steps() -> float:
            began, tokens = time.perf_counter(), 0
            for _ in range(arguments.steps):
                loss, count = loss_of(task)
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(task.model.parameters(), 1.0)
                optimizer.step()
                tokens += count
            return tokens / (time.perf_counter() - began)

        return steps

    whole, looped, input_feed = "whole target at once", "a loop, logits at each step", "--input-feeding"
    found = alternate(
        {
            whole: contestant(False, Seq2SeqTask.loss),
            looped: contestant(True, plain),
            input_feed: contestant(True, Seq2SeqTask.loss),
        },
        arguments.rounds,
    )
    print_table(
        "training",
        ["", "target tokens a second, median", "whole target at once is faster by"],
        [[k, f"{statistics.median(v):,.0f}", f"{ratio(found[whole], v):.2f}"] for k, v in found.items()],
    )
    times = ratio(found[whole], found[looped])
    print(f"  target: 3 times the loop or more: {verdict(times >= 3)}")


def _timed(command: list[str], **more: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **more})
    return time.perf_counter() - began


def one_at_a_time(run: Path, lines: list[str]) -> float:
    """Translate with torch, a line at a time; return sentences a second."""
    from torch_beam import TorchBeam

    from rnntui.config_seq2seq import BeamConfig
    from rnntui.runs.folder import RunFolder

    search = TorchBeam(RunFolder(run))
    began = time.perf_counter()
    for line in lines:
        search.translate(line, BeamConfig())
    return len(lines) / (time.perf_counter() - began)


def translate(arguments: argparse.Namespace, run: Path) -> None:
    """Time one short sentence from a cold shell, and a file in batches."""
    ours = [sys.executable, "-m", "rnntui", "translate", "--run", str(run), "Zwei junge Männer stehen am Herd."]
    cold = alternate(
        {
            "rnntui translate": lambda: _timed(ours),
            "import torch": lambda: _timed([sys.executable, "-c", "import torch"]),
        },
        arguments.rounds,
    )
    share = ratio(cold["rnntui translate"], cold["import torch"])
    print_table(
        "cold shell to answer", ["seconds", "median"], [[k, f"{statistics.median(v):.3f}"] for k, v in cold.items()]
    )
    print(f"  ratio {share:.2f}; target 0.5 or less: {verdict(share <= 0.5)}")

    lines = Path(arguments.validation[0]).read_text(encoding="utf-8").splitlines()
    few = lines[:: max(1, len(lines) // arguments.sentences)]

    def batches() -> float:
        code = (
            "import sys, time; from pathlib import Path; from rnntui.inference.translator import load_translator;"
            "from rnntui.runs.folder import RunFolder; from rnntui.config_seq2seq import BeamConfig;"
            "t = load_translator(RunFolder(Path(sys.argv[1]))); lines = Path(sys.argv[2]).read_text().splitlines();"
            "began = time.perf_counter(); t.translate(lines, BeamConfig());"
            "print(len(lines) / (time.perf_counter() - began))"
        )
        command = [sys.executable, "-c", code, str(run), arguments.validation[0]]
        return float(subprocess.run(command, check=True, capture_output=True).stdout)

    found = alternate(
        {"numpy, batches": batches, "torch, one at a time": lambda: one_at_a_time(run, few)}, arguments.rounds
    )
    times = ratio(found["numpy, batches"], found["torch, one at a time"])
    print_table(
        "validation file, beam 5",
        ["sentences a second", "median"],
        [[k, f"{statistics.median(v):,.1f}"] for k, v in found.items()],
    )
    print(f"  ratio {times:.2f}; target 5 or more: {verdict(times >= 5)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Train, measure and time a Seq2Seq model.",
        epilog="Further flags of `rnntui train-seq2seq` may follow --, as in: … -- --dropout 0.3",
    )
    parser.add_argument("--train", nargs=2, required=True, metavar=("SOURCE", "TARGET"), help="files to train on")
    parser.add_argument(
        "--validation", nargs=2, required=True, metavar=("SOURCE", "TARGET"), help="files to validate on"
    )
    parser.add_argument("--minutes", type=float, default=20.0, help="of training [default: 20]")
    parser.add_argument("--target", type=float, default=37.0, help="the BLEU to reach [default: 37]")
    parser.add_argument("--rounds", type=int, default=5, help="rounds in which the contestants alternate [default: 5]")
    parser.add_argument("--steps", type=int, default=10, help="training steps in a round [default: 10]")
    parser.add_argument("--sentences", type=int, default=100, help="sentences that torch translates in a round")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, help="parts to do; train and translate need --run"
    )
    parser.add_argument("--run", type=Path, help="a run to time, instead of the one that is trained")
    parser.add_argument("--keep", type=Path, help="folder to keep the trained run in")
    from rnntui.cli.environment import prepare_for_torch

    prepare_for_torch()  # as the commands that train do
    own, extra = parted(sys.argv[1:])
    arguments = parser.parse_args(own)
    if "learn" not in arguments.only and arguments.run is None:
        parser.error("without learn, name a run by --run")
    with tempfile.TemporaryDirectory() as folder:
        print_heading("translation", "fp32", command=" ".join(sys.argv))
        run = arguments.run
        if "learn" in arguments.only:
            run = learn(arguments, extra, arguments.keep or Path(folder))
        if "train" in arguments.only:
            speed(arguments, run)
        if "translate" in arguments.only:
            translate(arguments, run)


if __name__ == "__main__":
    main()
