"""`rnntui verify`: whether the files of runs are as they were written, and what can be saved where they are not."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from rnntui.cli.options import checkpoints_option
from rnntui.cli.run_choice import existing_checkpoints_folder
from rnntui.cli.terminal import print_note, utf8_argument, write_out
from rnntui.runs.folder import RunFolder
from rnntui.runs.integrity import FileReport, verify_run
from rnntui.runs.lookup import is_shipped, named_or_lost_run, runs_in, runs_without_settings
from rnntui.runs.repair import repair_run
from rnntui.text.control_chars import one_line


@click.command("verify")
@click.argument("names", metavar="[RUN]...", nargs=-1, callback=utf8_argument)
@click.option(
    "--repair", is_flag=True,
    help="Repair what can be repaired from the files that are whole; damaged files are kept as NAME.damaged.",
)  # fmt: skip
@checkpoints_option
@click.option("--json", "as_json", is_flag=True, help="Write a JSON line for each file.")
def command(names: tuple[str, ...], repair: bool, checkpoints: str | None, as_json: bool) -> int:
    """Check that the files of runs are as they were written.

    RUN is a name or a path; without one, all runs are checked.

    Weights, resume files, vocabularies, token ids, settings, metrics and the status have checksums. A file of an
    earlier version has none: then only whether it can be read is known. The exit code is 1 if a file is damaged or
    missing and was not repaired.
    """
    folder = existing_checkpoints_folder(checkpoints)
    if names:
        runs = [named_or_lost_run(name, folder) for name in names]
    else:
        runs = sorted([*runs_in(folder), *runs_without_settings(folder)], key=lambda run: run.name)
    if not runs:
        print_note(f"no runs in {folder}")
    problems = 0
    for run in runs:
        reports = verify_run(run)
        for line in _json_lines(run, reports) if as_json else _lines(run, reports):
            write_out(f"{line}\n")
        broken = sum(report.is_broken for report in reports)
        problems += _repair(run, broken) if broken and repair else broken
    return 1 if problems else 0


def _lines(run: RunFolder, reports: list[FileReport]) -> list[str]:
    """Return a line about a run, and one about each broken file."""
    broken = [report for report in reports if report.is_broken]
    unknown = sum(report.state == "no checksum" for report in reports)
    if broken:
        summary = f"{len(broken)} of {len(reports)} files damaged or missing"
    else:
        summary = f"whole, {len(reports)} files" + _without_checksum(unknown)
    lines = [f"{run.name}: {summary}", *(f"  {report.name}: {report.state}: {report.problem}" for report in broken)]
    return [one_line(line) for line in lines]


def _without_checksum(files: int) -> str:
    if not files:
        return ""
    return "; 1 has no checksum, but can be read" if files == 1 else f"; {files} have no checksum, but can be read"


def _json_lines(run: RunFolder, reports: list[FileReport]) -> list[str]:
    return [json.dumps({"run": run.name, **asdict(report)}) for report in reports]


def _repair(run: RunFolder, broken: int) -> int:
    """Repair a run with some broken files, tell what was done, and return the number of those that are broken still.

    There may be more of them than before: damaged checksums say nothing about other files until they are restored.
    """
    if is_shipped(run):
        print_note(f"{run.name} is shipped with rnntui; install rnntui again to repair it")
        return broken
    from rnntui.inference.run_ngrams import counted_again

    repairs = repair_run(run, counted_again)
    for repair in repairs:
        print_note(one_line(f"{run.name}: {repair.name}: {repair.outcome}"))
    return sum(not repair.is_repaired for repair in repairs)
