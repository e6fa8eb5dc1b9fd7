"""Same seed, same machine: is everything the same, bit for bit? And what differs on another processor?

    python benchmarks/determinism.py settings language-model --json settings.jsonl
    python benchmarks/determinism.py pairs --json pairs.jsonl
    python benchmarks/determinism.py use --json use.jsonl
    python benchmarks/determinism.py processors --json processors.jsonl
    python benchmarks/determinism.py table settings.jsonl pairs.jsonl use.jsonl processors.jsonl

- `settings`: trains a tiny model of a kind twice with each setting of its command at another value than its default.
  All settings are found by a walk over the kind, so a new one is covered by itself.
- `pairs`: eight or nine trainings of each kind, each twice, in which any two settings are changed together and alone.
- `use`: `sample`, `translate`, `classify` and `score` with the shipped models in fresh processes that differ in hash
  seed, locale, time zone, folder, number of threads, and whether there is a torch; and lines alone, in a batch and in
  another order.
- `processors`: the same training and the same commands with the instructions of weaker processors alone.

Two trainings are the same if the weights, those of the resume state and its optimizer, and every row of the metrics are
bit-equal, apart from times and speeds. Each has a process of its own, forked from one that has imported torch.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from rnntui.environment import prepare_for_torch
from rnntui.kinds.registry import KINDS
from rnntui.settings import Setting, Settings, flag_of, is_bool, is_text, settings_of

TIMES = {"seconds", "evaluation_seconds", "final_seconds", "tokens_per_second", "threads", "slowdown"}
"""Fields of a row of the metrics that tell how long something took, and on how many threads."""
_WORDS = ["amber", "birch", "cedar", "delta", "ember", "fjord", "gravel", "harbor", "iris", "juniper", "kelp", "lichen"]
_rng = random.Random(1)
TEXT = "".join(" ".join(_rng.choices(_WORDS, k=6)) + (".\n\n" if line % 6 == 5 else ".\n") for line in range(90))
COMMON = {
    "hidden": "6", "embedding": "6", "steps": "4", "evaluations": "1", "eval_tokens": "256", "threads": "1",
    "batch_size": "4", "sample_length": "8", "warmup": "2", "dropout": "0.1",
}  # fmt: skip


@dataclass(frozen=True)
class Example:
    """Data of a kind, and flags of a small training."""

    name: str
    data: str
    flags: dict[str, str]


EXAMPLES = {
    "language-model": Example(
        "text.txt", TEXT, {"bptt": "8", "ngram_prior": "0", "ngrams": "2", "ngram_buckets": "64"}
    ),
    "seq2seq": Example(
        "pairs.tsv",
        "".join(f"{number} {_WORDS[number % 12]}\t{str(number)[::-1]}\n" for number in range(100, 180)),
        {"tokenizer": "char", "bleu_pairs": "2", "encoder_hidden": "3"},
    ),
    "classifier": Example(
        "rows.csv",
        "text,label\n" + "".join(f"{line},{'birch' in line}\n" for line in TEXT.split("\n") if line),
        {"tokenizer": "char"},
    ),
}

# Values for settings for which a value near the default says nothing, takes long or needs something beside it.
VALUES = {
    "tokenizer": "bpe", "vocab_size": "300", "hidden": "7", "encoder_hidden": "8", "embedding": "5", "bptt": "9",
    "batch_size": "5", "batch_tokens": "256", "eval_tokens": "300", "epochs": "1", "max_epochs": "2", "minutes": "0.01",
    "steps": "5", "evaluations": "3", "ngram_buckets": "50", "ngrams": "3", "warmup": "1", "sample_length": "5",
    "threads": "2", "seed": "5", "save_every": "0", "max_pair_tokens": "100", "max_text_tokens": "64",
    "bleu_pairs": "3", "bucket_batches": "2", "turns": "none", "device": "cpu", "precision": "fp32",
    "weight_average": "0.5", "learning_rate": "0.02", "patience": "1", "short_pair_repeats": "2", "layers": "2",
    "ngram_prior": "3", "guided_alignment": "0.5", "bleu_tokenizer": "intl", "unfreeze_epochs": "0.5",
}  # fmt: skip
BESIDE = {
    "nonlinearity": {"cell": "rnn"},
    "tied": {"embedding": "6"},
    "epochs": {"steps": ""},
    "minutes": {"steps": ""},
    "max_epochs": {"steps": "", "minutes": "0.01"},
    "vocab_size": {"tokenizer": "bpe"},
    "batch_tokens": {"batch_size": ""},
}
BY_TIME = {"minutes", "max_epochs"}
"""Settings whose training ends by the clock: the number of steps depends on the speed of the machine."""
NOT_TRIED = {"from", "mix", "unfreeze_epochs", "layer_rate_decay", "local_steps"}
"""Settings that need another run, or several processes."""


def settings_of_kind(kind: str) -> dict[str, tuple[type[Settings], str, Setting]]:
    """Return the class, field and description of every setting of a kind by its option's name."""
    return {
        setting.option_name: (config_class, field, setting)
        for config_class in KINDS[kind].settings.values()
        for field, setting in settings_of(config_class).items()
    }


