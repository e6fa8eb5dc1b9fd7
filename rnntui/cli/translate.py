"""`rnntui translate`: a line in, its translation out."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from rnntui.cli.options import checkpoints_option, run_option, settings_from, settings_options
from rnntui.cli.terminal import note, utf8_argument, write_out
from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import UsageError
from rnntui.inference.threads import one_blas_thread

if TYPE_CHECKING:
    from rnntui.inference.translate import Translation, Translator

_TOGETHER = 512  # lines of a file that are read at a time, and translated in batches of like length


@click.command("translate")
@click.argument("text", nargs=-1, callback=utf8_argument)
@run_option
@checkpoints_option
@settings_options(BeamConfig)
@click.option("--json", "as_json", is_flag=True, help="A JSON line for each line, with scores, tokens and attention.")
def command(text: tuple[str, ...], run_name: str | None, checkpoints: str | None, as_json: bool, **values: Any) -> None:
    """Translate TEXT, or standard input line by line; a blank line stays blank.

    Each line is written as soon as it is ready; lines of a file are translated in batches, with the same result. With
    --n-best above 1 every translation has a line of its own, in one block for each line of input, with a blank line
    after it.
    """
    settings = settings_from(BeamConfig, values)
    settings.check()
    stream = None if text or sys.stdin is None else sys.stdin.buffer
    together = _TOGETHER if stream is not None and _is_file(stream) else 1
    one_blas_thread()
    from rnntui.inference.translate import load_translator
    from rnntui.runs.find import checkpoints_folder, find_run
    from rnntui.runs.folder import SEQ2SEQ

    run = find_run(run_name, checkpoints_folder(checkpoints, to_read=True), SEQ2SEQ)
    translator = load_translator(run)
    lines = enumerate(_lines(stream) if stream is not None else text, 1)
    while batch := list(islice(lines, together)):
        for number, line in batch:
            for remark in translator.remarks(line, f"line {number}"):
                note(remark)
        for translation in translator.translate([line for _, line in batch], settings):
            write_out(_json(translation, translator, run.name) if as_json else _plain(translation, settings.n_best))


def _is_file(stream: BinaryIO) -> bool:
    """Whether all of the stream is there already, so that nobody waits for the first answer to give the next line."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def _lines(stream: Iterable[bytes]) -> Iterator[str]:
    for number, raw in enumerate(stream, 1):
        try:
            yield raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            raise UsageError(f"line {number} of standard input is not UTF-8 at its byte {error.start}") from error


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
