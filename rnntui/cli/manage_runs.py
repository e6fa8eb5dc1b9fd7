"""`rnntui rename`, `delete` and `note`: management of runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import click

from rnntui.cli.options import checkpoints_option
from rnntui.cli.run_choice import existing_checkpoints_folder
from rnntui.cli.terminal import print_note, utf8_argument, write_out
from rnntui.errors import UsageError
from rnntui.formatting import format_bytes
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import named_or_lost_run, named_run, shipped_names
from rnntui.runs.management import (
    check_deletable,
    check_holds_run_only,
    delete_run,
    rename_run,
    size_on_disk,
    write_note,
)
from rnntui.runs.run_files import foreign_files, named


@click.command("rename")
@click.argument("name", metavar="RUN", callback=utf8_argument)
@click.argument("new_name", metavar="NEW", callback=utf8_argument)
@checkpoints_option
def rename_command(name: str, new_name: str, checkpoints: str | None) -> None:
    """Rename a run. RUN is its name or path, NEW a name that no run has.

    A run in training cannot be renamed, nor a shipped model. A renamed run can be resumed as before.
    """
    run = named_run(name, existing_checkpoints_folder(checkpoints))
    renamed = rename_run(run, new_name)
    hides = "; it hides the shipped model of that name" if renamed.name in shipped_names() else ""
    print_note(f"run {run.name} is now {renamed.name}{hides}")


@click.command("delete")
@click.argument("names", metavar="RUN...", nargs=-1, required=True, callback=utf8_argument)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation; required without a terminal.")
@checkpoints_option
def delete_command(names: tuple[str, ...], yes: bool, checkpoints: str | None) -> int:
    """Delete runs with all their files, after asking. RUN is a name or a path.

    A run in training cannot be deleted, nor a shipped model. If a run is a symbolic link, only the link is deleted.
    Files in its folder that do not belong to a run are named in the question; --yes refuses to delete them.
    """
    folder = existing_checkpoints_folder(checkpoints)
    runs = list({run.path.absolute(): run for run in (named_or_lost_run(name, folder) for name in names)}.values())
    others = {run: foreign_files(run) for run in runs}
    for run in runs:
        check_deletable(run, folder)
        if yes:
            check_holds_run_only(run)
    if not yes and not _is_confirmed(others):
        print_note("nothing was deleted")
        return 1
    for run in runs:
        freed = format_bytes(size_on_disk(run))
        delete_run(run, folder, () if yes else others[run])
        print_note(f"deleted {run.path}, {freed}")
    return 0


def _is_confirmed(runs: Mapping[RunFolder, Sequence[str]]) -> bool:
    """Ask for confirmation on a terminal. Raises `UsageError` if there is none.

    `runs` has what each folder holds that does not belong to the run.
    """
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("cannot ask for confirmation without a terminal", hint="confirm with --yes")
    for run, others in runs.items():
        print_note(_description(run, others))
    return click.confirm("Delete this run?" if len(runs) == 1 else f"Delete these {len(runs)} runs?", err=True)


def _description(run: RunFolder, others: Sequence[str]) -> str:
    if run.path.is_symlink():
        return f"{run.path}: a link to {run.path.resolve()}, which is kept"
    extra = f", including files that do not belong to a run: {named(others)}" if others else ""
    return f"{run.path}: {format_bytes(size_on_disk(run))}{extra}"


@click.command("note")
@click.argument("name", metavar="RUN", callback=utf8_argument)
@click.argument("words", metavar="[TEXT]...", nargs=-1, callback=utf8_argument)
@checkpoints_option
def note_command(name: str, words: tuple[str, ...], checkpoints: str | None) -> None:
    """Write a note on a run, which lists show; without TEXT, print it. An empty TEXT ("") removes it.

    RUN is a name or a path. A run in training can have a note, a shipped model cannot.
    """
    run = named_run(name, existing_checkpoints_folder(checkpoints))
    if words:
        write_note(run, " ".join(words))
        return
    note = run.read_note()
    if note:
        write_out(f"{note}\n")
