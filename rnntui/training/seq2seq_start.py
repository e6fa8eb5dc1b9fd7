"""Start of a Seq2Seq model from another one: its shape, its vocabularies, its weights and its data."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.inference.translator import read_known_words, read_vocabularies
from rnntui.kinds.pair_corpus_info import PairCorpusInfo, PairLengths
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunOrigin
from rnntui.runs.weights_file import save_arrays
from rnntui.settings import settings_of
from rnntui.text.pair_ids import PairDataset
from rnntui.text.token_ids import TokenFile
from rnntui.text.vocabulary import Vocabulary
from rnntui.training.starting_run import StartingRun
from rnntui.untrusted_files import copy_regular

LEARNING_RATE = 1e-3
"""Default peak learning rate of a Seq2Seq model that is trained on."""


class Seq2SeqStart:
    """A Seq2Seq model that is trained on.

    Raises `UsageError` if the run is of another kind, `RunError` if there is none, or it has no weights or is broken.

    Args:
        name: name or path of its run.
        checkpoints: the folder of runs.
    """

    def __init__(self, name: str, checkpoints: Path) -> None:
        self._start = StartingRun(name, checkpoints, SEQ2SEQ)
        self.vocabularies: tuple[Vocabulary, Vocabulary] = read_vocabularies(self._start.run, self._start.config)

    def model_config(self, config: Seq2SeqConfig, given: Collection[str]) -> Seq2SeqConfig:
        """Return settings of a model with the run's shape and a dropout of its own.

        Raises `UsageError` if a size that was `given` on the command line differs.
        """
        shape = self._start.config.model_as(Seq2SeqConfig)
        own = {name: getattr(shape, name) for name in settings_of(Seq2SeqConfig) if name != "dropout"}
        self._start.require(config, own, given)
        return replace(config, **own)

    def tokenizer_config(self, config: Seq2SeqTokenizerConfig, given: Collection[str]) -> Seq2SeqTokenizerConfig:
        """Return the settings of the run's tokenizer. Raises `UsageError` if one that was `given` differs."""
        own = self._start.config.tokenizer_as(Seq2SeqTokenizerConfig)
        self._start.require(config, vars(own), given)
        return own

    def training_config(self, config: Seq2SeqTrainingConfig, given: Collection[str]) -> Seq2SeqTrainingConfig:
        """Return the settings of the training, with defaults that suit weights that are trained already.

        Raises `UsageError` if data is to be mixed in that is not at hand.
        """
        self._start.check_mix(config.mix)
        if config.guided_alignment is None:  # attention has been learned
            config = replace(config, guided_alignment=0.0)
        return config if "learning_rate" in given else replace(config, learning_rate=LEARNING_RATE)

    @property
    def note(self) -> str:
        """Return a message on the vocabulary, and on what will be said of forgetting."""
        start = self._start
        return f"trains on from {start.name}: its {start.config.tokenizer.summary} stay; {start.forgetting_note}"

    @property
    def known_words(self) -> frozenset[str]:
        """The words that the run knows; none if it has no placeholders."""
        return read_known_words(self._start.run, self._start.config)

    def lengths(self, lengths: PairLengths) -> PairLengths:
        """Return the lengths of the longest pairs: of the new ones, or of those that the run was trained on."""
        own = self._start.config.corpus_as(PairCorpusInfo).lengths
        if own is None:
            return lengths
        longest = (max(getattr(lengths, name), getattr(own, name)) for name in ("source", "target", "beyond"))
        return PairLengths(*longest)

    def stage(self, staged: RunFolder, training: Seq2SeqTrainingConfig) -> RunOrigin:
        """Write weights and data that the new run begins with into its folder, and return what its config records."""
        start = self._start
        save_arrays(staged.pretrained_file, start.weights, {})
        if training.mix:
            copy_regular(start.run.training_ids, staged.origin_training_ids)
        loss = None
        if start.validation is not None:
            copy_regular(start.run.validation_ids, staged.origin_validation_ids)
            loss = self._loss(TokenFile(**vars(start.validation)), training)
        return start.origin(start.training if training.mix else None, start.validation, loss)

    def _loss(self, file: TokenFile, training: Seq2SeqTrainingConfig) -> float:
        """Return the loss of the run on its validation data, as evaluations of the new run compute it."""
        from rnntui.training.device import choose_hardware
        from rnntui.training.evaluate_seq2seq import load_torch_seq2seq
        from rnntui.training.seq2seq_task import evaluate_pairs

        hardware = choose_hardware(training.device, training.precision, training.threads)
        model = load_torch_seq2seq(self._start.run, self._start.config, self.vocabularies).to(hardware.device)
        pairs = PairDataset(file, self._start.run.validation_ids)
        return evaluate_pairs(model, pairs, training.eval_tokens, hardware).loss
