"""`rnntui score`: log-probability and bits per character of texts, or of each line of files or of standard input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.line_input import NumberedLine, TextReading, check_texts, file_option, read_lines
from rnntui.cli.line_jobs import LineFunction, LineJobOptions, LineResult, run_line_job
from rnntui.cli.line_output import open_output, output_options, run_identity
from rnntui.cli.options import checkpoints_option, corpus_options, run_option, settings_options
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import utf8_argument
from rnntui.config import PoolConfig
from rnntui.errors import UsageError
from rnntui.text.control_chars import unknown_characters_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from rnntui.api import Score
    from rnntui.runs.folder import RunFolder

_LONG_INPUT = 1000  # lines
_MAX_BATCH = 3840  # lines: 16 batches of similar length, which have 9% padding; with 4 batches, 34%
_MAX_DYNAMIC = 64  # lines, of which each is read after the one before


@click.command("score")
@click.argument("text", nargs=-1, callback=utf8_argument)
@file_option
@run_option
@checkpoints_option
@corpus_options
@click.option(
    "--dynamic", is_flag=True,
    help="Also score by dynamic evaluation: the output layer learns from each line once it is scored, for those that "
    "follow. Its figures stand beside the ordinary ones.",
)  # fmt: skip
@output_options
@settings_options(PoolConfig)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON line for each line.")
@click.pass_context
def command(
    context: click.Context,
    text: tuple[str, ...],
    files: tuple[str, ...],
    run_name: str | None,
    checkpoints: str | None,
    encoding: str,
    errors: Any,
    newlines: Any,
    dynamic: bool,
    output: str | None,
    resume: bool,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Score each TEXT, or each line of the files of --file, or of standard input.

    Each is scored on its own, as if at the start of a line. The output is its log-probability in nats and its bits per
    character, separated by a tab; for a blank line, 0 and nan. The end of the line is not scored, unless each line is a
    document to the model: then it counts as a token and as a character. To a model of words, a word outside of its
    vocabulary is <unk>: the log-probability is that of <unk>, bits per character count the spelling of the word, too.

    With --dynamic, two columns follow: log-probability and bits per character of a model that learns from the lines as
    it reads them. In JSON they are under "dynamic".
    """
    check_texts(text, files, "scored")
    if dynamic and jobs not in (None, 1):
        raise UsageError("--dynamic learns from line to line, so it has one process", hint="leave out --jobs")
    use_one_blas_thread()
    from rnntui.kinds.language_model import LANGUAGE_MODEL

    run = choose_run(run_name, checkpoints, LANGUAGE_MODEL)
    options = LineJobOptions(1 if dynamic else jobs, _LONG_INPUT, _MAX_DYNAMIC if dynamic else _MAX_BATCH)
    refusal = "what --dynamic has learned from the lines before is lost" if dynamic else ""
    source = read_lines(text, files, TextReading(encoding, errors, newlines))
    with (
        open_output(context, run_identity(run), refusal) as lines,
        ProgressBar("scoring", is_wanted=not lines.is_terminal) as bar,
    ):
        run_line_job(_ScoreJob(run, dynamic, as_json), source, lines, bar, options)


@dataclass(frozen=True)
class _ScoreJob:
    """Scores lines; with `dynamic` also by a model that learns from them, for which they come in order."""

    run: RunFolder
    dynamic: bool
    as_json: bool

    def load(self, workers: int) -> LineFunction:
        from rnntui.api import TextModel

        model = TextModel(self.run, precision="fp32")
        learning_scorer = model.learning_scorer() if self.dynamic else None

        def score(batch: list[NumberedLine], on_progress: Callable[[float], None] | None = None) -> LineResult:
            notes, outputs = [], []
            report = None if self.dynamic else on_progress
            all_scores = model.score_texts([line.text for line in batch], on_progress=report)
            for number, ((label, line), ordinary) in enumerate(zip(batch, all_scores, strict=True), 1):
                if unknown := model.unknown_characters(line):
                    notes.append(f"{label}: {unknown_characters_message(unknown)}")
                scores = {"": ordinary}
                if learning_scorer is not None:
                    scores["dynamic"] = learning_scorer.score(line)
                    if on_progress is not None:
                        on_progress(number / len(batch))
                columns = "\t".join(map(_plain, scores.values()))
                outputs.append(_json(line, scores) if self.as_json else f"{columns}\n")
            return LineResult("".join(outputs), tuple(notes))

        return score


def _plain(score: Score) -> str:
    bits = score.bits_per_character
    return f"{score.log_probability:.4f}\t{'nan' if bits is None else f'{bits:.4f}'}"


def _json(line: str, scores: dict[str, Score]) -> str:
    """Return the JSON line of a text: the ordinary score, whose name is empty, and any other under its name."""
    values: dict[str, object] = {"text": line}
    for name, score in scores.items():
        figures = {
            "log_probability": score.log_probability,
            "tokens": score.tokens,
            "bits_per_character": score.bits_per_character,
        }
        values |= {name: figures} if name else figures
    return json.dumps(values) + "\n"
