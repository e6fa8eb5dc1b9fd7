"""`rnntui score`: one line in, one log-probability and bits per character out."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.input_lines import lines_of
from rnntui.cli.options import checkpoints_option, corpus_options, run_option
from rnntui.cli.terminal import tell_unknown, write_out

if TYPE_CHECKING:
    from rnntui.inference.scoring import Score


@click.command("score")
@run_option
@checkpoints_option
@corpus_options
@click.option("--json", "as_json", is_flag=True, help="A JSON line for each line.")
def command(run_name: str | None, checkpoints: str | None, encoding: str, errors: Any, as_json: bool) -> None:
    """Score each line of standard input on its own, as if it stood at the start of a line.

    Writes its log-probability in nats and its bits per character, parted by a tab; a blank line has 0 and nan. The
    line's end is not scored.
    """
    use_one_blas_thread()
    from rnntui.inference.generate import initial_context_ids
    from rnntui.inference.loaded_model import load_language_model
    from rnntui.inference.scoring import score
    from rnntui.runs.lookup import checkpoints_folder, find_run

    loaded = load_language_model(find_run(run_name, checkpoints_folder(checkpoints, must_exist=True)))
    before = initial_context_ids(loaded.tokenizer)
    for number, line in enumerate(lines_of(sys.stdin.buffer if sys.stdin else (), encoding, errors), 1):
        tell_unknown(loaded.tokenizer.unknown_characters(line), f"line {number}")
        found = score(loaded.model, before, loaded.tokenizer.encode(line), len(line))
        write_out(_json(line, found) if as_json else _plain(found))


def _plain(found: Score) -> str:
    bits = found.bits_per_character
    return f"{found.log_probability:.4f}\t{'nan' if bits is None else f'{bits:.4f}'}\n"


def _json(line: str, found: Score) -> str:
    values = {
        "text": line,
        "log_probability": found.log_probability,
        "tokens": found.tokens,
        "bits_per_character": found.bits_per_character,
    }
    return json.dumps(values) + "\n"
