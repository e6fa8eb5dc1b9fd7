"""Checks of rows that a run has held out, when they are found again by repeating the split of its corpus."""

from __future__ import annotations

from collections.abc import Sequence

from rnntui import __version__
from rnntui.errors import CorpusError, RunError
from rnntui.runs.run_config import RunConfig


def check_held_out_corpus(
    run_name: str,
    config: RunConfig,
    validation_sources: Sequence[str] | None,
    fingerprint: str,
    file_names: Sequence[str],
    rows: str,
) -> None:
    """Raise `CorpusError` if a run was created from another corpus, or had a separate one for validation.

    Args:
        run_name: name of the run.
        config: its config.
        validation_sources: files of its separate validation set, if any.
        fingerprint: hash of the corpus to split again.
        file_names: the files of that corpus as the user named them.
        rows: what the rows are called: "pairs" or "texts".
    """
    if validation_sources:
        raise CorpusError(
            f"run {run_name} has no held-out {rows}: its validation set was {', '.join(validation_sources)}",
            hint="evaluate on that, without --held-out",
        )
    if fingerprint != config.corpus.fingerprint:
        files = ", ".join(config.corpus.sources) or "unknown files"
        raise CorpusError(
            f"{', '.join(file_names)}: not the {rows} that run {run_name} was created from ({files}), so its "
            f"held-out {rows} cannot be determined"
        )


def split_differs(run_name: str, config: RunConfig, rows: str) -> RunError:
    """Return the error for a split that gives other rows than the run recorded; see `check_held_out_corpus`."""
    return RunError(
        f"rnntui {__version__} splits these {rows} differently from the version that created run {run_name}",
        hint=f"use that version, {config.versions.get('rnntui', 'which is not recorded')}",
    )
