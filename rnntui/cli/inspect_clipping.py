"""`rnntui inspect clipping`: gradient norms of trainings, and how often they were clipped."""

from __future__ import annotations

from typing import Any

import click

from rnntui.cli.inspect_output import InspectionOutput, output_options
from rnntui.cli.options import checkpoints_option
from rnntui.cli.run_choice import choose_runs
from rnntui.cli.terminal import utf8_argument


@click.command("clipping")
@click.argument("names", metavar="[RUN]...", nargs=-1, callback=utf8_argument)
@checkpoints_option
@output_options
def command(names: tuple[str, ...], checkpoints: str | None, **output_values: Any) -> None:
    """Draw the gradient norms of trainings before clipping, and say how often they were above --clip-grad-norm.

    RUN is a name or a path [default: the newest run, else the shipped model].
    """
    output = InspectionOutput(**output_values)
    from rnntui.inspection.clipping import clipping

    output.write(clipping(choose_runs(names, checkpoints, None)))
