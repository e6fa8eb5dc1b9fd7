"""`rnntui evaluate`: both losses of a model on a text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.options import checkpoints_option, corpus_options, run_option
from rnntui.cli.terminal import tell_unknown, write_out, write_table

if TYPE_CHECKING:
    from rnntui.training.evaluate import Evaluation


@click.command("evaluate")
@click.argument("text", nargs=-1, required=True)
@run_option
@checkpoints_option
@corpus_options
@click.option("--json", "as_json", is_flag=True, help="One JSON line.")
def command(
    text: tuple[str, ...], run_name: str | None, checkpoints: str | None, encoding: str, errors: Any, as_json: bool
) -> None:
    """Measure a model on TEXT: files, folders, globs, or - for standard input.

    Streaming carries the state through the whole text, as in use; windowed starts every 256 tokens from a state of
    zeros, as figures published for Transformers do.
    """
    from rnntui.runs.find import checkpoints_folder, find_run
    from rnntui.text.corpus import find_corpus

    run = find_run(run_name, checkpoints_folder(checkpoints, to_read=True))
    corpus = find_corpus(list(text), encoding, errors)
    from rnntui.training.threads import wait_briefly

    wait_briefly()
    from rnntui.training.run import evaluate_run

    found, unknown = evaluate_run(run, corpus)
    tell_unknown(unknown, ", ".join(corpus.shown))
    if as_json:
        values = {name: _values(evaluation) for name, evaluation in found.items()}
        write_out(json.dumps({"run": run.name, "text": list(corpus.shown), **values}) + "\n")
    else:
        _print(found)


def _values(evaluation: Evaluation) -> dict[str, float]:
    return {
        "loss": evaluation.loss,
        "perplexity": evaluation.perplexity,
        "bits_per_character": evaluation.bits_per_character,
        "tokens": evaluation.tokens,
    }


def _print(found: dict[str, Evaluation]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for heading in ("loss", "perplexity", "bits per character", "tokens"):
        table.add_column(heading, justify="right")
    for name, evaluation in found.items():
        table.add_row(
            name,
            f"{evaluation.loss:.4f}",
            f"{evaluation.perplexity:,.4f}",
            f"{evaluation.bits_per_character:.4f}",
            f"{evaluation.tokens:,}",
        )
    write_table(table)
