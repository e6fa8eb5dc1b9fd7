"""`rnntui inspect context`: how far back a model looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.inspect_output import InspectionOutput, output_options, read_text, text_option
from rnntui.cli.options import checkpoints_option, number_option
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import utf8_argument
from rnntui.errors import UsageError

if TYPE_CHECKING:
    from rnntui.inspection.source_length import SourceLengthLoss
    from rnntui.runs.folder import RunFolder


@click.command("context")
@click.argument("name", metavar="[RUN]", required=False, callback=utf8_argument)
@checkpoints_option
@text_option
@number_option(
    "--longest", bounds=(2, 65_536), default=512, show_default=True,
    help="The longest context of a language model, in tokens; lengths are powers of two up to it.",
)  # fmt: skip
@number_option(
    "--places", bounds=(64, 1_000_000), default=2048, show_default=True,
    help="Number of tokens that are predicted with each length.",
)  # fmt: skip
@click.option(
    "--held-out", is_flag=True,
    help="For a Seq2Seq run whose pairs --text names: read those that were held out from its training.",
)  # fmt: skip
@output_options
def command(
    name: str | None,
    checkpoints: str | None,
    text_file: str | None,
    longest: int,
    places: int,
    held_out: bool,
    **output_values: Any,
) -> None:
    """Draw the loss of a language model by the length of its context: all tokens, and by their class.

    RUN is a name or a path [default: the newest language model, else the shipped one]. Its state is reset n tokens
    before each prediction, so that it knows the last n tokens alone.

    For a Seq2Seq model, the loss of the target tokens by the length of their source; --text names a table of pairs.
    """
    output = InspectionOutput(**output_values)
    use_one_blas_thread()
    from rnntui.kinds.language_model import LANGUAGE_MODEL
    from rnntui.kinds.seq2seq import SEQ2SEQ
    from rnntui.runs.lookup import kind_id_of

    run = choose_run(name, checkpoints, LANGUAGE_MODEL)
    if kind_id_of(run) == SEQ2SEQ.id:
        output.write(_by_source_length(run, text_file, held_out))
        return
    if held_out:
        raise UsageError(f"--held-out is for Seq2Seq models; {run.name} is none")
    from rnntui.inspection.context_length import context_loss

    output.write(context_loss(run, read_text(text_file), longest=longest, places=places))


def _by_source_length(run: RunFolder, file: str | None, held_out: bool) -> SourceLengthLoss:
    from rnntui.cli.inputs import PairReading, read_pairs
    from rnntui.inspection.source_length import source_length_loss
    from rnntui.kinds.pair_corpus_info import PairCorpusInfo
    from rnntui.kinds.seq2seq import SEQ2SEQ

    if file is None:
        return source_length_loss(run)
    reading = PairReading("", "utf-8", "strict", "universal")
    layouts = run.read_config().corpus_as(PairCorpusInfo).recorded_layouts
    find_layouts = (lambda files: layouts) if held_out else None
    pairs = read_pairs(((file,), None, None), SEQ2SEQ.input_choices[0], reading, find_layouts)
    assert pairs is not None
    if held_out:
        from rnntui.training.prepare_seq2seq import held_out_pairs

        pairs = held_out_pairs(run, pairs)
    return source_length_loss(run, pairs.rows, f"of {file}, held out from training" if held_out else f"of {file}")
