"""Many lines: the pool of processes of `sample`, `translate`, `score` and `classify`, against one process and a loop.

Contestants alternate: `--jobs 1`, `--jobs` with all usable cores, and a loop over the Python API, one line after
another on one thread. The time of the commands includes their start, that of the loop does not; the loop gets fewer
lines. The outputs of both commands are compared. A million lines are extrapolated from the lines a second of the pool.

On a machine with other load, more processes also get more of it than one, so the ratios of seconds flatter the pool.
Those of CPU time do not: `CPU ratio` is (CPU time of one process for a line) / (that of the pool) times the processes,
which is the ratio of seconds where each process has a core of its own. `MB` is the peak memory of the largest process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from common import alternate, cores, print_heading, print_table, ratio, verdict
from killed_job import answers_one_by_one, python_command, run_killed

RUNS = {"sample": "shakespeare", "translate": "en-es", "score": "shakespeare", "classify": "authors"}
COLUMNS = (
    "command", "lines", "loop", "--jobs 1", "pool", "/ one", "CPU ratio", "/ loop", "CPU ratio", "a million lines",
    "output", "MB",
)  # fmt: skip
KILLED_COLUMNS = (
    "command", "lines", "minutes", "lines/s", "CPU minutes", "lines per CPU second", "killed at", "MB until 10%",
    "MB", "start and end",
)  # fmt: skip
_COMPARED = 500  # lines at the start and at the end that are answered one by one, too
_MEASURED_COMMAND = (
    "import resource, sys; from rnntui.cli.main import run; code = run(sys.argv[1:]);"
    "usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)];"
    "print(sum(each.ru_utime + each.ru_stime for each in usage), max(each.ru_maxrss for each in usage),"
    "file=sys.stderr); sys.exit(code)"
)


def lines_for(command: str, file: str = "") -> Iterator[str]:
    """Yield lines without end: of a file, or English sentences to translate, Shakespeare to score and to classify."""
    if file:
        return cycle([line for line in Path(file).read_text(encoding="utf-8").splitlines() if line.strip()])
    if command == "translate":
        rows = Path("corpora/en-es.tsv").read_text(encoding="utf-8").splitlines()
        return cycle([row.split("\t")[0] for row in rows[:: max(1, len(rows) // 5000)]])
    text = Path("corpora/shakespeare.txt").read_text(encoding="utf-8")
    return cycle([line for line in text.splitlines() if line.strip()])


def loop(command: str, lines: list[str], length: int) -> Callable[[], None]:
    """Return the loop that a script author writes first.

    That of `score` reads a line by the product that is fastest for a single one: `TextModel.score`, whose result is the
    same in any batch, takes three to five times as long.
    """
    from rnntui.environment import use_one_blas_thread

    use_one_blas_thread()  # before numpy is loaded
    import rnntui
    from rnntui.api_models import ClassificationModel, TextModel, TranslationModel

    model = rnntui.load(RUNS[command], checkpoints="checkpoints")
    if isinstance(model, TranslationModel):
        return lambda: [model.translate([line], workers=1)[0].text for line in lines] and None
    if isinstance(model, ClassificationModel):
        return lambda: [model.classify([line], workers=1)[0].label for line in lines] and None
    assert isinstance(model, TextModel)
    if command == "score":
        from rnntui.inference.generate import initial_context_ids
        from rnntui.inference.loaded_model import load_language_model
        from rnntui.inference.scoring import score

        loaded = load_language_model(model.run, precision="fp32")
        encode, context = loaded.tokenizer.encode, initial_context_ids(loaded.tokenizer)
        return lambda: (
            [score(loaded.network, context, encode(line), len(line)).log_probability for line in lines] and None
        )
    return lambda: (
        ["".join(token.text for token in model.generate(length=length, seed=seed)) for seed in range(len(lines))]
        and None
    )


def arguments_of(command: str, count: int, arguments: argparse.Namespace, folder: Path) -> list[str]:
    """Return a command line for so many lines, without `--jobs` and `--output`."""
    common = [command, "--run", RUNS[command], "--checkpoints", "checkpoints"]
    if command == "sample":
        return [*common, "--samples", str(count), "-n", str(arguments.length), "--seed", "0", "--json"]
    file = folder / f"{command}-{count}.txt"
    if not file.exists():
        file.write_text(
            "".join(f"{line}\n" for line in islice(lines_for(command, arguments.text), count)), encoding="utf-8"
        )
    return [*common, "--file", str(file)]


class Usage(NamedTuple):
    """Seconds and CPU seconds for each line, and the peak memory in MB of the largest process."""

    seconds: float
    cpu: float
    megabytes: float


def run_command(arguments: list[str], count: int, jobs: int, output: Path) -> Usage:
    """Run a command for `count` lines."""
    output.unlink(missing_ok=True)
    line = [sys.executable, "-c", _MEASURED_COMMAND, *arguments, "--jobs", str(jobs), "--output", str(output)]
    began = time.perf_counter()
    result = subprocess.run(line, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - began
    cpu, peak = map(float, result.stderr.splitlines()[-1].split())
    return Usage(seconds / count, cpu / count, peak / 1024)


def same(one: Path, other: Path) -> bool:
    """Return True if two outputs are the same, bar the seconds that each sample took."""
    if one.suffix != ".jsonl":
        return one.read_bytes() == other.read_bytes()
    rows = ([{**json.loads(line), "seconds": 0} for line in path.open(encoding="utf-8")] for path in (one, other))
    return next(rows) == next(rows)


def measure(command: str, count: int, arguments: argparse.Namespace, folder: Path) -> list[object]:
    """Return the row of a command."""
    suffix = "jsonl" if command == "sample" else "txt"
    outputs = {jobs: folder / f"{command}-out-{jobs}.{suffix}" for jobs in (1, arguments.jobs)}
    line = arguments_of(command, count, arguments, folder)
    looped = max(1, count // arguments.loop_share)
    run_loop = loop(command, list(islice(lines_for(command, arguments.text), looped)), arguments.length)
    usages: dict[str, list[Usage]] = {"one": [], "pool": [], "loop": []}

    def by_command(name: str, jobs: int) -> Callable[[], float]:
        def contestant() -> float:
            usages[name].append(run_command(line, count, jobs, outputs[jobs]))
            return usages[name][-1].seconds

        return contestant

    def by_loop() -> float:
        began, cpu_began = time.perf_counter(), time.process_time()
        run_loop()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        usages["loop"].append(Usage(seconds / looped, cpu / looped, 0.0))
        return usages["loop"][-1].seconds

    contestants = {"one": by_command("one", 1), "pool": by_command("pool", arguments.jobs), "loop": by_loop}
    alternate(contestants, arguments.rounds, warm_up=0)
    seconds = {name: [usage.seconds for usage in each] for name, each in usages.items()}
    cpu = {name: [usage.cpu for usage in each] for name, each in usages.items()}
    speeds = [f"{1 / statistics.median(seconds[name]):,.1f}" for name in ("loop", "one", "pool")]
    ratios = []
    for name, target in (("one", 1.8), ("loop", 5.0)):
        by_cpu = arguments.jobs * ratio(cpu[name], cpu["pool"])
        ratios += [f"{ratio(seconds[name], seconds['pool']):.1f}", f"{by_cpu:.2f} {verdict(by_cpu >= target)}"]
    return [
        command, f"{count:,}", *speeds, *ratios, f"{1_000_000 * statistics.median(seconds['pool']) / 3600:.2f} h",
        "same" if same(*outputs.values()) else "DIFFERENT",
        f"{max(usage.megabytes for name in ('one', 'pool') for usage in usages[name]):.0f}",
    ]  # fmt: skip


def measure_killed(command: str, count: int, arguments: argparse.Namespace, folder: Path) -> list[object]:
    """Return the row of a job that is killed at half of its lines and goes on."""
    output = folder / f"{command}-killed.txt"
    line = arguments_of(command, count, arguments, folder)
    killable = python_command(*line, "--jobs", str(arguments.jobs), "--output", str(output))
    facts = run_killed(killable, output, count)
    with output.open(encoding="utf-8") as file:
        answers = list(file)
    verdict = "DIFFERENT"
    if len(answers) == count and command == "sample":
        verdict = "-"  # for samples drawn alone, see docs/guide/scripts.md
    elif len(answers) == count:
        ends = [slice(0, _COMPARED), slice(count - _COMPARED, count)]
        texts = list(islice(lines_for(command, arguments.text), count))
        alone = python_command(command, "--run", RUNS[command], "--checkpoints", "checkpoints", "--jobs", "1")
        is_same = all(answers_one_by_one(alone, texts[part]) == "".join(answers[part]) for part in ends)
        verdict = "same" if is_same else "DIFFERENT"
    return [
        command, f"{count:,}", f"{facts.seconds / 60:.1f}", f"{count / facts.seconds:,.0f}", f"{facts.cpu / 60:.1f}",
        f"{count / facts.cpu:,.0f}", f"{facts.killed_at:,}", f"{facts.early_megabytes:.0f}", f"{facts.megabytes:.0f}",
        verdict,
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument(
        "--run", action="append", default=[], metavar="COMMAND=RUN", help="another run for a command, by its path",
    )  # fmt: skip
    parser.add_argument("--text", default="", metavar="FILE", help="take the lines of this file, over and over")
    parser.add_argument("--lines", type=int, default=20_000, help="lines to score; 15 times as many to classify")
    parser.add_argument("--length", type=int, default=100, help="tokens of a sample")
    parser.add_argument("--jobs", type=int, default=cores(), help="processes of the pool")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loop-share", type=int, default=10, help="the loop gets one line of so many")
    parser.add_argument(
        "--killed", type=int, nargs="+", metavar="LINES",
        help="instead, one job of so many lines each, killed at half of them and resumed: memory, and answers alone",
    )  # fmt: skip
    arguments = parser.parse_args()
    RUNS.update(each.split("=", 1) for each in arguments.run)
    print_heading(
        "many lines",
        "fp32",
        runs=", ".join(RUNS[command] for command in arguments.commands),
        jobs=arguments.jobs,
        rounds=arguments.rounds,
        tokens_of_a_sample=arguments.length,
    )
    shares = {"sample": 0.25, "translate": 0.25, "score": 1, "classify": 15}
    with tempfile.TemporaryDirectory() as folder:
        if arguments.killed:
            rows = [
                measure_killed(command, count, arguments, Path(folder))
                for command in arguments.commands
                for count in arguments.killed
            ]
            print_table("jobs that were killed and went on; PSS of all processes", KILLED_COLUMNS, rows)
            return
        rows = [
            measure(command, max(1, int(arguments.lines * shares[command])), arguments, Path(folder))
            for command in arguments.commands
        ]
        print_table(
            "lines a second, medians; pool beside --jobs 1 and beside the loop, by seconds and by CPU time",
            COLUMNS,
            rows,
        )


if __name__ == "__main__":
    main()
