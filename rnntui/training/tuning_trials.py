"""Runs of the trials of a search: created with the data of one template, trained, deleted; the best one published."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnntui.config import Budget
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.errors import CorpusError, RnntuiError, RunError
from rnntui.formatting import few_names_with_verb
from rnntui.runs.creation import publish_run, staging_folder
from rnntui.runs.folder import COPY_PREFIX, RunFolder
from rnntui.runs.management import delete_run, locked_run, move_run
from rnntui.runs.metrics_log import metrics_rows, read_metrics
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_files import foreign_files, named, remove_run_files
from rnntui.runs.run_lock import new_runs_locked
from rnntui.runs.tuning_ledger import Trial, TuningFolder
from rnntui.settings import settings_of
from rnntui.system_memory import is_out_of_memory
from rnntui.text.chat_exports import converted_chat
from rnntui.text.corpus import Corpus
from rnntui.text.repeated_files import readings
from rnntui.text.token_ids import corpus_stats
from rnntui.training.encode_corpus import link_or_copy
from rnntui.training.events import Evaluated, Event, Started, Stepped
from rnntui.training.prepare_language_model import LanguageModelRequest, create_language_model_run
from rnntui.training.prepare_run import publish_staged_run
from rnntui.training.tuning import TrialResult, TrialWatch
from rnntui.training.tuning_space import Dimension, search_space

_OWN_FILES = {
    "config.json",
    "checksums.json",
    "lock",
    "state.safetensors",
}  # of a run, not shared with those of other trials


def open_template(
    folder: TuningFolder, corpus: Corpus, request: LanguageModelRequest, notify: Callable[[str], None]
) -> RunConfig:
    """Return the configuration of a search's template; create it if there is none.

    Args:
        folder: the search's folder, which exists.
        corpus: the text.
        request: settings of the training, with the budget of a trial.
        notify: receives messages for the user.

    Raises `CorpusError` if the template is of another text, and what `create_language_model_run` raises.
    """
    template = folder.template
    if template.config_file.is_file():
        config = template.read_config()
        text, _ = converted_chat(corpus, request.training.turns)
        if config.corpus.fingerprint not in (corpus_stats(reading).fingerprint for reading in readings(text)):
            files_are = few_names_with_verb(corpus.display_names, "is", "are")
            raise CorpusError(
                f"{files_are} not the text that {folder.path} was begun with",
                hint="give --name for a search of its own",
            )
        return config
    if names := named(remove_run_files(template.path)):  # what is left of a template
        raise RunError(f"{template.path} holds files that do not belong to a run: {names}", hint="move them away")
    with new_runs_locked():
        created = create_language_model_run(corpus, request, folder.path, None, notify)
        move_run(created, template.path)
    return template.read_config()


def space_of(config: RunConfig, request: LanguageModelRequest) -> tuple[tuple[Dimension, ...], dict[str, Any]]:
    """Return the settings that are searched, and the default values of all that could be.

    Args:
        config: that of the template.
        request: what the user asked for.
    """
    model, training = config.model_as(LanguageModelConfig), config.training_as(LanguageModelTrainingConfig)
    defaults = {**vars(training), **vars(model)}
    given = set(request.given)
    if config.tokenizer.type != "char" and request.model.embedding is None:
        defaults["embedding"] = None
    if request.model.tied and request.model.embedding is not None:
        given |= {"hidden", "embedding"}  # of one size
    training_ids = config.corpus.training
    assert training_ids is not None
    tokens = training_ids.tokens
    return search_space(defaults, given, has_shape=config.origin is not None, tokens=tokens), defaults


@dataclass(frozen=True)
class RunTrainer:
    """Trains trials as runs in the folder of their search; a `TrialTrainer`.

    Args:
        folder: the search's folder.
        template: configuration of the template.
        request: settings that the user gave or left open.
        from_run: the run that is trained on from, as the user named it; empty for none.
    """

    folder: TuningFolder
    template: RunConfig
    request: LanguageModelRequest
    from_run: str = ""

    def train(self, trial: Trial, watch: TrialWatch) -> TrialResult:
        """Train the run of a trial, from its start or from where it was interrupted.

        A trial that diverges or for which memory is short has failed, and the search goes on.
        """
        from rnntui.training.train_run import train_run

        run = self.folder.trial_run(trial.number)
        progress = _Progress(run, self.request.budget, watch)
        try:
            with new_runs_locked():
                if not run.config_file.is_file():
                    self._create(trial)
                finished = train_run(run, progress.add, watch.should_stop)
            status = run.read_status()
        except RnntuiError as error:
            return self._result("failed", error.problem, progress)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return self._result("failed", "out of memory", progress)
        if finished.reason != "interrupted":
            return TrialResult("finished", "", status.validation_loss, status.bits_per_character, 1.0)
        if watch.pruned:
            return self._result("pruned", watch.pruned, progress)
        reason = watch.stop_reason()
        if reason == "interrupted":
            return self._result("interrupted", "", progress)
        return self._result("pruned", reason, progress)

    def _result(self, state: Any, reason: str, progress: _Progress) -> TrialResult:
        losses = [loss for _, loss in progress.watch.curve]
        return TrialResult(state, reason, min(losses, default=None), None, progress.fraction)

    def unrecorded_seconds(self, trial: Trial) -> float:
        """Return the training time of a trial whose process was killed, beyond what the ledger has."""
        rows = read_metrics(self.folder.trial_run(trial.number).metrics_file)
        seconds = rows[-1].get("seconds") if rows else None
        return max(0.0, seconds - trial.seconds) if isinstance(seconds, int | float) else 0.0

    def drop(self, trial: Trial) -> str:
        """Delete the run of a trial, if any. Return why it is kept if it is in use, has a note or other files."""
        run = self.folder.trial_run(trial.number)
        if not run.path.exists():
            return ""
        if names := named(foreign_files(run)):
            return f"it holds files that do not belong to it: {names}"
        if note := run.read_note():
            return f"it has a note: {note}"
        try:
            delete_run(run, self.folder.path)
        except RunError as error:  # it is in training, say
            return error.problem
        return ""

    def config_of(self, settings: Mapping[str, Any]) -> RunConfig:
        """Return the configuration of a run with searched settings. Raises `UsageError` if they do not fit together."""
        model, training = self.template.model_as(LanguageModelConfig), self.template.training
        if self.template.origin is None:  # sizes that follow from others follow from the new ones
            prior = model.ngram_prior
            own = {name: value for name, value in settings.items() if name in settings_of(LanguageModelConfig)}
            model = replace(self.request.model, **{"ngram_prior": prior, **own}).resolved(self.template.tokenizer.type)
        elif "dropout" in settings:
            model = replace(model, dropout=settings["dropout"])
        changed = {name: value for name, value in settings.items() if name in settings_of(type(training))}
        changed["from_run"] = self.from_run
        return replace(
            self.template,
            model=model,
            training=replace(training, **changed),
            budget=self.request.budget,
            created=time.time(),
        )

    def _create(self, trial: Trial) -> None:
        """Create the run of a trial with the data of the template."""
        config = self.config_of(trial.settings)
        with staging_folder(self.folder.path) as staged:
            _share_files(self.folder.template.path, staged)
            publish_staged_run(RunFolder(staged), config, self.folder.trial_run(trial.number).name)


class _Progress:
    """Passes the evaluations of a training on to the watch of its trial."""

    def __init__(self, run: RunFolder, budget: Budget, watch: TrialWatch) -> None:
        self.watch = watch
        self._run = run
        self.fraction = watch.curve[-1][0] if watch.curve else 0.0
        self._seconds = 60 * budget.minutes if budget.minutes is not None else None
        self._steps = budget.steps

    def add(self, event: Event) -> None:
        if isinstance(event, Started):
            if event.step:
                self._add_earlier(event.step)
        elif isinstance(event, Stepped):
            self.fraction = self._fraction(event.step, event.seconds)
        elif isinstance(event, Evaluated):
            if event.step:
                self.watch.add_evaluation(self.fraction, event.validation_loss)
        else:
            return
        self.watch.report(self.fraction, self.watch.curve[-1][1] if self.watch.curve else None)

    def _fraction(self, step: int, seconds: float) -> float:
        return min(1.0, seconds / self._seconds if self._seconds else step / (self._steps or 1))

    def _add_earlier(self, step: int) -> None:
        """Count the evaluations up to a step from which the training is resumed: a killed process has not told them."""
        for row in metrics_rows(self._run.metrics_file):
            earlier, seconds, loss = (row.get(key) for key in ("step", "seconds", "validation_loss"))
            if type(earlier) is int and isinstance(seconds, float) and isinstance(loss, float) and 0 < earlier <= step:
                self.fraction = self._fraction(earlier, seconds)
                self.watch.add_evaluation(self.fraction, loss)


def _share_files(source: Path, target: Path) -> None:
    """Give a run the data of another: links where the file system has them, as no run changes a file in place."""
    for path in source.rglob("*"):
        copy = target / path.relative_to(source)
        if path.is_dir():
            copy.mkdir(exist_ok=True)
        elif path.name not in _OWN_FILES and not path.name.startswith(COPY_PREFIX):
            link_or_copy(path, copy)


def publish_best(folder: TuningFolder, trial: Trial) -> RunFolder | None:
    """Move the run of a trial to the other runs, under the name of the search; None if the run is gone.

    The name is numbered if it has been taken meanwhile. Raises `RunError` if another process trains the run.
    """
    run = folder.trial_run(trial.number)
    if not run.config_file.is_file():
        return None
    with locked_run(run, "moved"):
        return RunFolder(publish_run(run.path, folder.path.parent, None, folder.name))
