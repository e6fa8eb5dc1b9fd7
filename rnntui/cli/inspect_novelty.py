"""`rnntui inspect novelty`: what a language model copies from its training text."""

from __future__ import annotations

from typing import Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.inspect_output import InspectionOutput, output_options, read_text
from rnntui.cli.novelty_output import generated_report, open_index
from rnntui.cli.options import checkpoints_option
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import file_argument, utf8_argument


@click.command("novelty")
@click.argument("name", metavar="[RUN]", required=False, callback=utf8_argument)
@checkpoints_option
@click.option(
    "--text", "text_file", metavar="FILE", callback=file_argument,
    help="A text to look for in the training text [default: texts that the model generates].",
)  # fmt: skip
@output_options
def command(name: str | None, checkpoints: str | None, text_file: str | None, **output_values: Any) -> None:
    """Draw how much of a language model's text its training text has, by the length of the stretch.

    RUN is a name or a path [default: the newest run, else the shipped model]. Beside 64 generated texts stands text
    that was held out from training, which shows what is normal: short stretches are in any text. The training text is
    indexed if it is not yet (rnntui index).
    """
    output = InspectionOutput(**output_values)
    use_one_blas_thread()
    from rnntui.inspection.novelty_report import novelty_report
    from rnntui.kinds.language_model import LANGUAGE_MODEL

    run = choose_run(name, checkpoints, LANGUAGE_MODEL)
    text = read_text(text_file)
    output.write(novelty_report(open_index(run), [text]) if text else generated_report(run))
