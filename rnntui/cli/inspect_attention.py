"""`rnntui inspect attention`: where the decoders of Seq2Seq models look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import click

from rnntui.cli.compare_flag import compare_options, compared_choices, refuse_training_flags
from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.inputs import PairReading, read_pairs, reading_option
from rnntui.cli.inspect_output import InspectionOutput, output_options
from rnntui.cli.options import checkpoints_option, corpus_options, number_option
from rnntui.cli.run_choice import choose_runs
from rnntui.cli.terminal import file_argument, print_note, utf8_argument
from rnntui.config_seq2seq import PairTokenizerType
from rnntui.errors import UsageError
from rnntui.kinds.seq2seq import COLUMNS

if TYPE_CHECKING:
    from rnntui.text.parallel_corpus import ParallelCorpus

_TRAINING_OPTIONS = ("minutes", "overwrite", "hidden", "tokenizer")


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
@reading_option(COLUMNS._replace(help="columns of the pairs [default: detected]"))
@compare_options("dot,general,additive", "attention", "pairs", "each model")
@number_option(
    "--hidden", bounds=(2, 8192), default=256, show_default=True,
    help="With --compare: hidden units of the decoder; the encoder has half as many each way.",
)  # fmt: skip
@click.option(
    "--tokenizer", type=click.Choice(get_args(PairTokenizerType)), default="unigram", show_default=True,
    help="With --compare: the tokens.",
)  # fmt: skip
@corpus_options
@output_options
@click.pass_context
def command(
    context: click.Context,
    /,
    names: tuple[str, ...],
    checkpoints: str | None,
    sentences: tuple[str, ...],
    pairs_file: str | None,
    columns: str,
    compare: str | None,
    minutes: float,
    overwrite: bool,
    hidden: int,
    tokenizer: PairTokenizerType,
    encoding: str,
    errors: Any,
    newlines: Any,
    **output_values: Any,
) -> int:
    """Draw where a Seq2Seq model looks in the source as it writes, for one or several runs.

    RUN is a name or a path [default: the newest run, else the shipped model]. A matrix has a row for each target token,
    with its entropy in bits; over many pairs, a table has the share of the attention on the diagonal, the order in
    which the source is read, the agreement with the alignment of IBM model 1, and the source tokens that nobody looks
    at.

    With --compare, a model with each kind of attention is trained on the same pairs. The runs stay, named after the
    pairs and the attention; after a stop, the same command goes on.
    """
    output = InspectionOutput(**output_values)
    if not all(map(str.strip, sentences)):
        raise UsageError("--sentence: the text is empty")
    if sentences and pairs_file is not None:
        raise UsageError("--sentence and --pairs: choose one")
    if columns and pairs_file is None and compare is None:
        raise UsageError("--columns needs --pairs or --compare", setting="columns")
    use_one_blas_thread()
    from rnntui.inspection.attention_comparison import inspect_attention, inspect_attention_over_pairs
    from rnntui.inspection.inspection import InspectionRequest, never_cancelled
    from rnntui.kinds.seq2seq import SEQ2SEQ

    reading = PairReading(columns, encoding, errors, newlines)
    if compare is not None:
        from rnntui.cli.train_attentions import ATTENTIONS, AttentionTrainings, train_attentions

        kinds = compared_choices(compare, ATTENTIONS, "attention")
        trainings = AttentionTrainings(kinds, minutes, hidden, tokenizer, checkpoints, overwrite)
        if not names:
            raise UsageError("--compare: name pairs to train on: a table, a folder, or a glob")
        runs, code = train_attentions(lambda: _read(names, reading), trainings)
        if code:
            return code
    else:
        refuse_training_flags(context, _TRAINING_OPTIONS)
        runs = choose_runs(names, checkpoints, SEQ2SEQ)
    if pairs_file is None:
        lines = "\n".join(" ".join(sentence.split()) for sentence in sentences)
        output.write(inspect_attention(InspectionRequest(tuple(runs), lines), never_cancelled))
        return 0
    pairs = _read((pairs_file,), reading)
    name = ", ".join(pairs.display_names)
    output.write(inspect_attention_over_pairs(runs, pairs.rows, f"pairs of {name}", never_cancelled))
    return 0


def _read(files: tuple[str, ...], reading: PairReading) -> ParallelCorpus:
    """Read pairs from tables, and note what was left out."""
    from rnntui.kinds.seq2seq import SEQ2SEQ

    pairs = read_pairs((files, None, None), SEQ2SEQ.input_choices[0], reading)
    assert pairs is not None
    for message in [*pairs.notes, *([pairs.dropped.message] if pairs.dropped.count else [])]:
        print_note(message)
    return pairs
