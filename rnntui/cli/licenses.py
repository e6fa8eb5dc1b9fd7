"""`rnntui licenses`: licences of the installed libraries, of the shipped models and of the corpora."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import click

from rnntui.cli.terminal import print_note, write_out, write_table
from rnntui.runs.licenses import LicenseRecord, corpus_licenses, library_licenses, model_licenses
from rnntui.text.control_chars import one_line


@click.command("licenses")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON line for each library, model and corpus.")
def command(as_json: bool) -> None:
    """List the licences of rnntui and the libraries that it uses, of the shipped models, and of the corpora.

    Libraries are those installed here, by their own metadata. Corpora come with the source tree only.
    """
    libraries, models, corpora = library_licenses(), model_licenses(), corpus_licenses()
    if not libraries:
        print_note("rnntui is not installed here, so its libraries are not known; pip install . lists them")
    if as_json:
        for record in (*libraries, *models, *corpora):
            write_out(json.dumps(asdict(record), ensure_ascii=False) + "\n")
        return
    _print_section("Libraries", libraries, ("name", "version", "license"))
    _print_section("Models", models, ("name", "license", "source"))
    _print_section("Corpora", corpora, ("name", "license", "source"))
    for notice in dict.fromkeys(record.notice for record in (*models, *corpora) if record.notice):
        write_out(f"{one_line(notice)}\n\n")


def _print_section(title: str, records: Sequence[LicenseRecord], columns: Sequence[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not records:
        return
    write_out(f"{title}\n")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(overflow="fold", no_wrap=column == "name")
    for record in records:
        table.add_row(*(Text(one_line(f"  {getattr(record, column)}" if column == "name" else getattr(record, column)))
                        for column in columns))  # fmt: skip
    write_table(table)
    write_out("\n")
