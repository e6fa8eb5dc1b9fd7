"""Training runs for benchmarks: the real command in a process of its own, its results, and a file that keeps results.

The numbers are those that the run wrote into its `status.json`, `metrics.jsonl` and `model.safetensors`; the time of
the whole process is taken from outside. It includes importing torch and reading the corpus, which the time of the
training does not.
"""

from __future__ import annotations

import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rnntui.config import FINAL_EVALUATION_FACTOR
from rnntui.inference.loaded_model import document_format, read_tokenizer
from rnntui.kinds.corpus_info import CorpusInfo
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.weights_file import load_weights
from rnntui.text.token_ids import TokenFile, count_words

_POSITION = ("step", "tokens", "seconds", "best_step")  # keys of a row of metrics that are no metrics


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training run.

    Args:
        seconds: training time, evaluations included.
        process_seconds: time of the whole process.
        cpu_seconds: CPU time of the whole process, which hardly depends on what else the machine does.
        steps: number of steps.
        tokens: number of tokens trained on.
        tokens_per_second: median over the steps that were logged, evaluations not included.
        parameters: number of weights.
        final: metrics of the final evaluation, of the best weights; for a language model with `word_perplexity`.
        evaluations: metrics of the evaluations along the way, with `step`, `tokens` and `seconds`.
        settings: settings of model, training and tokenizer, as `config.json` has them.
        corpus: the corpus, with the sizes of its parts.
    """

    seconds: float
    process_seconds: float
    cpu_seconds: float
    steps: int
    tokens: int
    tokens_per_second: float
    parameters: int
    final: dict[str, float]
    evaluations: list[dict[str, float]]
    settings: dict[str, Any]
    corpus: CorpusInfo


def train(arguments: Sequence[str]) -> TrainingResult:
    """Train with `rnntui` and arguments such as `train corpus.txt --steps 100`; its progress goes to stderr.

    The run is created in a temporary folder. Exits with the command's code if it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "rnntui", *arguments, "--name", "run", "--checkpoints", folder]
        began, cpu_began = time.perf_counter(), _cpu_seconds_of_children()
        code = run_command(command)
        process_seconds, cpu_seconds = time.perf_counter() - began, _cpu_seconds_of_children() - cpu_began
        if code:
            sys.exit(f"{' '.join(command)} ended with code {code}")
        return _read_result(RunFolder(Path(folder) / "run"), process_seconds, cpu_seconds)


def _cpu_seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_command(command: Sequence[str]) -> int:
    """Run a command without input, its output on stderr, and return its exit code."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode


def _read_result(run: RunFolder, process_seconds: float, cpu_seconds: float) -> TrainingResult:
    status, config, rows = run.read_status(), run.read_config(), read_metrics(run.metrics_file)
    speeds = [row["tokens_per_second"] for row in rows if "tokens_per_second" in row]
    written = json.loads(run.config_file.read_text("utf-8"))
    final = {key: value for key, value in _numbers(rows[-1]).items() if key not in _POSITION}
    if config.kind == LANGUAGE_MODEL.id and (perplexity := _word_perplexity(run, final["bits_per_character"])):
        final["word_perplexity"] = perplexity
    return TrainingResult(
        seconds=status.seconds,
        process_seconds=process_seconds,
        cpu_seconds=cpu_seconds,
        steps=status.step,
        tokens=status.tokens,
        tokens_per_second=statistics.median(speeds) if speeds else status.tokens / max(status.seconds, 1e-9),
        parameters=sum(array.size for array in load_weights(run.weights_file).values()),
        final=final,
        evaluations=[_numbers(row) for row in rows if "validation_loss" in row],
        settings={section: written[section] for section in ("model", "training", "tokenizer")},
        corpus=config.corpus,
    )


def _word_perplexity(run: RunFolder, bits_per_character: float) -> float | None:
    """Return the word perplexity of the final evaluation; None for a script without spaces between words."""
    config = run.read_config()
    tokenizer, validation = read_tokenizer(run, config), config.corpus.validation
    assert validation is not None
    ids = TokenFile(**asdict(validation)).read(run.validation_ids)
    evaluated = ids[1 : config.training.eval_tokens * FINAL_EVALUATION_FACTOR + 1].tolist()
    words = count_words([document_format(config, tokenizer).decode(evaluated)])
    characters = len(evaluated) * validation.characters / validation.tokens
    return math.exp(bits_per_character * math.log(2) * characters / words) if words else None


def _numbers(row: dict[str, Any]) -> dict[str, float]:
    return {key: value for key, value in row.items() if isinstance(value, int | float)}


class ResultsFile:
    """Results as JSON lines, each written as soon as it is there, so that a series that was stopped can be continued.

    Args:
        path: the file; it need not exist.
        key: the names of the values that say what was run.
    """

    def __init__(self, path: Path, key: Sequence[str]) -> None:
        self._path = path
        self._key = tuple(key)

    def rows(self) -> list[dict[str, Any]]:
        """Return the results, for each key the newest, in the order of their first ones."""
        return list({self._key_of(row): row for row in read_metrics(self._path)}.values())

    def find(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """Return the result with the key of `row`, None if there is none."""
        return next((other for other in self.rows() if self._key_of(other) == self._key_of(row)), None)

    def append(self, row: dict[str, Any]) -> None:
        """Add a result; after a line that was cut off, on a line of its own."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+b") as file:
            if file.tell():
                file.seek(-1, 2)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(json.dumps(row).encode() + b"\n")

    def _key_of(self, row: dict[str, Any]) -> str:
        return json.dumps([row.get(name) for name in self._key])


def named_path(argument: str) -> tuple[str, Path]:
    """Parse `NAME=FILE`, or `FILE` alone, whose name it then takes."""
    name, separator, path = argument.partition("=")
    return (name, Path(path)) if separator and not Path(argument).exists() else (Path(argument).name, Path(argument))
