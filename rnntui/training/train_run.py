"""Training a run from where it stands, and measuring one: what the command line and a screen both call."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from rnntui.atomic_files import remove_partial_files
from rnntui.config import Budget, LanguageModelConfig
from rnntui.errors import CorpusError, RunError
from rnntui.inference.loaded_model import read_tokenizer
from rnntui.inference.translator import read_vocabularies
from rnntui.models.language_model import LanguageModel
from rnntui.models.weight_arrays import load_into
from rnntui.runs.folder import LANGUAGE_MODEL, SEQ2SEQ, RunConfig, RunFolder
from rnntui.runs.weights_file import load_weights
from rnntui.text.corpus import Corpus
from rnntui.text.token_ids import write_token_file
from rnntui.training.device import Hardware, choose_hardware
from rnntui.training.evaluation import Evaluation, streaming, windowed
from rnntui.training.events import Event, Finished
from rnntui.training.task import LanguageModelTask, Task
from rnntui.training.trainer import Trainer


def _seq2seq_task(run: RunFolder, config: RunConfig, hardware: Hardware) -> Task:
    # sacrebleu takes a third of a second to import, and language models have no use for it.
    from rnntui.training.seq2seq_task import Seq2SeqTask

    return Seq2SeqTask(run, config, read_vocabularies(run, config), hardware)


# Which task trains which kind of run.
_TASKS: dict[str, Callable[[RunFolder, RunConfig, Hardware], Task]] = {
    LANGUAGE_MODEL: lambda run, config, hardware: LanguageModelTask(run, config, read_tokenizer(run, config), hardware),
    SEQ2SEQ: _seq2seq_task,
}


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
    if config.kind not in _TASKS:
        raise RunError(f"run {run.name} is a {config.kind}; this rnntui trains {', '.join(_TASKS)}")
    lock = run.lock()
    try:
        for folder in (run.path, run.resume_folder):
            remove_partial_files(folder)
        settings = config.training
        hardware = choose_hardware(settings.device, settings.precision, settings.threads)
        torch.manual_seed(settings.seed)
        task = _TASKS[config.kind](run, config, hardware)
        trainer = Trainer(task, settings, budget or config.budget, run, report, stop_requested)
        if run.resume_file.is_file():
            trainer.resume(budget)
            if trainer.over and (budget is not None or run.read_status().state == "done"):
                step, minutes = trainer.step, (budget or config.budget).minutes
                longer = 2 * max(minutes or 0.0, trainer.minutes)
                more = f"--steps {2 * step}" if minutes is None else f"--minutes {longer:.3g}"
                raise RunError(
                    f"run {run.name} is done, at step {step:,}; to train on, give a larger budget, "
                    f"such as --resume {more}"
                )
        elif run.read_status().step:
            raise RunError(f"{run.resume_file} is gone, and with it the place to go on from; start a new run")
        return trainer.train()
    except IndexError as error:
        raise RunError(f"the ids in {run.resume_folder} are not of its vocabulary; start a new run") from error
    finally:
        lock.release()


def evaluate_run(run: RunFolder, corpus: Corpus) -> tuple[dict[str, Evaluation], list[str]]:
    """Both evaluations of a run's best weights on a corpus, and the characters that its vocabulary lacks.

    Raises `RunError` if the run is broken, `CorpusError` if the text cannot be read or has fewer than two tokens.
    """
    config = run.read_config()
    tokenizer = read_tokenizer(run, config)
    vocab_size = config.vocab_size
    hardware = choose_hardware("auto", "fp32", None)
    model = LanguageModel(config.model_as(LanguageModelConfig), vocab_size)
    load_best(model, run)
    model.to(hardware.device)
    evaluations = {"streaming": streaming, "windowed": windowed}
    with tempfile.TemporaryDirectory(prefix="rnntui-") as folder:
        path = Path(folder) / "text.ids"
        part, unknown = write_token_file(corpus, tokenizer, path)
        if part.tokens < 2:
            shown = ", ".join(corpus.display_names)
            raise CorpusError(f"{shown} is too short: {part.tokens} tokens, where at least 2 are needed")
        ids = part.read(path)
        per_token = part.characters / part.tokens
        found = {name: evaluate(model, ids, vocab_size, hardware, per_token) for name, evaluate in evaluations.items()}
    return found, unknown


def load_best(model: nn.Module, run: RunFolder) -> None:
    """Put a run's best weights into a model. Raises `RunError` if they are not this model's."""
    try:
        load_into(model, load_weights(run.weights_file))
    except (KeyError, ValueError) as error:
        raise RunError(f"{run.weights_file} does not belong to {run.config_file}: {error}") from error
