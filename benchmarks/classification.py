"""Quality and speed of classifiers, in five parts.

`compare` trains by the real command and measures on texts that were held out before, beside logistic regressions of
scikit-learn (`pip install 'rnntui[benchmark]'`) and the recurrent recipe that tutorials print. `warm` compares a start
from a language model's layers with one from scratch. `speed` compares rows a second in training with the recipe,
brought to the same size and batch. `classify` compares the command with `python -c "import torch"`, and its lines a
second with torch, a line at a time. `guide` trains every combination of cell, direction, pooling and tokens.

All parts take a table of labelled texts. Without --test, a part of it is held out that shares no text with the rest.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from common import alternate, parted, print_heading, print_table, ratio, verdict

if TYPE_CHECKING:
    from text_rivals import Labelled

    from rnntui.runs.folder import RunFolder
    from rnntui.training.task import Task

CELLS = ("lstm", "gru", "rnn")
DIRECTIONS = ("both", "one")
POOLINGS = ("last", "mean", "max", "attention")
TOKENS = ("word", "char", "bpe")
RECIPE_EPOCHS = (5, 10)
LINES = 10_000


class Data(NamedTuple):
    """Texts to train on, those to measure on, and a table of the former in a file."""

    training: Labelled
    test: Labelled
    table: Path


class Scores(NamedTuple):
    """Accuracy and macro F1 in percent, and seconds of training."""

    accuracy: float
    macro_f1: float
    seconds: float


def read(path: str) -> list[tuple[str, str]]:
    """Return the texts and labels of a table, as `rnntui train-classifier` reads them."""
    from rnntui.text.corpus import find_corpus
    from rnntui.text.labelled import read_labelled

    return [(row.text, row.label) for row in read_labelled(find_corpus([path])).rows]


def write_table(path: Path, rows: Iterable[tuple[str, str]]) -> Path:
    path.write_text("".join(f"{text}\t{label}\n" for text, label in rows), encoding="utf-8")
    return path


def prepare(table: str, test: str | None, fraction: float, folder: Path) -> Data:
    """Read a table; the test texts are those of `test`, or a fraction held out."""
    from text_rivals import Labelled

    from rnntui.text.corpus import find_corpus
    from rnntui.text.label_split import split_labelled
    from rnntui.text.labelled import read_labelled

    if test is None:
        training, held_out = split_labelled(read_labelled(find_corpus([table])).rows, fraction, seed=1)
        parts = [[(row.text, row.label) for row in part] for part in (training, held_out)]
    else:
        parts = [read(table), read(test)]
    written = write_table(folder / "training.tsv", parts[0])
    ours, theirs = (Labelled(*zip(*part, strict=True)) for part in parts)
    print(f"  {table}: {len(ours.texts):,} texts to train on, {len(theirs.texts):,} to measure on")
    return Data(ours, theirs, written)


def scores_of(predicted: Sequence[str], true: Sequence[str], seconds: float) -> Scores:
    """Return the scores of predictions by the same code for every contestant."""
    import numpy as np

    from rnntui.inference.label_scores import score_labels

    index = {label: position for position, label in enumerate(sorted({*predicted, *true}))}
    certain = np.eye(len(index))[[index[label] for label in predicted]]
    scores = score_labels(certain, np.array([index[label] for label in true]))
    return Scores(scores.accuracy, scores.macro_f1, seconds)


def run_command(*arguments: str) -> None:
    """Run a command of rnntui; its output goes to stderr. Exits if it fails."""
    command = [sys.executable, "-m", "rnntui", *arguments]
    code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode
    if code:
        sys.exit(f"classification.py: {' '.join(command)} ended with code {code}")


def train(table: Path, folder: Path, name: str, flags: Sequence[str]) -> RunFolder:
    """Train a classifier by the command and return its run."""
    from rnntui.runs.folder import RunFolder

    run_command("train-classifier", str(table), "--checkpoints", str(folder), "--name", name, *flags)
    return RunFolder(folder / name)


def measure(run: RunFolder, test: Labelled) -> Scores:
    """Return the scores of a run."""
    from rnntui.inference.classifier import load_classifier

    predicted = [one.label for one in load_classifier(run).classify(test.texts)]
    return scores_of(predicted, test.labels, run.read_status().seconds)


def median(scores: Sequence[Scores]) -> Scores:
    return Scores(*(statistics.median(values) for values in zip(*scores, strict=True)))


def compare(arguments: argparse.Namespace, extra: list[str], folder: Path) -> None:
    """Train ours and the rivals, with several seeds where a seed matters."""
    from text_rivals import predict_linear, predict_recipe

    data = prepare(arguments.table, arguments.test, arguments.held_out, folder)
    true = data.test.labels
    contestants: dict[str, list[Scores]] = {}
    flags = ["--minutes", str(arguments.minutes), *extra]
    contestants["rnntui"] = [
        measure(train(data.table, folder, f"seed{seed}", [*flags, "--seed", str(seed)]), data.test)
        for seed in arguments.seeds
    ]
    for analyzer, c in itertools.product(("word", "char"), arguments.c):
        found = predict_linear(data.training, data.test, analyzer, c)
        orders = "words 1-2" if analyzer == "word" else "characters 1-5"
        contestants[f"logistic regression, {orders}, C={c:g}"] = [scores_of(found.labels, true, found.seconds)]
    by_epochs = zip(
        *(predict_recipe(data.training, data.test, RECIPE_EPOCHS, seed) for seed in arguments.seeds), strict=True
    )
    for epochs, predictions in zip(RECIPE_EPOCHS, by_epochs, strict=True):
        contestants[f"tutorial recipe, {epochs} epochs"] = [scores_of(p.labels, true, p.seconds) for p in predictions]
    medians = {name: median(scores) for name, scores in contestants.items()}
    print_table(
        f"held-out texts, median of the seeds {', '.join(map(str, arguments.seeds))}",
        ["", "accuracy", "macro F1", "training s", "accuracy by seed"],
        [
            [name, f"{m.accuracy:.2f}", f"{m.macro_f1:.2f}", f"{m.seconds:.0f}", " ".join(
                f"{one.accuracy:.2f}" for one in contestants[name])]
            for name, m in medians.items()
        ],
    )  # fmt: skip
    ours = medians["rnntui"]
    linear = [m for name, m in medians.items() if name.startswith("logistic")]
    recipes = [m for name, m in medians.items() if name.startswith("tutorial")]
    for metric in ("accuracy", "macro_f1"):
        # Whatever C or number of epochs is best on these very texts: more than a rival could know.
        own, best = getattr(ours, metric), max(getattr(m, metric) for m in linear)
        print(f"  {metric}: {own - best:+.2f} points to the best logistic regression: {verdict(own > best)}")
        best = max(getattr(m, metric) for m in recipes)
        print(f"  {metric}: {own - best:+.2f} points to the tutorial recipe; target 4: {verdict(own - best >= 4)}")


def subset(rows: list[tuple[str, str]], size: int, seed: int) -> list[tuple[str, str]]:
    """Return random rows, with the labels' shares of the whole."""
    generator = random.Random(seed)
    by_label: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        by_label.setdefault(row[1], []).append(row)
    chosen = [
        row
        for group in by_label.values()
        for row in generator.sample(group, max(2, round(size * len(group) / len(rows))))
    ]
    generator.shuffle(chosen)
    return chosen


