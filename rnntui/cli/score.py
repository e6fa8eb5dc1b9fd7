"""`rnntui score`: log-probability and bits per character of each line of standard input."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.inputs import decode_lines
from rnntui.cli.options import checkpoints_option, corpus_options, run_option
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import warn_unknown_characters, write_out

if TYPE_CHECKING:
    from rnntui.inference.scoring import Score


@click.command("score")
@run_option
@checkpoints_option
@corpus_options
@click.option("--json", "as_json", is_flag=True, help="Write a JSON line for each line.")
def command(
    run_name: str | None, checkpoints: str | None, encoding: str, errors: Any, newlines: Any, as_json: bool
) -> None:
    """Score each line of standard input on its own, as if it stood at the start of a line.

    Writes its log-probability in nats and its bits per character, separated by a tab; a blank line has 0 and nan. The
    end of the line is not scored, unless each line is a document to the model: then it counts as a token and as a
    character.
    """
    use_one_blas_thread()
    from rnntui.inference.generate import initial_context_ids
    from rnntui.inference.loaded_model import load_language_model
    from rnntui.inference.scoring import score
    from rnntui.kinds.language_model import LANGUAGE_MODEL
    from rnntui.text.document_batch import DocumentBatch

    loaded = load_language_model(choose_run(run_name, checkpoints, LANGUAGE_MODEL))
    context_ids = initial_context_ids(loaded.tokenizer)
    lines = decode_lines(sys.stdin.buffer if sys.stdin else (), encoding, errors, newlines)
    for line_number, line in enumerate(lines, 1):
        warn_unknown_characters(loaded.tokenizer.unknown_characters(line), f"line {line_number}")
        ids, characters = loaded.tokenizer.encode(line), len(line)
        if loaded.documents.unit == "line" and line.strip():
            ids, characters = loaded.tokenizer.encode_documents(DocumentBatch.join([line])), len(line) + 1
        line_score = score(loaded.network, context_ids, ids, characters)
        write_out(_json(line, line_score) if as_json else _plain(line_score))


def _plain(score: Score) -> str:
    bits = score.bits_per_character
    return f"{score.log_probability:.4f}\t{'nan' if bits is None else f'{bits:.4f}'}\n"


def _json(line: str, score: Score) -> str:
    values = {
        "text": line,
        "log_probability": score.log_probability,
        "tokens": score.tokens,
        "bits_per_character": score.bits_per_character,
    }
    return json.dumps(values) + "\n"
