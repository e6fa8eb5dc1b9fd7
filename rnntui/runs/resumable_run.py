"""The run that `--resume` selects: the one named, or the newest on a text, by its fingerprint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnntui.config import Newlines
from rnntui.errors import CorpusError, RunError, UsageError
from rnntui.formatting import few_names, few_names_with_verb
from rnntui.kinds.corpus_info import CorpusInfo
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import KINDS, title_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import kind_id_of, runs_in
from rnntui.runs.run_config import RunConfig

_MAX_LISTED = 5  # runs listed in a message


@dataclass(frozen=True)
class TrainingText:
    """The text that a resumed run must have been trained on.

    Args:
        name: default name of a run on it.
        sources: the files as the user named them.
        fingerprints: computes the hash of the text for each treatment of line ends that changes it; it reads all of it.
        newlines: the treatment of line ends that the user chose.
        accept_change: called with a message if the text has changed since the run was created; training then goes on
            with the run's own copy. None refuses a text that has changed.
    """

    name: str
    sources: tuple[str, ...]
    fingerprints: Callable[[], Mapping[Newlines, str]]
    newlines: Newlines = "universal"
    accept_change: Callable[[str], None] | None = None


def find_resumable_run(kind: ModelKind, text: TrainingText | None, name: str | None, checkpoints: Path) -> RunFolder:
    """Return the run of a kind to resume: the one named, or the newest on this text, or the newest of all.

    A run is on this text if the fingerprints are equal, whatever the files are called. Runs that cannot be read are
    passed over unless they are named.

    Raises `UsageError` or `RunError` if there is none, `CorpusError` if it was not trained on this text, unless
    `text.accept_change` takes it.

    Args:
        kind: the kind of run.
        text: the text that was given; None if none was.
        name: the name that was given; None if none was.
        checkpoints: the folder of the user's runs.
    """
    if name is not None:
        runs = [_named_run(kind, name, checkpoints)]
        corpora = {runs[0]: runs[0].read_config().corpus}
    else:
        configs = {run: config for run in runs_in(checkpoints) if (config := _resumable_config(run, kind))}
        runs = sorted(configs, key=lambda run: -configs[run].created)
        corpora = {run: config.corpus for run, config in configs.items()}
    if text is None or not runs:
        if not runs and text is not None:
            raise UsageError(f"no run on {text.name} to resume in {checkpoints}", hint="start one without --resume")
        if not runs:
            raise RunError(f"no run to resume in {checkpoints}", hint="start one without --resume")
        return runs[0]
    fingerprints = text.fingerprints()
    on_text = [run for run in runs if corpora[run].fingerprint == fingerprints[text.newlines]]
    if on_text:
        return on_text[0]
    return _run_on_changed(text, fingerprints, {run: corpora[run] for run in runs}, name, checkpoints)


def configs_on(kind: ModelKind, files: Sequence[str], name: str | None, checkpoints: Path) -> Iterator[RunConfig]:
    """Yield the configs of the runs that `find_resumable_run` may find on files of these names, the newest first.

    They tell how the files were read; a README that was passed over may be among the files.
    """
    runs = (run for run in runs_in(checkpoints) if name in (None, run.name))
    configs = [config for run in runs if (config := _resumable_config(run, kind))]
    for config in sorted(configs, key=lambda config: -config.created):
        if config.corpus.sources and set(config.corpus.sources) <= set(files):
            yield config


def _named_run(kind: ModelKind, name: str, checkpoints: Path) -> RunFolder:
    """Return the run of that name if it is of the kind and can be resumed."""
    run = next((run for run in runs_in(checkpoints) if run.name == name), None)
    if run is None:
        raise UsageError(f"no run {name!r} to resume in {checkpoints}", hint="see rnntui runs")
    other_id = kind_id_of(run)
    if other_id is not None and other_id in KINDS and other_id != kind.id:
        command = f"rnntui {KINDS[other_id].command} --resume --name {name}"
        raise UsageError(f"run {name} is a {title_of(other_id)}", hint=f"resume it with: {command}")
    for file in (run.training_ids, run.validation_ids):
        if not file.is_file():
            raise RunError(f"run {name} cannot be resumed: {file} is missing", hint="start a new run")
    return run


def _resumable_config(run: RunFolder, kind: ModelKind) -> RunConfig | None:
    """Return the config of a run that can be resumed as one of the kind; None for any other."""
    try:
        config = run.read_config()
    except RunError:
        return None
    return config if config.kind == kind.id and run.training_ids.is_file() else None


def _run_on_changed(
    text: TrainingText,
    fingerprints: Mapping[Newlines, str],
    corpora: dict[RunFolder, CorpusInfo],
    name: str | None,
    checkpoints: Path,
) -> RunFolder:
    """Return the run whose text has changed, if that is accepted, among runs, the newest first.

    Raises `UsageError` or `CorpusError` for a text that none of them was trained on.
    """
    other: Newlines = "keep" if text.newlines == "universal" else "universal"
    alike = [run for run, corpus in corpora.items() if name is not None or corpus.name == text.name]
    if not alike:
        raise UsageError(
            f"no run on {text.name} to resume in {checkpoints}",
            hint="name the run with --name, or start one without --resume",
        )
    files = few_names(text.sources)
    for run in alike:
        if corpora[run].fingerprint == fingerprints.get(other):
            raise UsageError(
                f"run {run.name} was trained on {files} read with --newlines {other}", setting="newlines",
                hint=f"resume it with --newlines {other}",
            )  # fmt: skip
    newest, corpus = alike[0], corpora[alike[0]]
    if corpus.sources and [*map(os.path.abspath, corpus.sources)] == [*map(os.path.abspath, text.sources)]:
        problem = f"{few_names_with_verb(text.sources, 'has', 'have')} changed since run {newest.name} was created"
    else:
        sources = f", {few_names(corpus.sources)}" if corpus.sources else ""
        files_are = few_names_with_verb(text.sources, "is", "are")
        problem = f"{files_are} not the text that run {newest.name} was trained on{sources}"
    if text.accept_change is not None:
        text.accept_change(f"{problem}; training goes on with the run's own copy of its text, as it was")
        return newest
    others = ", ".join(run.name for run in alike[1 : _MAX_LISTED + 1])
    verb = "was" if len(alike) == 2 else "were"
    raise CorpusError(
        problem + (f" ({others} {verb} not trained on it either)" if others else ""),
        hint="--accept-changed-corpus goes on with the run's own copy of its text, as it was; or start a new run",
    )