def warm(arguments: argparse.Namespace, extra: list[str], folder: Path) -> None:
    """Train a language model on the texts alone, then classifiers on some of the labels, with it and without."""
    data = prepare(arguments.table, arguments.test, arguments.held_out, folder)
    run = arguments.run
    if run is None:
        text = folder / "texts.txt"
        text.write_text("".join(f"{line}\n" for line in data.training.texts), encoding="utf-8")
        minutes = ["--minutes", str(arguments.minutes)]
        run_command("train", str(text), "--checkpoints", str(folder), "--name", "lm", *minutes, *arguments.lm_flags)
        run = folder / "lm"
    rows = list(zip(*data.training, strict=True))
    table = []
    for size in arguments.rows:
        scores: dict[str, list[Scores]] = {"scratch": [], "warm": []}
        for seed, start in itertools.product(arguments.seeds, scores):
            name = f"{start}-{size}-{seed}"
            few = rows if size >= len(rows) else subset(rows, size, seed)
            flags = [*(["--from", str(run)] if start == "warm" else []), "--seed", str(seed), *extra]
            path = write_table(folder / f"{name}.tsv", few)
            scores[start].append(measure(train(path, folder, name, flags), data.test))
        scratch, warmed = median(scores["scratch"]), median(scores["warm"])
        gain = warmed.accuracy - scratch.accuracy
        each = " ".join(f"{b.accuracy - a.accuracy:+.2f}" for a, b in zip(*scores.values(), strict=True))
        table.append(
            [f"{min(size, len(rows)):,}", f"{scratch.accuracy:.2f}", f"{warmed.accuracy:.2f}", f"{gain:+.2f}", each]
        )
    print_table("warm start", ["labelled rows", "scratch", "--from", "median gain", "gain by seed"], table)
    print(f"  target: 3 points or more on {table[0][0]} rows: {verdict(float(str(table[0][3])) >= 3)}")


