"""`rnntui index`: the novelty index of a run, built or deleted."""

from __future__ import annotations

from typing import Any

import click

from rnntui.cli.novelty_output import build_index, note_unseen_copies
from rnntui.cli.options import checkpoints_option, corpus_options, settings_from
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import print_note, utf8_argument
from rnntui.config import ReadingConfig


@click.command("index")
@click.argument("run_name", metavar="[RUN]", required=False, callback=utf8_argument)
@click.argument("text", metavar="[FILE]...", nargs=-1, callback=utf8_argument)
@click.option("--delete", is_flag=True, help="Delete the index.")
@checkpoints_option
@corpus_options
def command(run_name: str | None, text: tuple[str, ...], delete: bool, checkpoints: str | None, **values: Any) -> None:
    """Index the training text of a language model, so that copies from it are found.

    sample --novelty, sample --novel, evaluate --novelty and the copies in the app use the index, and build it when they
    first need it. The text is read from the token ids in the run's folder, or if these are gone from the files that the
    run was trained on. FILE names these if they have moved; they must hold the same text. The texts of the runs that it
    was trained on from (train --from) are indexed, too; a line says which of them are not at hand.

    The index takes five bytes of disk for each character (six to eight in scripts with more than 254 characters), in
    the folder novelty/ of the run, and less than 500 MB of memory to build. Deleting it loses nothing.
    """
    from rnntui.inspection.novelty_index import delete_novelty_index
    from rnntui.kinds.language_model import LANGUAGE_MODEL

    run = choose_run(run_name, checkpoints, LANGUAGE_MODEL)
    if delete:
        print_note(f"{'deleted the' if delete_novelty_index(run) else 'there is no'} index of {run.name}")
        return
    note_unseen_copies(build_index(run, text, settings_from(ReadingConfig, values)))
