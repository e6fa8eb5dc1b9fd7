"""`rnntui translate`: translations of a text or of each line of standard input."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.inputs import decode_lines
from rnntui.cli.options import checkpoints_option, corpus_options, run_option, settings_from, settings_options
from rnntui.cli.terminal import print_note, utf8_argument, write_out
from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import CorpusError
from rnntui.processors import usable_cpus

if TYPE_CHECKING:
    from rnntui.inference.translator import Translation, Translator

_NumberedLine = tuple[int, str]
_MIN_BATCH, _MAX_BATCH = 16, 512  # lines of a file; few at first, so that the first translations come soon


@click.command("translate")
@click.argument("text", nargs=-1, callback=utf8_argument)
@run_option
@checkpoints_option
@settings_options(BeamConfig)
@corpus_options
@click.option(
    "--json", "as_json", is_flag=True, help="Write a JSON line for each line, with scores, tokens and attention."
)
def command(
    text: tuple[str, ...],
    run_name: str | None,
    checkpoints: str | None,
    encoding: str,
    errors: Any,
    newlines: Any,
    as_json: bool,
    **values: Any,
) -> None:
    """Translate TEXT, or each line of standard input; a blank line stays blank.

    Each translation is written as soon as it is ready; lines of a file are translated in batches, with the same result.
    With --n-best above 1, the translations of a line of input are written one a line, followed by a blank line.
    """
    settings = settings_from(BeamConfig, values)
    settings.check()
    stream = None if text or sys.stdin is None else sys.stdin.buffer
    is_interactive = stream is None or not _is_file(stream)
    use_one_blas_thread()
    from rnntui.inference.translator import load_translator
    from rnntui.kinds.seq2seq import SEQ2SEQ
    from rnntui.runs.lookup import checkpoints_folder, find_run

    run = find_run(run_name, checkpoints_folder(checkpoints, must_exist=True), SEQ2SEQ)
    translator = load_translator(run)
    lines = enumerate(decode_lines(stream, encoding, errors, newlines) if stream is not None else text, 1)
    for batch in _batches(lines, is_interactive):
        for line_number, line in batch:
            for warning in translator.warnings_for(line, f"line {line_number}"):
                print_note(warning)
        for translation in translator.translate([line for _, line in batch], settings, workers=usable_cpus()):
            write_out(_json(translation, translator, run.name) if as_json else _plain(translation, settings.n_best))


def _is_file(stream: BinaryIO) -> bool:
    """Return True if the stream is a file, where no writer waits for an answer before it sends the next line."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def _batches(lines: Iterable[_NumberedLine], is_interactive: bool) -> Iterator[list[_NumberedLine]]:
    """Yield batches of lines, of one line if interactive. Lines before one that cannot be decoded are yielded first."""
    batch: list[_NumberedLine] = []
    size = 1 if is_interactive else _MIN_BATCH
    try:
        for line in lines:
            batch.append(line)
            if len(batch) == size:
                yield batch
                batch, size = [], size if is_interactive else min(_MAX_BATCH, 2 * size)
    except CorpusError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _plain(translation: Translation, n_best: int) -> str:
    if n_best == 1:
        return translation.text + "\n"
    return "".join(f"{hypothesis.text}\n" for hypothesis in translation.hypotheses) + "\n"


def _json(translation: Translation, translator: Translator, run: str) -> str:
    values = {
        "run": run,
        "source": translation.source,
        "translation": translation.text,
        "source_tokens": translation.source_tokens,
        "hypotheses": [
            {
                "text": hypothesis.text,
                "score": round(hypothesis.score, 4),
                "log_probability": round(hypothesis.log_probability, 4),
                "tokens": translator.tokens(hypothesis),
                "attention": [[round(float(weight), 4) for weight in row] for row in hypothesis.attention],
            }
            for hypothesis in translation.hypotheses
        ],
    }
    return json.dumps(values) + "\n"
