"""Many lines: the pool of processes of `sample`, `translate`, `score` and `classify`, against one process and a loop.

Contestants alternate: `--jobs 1`, `--jobs` with all usable cores, and a loop over the Python API, one line after
another on one thread. The time of the commands includes their start, that of the loop does not; the loop gets fewer
lines. The outputs of both commands are compared. A million lines are extrapolated from the lines a second of these,
which the table says. `MB` is the peak memory of the largest process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

from common import alternate, cores, print_heading, print_table, ratio, verdict

RUNS = {"sample": "shakespeare", "translate": "en-es", "score": "shakespeare", "classify": "authors"}
_MEASURED_COMMAND = (
    "import resource, sys; from rnntui.cli.main import run; code = run(sys.argv[1:]);"
    "usage = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)];"
    "print('peak', max(usage), file=sys.stderr); sys.exit(code)"
)


def lines_for(command: str) -> Iterator[str]:
    """Yield lines without end: English sentences to translate, Shakespeare to score and to classify."""
    if command == "translate":
        rows = Path("corpora/en-es.tsv").read_text(encoding="utf-8").splitlines()
        return cycle([row.split("\t")[0] for row in rows[:: max(1, len(rows) // 5000)]])
    text = Path("corpora/shakespeare.txt").read_text(encoding="utf-8")
    return cycle([line for line in text.splitlines() if line.strip()])


def loop(command: str, lines: list[str], length: int) -> Callable[[], None]:
    """Return the loop that a script author writes first."""
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
        return lambda: [model.score(line).log_probability for line in lines] and None
    return lambda: (
        ["".join(token.text for token in model.generate(length=length, seed=seed)) for seed in range(len(lines))]
        and None
    )


def arguments_of(command: str, count: int, length: int, folder: Path) -> list[str]:
    """Return a command line for so many lines, without `--jobs` and `--output`."""
    common = [command, "--run", RUNS[command], "--checkpoints", "checkpoints"]
    if command == "sample":
        return [*common, "--samples", str(count), "-n", str(length), "--seed", "0", "--json"]
    file = folder / f"{command}-{count}.txt"
    if not file.exists():
        file.write_text("".join(f"{line}\n" for line in islice(lines_for(command), count)), encoding="utf-8")
    return [*common, "--file", str(file)]


def run_command(arguments: list[str], jobs: int, output: Path) -> tuple[float, float]:
    """Run a command, and return its seconds and the peak memory in MB of its largest process."""
    output.unlink(missing_ok=True)
    line = [sys.executable, "-c", _MEASURED_COMMAND, *arguments, "--jobs", str(jobs), "--output", str(output)]
    began = time.perf_counter()
    result = subprocess.run(line, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - began, int(result.stderr.split()[-1]) / 1024


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
    line = arguments_of(command, count, arguments.length, folder)
    looped = max(1, count // arguments.loop_share)
    run_loop = loop(command, list(islice(lines_for(command), looped)), arguments.length)
    peaks: list[float] = []

    def by_command(jobs: int) -> Callable[[], float]:
        def contestant() -> float:
            seconds, peak = run_command(line, jobs, outputs[jobs])
            peaks.append(peak)
            return count / seconds

        return contestant

    def by_loop() -> float:
        began = time.perf_counter()
        run_loop()
        return looped / (time.perf_counter() - began)

    contestants = {"one": by_command(1), "pool": by_command(arguments.jobs), "loop": by_loop}
    speeds = alternate(contestants, arguments.rounds, warm_up=0)
    against_one, against_loop = ratio(speeds["pool"], speeds["one"]), ratio(speeds["pool"], speeds["loop"])
    medians = [sorted(speeds[name])[len(speeds[name]) // 2] for name in ("loop", "one", "pool")]
    return [
        command, f"{count:,}", *(f"{speed:,.1f}" for speed in medians),
        f"{against_one:.2f} {verdict(against_one >= 1.8)}", f"{against_loop:.1f} {verdict(against_loop >= 5)}",
        f"{1_000_000 / medians[2] / 3600:.2f} h", "same" if same(*outputs.values()) else "DIFFERENT",
        f"{max(peaks):.0f}",
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--lines", type=int, default=20_000, help="lines to score; four times as many to classify")
    parser.add_argument("--length", type=int, default=100, help="tokens of a sample")
    parser.add_argument("--jobs", type=int, default=cores(), help="processes of the pool")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loop-share", type=int, default=10, help="the loop gets one line of so many")
    arguments = parser.parse_args()
    print_heading(
        "many lines", "fp32", jobs=arguments.jobs, rounds=arguments.rounds, tokens_of_a_sample=arguments.length
    )
    shares = {"sample": 0.1, "translate": 0.1, "score": 1, "classify": 4}
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            measure(command, max(1, int(arguments.lines * shares[command])), arguments, Path(folder))
            for command in arguments.commands
        ]
        print_table(
            "lines a second, medians; a million lines are extrapolated from `pool`",
            [
                "command",
                "lines",
                "loop",
                "--jobs 1",
                "pool",
                "pool / --jobs 1",
                "pool / loop",
                "million",
                "output",
                "MB",
            ],
            rows,
        )


if __name__ == "__main__":
    main()
