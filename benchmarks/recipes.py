"""Experiments on the defaults of training: named sets of flags on the same data, seeds and budget (RECIPES.md).

`train` and `train-seq2seq` run the experiments of `recipes.toml` by the real command and append each result to a file
of JSON lines; an experiment that is in it is not run again. `table` writes the medians into `RECIPES.md`.

What is reported elsewhere is never used to choose: the part of a corpus that `rnntui train` would hold out is cut off
first, and the runs hold out a part of the rest. With `--whole`, nothing is cut off: for data whose validation part is a
file of its own.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import shlex
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import LOAD, cores, parted, parts_at_markers, processor
from training_runs import ResultsFile, TrainingResult, named_path, train

from rnntui.config_language_model import LanguageModelTrainingConfig
from rnntui.config_seq2seq import Seq2SeqTrainingConfig
from rnntui.text.corpus import find_corpus
from rnntui.text.document_detection import detect_documents
from rnntui.text.document_split import split_documents
from rnntui.text.pair_split import split_rule, train_validation_split
from rnntui.text.pairs import read_table
from rnntui.text.text_split import TextSplit
from rnntui.text.token_ids import corpus_stats

FOLDER = Path(__file__).parent
COMMANDS = ("train", "train-seq2seq")
BUDGETS = {"tokens": "--tokens", "epochs": "--epochs", "minutes": "--minutes", "steps": "--steps"}
KEY = ("command", "flags", "fingerprint", "budget", "seed")
START, END = "<!-- results -->", "<!-- end of results -->"
SEPARATORS = {"line": "\n", "blank": "\n\n", "none": ""}
# Metrics of the final evaluation: heading, decimals, which values are better.
METRICS = {
    "train": {
        "streaming_loss": ("streaming", 4, -1),
        "windowed_loss": ("windowed", 4, -1),
        "bits_per_character": ("bits/char", 4, -1),
        "word_perplexity": ("word perplexity", 1, -1),
    },
    "train-seq2seq": {
        "bleu": ("BLEU", 2, 1),
        "chrf": ("chrF", 2, 1),
        "teacher_forced_loss": ("loss", 4, -1),
    },
}


@dataclass(frozen=True)
class Data:
    """What the runs of a series read: arguments of the command, a name for tables, and a hash of the files."""

    arguments: tuple[str, ...]
    name: str
    fingerprint: str


def cut_text(path: Path, characters: int | None, target: Path) -> None:
    """Write a corpus without the part that `rnntui train` holds out, or the first characters of that.

    Exits if the documents are files.
    """
    corpus = find_corpus([str(path)])
    stats = corpus_stats(corpus)
    unit, fraction = detect_documents(corpus, stats), LanguageModelTrainingConfig().validation_fraction
    if unit not in SEPARATORS:
        sys.exit(f"recipes.py: {path}: give a single file")
    split = TextSplit(corpus, stats, fraction) if unit == "none" else split_documents(corpus, unit, fraction, "spread")
    separator, length = SEPARATORS[unit], 0
    with target.open("w", encoding="utf-8", newline="") as file:
        for text in split.training_texts():
            piece = (text + separator)[: None if characters is None else characters - length]
            length += file.write(piece)
            if length == characters:
                return
    if characters is not None:
        sys.exit(f"recipes.py: {path} has only {length:,} characters for training")


def cut_pairs(path: Path, target: Path) -> None:
    """Write the pairs of a table without those that `rnntui train-seq2seq` holds out with seed 1."""
    rows = read_table(find_corpus([str(path)])).rows
    settings = Seq2SeqTrainingConfig()
    training, _ = train_validation_split(rows, settings.validation_fraction, settings.seed, split_rule(rows))
    target.write_text("".join(f"{pair.source}\t{pair.target}\n" for pair in training), "utf-8")


def prepare(arguments: argparse.Namespace, folder: Path) -> list[Data]:
    """Return the data of each series, cut into a temporary folder."""
    if arguments.command == "train-seq2seq" and len(arguments.files) == 2:
        (name, source), target = named_path(arguments.files[0]), Path(arguments.files[1])
        if not arguments.whole:
            sys.exit("recipes.py: two aligned files are not cut; give --whole if their validation part is in others")
        files = ("--source", str(source), "--target", str(target))
        return [Data(files, name, _fingerprint([source, target]))]
    prepared = []
    for index, argument in enumerate(arguments.files):
        name, path = named_path(argument)
        if not arguments.whole or arguments.characters:
            source, path = path, folder / f"{index}-{path.name}"
            if arguments.command == "train":
                cut_text(source, arguments.characters, path)
            else:
                cut_pairs(source, path)
        if arguments.characters:
            name += f", {arguments.characters:,} characters"
        prepared.append(Data((str(path),), name, _fingerprint([path])))
    return prepared


def _fingerprint(paths: Iterable[Path]) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]


def budget_flags(unit: str, value: float, flags: Sequence[str]) -> list[str]:
    """Return the flags of a budget; tokens are steps of the batches that the experiment's flags make."""
    if unit != "tokens":
        return [BUDGETS[unit], f"{value:g}" if unit != "steps" else str(int(value))]
    parser = argparse.ArgumentParser(allow_abbrev=False)
    defaults = LanguageModelTrainingConfig()
    parser.add_argument("--batch-size", type=int, default=defaults.batch_size)
    parser.add_argument("--bptt", type=int, default=defaults.bptt)
    batch = parser.parse_known_args(list(flags))[0]
    if batch.batch_size is None or batch.bptt is None:
        sys.exit("recipes.py: --tokens needs the size of a batch: give --batch-size and --bptt, or use --epochs")
    return ["--steps", str(max(1, round(value / (batch.batch_size * batch.bptt))))]


