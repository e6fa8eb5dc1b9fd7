"""`rnntui translate`: a line in, its translation out."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.input_lines import lines_of
from rnntui.cli.options import checkpoints_option, corpus_options, run_option, settings_from, settings_options
from rnntui.cli.terminal import note, utf8_argument, write_out
from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import CorpusError

if TYPE_CHECKING:
    from rnntui.inference.translator import Translation, Translator

_Numbered = tuple[int, str]
_FIRST, _TOGETHER = 16, 512  # lines of a file that are translated together: few at first, that answers come at once


@click.command("translate")
@click.argument("text", nargs=-1, callback=utf8_argument)
@run_option
@checkpoints_option
@settings_options(BeamConfig)
@corpus_options
@click.option("--json", "as_json", is_flag=True, help="A JSON line for each line, with scores, tokens and attention.")
def command(
    text: tuple[str, ...],
    run_name: str | None,
    checkpoints: str | None,
    encoding: str,
    errors: Any,
    as_json: bool,
    **values: Any,
) -> None:
    """Translate TEXT, or standard input line by line; a blank line stays blank.

    Each line is written as soon as it is ready; lines of a file are translated in batches, with the same result. With
    --n-best above 1 every translation has a line of its own, in one block for each line of input, with a blank line
    after it.
    """
    settings = settings_from(BeamConfig, values)
    settings.check()
    stream = None if text or sys.stdin is None else sys.stdin.buffer
    waits = stream is None or not _is_file(stream)
    if waits:  # one line is too little work to share; batches are not
        use_one_blas_thread()
    from rnntui.inference.translator import load_translator
    from rnntui.kinds.seq2seq import SEQ2SEQ
    from rnntui.runs.lookup import checkpoints_folder, find_run

    run = find_run(run_name, checkpoints_folder(checkpoints, must_exist=True), SEQ2SEQ)
    translator = load_translator(run)
    lines = enumerate(lines_of(stream, encoding, errors) if stream is not None else text, 1)
    for batch in _batches(lines, waits):
        for number, line in batch:
            for warning in translator.warnings_for(line, f"line {number}"):
                note(warning)
        for translation in translator.translate([line for _, line in batch], settings):
            write_out(_json(translation, translator, run.name) if as_json else _plain(translation, settings.n_best))


def _is_file(stream: BinaryIO) -> bool:
    """Whether all of the stream is there already, so that nobody waits for the first answer to give the next line."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def _batches(lines: Iterable[_Numbered], waits: bool) -> Iterator[list[_Numbered]]:
    """Lines to translate together; where somebody `waits`, one by one. Lines before a broken one come before it."""
    batch: list[_Numbered] = []
    size = 1 if waits else _FIRST
    try:
        for line in lines:
            batch.append(line)
            if len(batch) == size:
                yield batch
                batch, size = [], size if waits else min(_TOGETHER, 2 * size)
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
