"""`rnntui score`: log-probability and bits per character of texts, or of each line of files or of standard input."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.line_input import TextReading, check_texts, file_option, read_lines
from rnntui.cli.options import checkpoints_option, corpus_options, run_option
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import utf8_argument, warn_unknown_characters, write_out

if TYPE_CHECKING:
    from rnntui.api import Score


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
@click.option("--json", "as_json", is_flag=True, help="Write a JSON line for each line.")
def command(
    text: tuple[str, ...],
    files: tuple[str, ...],
    run_name: str | None,
    checkpoints: str | None,
    encoding: str,
    errors: Any,
    newlines: Any,
    dynamic: bool,
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
    use_one_blas_thread()
    from rnntui.api import TextModel
    from rnntui.kinds.language_model import LANGUAGE_MODEL

    model = TextModel(choose_run(run_name, checkpoints, LANGUAGE_MODEL), precision="fp32")
    learning_scorer = model.learning_scorer() if dynamic else None
    source = read_lines(text, files, TextReading(encoding, errors, newlines))
    with ProgressBar("scoring", is_wanted=not sys.stdout.isatty()) as bar:
        for number, (label, line) in enumerate(source.lines, 1):
            warn_unknown_characters(model.unknown_characters(line), label)
            scores = {"": model.score(line)}
            if learning_scorer is not None:
                scores["dynamic"] = learning_scorer.score(line)
            write_out(_json(line, scores) if as_json else "\t".join(map(_plain, scores.values())) + "\n")
            bar.show_lines(number, source.count)


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
