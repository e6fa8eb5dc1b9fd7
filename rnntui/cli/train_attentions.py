"""Training of Seq2Seq models that differ in their attention alone, for `rnntui inspect attention --compare`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, get_args

from rnntui.cli.terminal import print_note
from rnntui.config_seq2seq import AttentionKind, PairTokenizerType
from rnntui.errors import UsageError

if TYPE_CHECKING:
    from rnntui.runs.folder import RunFolder
    from rnntui.text.parallel_corpus import ParallelCorpus

ATTENTIONS: tuple[AttentionKind, ...] = tuple(kind for kind in get_args(AttentionKind) if kind != "none")


@dataclass(frozen=True)
class AttentionTrainings:
    """Models to train.

    Args:
        kinds: their attention, one each.
        minutes: budget of each.
        hidden: hidden units of the decoder; the encoder has half as many in each direction, as dot attention needs it.
        tokenizer: their tokens.
        checkpoints: folder that `--checkpoints` names, if any.
        overwrite: runs that are there are trained anew; else a comparison that was stopped goes on.
    """

    kinds: tuple[AttentionKind, ...]
    minutes: float
    hidden: int
    tokenizer: PairTokenizerType
    checkpoints: str | None
    overwrite: bool


def train_attentions(
    read_corpus: Callable[[], ParallelCorpus], trainings: AttentionTrainings
) -> tuple[list[RunFolder], int]:
    """Train a run for each attention on the same pairs, called after them; return the runs and an exit code.

    Their attention is not guided, as all of them would learn the same alignment. A stop ends the comparison: the exit
    code is then not 0. Raises `UsageError` if a run of that name is not of this comparison, `CorpusError` if the pairs
    cannot be read or are too few.
    """
    from rnntui.cli.comparison_runs import ComparedModel, ComparisonRuns
    from rnntui.cli.environment import prepare_for_torch
    from rnntui.cli.stop_request import StopRequest
    from rnntui.cli.training_command import runs_folder
    from rnntui.config import Budget
    from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
    from rnntui.extras import require_extra

    require_extra("train", "training")
    if trainings.hidden % 2:
        raise UsageError(f"--hidden {trainings.hidden}: give an even number, as half of it is the encoder's")
    prepare_for_torch()
    from rnntui.training.prepare_seq2seq import Seq2SeqRequest, create_seq2seq_run, resumable_seq2seq_run

    model = Seq2SeqConfig(hidden=trainings.hidden, encoder_hidden=trainings.hidden // 2)
    request = Seq2SeqRequest(
        model,
        Seq2SeqTokenizerConfig(type=trainings.tokenizer),
        Seq2SeqTrainingConfig(guided_alignment=0.0),
        Budget(minutes=trainings.minutes),
    )
    folder = runs_folder(trainings.checkpoints, None, resume=False)
    with StopRequest() as stop:
        corpus = read_corpus()
        names = {kind: f"{corpus.name}-{kind}" for kind in trainings.kinds}
        trained = ComparisonRuns(
            "attention", folder, lambda name: resumable_seq2seq_run(corpus, name, folder), stop,
            overwrite=trainings.overwrite,
        )  # fmt: skip
        trained.check([*names.values()])  # before the first is trained

        def create(name: str, wanted: Seq2SeqRequest) -> RunFolder:
            run, messages = create_seq2seq_run(corpus, None, wanted, folder, name)
            for message in messages if not trained.runs else ():  # the same for all
                print_note(message)
            return run

        for kind, name in names.items():
            wanted = replace(request, model=replace(model, attention=kind))
            settings = {key: getattr(wanted.model, key) for key in ("attention", "hidden", "encoder_hidden")}
            compared = ComparedModel(
                name, settings, request.budget, partial(create, name, wanted), lambda run: f"training {run.name}"
            )
            if code := trained.train(compared):
                return trained.runs, code
    return trained.runs, 0