def changes(kind: str) -> Iterator[tuple[str, str]]:
    """Yield each setting of a kind with values other than its default; a Boolean one as `yes` or `no`."""
    for name, (config_class, field, setting) in settings_of_kind(kind).items():
        default = config_class.__dataclass_fields__[field].default
        if name in NOT_TRIED:
            continue
        if setting.choices:
            yield from ((name, choice) for choice in setting.choices if _is_tried(name, choice, default))
        elif is_bool(config_class, field):
            yield name, "no" if default else "yes"
        elif is_text(config_class, field) or name in VALUES:
            yield name, VALUES[name]
        else:
            yield name, str(_near(setting, default))


def _is_tried(name: str, choice: str, default: object) -> bool:
    """Return False for the default, for hardware that is not here, tokenizers of languages, and several files."""
    return choice not in (default, "cuda", "mps", "ja-mecab", "ko-mecab") and (name, choice) != ("documents", "file")


def _near(setting: Setting, default: float | None) -> float:
    """Return a value between the default and the upper bound, close to the default."""
    low, high = setting.low or 0, setting.high or 1
    if isinstance(low, int) and isinstance(high, int):
        return min((default or low) + 2, high)
    return min((default or low) + 0.1, high) if default != high else low


def flags_of(kind: str, changed: dict[str, str]) -> list[str]:
    """Return the flags of a small training with some settings changed; an empty value leaves a flag out."""
    values = COMMON | EXAMPLES[kind].flags
    known = settings_of_kind(kind)
    for name in changed:
        values |= BESIDE.get(name, {})
    values |= changed
    flags = []
    for name, value in values.items():
        if value and name in known:
            is_flag = value in ("yes", "no") and is_bool(*known[name][:2])
            flags += [flag_of(name if value == "yes" else f"no_{name}")] if is_flag else [flag_of(name), value]
    return flags


