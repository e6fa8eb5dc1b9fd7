"""From a corpus to a run, and a run trained: what the command line and a screen both call."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from rnntui import __version__
from rnntui.config import Budget, ModelConfig, TokenizerConfig, TrainingConfig
from rnntui.errors import CorpusError, RunError, UsageError
from rnntui.inference.run import load_run
from rnntui.models.language_model import LanguageModel, load_into
from rnntui.runs.find import runs_in
from rnntui.runs.folder import LANGUAGE_MODEL, RunConfig, RunFolder
from rnntui.text.corpus import Corpus
from rnntui.text.ids import Survey, encode_all, make_tokenizer, split_point, survey, write_parts
from rnntui.text.tokenizer import load_tokenizer
from rnntui.training.device import choose_hardware
from rnntui.training.evaluate import Evaluation, streaming, windowed
from rnntui.training.events import Event, Finished
from rnntui.training.loop import Trainer
from rnntui.training.task import LanguageModelTask

_MAKING = ".making-"
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
    # The hardware is asked first: a wrong --device should not cost the reading of a gigabyte.
    choose_hardware(request.training.device, request.training.precision, None)
    found = survey(corpus)
    _check_size(found, corpus, request)
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
    runs = [run for run in runs_in(checkpoints) if run.training_ids.is_file()]
    if name is not None:
        runs = [run for run in runs if run.name == name]
        if not runs:
            raise UsageError(f"no run {name!r} to resume in {checkpoints}; see rnntui runs")
    elif corpus is not None:
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


def train_run(
    run: RunFolder,
    report: Callable[[Event], None],
    stop_requested: Callable[[], bool],
    budget: Budget | None = None,
) -> Finished:
    """Train a run from where it stands, alone under its lock; `budget` replaces the one it was made with.

    Raises `RunError` if the run is in use, broken, or has nothing left to do, `TrainingError` if it diverges.
    """
    config = run.read_config()
    if config.kind != LANGUAGE_MODEL:
        raise RunError(f"run {run.name} is a {config.kind}; this rnntui trains {LANGUAGE_MODEL}s")
    lock = run.lock()
    try:
        settings = config.training
        hardware = choose_hardware(settings.device, settings.precision, settings.threads)
        torch.manual_seed(settings.seed)
        task = LanguageModelTask(run, config, load_tokenizer(run.path, config.tokenizer.tokenizer), hardware)
        trainer = Trainer(task, settings, budget or config.budget, run, report, stop_requested)
        if run.resume_file.is_file():
            trainer.resume(new_budget=budget is not None)
            if trainer.finished:
                step = run.read_status().step
                raise RunError(
                    f"run {run.name} is done, at step {step:,}; to train on, give a larger budget, "
                    f"such as --resume --steps {2 * step}"
                )
        return trainer.train()
    finally:
        lock.release()


def _check_name(name: str, checkpoints: Path) -> None:
    if not name or name.startswith(".") or _FORBIDDEN & set(name) or not name.isprintable():
        raise UsageError(f"--name {name!r} cannot be a folder's name; use letters, digits, - and _")
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
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }


def evaluate_run(run: RunFolder, corpus: Corpus) -> tuple[dict[str, Evaluation], list[str]]:
    """Both evaluations of a run's best weights on a corpus, and the characters that its vocabulary lacks.

    Raises `RunError` if the run is broken, `CorpusError` if the text cannot be read or has fewer than two tokens.
    """
    loaded = load_run(run)
    hardware = choose_hardware("auto", "fp32", None)
    vocab_size = loaded.config.vocab_size
    model = LanguageModel(loaded.config.model, vocab_size)
    load_into(model, loaded.weights)
    model.to(hardware.device)
    ids, characters, unknown = encode_all(corpus, loaded.tokenizer)
    if len(ids) < 2:
        raise CorpusError(f"{', '.join(corpus.shown)} has {len(ids)} tokens; two are needed to predict one")
    evaluations = {"streaming": streaming, "windowed": windowed}
    per_token = characters / len(ids)
    return {
        name: evaluate(model, ids, vocab_size, hardware, per_token) for name, evaluate in evaluations.items()
    }, unknown
