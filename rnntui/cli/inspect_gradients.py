"""`rnntui inspect gradients`: from how far back a language model can learn."""

from __future__ import annotations

from typing import Any, get_args

import click

from rnntui.cli.compare_flag import compare_options, compared_choices, refuse_training_flags
from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.inspect_output import InspectionOutput, output_options, read_text, text_option
from rnntui.cli.options import checkpoints_option, number_option
from rnntui.cli.run_choice import choose_runs
from rnntui.cli.terminal import utf8_argument


@click.command("gradients")
@click.argument("names", metavar="[RUN]...", nargs=-1, callback=utf8_argument)
@checkpoints_option
@text_option
@number_option("--steps", bounds=(10, 2000), default=200, show_default=True, help="How far back to go.")
@number_option(
    "--places", bounds=(2, 10_000), default=64, show_default=True,
    help="Number of tokens whose losses are followed back.",
)  # fmt: skip
@click.option(
    "--initial/--no-initial", "has_initial", default=None,
    help="Also show each model before training, with weights drawn by the same rule.  [default: for a single run]",
)  # fmt: skip
@compare_options("rnn,gru,lstm", "cell", "a corpus", "the first model; the others do as many steps")
@number_option(
    "--hidden", bounds=(1, 4000), default=128, show_default=True,
    help="With --compare: hidden units of the first cell; the others get as many weights as it has.",
)  # fmt: skip
@output_options
@click.pass_context
def command(
    context: click.Context,
    /,
    names: tuple[str, ...],
    checkpoints: str | None,
    text_file: str | None,
    steps: int,
    places: int,
    has_initial: bool | None,
    compare: str | None,
    minutes: float,
    overwrite: bool,
    hidden: int,
    **output_values: Any,
) -> int:
    """Draw how much of the gradient is left n steps back, for one or several language models.

    RUN is a name or a path [default: the newest run, else the shipped model]. The gradient of the loss at a token with
    respect to what the model remembered n tokens before is what it learns by: where it has vanished, nothing that stood
    there can be learned from.

    With --compare, a plain RNN, a GRU and an LSTM of equal numbers of weights are trained on the same text, and shown
    before and after. The runs stay, named after the text and the cell; after a stop, the same command goes on.
    """
    output = InspectionOutput(**output_values)
    use_one_blas_thread()
    from rnntui.inspection.gradient_flow import gradient_flow
    from rnntui.kinds.language_model import LANGUAGE_MODEL

    if compare is not None:
        from rnntui.cli.inspect_compare import CellComparison, train_comparison
        from rnntui.config import Cell

        cells = compared_choices(compare, get_args(Cell), "cell")
        runs, code = train_comparison(names, CellComparison(cells, minutes, hidden, checkpoints, overwrite))
        if code:
            return code
        is_wanted = has_initial is not False
    else:
        refuse_training_flags(context, ("minutes", "overwrite", "hidden"))
        runs = choose_runs(names, checkpoints, LANGUAGE_MODEL)
        is_wanted = len(runs) == 1 if has_initial is None else has_initial
    output.write(gradient_flow(runs, read_text(text_file), steps=steps, places=places, has_initial=is_wanted))
    return 0