def speed(arguments: argparse.Namespace, extra: list[str], folder: Path) -> None:
    """Time epochs of ours and of the recipe with the same sizes, whole steps with the optimizer."""
    import torch
    from text_rivals import RecipeSizes, TutorialRecipe

    from rnntui.config import Precision
    from rnntui.config_classifier import ClassifierConfig, ClassifierTrainingConfig
    from rnntui.training.classifier_task import ClassifierTask
    from rnntui.training.device import choose_hardware
    from rnntui.training.training_state import make_optimizer

    data = prepare(arguments.table, arguments.test, arguments.held_out, folder)
    torch.set_num_threads(arguments.threads)

    def ours(name: str, precision: Precision, *flags: str) -> tuple[Task, Callable[[], float]]:
        hardware = choose_hardware("cpu", precision, arguments.threads)
        run = train(data.table, folder, name, ["--steps", "1", *flags, *extra])
        config = run.read_config()
        task = ClassifierTask.from_run(run, config, hardware)
        optimizer = make_optimizer(task, config.training)
        steps = min(arguments.steps, round(task.steps_per_epoch))
        size = config.training_as(ClassifierTrainingConfig).batch_size

        def rate() -> float:
            began = time.perf_counter()
            for _ in range(steps):
                loss, _ = task.loss()
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(task.model.parameters(), 1.0)
                optimizer.step()
            return steps * size / (time.perf_counter() - began)

        return task, rate

    task, plain = ours("plain", "auto", "--ngrams", "none")
    _, full_precision = ours("fp32", "fp32", "--ngrams", "none")
    _, complete = ours("complete", "auto")
    model = task.model.config
    assert isinstance(model, ClassifierConfig)
    sizes = RecipeSizes(model.embedding, model.hidden, model.bidirectional, max(map(len, task.order.batches)))
    recipe = TutorialRecipe(data.training, sizes)
    recipe_optimizer = torch.optim.Adam(recipe.parameters(), lr=1e-3)
    ids, targets = recipe.encode(data.training.texts), recipe.targets(data.training.labels)
    steps = min(arguments.steps, len(task.order.batches))

    def rate() -> float:
        began = time.perf_counter()
        recipe.train_epoch(ids, targets, recipe_optimizer, steps)
        return steps * sizes.batch / (time.perf_counter() - began)

    precision = task.hardware.precision
    names = (
        f"rnntui, without n-grams, {precision}",
        "rnntui, without n-grams, fp32",
        f"rnntui, {precision}",
        "tutorial recipe, same sizes",
    )
    found = alternate(dict(zip(names, (plain, full_precision, complete, rate), strict=True)), arguments.rounds)
    print_table(
        f"training, {model.summary}, {model.hidden} units, batch {sizes.batch}, threads {arguments.threads}",
        ["", "rows a second, median", "times the recipe"],
        [[k, f"{statistics.median(v):,.0f}", f"{ratio(v, found[names[-1]]):.2f}"] for k, v in found.items()],
    )
    times = ratio(found[names[0]], found[names[-1]])
    print(f"  target: 3 times the recipe of the same layers or more: {verdict(times >= 3)}")


def timed(command: list[str], text: str = "") -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, input=text.encode(), env=os.environ.copy())
    return time.perf_counter() - began


