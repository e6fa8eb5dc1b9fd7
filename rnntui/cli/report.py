"""`rnntui report`: a page about a run for a browser."""

from __future__ import annotations

from pathlib import Path

import click

from rnntui.cli.options import checkpoints_option
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import check_new_file, file_argument, print_note, utf8_argument, write_out


@click.command("report")
@click.argument("name", metavar="[RUN]", required=False, callback=utf8_argument)
@checkpoints_option
@click.option(
    "--html", "html_file", metavar="FILE", callback=file_argument,
    help="The new file; - is standard output [default: the run's name with .html].",
)  # fmt: skip
def command(name: str | None, checkpoints: str | None, html_file: str | None) -> None:
    """Write a page about a run for a browser: one file that loads nothing from anywhere.

    It has the run's curves, whose values appear at the pointer, its samples over time, its settings and results; the
    confusion matrix of a classifier; the attention of a Seq2Seq model for some of its samples. RUN is a name or a path
    [default: the newest run, else the shipped model].
    """
    run = choose_run(name, checkpoints, None)
    file = html_file or f"{run.path.resolve().name}.html"
    check_new_file("--html", file)
    from rnntui.atomic_files import write_user_file
    from rnntui.exporting.report_page import report_page

    page = report_page(run).encode()
    if file == "-":
        write_out(page)
        return
    write_user_file(Path(file), page)
    print_note(f"saved {file}")
