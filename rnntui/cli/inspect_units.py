"""`rnntui inspect units`: what single units and gates of a language model track."""

from __future__ import annotations

from typing import Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.inspect_output import InspectionOutput, output_options, read_text, text_option
from rnntui.cli.options import checkpoints_option, number_option
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import escaped_argument, utf8_argument
from rnntui.inspection.views import RANKED_UNITS

GATES = ("h", "c", "i", "f", "o", "g", "r", "z", "n")


@click.command("units")
@click.argument("name", metavar="[RUN]", required=False, callback=utf8_argument)
@click.argument("shown_text", metavar="[TEXT]", required=False, callback=escaped_argument)
@checkpoints_option
@text_option
@click.option("--unit", "unit_name", metavar="LAYER/UNIT", default="", help="Look at this unit alone, such as 1/217.")
@click.option(
    "--gate", type=click.Choice(GATES), default="h", show_default=True,
    help="With --unit: its hidden state h, cell state c, or a gate.",
)  # fmt: skip
@click.option(
    "--feature", "features", metavar="NAME", multiple=True,
    help="Rank for this feature alone, such as quotes or line-position; may be repeated.",
)  # fmt: skip
@number_option("--top", bounds=(1, RANKED_UNITS), default=1, show_default=True, help="Units for each feature.")
@output_options
def command(
    name: str | None,
    shown_text: str | None,
    checkpoints: str | None,
    text_file: str | None,
    unit_name: str,
    gate: str,
    features: tuple[str, ...],
    top: int,
    **output_values: Any,
) -> None:
    """Rank units and gates by how well they track a feature of the text, and colour TEXT by the best.

    RUN is a name or a path [default: the newest run, else the shipped model]. Features are what can be named: inside
    quotes or brackets, position in the line, upper case, end of a word, speaker. A linear probe says how well each unit
    tells them, and how well a whole layer does, on text that it was not fitted on. The ten units that fit best are
    ordered by that score. Without TEXT, an excerpt of that text is coloured.
    """
    output = InspectionOutput(**output_values)
    use_one_blas_thread()
    from rnntui.inference.loaded_model import load_language_model
    from rnntui.inspection.unit_inspection import UnitQuery, unit_report
    from rnntui.kinds.language_model import LANGUAGE_MODEL

    query = UnitQuery(shown_text or "", read_text(text_file), features, unit_name, gate, top)
    run = choose_run(name, checkpoints, LANGUAGE_MODEL)
    output.write(unit_report(run, load_language_model(run, precision="fp32"), query))