def pairwise(kind: str) -> list[dict[str, str]]:
    """Return eight or nine sets of changes, in which every two settings have each of their four pairs of values.

    A setting is at its default in the first set, and changed in more than half of the others, in which ones no other
    setting is: so there is a set that changes both, and one for either alone (Kleitman and Spencer 1973).
    """
    alone = {*NOT_TRIED, *BY_TIME, *BESIDE, "epochs", "tensorboard", "device", "save_every", "threads"}
    values = {name: value for name, value in changes(kind) if name not in alone}
    if "attention" in values:
        values["attention"] = "additive"  # without attention, several other settings are refused
    count = next(count for count in range(8, 99) if len(values) <= math.comb(count - 1, count // 2 + (count % 2)))
    patterns = combinations(range(1, count), count // 2 + (count % 2))
    rows: list[dict[str, str]] = [{} for _ in range(count)]
    for (name, value), pattern in zip(values.items(), patterns, strict=False):
        for row in pattern:
            rows[row][name] = value
    for row in rows:
        if row.get("tokenizer") != "bpe":
            row.pop("vocab_size", None)
    return rows


# -- training ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trained:
    """What a training left: a hash of each array and file, and the rows of the metrics without times."""

    parts: dict[str, str]
    rows: list[dict[str, Any]]
    error: str = ""

    def differences(self, other: Trained) -> list[str]:
        """Return the names of what differs."""
        if self.error or other.error:
            return [self.error or other.error]
        names = [name for name in {**self.parts, **other.parts} if self.parts.get(name) != other.parts.get(name)]
        return names + (["metrics"] if self.rows != other.rows else [])


def train(kind: str, folder: Path, flags: Sequence[str], environment: dict[str, str] | None = None) -> Trained:
    """Train a model of a kind in a process of its own: a fork, or with an environment a fresh interpreter."""
    example = EXAMPLES[kind]
    (folder / example.name).write_text(example.data)
    name = hashlib.sha256(os.urandom(8)).hexdigest()[:12]
    arguments = [
        KINDS[kind].command, str(folder / example.name), "--checkpoints", str(folder / "runs"), "--name", name, *flags,
    ]  # fmt: skip
    log = folder / f"{name}.log"
    if environment is None:
        _run_in_fork(arguments, log)
    else:
        with log.open("wb") as file:
            subprocess.run(
                [sys.executable, "-m", "rnntui", *arguments],
                env={**os.environ, **environment},
                stderr=file,
                check=False,
            )
    return _trained(folder / "runs" / name, log)


def _run_in_fork(arguments: list[str], log: Path) -> None:
    from rnntui.cli.main import run

    process = os.fork()
    if not process:
        code = 1
        try:
            handle = os.open(log, os.O_WRONLY | os.O_CREAT)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            code = run(arguments)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.waitpid(process, 0)


def _trained(run: Path, log: Path) -> Trained:
    from rnntui.runs.weights_file import load_arrays

    try:
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        parts = {}
        for file in (run / "model.safetensors", run / "resume" / "state.safetensors"):
            arrays, _ = load_arrays(file)
            for name, array in arrays.items():
                data = np.ascontiguousarray(array)
                parts[f"{file.name} {name}"] = hashlib.sha256(data.tobytes() + str(data.dtype).encode()).hexdigest()
        for file in run.glob("tokenizer*"):
            parts[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    except Exception as error:
        lines = log.read_text(errors="replace").strip().splitlines()
        return Trained({}, [], lines[-1][:200] if lines else f"{type(error).__name__}: {error}")
    untimed = [{key: value for key, value in row.items() if key not in TIMES} for row in rows]
    return Trained(parts, [row for row in untimed if {*row} > {"step", "tokens"}])  # a slowdown has a row of its own


def compare(kind: str, changed: dict[str, str], folder: Path) -> dict[str, Any]:
    """Train twice with some settings changed, and return what differs, as a row of results."""
    flags = flags_of(kind, changed)
    first, second = (train(kind, folder, flags) for _ in range(2))
    if {*changed} & BY_TIME:
        differences = [error for error in (first.error, second.error) if error]
    else:
        differences = first.differences(second)
    return {"part": "trainings", "kind": kind, "changed": changed, "differences": differences[:5]}


def import_for_forks() -> None:
    """Import what a training needs, once for all forks."""
    prepare_for_torch(print)
    import torch

    import rnntui.training.train_run  # noqa: F401

    torch.set_num_threads(1)


# -- use of models -----------------------------------------------------------------------------------------------------

LINES = ["Good morning.", "I have two brothers and a sister.", "Where is the station?", "To be, or not to be.", "No."]
COMMANDS = {
    "sample": ["sample", "--run", "shakespeare", "--prompt", "ROMEO:", "-n", "120", "--seed", "3", "--samples", "3"],
    "sample words": ["sample", "--run", "chat", "--prompt", "A: hello\nB:", "-n", "40", "--seed", "3"],
    "translate": ["translate", "--run", "en-es", "--json"],
    "classify": ["classify", "--run", "authors", "--json", "--explain"],
    "score": ["score", "--run", "shakespeare", "--json"],
}
_NO_TORCH = "import sys; sys.modules['torch'] = None; from rnntui.cli.main import run; sys.exit(run(sys.argv[1:]))"
_PLAIN = "import sys; from rnntui.cli.main import run; sys.exit(run(sys.argv[1:]))"
_WITH_TORCH = "import sys, torch; from rnntui.cli.main import run; sys.exit(run(sys.argv[1:]))"
PROCESSES: dict[str, tuple[str, dict[str, str]]] = {
    "again": (_PLAIN, {}),
    "hash seed 1": (_PLAIN, {"PYTHONHASHSEED": "1"}),
    "hash seed 2": (_PLAIN, {"PYTHONHASHSEED": "2"}),
    "locale C": (_PLAIN, {"LC_ALL": "C"}),
    "locale C, no UTF-8 mode": (_PLAIN, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "locale tr_TR": (_PLAIN, {"LC_ALL": "tr_TR.UTF-8"}),
    "time zone": (_PLAIN, {"TZ": "Pacific/Chatham"}),
    "four threads": (_PLAIN, dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "4")),
    "without torch": (_NO_TORCH, {}),
    "torch imported": (_WITH_TORCH, {}),
}


def output_of(command: str, lines: Sequence[str], process: str = "again", folder: str | None = None) -> bytes:
    """Return what a command writes for some lines in a fresh process."""
    code, environment = PROCESSES[process]
    data = "".join(f"{line}\n" for line in lines).encode()
    base = {"RNNTUI_CHECKPOINTS": os.devnull, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    result = subprocess.run(
        [sys.executable, "-c", code, *COMMANDS[command]], input=data, capture_output=True, check=True, cwd=folder,
        env={**os.environ, **base, **environment},
    )  # fmt: skip
    return result.stdout


def compare_use(command: str) -> Iterator[dict[str, Any]]:
    """Yield a row of results for each way to run a command."""

    def row(way: str, is_same: bool) -> dict[str, Any]:
        return {"part": "use", "command": command, "way": way, "differences": [] if is_same else ["output"]}

    whole = output_of(command, LINES)
    for process in PROCESSES:
        yield row(process, output_of(command, LINES, process) == whole)
    with tempfile.TemporaryDirectory() as folder:
        yield row("another folder", output_of(command, LINES, folder=folder) == whole)
    if command.startswith("sample"):
        return
    rows = _answers(whole)
    yield row("lines in another order", _answers(output_of(command, LINES[::-1])) == rows[::-1])
    yield row("among 64 lines", _answers(output_of(command, [*LINES, *LINES[::-1] * 12]))[: len(LINES)] == rows)
    alone = [answer for line in LINES for answer in _answers(output_of(command, [line]))]
    yield row("each line alone", alone == rows)


def _answers(output: bytes) -> list[Any]:
    """Return JSON lines without the number of the line."""
    return [{k: v for k, v in json.loads(line).items() if k not in ("line", "index")} for line in output.splitlines()]


# -- processors --------------------------------------------------------------------------------------------------------

PROCESSORS: dict[str, dict[str, str]] = {
    "this processor, again": {},
    "torch without AVX-512": {"ATEN_CPU_CAPABILITY": "avx2"},
    "torch without AVX2": {"ATEN_CPU_CAPABILITY": "default"},
    "oneDNN without AVX-512": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "oneDNN without AVX2": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "MKL without AVX-512": {"MKL_CBWR": "AVX2,STRICT"},
    "all three without AVX-512": {
        "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2,STRICT",
    },
    "numpy's BLAS without AVX-512": {"OPENBLAS_CORETYPE": "Haswell"},
    "numpy's BLAS without AVX2": {"OPENBLAS_CORETYPE": "Sandybridge"},
}  # fmt: skip


def compare_processors(precision: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield, for each weaker processor, how far a training of 40 steps and the outputs of commands are from here."""
    changed = {"hidden": "64", "embedding": "64", "steps": "40", "bptt": "16", "precision": precision, "ngrams": "1"}
    changed |= {"ngram_buckets": "", "sample_length": "40", "batch_size": "8"}
    flags = flags_of("language-model", changed)
    here = train("language-model", folder, flags, {})
    outputs = {command: output_of(command, LINES) for command in COMMANDS} if precision == "fp32" else {}
    for processor, environment in PROCESSORS.items():
        there = train("language-model", folder, flags, environment)
        if there.error or here.error:
            yield {"part": "processors", "processor": processor, "precision": precision, "error": there.error}
            continue
        losses = [
            [row["validation_loss"] for row in each.rows if "validation_loss" in row][-1] for each in (here, there)
        ]
        names = [name for name in here.parts if name.startswith("model.safetensors")]
        equal = sum(here.parts[name] == there.parts[name] for name in names)
        with mock.patch.dict(os.environ, environment):
            changed_outputs = [name for name, output in outputs.items() if output_of(name, LINES) != output]
        yield {
            "part": "processors", "processor": processor, "precision": precision, "equal": equal, "arrays": len(names),
            "loss": abs(losses[0] - losses[1]), "outputs": changed_outputs,
        }  # fmt: skip


# -- command line ------------------------------------------------------------------------------------------------------


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    lines = ["| what | compared | different |", "|---|---|---|"]
    for kind in KINDS:
        own = [row for row in rows if row["part"] == "trainings" and row["kind"] == kind]
        for title, part in (
            ("one setting changed", [row for row in own if len(row["changed"]) == 1]),
            ("pairs of settings changed", [row for row in own if len(row["changed"]) != 1]),
        ):
            if part:
                lines.append(f"| training of a {kind}, {title} | {len(part)} | {_different(part)} |")
    for command in COMMANDS:
        own = [row for row in rows if row["part"] == "use" and row["command"] == command]
        if own:
            lines.append(f"| `{command}` in other processes | {len(own)} | {_different(own)} |")
    processors = [row for row in rows if row["part"] == "processors"]
    if processors:
        lines += [
            "", "| processor | precision | equal arrays | difference of the validation loss | other output |",
            "|---|---|---|---|---|",
        ]  # fmt: skip
        lines += [
            f"| {row['processor']} | {row['precision']} | {row['equal']} of {row['arrays']} | {row['loss']:.2g} | "
            f"{', '.join(row['outputs']) or '–'} |"
            if "loss" in row
            else f"| {row['processor']} | {row['precision']} | refused | – | – |"
            for row in processors
        ]
    return "\n".join(lines)


def _different(rows: Sequence[dict[str, Any]]) -> str:
    return str(sum(bool(row["differences"]) for row in rows))


def main() -> None:
    """Run one part, and append its results to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["settings", "pairs", "use", "processors", "table"])
    parser.add_argument("names", nargs="*", help="kinds or, for table, files of results")
    parser.add_argument("--json", help="file to which results are appended")
    arguments = parser.parse_args()
    if arguments.part == "table":
        lines = [line for name in arguments.names for line in Path(name).read_text().splitlines()]
        print(table([json.loads(line) for line in lines]))
        return
    kinds = arguments.names or list(KINDS)
    if arguments.part in ("settings", "pairs"):
        import_for_forks()
    with tempfile.TemporaryDirectory() as name:
        for row in _rows(arguments.part, kinds, Path(name)):
            line = json.dumps(row)
            print(line if row.get("differences", row.get("error", True)) else ".", flush=True)
            if arguments.json:
                with Path(arguments.json).open("a") as file:
                    file.write(f"{line}\n")


def _rows(part: str, kinds: Sequence[str], folder: Path) -> Iterator[dict[str, Any]]:
    if part == "settings":
        yield from (compare(kind, {name: value}, folder) for kind in kinds for name, value in changes(kind))
    elif part == "pairs":
        yield from (compare(kind, row, folder) for kind in kinds for row in pairwise(kind))
    elif part == "use":
        yield from (row for command in COMMANDS for row in compare_use(command))
    else:
        yield from (row for precision in ("fp32", "bf16") for row in compare_processors(precision, folder))


if __name__ == "__main__":
    main()