def result_row(key: dict[str, Any], name: str, data: Data, result: TrainingResult) -> dict[str, Any]:
    """Return a line of the file of results."""
    training = result.corpus.training
    return {
        "experiment": name,
        "corpus": data.name,
        **key,
        "results": result.final,
        "steps": result.steps,
        "tokens": result.tokens,
        "epochs": result.tokens / training.tokens if training else None,
        "seconds": round(result.seconds, 1),
        "cpu_seconds": round(result.cpu_seconds, 1),
        "tokens_per_second": round(result.tokens_per_second),
        "parameters": result.parameters,
        "curve": [[row["tokens"], row["seconds"], round(row["validation_loss"], 4)] for row in result.evaluations],
        "settings": result.settings,
        "processor": f"{cores()} × {processor()}",
        "load_before": LOAD,
        "revision": _revision(),
        "date": datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
    }


def _revision() -> str:
    """Return the commit of the code, with `+` if files were changed since; empty outside of a repository."""
    command = ["git", "-C", str(FOLDER), "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def run(arguments: argparse.Namespace, extra: Sequence[str]) -> None:
    """Run the experiments of a file that the command line names."""
    experiments = tomllib.loads(arguments.experiments.read_text("utf-8")).get(arguments.command, {})
    if unknown := [name for name in arguments.only if name not in experiments]:
        sys.exit(f"recipes.py: no experiment {unknown[0]!r} in {arguments.experiments}: {', '.join(experiments)}")
    names = arguments.only or list(experiments)
    run_experiments(arguments, {name: experiments[name] for name in names}, extra)


def run_experiments(arguments: argparse.Namespace, experiments: Mapping[str, str], extra: Sequence[str]) -> None:
    """Run experiments, names and flags, seed by seed, so that what there is after each seed can be compared."""
    [(unit, value)] = [(unit, amount) for unit in BUDGETS if (amount := getattr(arguments, unit, None)) is not None]
    results = ResultsFile(arguments.results, KEY)
    with tempfile.TemporaryDirectory() as folder:
        for data in prepare(arguments, Path(folder)):
            for seed in arguments.seeds:
                for name, words in experiments.items():
                    flags = [*shlex.split(words), *extra]
                    key = {
                        "command": arguments.command, "flags": shlex.join(flags), "fingerprint": data.fingerprint,
                        "budget": f"{value:,.10g} {unit if value != 1 else unit.removesuffix('s')}", "seed": seed,
                    }  # fmt: skip
                    if results.find(key) and not arguments.repeat:
                        continue
                    print(f"{data.name}, {key['budget']}, seed {seed}: {name}", file=sys.stderr)
                    command = [arguments.command, *data.arguments, "--seed", str(seed)]
                    result = train([*command, *budget_flags(unit, value, flags), *flags])
                    results.append(result_row(key, name, data, result))


def tables(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of the tables: one for each corpus, budget and processor, the experiments in their order."""
    series: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        title = tuple(str(row[name]) for name in ("command", "corpus", "fingerprint", "budget", "processor"))
        series.setdefault(title, []).append(row)
    for (command, corpus, _, budget, where), members in series.items():
        yield f"### {corpus}: `rnntui {command}`, {budget}"
        yield ""
        yield where
        yield ""
        yield from _table(command, members)
        yield ""


def _table(command: str, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    metrics = {key: metric for key, metric in METRICS[command].items() if any(key in row["results"] for row in rows)}
    by_flags: dict[str, dict[int, dict[str, Any]]] = {}
    for row in rows:
        by_flags.setdefault(row["flags"], {})[row["seed"]] = row
    first = next(iter(by_flags.values()))
    headings = [heading for heading, _, _ in metrics.values()]
    vocabularies = {str(row["settings"]["tokenizer"]) for row in rows}
    gained = next(iter(metrics)) if len(vocabularies) == 1 or command != "train" else "bits_per_character"
    # With a budget of minutes, all take the same time; else the CPU time says what each costs, on a busy machine too.
    has_cpu_time = all("cpu_seconds" in row and "minute" not in row["budget"] for row in rows)
    cost = "CPU seconds" if has_cpu_time else "tokens/s"
    columns = ["", "flags", *headings, f"{metrics[gained][0]} gained", "epochs", "weights", cost, "seeds"]
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for flags, by_seed in by_flags.items():
        of_seeds = list(by_seed.values())
        cells = [of_seeds[-1]["experiment"], f"`{flags}`" if flags else ""]
        cells += [_spread([row["results"].get(key) for row in of_seeds], metrics[key][1]) for key in metrics]
        cells.append("" if by_seed is first else _gain(by_seed, first, gained, metrics[gained]))
        cells += [_spread([row["epochs"] for row in of_seeds], 1, with_range=False)]
        cells += [f"{of_seeds[-1]['parameters'] / 1e6:.2f} M"]
        cost_key = "cpu_seconds" if has_cpu_time else "tokens_per_second"
        cells += [_spread([row[cost_key] for row in of_seeds], 0, with_range=False)]
        cells += [", ".join(map(str, sorted(by_seed)))]
        yield f"| {' | '.join(cells)} |"


def _spread(values: Sequence[float | None], decimals: int, with_range: bool = True) -> str:
    """Return the median of values with their range, if there are several; empty where none was measured."""
    measured = [value for value in values if value is not None]
    if not measured:
        return ""
    text = f"{statistics.median(measured):,.{decimals}f}"
    if with_range and len(measured) > 1:
        text += f" ({min(measured):.{decimals}f}–{max(measured):.{decimals}f})"
    return text


def _gain(
    by_seed: dict[int, dict[str, Any]], first: dict[int, dict[str, Any]], key: str, metric: tuple[str, int, int]
) -> str:
    """Return the median improvement over the first experiment with the same seed; a seed changes both alike."""
    _, decimals, sign = metric
    gains = [
        sign * (row["results"][key] - first[seed]["results"][key]) for seed, row in by_seed.items() if seed in first
    ]
    return f"{statistics.median(gains):+.{decimals}f}" if gains else ""


def write_tables(page: Path, lines: Iterable[str]) -> None:
    """Replace what is between the markers of a page."""
    before, _, after = parts_at_markers(page.read_text("utf-8"), START, END)
    page.write_text(f"{before}\n\n" + "".join(f"{line}\n" for line in lines) + after, "utf-8")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0] if __doc__ else "",
        epilog="Further flags of the command, for all experiments, may follow --.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in COMMANDS:
        command = commands.add_parser(name, help=f"run experiments with `rnntui {name}`")
        command.add_argument(
            "files", nargs="+", metavar="[NAME=]FILE",
            help="corpora, each a series of its own" if name == "train" else "a table of pairs, or two aligned files",
        )  # fmt: skip
        command.add_argument("--only", nargs="+", default=[], metavar="NAME", help="experiments [default: all]")
        command.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="[default: 1 2 3]")
        budget = command.add_mutually_exclusive_group(required=True)
        for unit, flag in BUDGETS.items():
            if (name, unit) != ("train-seq2seq", "tokens"):
                budget.add_argument(flag, type=float, metavar="N", help=f"budget of a run in {unit}")
        command.add_argument(
            "--experiments", type=Path, default=FOLDER / "recipes.toml", metavar="FILE", help="[default: recipes.toml]"
        )
        command.add_argument("--whole", action="store_true", help="cut nothing off: what is reported is another file")
        command.add_argument("--repeat", action="store_true", help="run again what there is; newer results count")
        characters = "use the first N characters of what is not cut off" if name == "train" else argparse.SUPPRESS
        command.add_argument("--characters", type=int, metavar="N", help=characters)
        command.add_argument("--results", type=Path, default=FOLDER / "recipes.jsonl", metavar="FILE")
    table = commands.add_parser("table", help="print the tables, or write them into RECIPES.md")
    table.add_argument("--write", action="store_true", help="replace the tables of RECIPES.md")
    table.add_argument("--page", type=Path, default=FOLDER / "RECIPES.md", metavar="FILE")
    table.add_argument("--results", type=Path, default=FOLDER / "recipes.jsonl", metavar="FILE")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> None:
    own, extra = parted(words)
    arguments = parse(own)
    if arguments.command != "table":
        run(arguments, extra)
        return
    lines = list(tables(ResultsFile(arguments.results, KEY).rows()))
    if arguments.write:
        write_tables(arguments.page, lines)
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