def torch_lines(run: RunFolder, lines: Sequence[str]) -> float:
    """Classify with torch, a line at a time; return lines a second."""
    import torch

    from rnntui.config_classifier import ClassifierConfig, ClassifierTokenizerConfig
    from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
    from rnntui.models.classifier import Classifier
    from rnntui.models.weight_arrays import load_best_weights
    from rnntui.runs.weights_file import load_arrays
    from rnntui.text.classifier_tokens import ClassifierTokenizer
    from rnntui.text.ngram_features import NgramVocabulary
    from rnntui.text.tokenizer_factory import load_tokenizer

    config = run.read_config()
    sizes = config.model_as(ClassifierConfig)
    has_ngrams = sizes.ngrams != "none"
    ngrams = NgramVocabulary.from_arrays(load_arrays(run.ngrams_file)[0] if has_ngrams else {})
    settings = config.tokenizer_as(ClassifierTokenizerConfig)
    tokenizer = ClassifierTokenizer(load_tokenizer(run.path, settings.type), settings.lowercase)
    labels = config.corpus_as(LabelledCorpusInfo).labels
    model = Classifier(sizes, config.vocab_size, len(labels), ngrams.size)
    load_best_weights(model, run)
    model.eval()
    began = time.perf_counter()
    with torch.no_grad():
        for line in lines:
            ids = torch.from_numpy(tokenizer.encode(line).copy())
            logits = model.recurrent_logits(ids[:, None], torch.tensor([len(ids)]))
            if has_ngrams:
                features = ngrams.features([line])
                arrays = features.indices, features.values, features.offsets[:-1]
                logits = logits + model.ngram_logits(*map(torch.from_numpy, arrays))
            int(logits.softmax(dim=1).argmax())
    return len(lines) / (time.perf_counter() - began)


def classify(arguments: argparse.Namespace, extra: list[str], folder: Path) -> None:
    """Time one short line from a cold shell, and a file of 10,000 lines."""
    from rnntui.runs.folder import RunFolder

    data = prepare(arguments.table, arguments.test, arguments.held_out, folder)
    run = RunFolder(arguments.run) if arguments.run else train(data.table, folder, "run", ["--epochs", "1", *extra])
    command = [sys.executable, "-m", "rnntui", "classify", "--run", str(run.path)]
    names = "rnntui classify", "import torch"
    commands = [*command, data.test.texts[0]], [sys.executable, "-c", "import torch"]
    cold = alternate({n: lambda c=c: timed(c) for n, c in zip(names, commands, strict=True)}, arguments.rounds)
    share = ratio(cold[names[0]], cold[names[1]])
    seconds = [[name, f"{statistics.median(values):.3f}"] for name, values in cold.items()]
    print_table("cold shell to answer", ["seconds", "median"], seconds)
    print(f"  ratio {share:.2f}; target 0.25 or less: {verdict(share <= 0.25)}")

    lines = list(itertools.islice(itertools.cycle(data.training.texts), LINES))
    few = lines[:: LINES // arguments.lines]
    text = "".join(f"{line}\n" for line in lines)
    names = "rnntui classify < lines, start-up included", "torch, a line at a time"
    rates = alternate(
        {names[0]: lambda: LINES / timed(command, text), names[1]: lambda: torch_lines(run, few)}, arguments.rounds
    )
    times = ratio(rates[names[0]], rates[names[1]])
    medians = [[name, f"{statistics.median(values):,.0f}"] for name, values in rates.items()]
    print_table(f"{LINES:,} lines", ["lines a second", "median"], medians)
    print(f"  ratio {times:.2f}; target 10 or more: {verdict(times >= 10)}")


def guide(arguments: argparse.Namespace, extra: list[str], folder: Path) -> None:
    """Train every combination that the file of results lacks, and print the results as tables."""
    results: Path = arguments.results
    data = prepare(arguments.table, arguments.test, arguments.held_out, folder)
    name = Path(arguments.table).stem if arguments.test is None else Path(arguments.table).parent.name
    known = [json.loads(line) for line in results.read_text("utf-8").splitlines()] if results.exists() else []
    known = [row for row in known if row["table"] == name and row["epochs"] == arguments.epochs]
    choices = arguments.tokens, arguments.cells, arguments.directions, arguments.poolings, arguments.seeds
    deadline = time.monotonic() + 60 * arguments.minutes
    for tokens, cell, direction, pooling, seed in itertools.product(*choices):
        facts = {"tokens": tokens, "cell": cell, "direction": direction, "pooling": pooling, "seed": seed}
        if any(facts.items() <= row.items() for row in known) or time.monotonic() > deadline:
            continue
        flags = ["--cell", cell, "--pooling", pooling, "--tokenizer", tokens, "--seed", str(seed)]
        flags += ["--bidirectional" if direction == "both" else "--no-bidirectional", "--threads", "1"]
        flags += ["--ngrams", "none", "--epochs", str(arguments.epochs), "--patience", "0", *extra]
        run = train(data.table, folder, "-".join(map(str, facts.values())), flags)
        scores = measure(run, data.test)._asdict()
        known.append({"table": name, "epochs": arguments.epochs, **facts, **scores})
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(known[-1]) + "\n")
    print_guide(name, arguments, known)


