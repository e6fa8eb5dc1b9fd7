"""`rnntui train`: from a text to a trained run, or on with one."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any

import click

from rnntui.cli.options import checkpoints_option, corpus_options, given_flags, settings_from, settings_options
from rnntui.cli.terminal import note
from rnntui.config import Budget, ModelConfig, TokenizerConfig, TrainingConfig
from rnntui.errors import UsageError


class StopRequest:
    """Ctrl-C or a termination signal: the first asks training to stop and save, a second Ctrl-C does not wait."""

    def __init__(self) -> None:
        self.requested = False
        self._training = False

    def listen(self) -> None:
        """Catch the signals that end a process; until `training` begins they end it, with nothing written."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._on_signal)

    def training(self) -> None:
        """From now on there is something to save."""
        self._training = True

    def __call__(self) -> bool:
        return self.requested

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._training or (self.requested and number == signal.SIGINT):
            raise KeyboardInterrupt
        self.requested = True


@click.command("train")
@click.argument("corpus", nargs=-1)
@click.option("--name", help="What to call the run [default: after the corpus].")
@click.option("--resume", is_flag=True, help="Go on with the newest run on this corpus, or with the one of --name.")
@checkpoints_option
@settings_options(Budget, ModelConfig, TokenizerConfig, TrainingConfig)
@corpus_options
@click.pass_context
def command(
    context: click.Context,
    /,
    corpus: tuple[str, ...],
    name: str | None,
    resume: bool,
    checkpoints: str | None,
    encoding: str,
    errors: Any,
    **values: Any,
) -> int:
    """Train a language model on CORPUS: text files, folders, globs, .gz and .xz, or - for standard input.

    Ctrl-C stops after the step it is at and saves; --resume goes on exactly from there. With --resume, --minutes,
    --epochs or --steps set a new budget for the whole run, the part already done included.
    """
    groups = (ModelConfig, TokenizerConfig, TrainingConfig)
    if not corpus and not resume:
        raise click.UsageError("name a corpus: a text file, a folder, a glob, or - for standard input", context)
    fixed = given_flags(context, *groups) if resume else []
    if fixed:
        raise UsageError(f"{fixed[0]} cannot change when a run is resumed; leave it out, or start a new run")
    # Settings are checked before torch, which takes a second or two, is imported.
    budget = settings_from(Budget, values)
    model, tokenizer = settings_from(ModelConfig, values), settings_from(TokenizerConfig, values)
    training = settings_from(TrainingConfig, values)
    model.resolved(tokenizer.tokenizer)

    stop = StopRequest()
    stop.listen()
    from rnntui.runs.find import checkpoints_folder
    from rnntui.text.corpus import find_corpus

    folder = checkpoints_folder(checkpoints)
    text = find_corpus(list(corpus), encoding, errors) if corpus else None
    if text is not None and text.skipped:
        note(f"left out {len(text.skipped)} files that are not text, {text.skipped[0]} among them")

    from rnntui.training.threads import wait_briefly

    wait_briefly()
    from rnntui.cli.progress import make_reporter
    from rnntui.training.run import Request, create_run, resumable_run, train_run

    new_budget = budget if given_flags(context, Budget) else None
    if resume:
        run = resumable_run(text, name, folder)
    else:
        assert text is not None
        run = create_run(text, Request(model, tokenizer, training, budget), folder, name)
        new_budget = None
    stop.training()
    with make_reporter(sys.stderr, run.path) as report:
        finished = train_run(run, report, stop, new_budget)
    return 130 if finished.reason == "interrupted" else 0
