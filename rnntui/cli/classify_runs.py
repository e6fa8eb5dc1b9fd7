"""`rnntui classify --runs`: which of several language models explains each line best, and by how many bits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.line_input import MAX_BATCH, Lines, NumberedLine
from rnntui.cli.line_jobs import LineFunction, LineJobOptions, LineResult, UnknownCharacters, run_line_job
from rnntui.cli.line_output import run_identity
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.run_choice import choose_run_in, existing_checkpoints_folder
from rnntui.cli.terminal import utf8_argument
from rnntui.errors import UsageError
from rnntui.text.control_chars import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rnntui.cli.line_output import LineOutput
    from rnntui.inference.loaded_model import LoadedLanguageModel
    from rnntui.inference.model_comparison import Comparison, WordBits
    from rnntui.runs.folder import RunFolder

Command = TypeVar("Command", bound=Callable[..., Any])

_MAX_WORDS = 5  # that the column of --explain names
_LONG_INPUT = 1000  # lines
_ALLOWED = {
    "runs", "checkpoints", "text", "files", "encoding", "errors", "newlines", "output", "resume", "jobs", "as_json",
    "explain", "debug",
}  # fmt: skip
"""Parameters of `rnntui classify` that `--runs` has a use for; the others are for classifiers."""


@dataclass(frozen=True)
class RunsOutput:
    """What is written for each line: JSON or columns, and with `explain` also the words that decide."""

    as_json: bool
    explain: bool


def runs_option(command: Command) -> Command:
    """Add `--runs`, language models to compare."""
    text = "Language models instead of a classifier, as in shakespeare,austen: which of them explains a line best?"
    return click.option("--runs", multiple=True, metavar="NAMES", callback=utf8_argument, help=text)(command)


def check_runs_options(context: click.Context) -> None:
    """Raise `UsageError` if an option was given that has no meaning with `--runs`."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is click.core.ParameterSource.COMMANDLINE and parameter.name not in _ALLOWED:
            raise UsageError(f"{parameter.opts[0]} is for a classifier, not for --runs", setting=parameter.name or "")


def runs_identity(runs: Mapping[str, RunFolder]) -> dict[str, Any]:
    """Return what tells runs and their weights from others."""
    return {key: value for name, run in runs.items() for key, value in run_identity(run, f" {name}").items()}


def classify_by_runs(
    runs: Mapping[str, RunFolder], source: Lines, output: LineOutput, form: RunsOutput, jobs: int | None = None
) -> None:
    """Write for each line the run that explains it best and its margin over the second, in bits; blank stays blank.

    Args:
        runs: language models, as `compared_runs` returns them.
        source: the lines.
        output: where it is written.
        form: what is written.
        jobs: number of processes; see `LineJobOptions`.

    Raises `UsageError` for a run that is not a language model.
    """
    use_one_blas_thread()
    with ProgressBar("classifying", is_wanted=not output.is_terminal) as bar:
        run_line_job(_ComparisonJob(runs, form), source, output, bar, LineJobOptions(jobs, _LONG_INPUT, MAX_BATCH))


@dataclass(frozen=True)
class _ComparisonJob:
    """Compares lines under language models, which are given by what they are called in the output."""

    runs: Mapping[str, RunFolder]
    form: RunsOutput

    def load(self, workers: int) -> LineFunction:
        import numpy as np

        from rnntui.inference.loaded_model import load_language_model
        from rnntui.inference.model_comparison import ModelComparison

        models = {name: load_language_model(run, np.float64) for name, run in self.runs.items()}
        comparison, names = ModelComparison(list(models.values())), list(models)
        unknown = _UnknownCharacters(models)

        def classify(batch: list[NumberedLine], on_progress: Callable[[float], None] | None = None) -> LineResult:
            lines = [line for line in batch if line.text.strip()]
            texts = [line.text for line in lines]
            compared = iter(comparison.compare(texts, self.form.explain, workers, on_progress))
            results = [(line.text, next(compared) if line.text.strip() else None) for line in batch]
            outputs = [
                _json(text, result, names, self.form) if self.form.as_json else _plain(result, names)
                for text, result in results
            ]
            return LineResult("".join(outputs), unknown=tuple(unknown.of(lines)))

        return classify


def compared_runs(names: Sequence[str], checkpoints: str | None) -> dict[str, RunFolder]:
    """Return the runs by what they are called in the output: the name, or the path where two have the same name.

    Args:
        names: values of `--runs`: names or paths of language models, separated by commas.
        checkpoints: the folder that `--checkpoints` names, if any.

    Raises `UsageError` for fewer than two runs, or the same run twice; for other errors see `choose_run_in`.
    """
    given = [part for name in names for part in name.split(",")]
    if "" in given:
        raise UsageError("--runs has an empty name", hint="as in --runs shakespeare,austen")
    folder = existing_checkpoints_folder(checkpoints)
    runs = [choose_run_in(folder, name, None) for name in given]
    paths = [run.path.resolve() for run in runs]
    for index, path in enumerate(paths):
        if path in paths[:index]:
            both = dict.fromkeys((given[paths.index(path)], given[index]))
            raise UsageError(f"--runs has the same run twice: {' and '.join(both)}")
    if len(runs) < 2:
        raise UsageError(
            f"--runs has one run only, {given[0]}", hint="name two or more, as in --runs shakespeare,austen"
        )
    run_names = [run.name for run in runs]
    labels = [run.name if run_names.count(run.name) == 1 else name for name, run in zip(given, runs, strict=True)]
    return dict(zip(labels, runs, strict=True))


class _UnknownCharacters:
    """Finds characters (of a word model: words) that a run does not know, once for each run and character."""

    def __init__(self, models: Mapping[str, LoadedLanguageModel]) -> None:
        self._models = models
        self._named: dict[str, set[str]] = {name: set() for name in models}

    def of(self, lines: Sequence[NumberedLine]) -> Iterator[UnknownCharacters]:
        """Yield the unknown characters of lines that no earlier line had."""
        for label, text in lines:
            for name, model in self._models.items():
                unknown = model.tokenizer.unknown_characters(text)
                new = tuple(character for character in unknown if character not in self._named[name])
                self._named[name].update(new)
                if new:
                    yield UnknownCharacters(label, name, new)


def _plain(result: Comparison | None, names: Sequence[str]) -> str:
    if result is None:
        return "\n"
    columns = [one_line(names[result.ranking[0]]), f"{result.margin:.2f}"]
    if result.words:
        deciding = sorted(result.words, key=lambda word: -abs(result.advantage(word)))[:_MAX_WORDS]
        columns.append(", ".join(f"{one_line(word.text)} {result.advantage(word):+.2f}" for word in deciding))
    return "\t".join(columns) + "\n"


def _json(text: str, result: Comparison | None, names: Sequence[str], form: RunsOutput) -> str:
    values: dict[str, object] = {"text": text, "run": None, "margin": None, "bits": {}, "bits_per_character": {}}
    if result is not None:
        bits = {names[index]: result.bits[index] for index in result.ranking}
        values |= {
            "run": names[result.ranking[0]],
            "margin": result.margin,
            "bits": bits,
            "bits_per_character": {name: round(value / result.characters, 4) for name, value in bits.items()},
        }
    if form.explain:
        values["words"] = [] if result is None else [_json_word(word, result, names) for word in result.words]
    return json.dumps(values) + "\n"


def _json_word(word: WordBits, result: Comparison, names: Sequence[str]) -> dict[str, object]:
    bits = {names[index]: round(word.bits[index], 4) for index in result.ranking}
    return {**word._asdict(), "bits": bits, "advantage": result.advantage(word)}
