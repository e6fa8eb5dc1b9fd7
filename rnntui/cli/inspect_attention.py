"""`rnntui inspect attention`: where the decoders of Seq2Seq models look."""

from __future__ import annotations

from typing import Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.inputs import PairReading, read_pairs
from rnntui.cli.inspect_output import InspectionOutput, output_options
from rnntui.cli.options import checkpoints_option, corpus_options
from rnntui.cli.run_choice import choose_run_in, existing_checkpoints_folder
from rnntui.cli.terminal import file_argument, print_note, utf8_argument
from rnntui.errors import UsageError


@click.command("attention")
@click.argument("names", metavar="[RUN]...", nargs=-1, callback=utf8_argument)
@checkpoints_option
@click.option(
    "--sentence", "sentences", metavar="TEXT", multiple=True, callback=utf8_argument,
    help="Source to translate; may be repeated. With ||| and a target behind it, that target is forced.",
)  # fmt: skip
@click.option(
    "--pairs", "pairs_file", metavar="FILE", callback=file_argument,
    help="Table of pairs, whose targets are forced [default: the held-out pairs of each run].",
)  # fmt: skip
@click.option("--columns", default="", metavar="SOURCE,TARGET", help="Columns of --pairs [default: detected].")
@corpus_options
@output_options
def command(
    names: tuple[str, ...],
    checkpoints: str | None,
    sentences: tuple[str, ...],
    pairs_file: str | None,
    columns: str,
    encoding: str,
    errors: Any,
    newlines: Any,
    **output_values: Any,
) -> None:
    """Draw where a Seq2Seq model looks in the source as it writes, for one or several runs.

    RUN is a name or a path [default: the newest run, else the shipped model]. A matrix has a row for each target token,
    with its entropy in bits; over many pairs, a table has the share of the attention on the diagonal, the order in
    which the source is read, the agreement with the alignment of IBM model 1, and the source tokens that nobody looks
    at.
    """
    output = InspectionOutput(**output_values)
    if sentences and pairs_file is not None:
        raise UsageError("--sentence and --pairs: choose one")
    if columns and pairs_file is None:
        raise UsageError("--columns needs --pairs", setting="columns")
    use_one_blas_thread()
    from rnntui.inspection.attention_comparison import inspect_attention, inspect_attention_over_pairs
    from rnntui.inspection.inspection import InspectionRequest, never_cancelled
    from rnntui.kinds.seq2seq import SEQ2SEQ

    folder = existing_checkpoints_folder(checkpoints)
    runs = [choose_run_in(folder, name, SEQ2SEQ) for name in names or (None,)]
    if pairs_file is None:
        lines = "\n".join(" ".join(sentence.split()) for sentence in sentences)
        output.write(inspect_attention(InspectionRequest(tuple(runs), lines), never_cancelled))
        return
    reading = PairReading(columns, encoding, errors, newlines)
    pairs = read_pairs(((pairs_file,), None, None), SEQ2SEQ.input_choices[0], reading)
    assert pairs is not None
    for message in [*pairs.notes, *([pairs.dropped.message] if pairs.dropped.count else [])]:
        print_note(message)
    name = ", ".join(pairs.display_names)
    output.write(inspect_attention_over_pairs(runs, pairs.rows, f"pairs of {name}", never_cancelled))
