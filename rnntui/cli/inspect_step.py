"""`rnntui inspect step`: one step of a language model's cell, every vector beside its equation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.inspect_output import InspectionOutput, output_options
from rnntui.cli.options import checkpoints_option
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import check_new_file, escaped_argument, file_argument, print_note, utf8_argument, write_out
from rnntui.errors import UsageError


@click.command("step")
@click.argument("name", metavar="RUN", callback=utf8_argument)
@click.argument("text", callback=escaped_argument)
@checkpoints_option
@click.option(
    "--html", "html_file", metavar="FILE", callback=file_argument,
    help="Save a page for a browser that goes through the text step by step; - is standard output.",
)  # fmt: skip
@output_options
def command(name: str, text: str, checkpoints: str | None, html_file: str | None, **output_values: Any) -> None:
    """Draw the step of the cell at the last token of TEXT: gates, states, and the ten most probable next tokens.

    Each vector stands beside its equation as a heat map, for every layer of an LSTM, a GRU or a plain RNN. The page of
    --html has all units and all steps, and loads nothing from elsewhere.
    """
    output = InspectionOutput(**output_values)
    forms = {"--json": output.as_json, "--svg": output.svg_file, "--png": output.png_file}
    others = [flag for flag, value in forms.items() if value]
    if html_file is not None and others:
        raise UsageError(f"--html and {others[0]}: choose one")
    if html_file is not None:
        check_new_file("--html", html_file)
    use_one_blas_thread()
    from rnntui.inference.loaded_model import load_language_model
    from rnntui.inspection.step_inspection import step_report
    from rnntui.kinds.language_model import LANGUAGE_MODEL

    run = choose_run(name, checkpoints, LANGUAGE_MODEL)
    report = step_report(run, load_language_model(run, precision="fp32"), text)
    if html_file is None:
        output.write(report)
        return
    from rnntui.atomic_files import write_user_file
    from rnntui.inspection.step_page import step_page

    page = step_page(report).encode()
    if html_file == "-":
        write_out(page)
    else:
        write_user_file(Path(html_file), page)
        print_note(f"saved {html_file}")