def print_guide(name: str, arguments: argparse.Namespace, rows: list[dict[str, object]]) -> None:
    """Print a table for each kind of tokens: accuracy, and seconds of training in brackets, medians of the seeds."""
    for tokens in arguments.tokens:
        table = []
        for cell, direction in itertools.product(arguments.cells, arguments.directions):
            line = [f"{cell}, {direction} direction{'s' if direction == 'both' else ''}"]
            for pooling in arguments.poolings:
                facts = {"tokens": tokens, "cell": cell, "direction": direction, "pooling": pooling}
                same = [row for row in rows if facts.items() <= row.items()]
                values = [
                    statistics.median(float(str(row[key])) for row in same) for key in ("accuracy", "seconds") if same
                ]
                line.append(f"{values[0]:.1f} ({values[1]:.0f} s)" if values else "-")
            table.append(line)
        print_table(f"{name}, tokens: {tokens}, {arguments.epochs:g} epochs", ["", *arguments.poolings], table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Further flags of `rnntui train-classifier` may follow --, as in: ... -- --hidden 256",
    )
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    functions = {"compare": compare, "warm": warm, "speed": speed, "classify": classify, "guide": guide}
    for name, function in functions.items():
        part = parts.add_parser(name, help=(function.__doc__ or "").splitlines()[0])
        part.add_argument("table", help="labelled texts")
        part.add_argument("--test", help="labelled texts to measure on [default: a part of the table, held out]")
        part.add_argument("--held-out", type=float, default=0.125, help="fraction to hold out [default: 0.125]")
        if name in ("compare", "warm", "guide"):
            seeds = [1] if name == "guide" else [1, 2, 3]
            part.add_argument("--seeds", type=int, nargs="+", default=seeds, help="seeds of the trainings")
        if name in ("compare", "warm"):
            part.add_argument("--minutes", type=float, default=5.0, help="of training [default: 5]")
        if name == "compare":
            part.add_argument("--c", type=float, nargs="+", default=[1.0, 10.0], help="inverse L2 penalties to try")
        if name in ("warm", "classify"):
            part.add_argument("--run", type=Path, help="a run, instead of the one that is trained")
        if name == "warm":
            part.add_argument("--rows", type=int, nargs="+", default=[500, 2000, 10**9], help="labelled rows")
            part.add_argument("--lm-flags", type=str.split, default=["--tokenizer", "word"], help="of `rnntui train`")
        if name in ("speed", "classify"):
            part.add_argument("--rounds", type=int, default=5, help="rounds in which contestants alternate")
        if name == "speed":
            part.add_argument("--steps", type=int, default=200, help="of a round, an epoch at most [default: 200]")
            part.add_argument("--threads", type=int, default=1, help="CPU threads [default: 1]")
        if name == "classify":
            part.add_argument("--lines", type=int, default=500, help="lines that torch classifies in a round")
        if name == "guide":
            part.add_argument("--results", type=Path, required=True, help="JSON lines, to continue an earlier guide")
            part.add_argument("--epochs", type=float, default=8, help="of each training [default: 8]")
            part.add_argument("--minutes", type=float, default=1e6, help="after which no training is started")
            part.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
            part.add_argument("--directions", nargs="+", choices=DIRECTIONS, default=DIRECTIONS)
            part.add_argument("--poolings", nargs="+", choices=POOLINGS, default=POOLINGS)
            part.add_argument("--tokens", nargs="+", choices=TOKENS, default=TOKENS)
    from rnntui.cli.environment import prepare_for_torch

    prepare_for_torch()  # as the commands that train do
    own, extra = parted(sys.argv[1:])
    arguments = parser.parse_args(own)
    with tempfile.TemporaryDirectory() as folder:
        print_heading("classification", "fp32", command=" ".join(sys.argv))
        functions[arguments.part](arguments, extra, Path(folder))


if __name__ == "__main__":
    main()
