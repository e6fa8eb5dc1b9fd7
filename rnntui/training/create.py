"""From a corpus to a run that is ready to train, and finding one to go on with; without torch, so that it is quick."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from rnntui import __version__
from rnntui.config import Budget, ModelConfig, TokenizerConfig, TrainingConfig
from rnntui.errors import CorpusError, RunError, UsageError
from rnntui.runs.find import runs_in
from rnntui.runs.folder import LANGUAGE_MODEL, RunConfig, RunFolder
from rnntui.text.corpus import Corpus
from rnntui.text.ids import Survey, make_tokenizer, split_point, survey, write_parts

_MAKING = ".making-"
_LONGEST_NAME = 100
_FORBIDDEN = set('/\\:*?"<>|\0')


@dataclass(frozen=True)
class Request:
    """All that `rnntui train` was asked."""

    model: ModelConfig
    tokenizer: TokenizerConfig
    training: TrainingConfig
    budget: Budget


def create_run(corpus: Corpus, request: Request, checkpoints: Path, name: str | None) -> RunFolder:
    """Read the corpus and make a run folder that is ready to train; it appears whole, or not at all.

    Without a name the run takes the corpus's, with a number if that is taken. Raises `UsageError` if the name given
    is taken or cannot be a folder's, `CorpusError` if the text cannot be read or is too small.
    """
    if name is not None:
        _check_name(name, checkpoints)
    found = survey(corpus)
    _check_size(found, corpus, request)
    # Torch is imported for this alone, once the text is known to be good and while nothing is written.
    from rnntui.training.device import choose_hardware

    choose_hardware(request.training.device, request.training.precision, None)
    model = request.model.resolved(request.tokenizer.tokenizer)
    with _workshop(checkpoints) as folder:
        run = RunFolder(folder)
        tokenizer = make_tokenizer(corpus, found, request.tokenizer, request.training.validation)
        tokenizer.save(folder)
        run.resume_folder.mkdir()
        validation = request.training.validation
        parts = write_parts(corpus, found, tokenizer, validation, run.training_ids, run.validation_ids)
        for part, which in zip(parts, ("training", "validation"), strict=True):
            _check_tokens(part.tokens, which, request, corpus)
        config = RunConfig(
            kind=LANGUAGE_MODEL,
            model=model,
            training=request.training,
            budget=request.budget,
            tokenizer=replace(request.tokenizer, vocab_size=tokenizer.vocab_size),
            corpus={
                "name": corpus.name,
                "sources": list(corpus.shown),
                "fingerprint": found.fingerprint,
                "turns": [found.turns.person, found.turns.model] if found.turns else None,
                "characters": found.characters,
                "training": asdict(parts[0]),
                "validation": asdict(parts[1]),
            },
            created=time.time(),
            versions=_versions(),
        )
        run.write_config(config)
        return RunFolder(_move_into_place(folder, checkpoints, name, corpus.name))


def resumable_run(corpus: Corpus | None, name: str | None, checkpoints: Path) -> RunFolder:
    """The run that `--resume` means: the one named, or the newest on this corpus, or the newest of all.

    Raises `UsageError` or `RunError` if there is none, or if the corpus is not the text it was trained on.
    """
    if name is not None:
        runs = [run for run in runs_in(checkpoints) if run.name == name]
        if not runs:
            raise UsageError(f"no run {name!r} to resume in {checkpoints}; see rnntui runs")
        for file in (runs[0].training_ids, runs[0].validation_ids):
            if not file.is_file():
                raise RunError(f"run {name} cannot be resumed: {file} is missing; start a new run")
    else:
        runs = [run for run in runs_in(checkpoints) if run.training_ids.is_file()]
    if name is None and corpus is not None:
        runs = [run for run in runs if run.read_config().corpus.get("name") == corpus.name]
        if not runs:
            raise UsageError(f"no run on {corpus.name} to resume in {checkpoints}; start one without --resume")
    if not runs:
        raise RunError(f"no run to resume in {checkpoints}; start one without --resume")
    run = max(runs, key=lambda run: run.read_config().created)
    if corpus is not None and survey(corpus).fingerprint != run.read_config().corpus.get("fingerprint"):
        raise CorpusError(
            f"{', '.join(corpus.shown)} is not the text that run {run.name} was trained on; "
            f"resume with --name {run.name} and no corpus to go on with the text it keeps, or start a new run"
        )
    return run


def _check_name(name: str, checkpoints: Path) -> None:
    wrong = not name.strip() or name[0] in ".-" or _FORBIDDEN & set(name) or not name.isprintable()
    if wrong or len(name.encode()) > _LONGEST_NAME:
        raise UsageError(
            f"--name {name[:40]!r} cannot be a run's name; it is a folder's, of {_LONGEST_NAME} bytes at most, "
            f"that begins with neither . nor - and has no /"
        )
    if (checkpoints / name).exists():
        raise UsageError(f"run {name} exists in {checkpoints}; go on with it by --resume, or choose another --name")


def _check_size(found: Survey, corpus: Corpus, request: Request) -> None:
    if request.tokenizer.tokenizer == "char":
        training = split_point(found.characters, request.training.validation)
        _check_tokens(training, "training", request, corpus)
        _check_tokens(found.characters - training, "validation", request, corpus)


def _check_tokens(tokens: int, part: str, request: Request, corpus: Corpus) -> None:
    needed = request.training.bptt + 1 if part == "training" else 2
    if tokens < needed:
        share = f"{request.training.validation:g}"
        advice = "a smaller --bptt" if part == "training" else f"a larger --validation than {share}"
        raise CorpusError(
            f"{', '.join(corpus.shown)} is too small: {tokens:,} tokens for {part}, where {needed:,} are needed; "
            f"give more text or {advice}"
        )


@contextlib.contextmanager
def _workshop(checkpoints: Path) -> Iterator[Path]:
    """A hidden folder beside the runs to make one in; gone afterwards unless it was moved into place."""
    new = not checkpoints.exists()
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        _sweep(checkpoints)
        folder = Path(tempfile.mkdtemp(prefix=f"{_MAKING}{os.getpid()}-", dir=checkpoints))
    except OSError as error:
        raise RunError(f"cannot write to {checkpoints}: {error.strerror}; name another with --checkpoints") from error
    folder.chmod(0o777 & ~_umask())  # mkdtemp's folders are its owner's alone
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if new:
            with contextlib.suppress(OSError):  # others may have put a run there meanwhile
                checkpoints.rmdir()
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sweep(checkpoints: Path) -> None:
    """Remove what a process killed while making a run has left."""
    for folder in checkpoints.glob(f"{_MAKING}*"):
        process = folder.name.removeprefix(_MAKING).split("-")[0]
        if process.isdigit() and not _alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    if os.name != "posix":
        return True  # there a signal 0 would end the process; leave the folder
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _move_into_place(folder: Path, checkpoints: Path, name: str | None, base: str) -> Path:
    number = 1
    while True:
        target = checkpoints / (name or (base if number == 1 else f"{base}-{number}"))
        if not target.exists():
            try:
                # Renaming onto a folder that another process just made fails, unless that is empty.
                folder.rename(target)
            except OSError:
                if not target.exists():
                    raise
            else:
                return target
        if name is not None:
            raise UsageError(f"run {name} exists in {checkpoints}; choose another --name")
        number += 1


def _versions() -> dict[str, str]:
    return {
        "rnntui": __version__,
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
    }
