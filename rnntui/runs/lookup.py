"""Where runs lie, which there are, and which one is meant."""

from __future__ import annotations

import os
from pathlib import Path

from rnntui.atomic_files import parse_json
from rnntui.errors import RunError, UsageError
from rnntui.runs.folder import LANGUAGE_MODEL, SEQ2SEQ, RunFolder

VARIABLE = "RNNTUI_CHECKPOINTS"
SHIPPED = ("shakespeare", "chat", "en-es")
_PACKAGE = Path(__file__).resolve().parent.parent
COMMANDS = {LANGUAGE_MODEL: "train", SEQ2SEQ: "train-seq2seq"}
"""Which command of `rnntui` trains a kind of run."""
USES = {LANGUAGE_MODEL: "write with it: rnntui sample", SEQ2SEQ: "translate with it: rnntui translate"}
"""What a kind of run is for."""
NAMES = {LANGUAGE_MODEL: "language model", SEQ2SEQ: "Seq2Seq model"}
_TEXTS = {LANGUAGE_MODEL: "corpus.txt", SEQ2SEQ: "pairs.tsv"}
_NAMED = 8  # runs named in a message at most


def checkpoints_folder(given: str | None, *, to_read: bool = False) -> Path:
    """The folder of the user's runs: `--checkpoints`, else the variable `RNNTUI_CHECKPOINTS`, else `./checkpoints`.

    Raises `UsageError` if one is given `to_read` from and there is none.
    """
    folder = Path(given or os.environ.get(VARIABLE) or "checkpoints")
    if given and to_read and not folder.is_dir():
        raise UsageError(f"--checkpoints {given}: there is no such folder")
    return folder


def shipped_folder() -> Path:
    """Where the models that come with rnntui lie: in the package, or in the tree that an editable install points to."""
    packaged = _PACKAGE / "shipped"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "checkpoints"


def shipped_runs() -> list[RunFolder]:
    """The models that come with rnntui, in the order of `SHIPPED`; in a tree, the user's own runs lie beside them."""
    found = [run for run in runs_in(shipped_folder()) if run.name in SHIPPED]
    return sorted(found, key=lambda run: SHIPPED.index(run.name))


def runs_in(folder: Path) -> list[RunFolder]:
    """Every run in a folder, by name; hidden folders, as a run in the making is one, are passed over."""
    if not folder.is_dir():
        return []
    found = [RunFolder(path) for path in folder.iterdir() if not path.name.startswith(".")]
    return sorted((run for run in found if run.config_file.is_file()), key=lambda run: run.name)


def find_run(name: str | None, checkpoints: Path, kind: str | None = LANGUAGE_MODEL) -> RunFolder:
    """The run a user means: by name or by path, or without either the newest of the kind, or else the shipped one.

    Only runs that have weights count; with None for `kind`, those of any. Raises `UsageError` for a name
    that no run has, `RunError` if there is none.
    """
    if name is None:
        shipped = [run for run in shipped_runs() if run.weights_file.is_file()]
        theirs = {run.path.resolve() for run in shipped}
        own = [run for run in runs_in(checkpoints) if run.weights_file.is_file() and run.path.resolve() not in theirs]
        own, shipped = ([run for run in runs if _may_be(run, kind)] for runs in (own, shipped))
        if own:
            return max(own, key=_written)
        if not shipped:
            made = kind or LANGUAGE_MODEL
            raise RunError(f"no trained run in {checkpoints}; make one with: rnntui {COMMANDS[made]} {_TEXTS[made]}")
        return shipped[0]
    return named_run(name, checkpoints)


def kind_of(run: RunFolder) -> str | None:
    """Which kind of model a run is, told quickly; None where its `config.json` is broken."""
    try:
        values = parse_json(run.config_file.read_bytes())
        return str(values["kind"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def must_be(run: RunFolder, kind: str, wanted: str) -> None:
    """Raises `UsageError` if a run of this kind is not of the kind that is wanted, with what it is good for."""
    if kind != wanted:
        use = f"; {USES[kind]} --run {run.name}" if kind in USES else ""
        raise UsageError(f"run {run.name} is a {NAMES.get(kind, kind)}, and no {NAMES[wanted]}{use}")


def _may_be(run: RunFolder, kind: str | None) -> bool:
    return kind is None or kind_of(run) in (kind, None)  # a broken one is not passed over, but told by whoever reads it


def named_run(name: str, checkpoints: Path) -> RunFolder:
    """The run of that name, the user's before the shipped one, or the run folder at that path.

    Raises `UsageError` listing the runs there are.
    """
    shipped = {run.name: run.path for run in shipped_runs()}
    for folder in (checkpoints / name, shipped.get(name), Path(name)):
        if folder is not None and _is_run(folder):
            return RunFolder(folder)
    known = list(dict.fromkeys([run.name for run in runs_in(checkpoints)] + list(shipped)))
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    there = f"there are {', '.join(known[:_NAMED])}{more}" if known else "there is none yet"
    raise UsageError(f"no run {name!r} in {checkpoints}; {there}")


def _is_run(folder: Path) -> bool:
    try:
        return (folder / "config.json").is_file()
    except (OSError, ValueError):  # a name too long for the system, or with a zero byte in it
        return False


def _written(run: RunFolder) -> float:
    return run.weights_file.stat().st_mtime
