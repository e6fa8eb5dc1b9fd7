"""Task of training a Seq2Seq model on pairs: its loss, evaluations, samples and position."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from rnntui.config import FINAL_EVALUATION_FACTOR
from rnntui.config_seq2seq import BeamConfig, Seq2SeqConfig, Seq2SeqTrainingConfig
from rnntui.inference.numpy_seq2seq import NumpySeq2Seq
from rnntui.inference.translator import Translator, read_vocabularies
from rnntui.kinds.metrics import ORIGIN_LOSS
from rnntui.kinds.pair_corpus_info import PairCorpusInfo
from rnntui.kinds.samples import Sample, shorten_sample
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.models.fused_cross_entropy import fused_linear_cross_entropy
from rnntui.models.seq2seq import Seq2Seq
from rnntui.models.weight_arrays import weights_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.text.pair_ids import PairDataset
from rnntui.text.vocabulary import PAD, Vocabulary
from rnntui.text.word_alignment import WordAligner
from rnntui.training.bleu import UNTRAINED_SCORES, TranslationScores, require_bleu_tokenizer, score_translations
from rnntui.training.device import Hardware, max_threads
from rnntui.training.evaluation import UNMONITORED, Evaluation, EvaluationMonitor, evaluating, evenly_spaced
from rnntui.training.evaluation_share import LOSS_SHARE, TRANSLATION_SHARE, affordable_share, fitting
from rnntui.training.length_buckets import (
    LengthBucketSampler,
    MixedPairBatches,
    PairBatch,
    batch_at,
    split_into_batches,
)
from rnntui.training.step_memory import seq2seq_step_bytes
from rnntui.training.task import (
    ParameterGroup,
    load_pretrained,
    one_group,
    origin_files,
    require_in_vocabulary,
    token_files,
)

FINAL_BEAM = 5
_FIRST_PAIRS, _TIMED_PAIRS = 4, 128  # pairs translated by each worker between two looks at the clock: at first, at most
_FILLING = 0.7  # of the time left that the next translations may fill
_LEAST_PAIRS = 8  # translated in an evaluation
LOSS_FRACTION = 0.2  # of the time of an evaluation, roughly: the loss; the rest: translations
_EVALUATION_TOKENS = 4096  # in a batch of an evaluation, padding included
_GUIDED_STEPS = 1200  # until the weight of the alignment loss is 0
_LEAST_WEIGHT = 1e-6  # of attention, in a logarithm


class Seq2SeqTask:
    """Teacher forcing with label smoothing (Szegedy et al. 2016, section 7), on length-bucketed batches.

    In the beginning attention is guided by a word aligner.

    An evaluation during training computes the loss of a fixed part of the validation pairs, without smoothing, and the
    scores of greedy translations of another part; the final evaluation translates by beam search with a beam of 5.

    The methods are documented in `Task`.
    """

    kind = SEQ2SEQ
    primary_evaluation = "teacher_forced"
    final_cost_ratio = 4.0  # a beam of 5, where the other evaluations are greedy

    @classmethod
    def from_run(cls, run: RunFolder, config: RunConfig, hardware: Hardware) -> Seq2SeqTask:
        return cls(run, config, read_vocabularies(run, config), hardware)

    def __init__(
        self, run: RunFolder, config: RunConfig, vocabularies: tuple[Vocabulary, Vocabulary], hardware: Hardware
    ) -> None:
        self._source, self._target = vocabularies
        self.hardware = hardware
        self._model_config = config.model_as(Seq2SeqConfig)
        self._settings = settings = config.training_as(Seq2SeqTrainingConfig)
        if settings.batch_tokens is None:
            hardware.group.check_batch_size(settings.batch_size)
        require_bleu_tokenizer(settings.resolved_bleu_tokenizer)
        self._training_lengths = config.corpus_as(PairCorpusInfo).lengths
        training, validation = token_files(run, config)
        self._training_pairs = training_pairs = PairDataset(training, run.training_ids)
        self._validation = PairDataset(validation, run.validation_ids)
        self._check_ids(training_pairs, run.training_ids)
        self._check_ids(self._validation, run.validation_ids)
        self.batches = self._sampler(training_pairs)
        self._mixed: MixedPairBatches | None = None
        earlier_training, earlier_validation = origin_files(config)
        if earlier_training is not None:
            earlier = PairDataset(earlier_training, run.origin_training_ids)
            self._check_ids(earlier, run.origin_training_ids)
            self._mixed = MixedPairBatches(self.batches, self._sampler(earlier), settings.mix)
        self._origin_pairs: PairDataset | None = None
        if earlier_validation is not None:
            self._origin_pairs = PairDataset(earlier_validation, run.origin_validation_ids)
            self._check_ids(self._origin_pairs, run.origin_validation_ids)
        self.step_bytes = seq2seq_step_bytes(self._model_config, self.batches.shapes(), hardware)
        joint = self._source is self._target
        self.model = Seq2Seq(self._model_config, self._source.size, self._target.size, joint)
        counts = torch.from_numpy(training_pairs.target_counts(self._target.size))
        self.model.set_output_bias(counts, settings.label_smoothing)
        self._is_pretrained = bool(load_pretrained(self.model, run))
        self.model.to(hardware.device)
        self.steps_per_epoch = self.batches.batches_per_epoch / (1 - settings.mix)
        self.validation_tokens = int(self._validation.target_lengths.sum()) + len(self._validation)
        self.evaluation_shares: dict[str, float] = {}
        self.uniform_loss = float(np.log(self._target.size))

    def _sampler(self, pairs: PairDataset) -> LengthBucketSampler:
        settings = self._settings
        return LengthBucketSampler(
            pairs, settings.batch_size, settings.batch_tokens, settings.bucket_batches, settings.seed
        )

    def _check_ids(self, pairs: PairDataset, path: Path) -> None:
        """Raise `RunError` if pairs have an id that is not in the vocabularies."""
        for largest_id, vocabulary in zip(pairs.largest_ids(), (self._source, self._target), strict=True):
            require_in_vocabulary(largest_id, vocabulary.size, path)

    def parameter_groups(self) -> list[ParameterGroup]:
        return one_group(self.model)

    def loss(self) -> tuple[Tensor, int]:
        batch = (self._mixed or self.batches).next()
        if self.hardware.group.size == 1:
            return self._loss(batch, 1.0, 1.0), batch.tokens
        part = self.hardware.group.part(len(batch.lengths))
        own = batch.columns(part.columns)
        is_counted = self.hardware.group.share(part)  # a last batch may have fewer pairs than there are processes
        with part.drawing():
            loss = self._loss(own, is_counted * own.tokens / batch.tokens, is_counted)
        return loss, batch.tokens

    def _loss(self, batch: PairBatch, share: float, is_counted: float) -> Tensor:
        """Return the loss of a batch.

        Args:
            batch: The whole batch, or the pairs of this process.
            share: Factor of the loss of the tokens: the fraction of the whole batch's.
            is_counted: 0 if none of the pairs is this process's own, else 1.
        """
        with self.hardware.autocast():
            vectors, targets, weights = attentional_vectors(self.model, batch, self.hardware)
        output = self.model.decoder.output
        loss = fused_linear_cross_entropy(vectors, output.weight, output.bias, targets, self._settings.label_smoothing)
        if share != 1.0:
            loss = share * loss
        if weights is not None and (guidance := self._guidance()) > 0:
            loss = loss + guidance * self._alignment_loss(weights, batch, is_counted)
        return loss

    def _guidance(self) -> float:
        """Return the weight of the alignment loss, which falls to 0 in the beginning of training.

        Attention has to be learned before anything can be translated; later it knows better than IBM model 1.
        """
        order = self.batches.order
        steps = order.epoch * self.batches.batches_per_epoch + order.index
        return (self._settings.guided_alignment or 0.0) * max(0.0, 1 - steps / _GUIDED_STEPS)

    @cached_property
    def _aligner(self) -> WordAligner:
        return WordAligner.train(self._training_pairs, self._target.size)

    def _alignment_loss(self, weights: Tensor, batch: PairBatch, is_counted: float) -> Tensor:
        """Return the mean cross-entropy of attention weights `(B, T, S)` to those of a word aligner.

        In a group of processes, it is the share of this one.

        This is guided alignment (Chen et al. 2016, "Guided Alignment Training for Topic-Aware Neural Machine
        Translation", section 3).
        """
        aligned = self.hardware.put(self._aligner.align(batch.source, batch.targets))
        cross_entropies = -(aligned * weights.float().clamp_min(_LEAST_WEIGHT).log()).sum(dim=2)  # (B, T)
        count = (aligned > 0).any(dim=2).sum()
        group = self.hardware.group
        if group.size > 1:
            count = is_counted * count.double()
            if self._settings.local_steps == 1:
                group.add_up(count)
            else:  # nothing is exchanged before the round is over: as if the other parts had as many
                count *= group.size
            cross_entropies = is_counted * cross_entropies
        return cross_entropies.sum() / count.clamp_min(1)

    def limit_evaluation(self, tokens: int, seconds: float) -> None:
        def translate(share: float) -> float:
            translated = self._share_of_pairs(share)
            self._translation_scores(translated, BeamConfig(beam=1), UNMONITORED)
            return translated / pairs

        shares, pairs = self.evaluation_shares, self._share_of_pairs(1.0)
        if LOSS_SHARE not in shares:
            limit = seconds / 2 if self._origin_pairs is None else seconds / 4  # its data is read too
            shares[LOSS_SHARE] = self._affordable_share(tokens, self.hardware, limit)
        if TRANSLATION_SHARE not in shares and self._translates:
            shares[TRANSLATION_SHARE] = affordable_share(translate, seconds / 2, self.hardware.group)

    def _affordable_share(self, tokens: int, hardware: Hardware, seconds: float) -> float:
        """Return the share of the loss of the validation pairs for which there is time."""

        def read(share: float) -> float:
            evaluation = evaluate_pairs(self.model, self._validation, tokens, hardware, EvaluationMonitor(share=share))
            return min(1.0, evaluation.tokens / min(tokens, self.validation_tokens))

        return affordable_share(read, seconds, hardware.group)

    def _share_of_pairs(self, share: float) -> int:
        """Return the number of pairs that an evaluation translates."""
        pairs = min(self._settings.bleu_pairs, len(self._validation))
        return min(pairs, max(_LEAST_PAIRS, math.ceil(share * pairs)))

    @property
    def _translates(self) -> bool:
        """False before training: an untrained model writes noise up to the length limit, which takes long."""
        is_at_start = (self.batches.order.epoch, self.batches.order.index) == (0, 0)
        return self._is_pretrained or not is_at_start

    def evaluate(self, tokens: int, monitor: EvaluationMonitor = UNMONITORED) -> Evaluation:
        share = self.evaluation_shares.get(LOSS_SHARE, 1.0)
        loss_part = replace(monitor.part(0.0, LOSS_FRACTION), share=share)
        evaluation = evaluate_pairs(self.model, self._validation, tokens, self.hardware, loss_part)
        if not self._translates:
            return replace(evaluation, metrics=UNTRAINED_SCORES.metrics)
        translation_part = monitor.part(LOSS_FRACTION, 1.0)
        pairs = self._share_of_pairs(self.evaluation_shares.get(TRANSLATION_SHARE, 1.0))
        scores, _ = self._translation_scores(pairs, BeamConfig(beam=1), translation_part)
        return replace(evaluation, metrics=scores.metrics | self._origin_metrics(share))

    def final_evaluation(self, tokens: int, monitor: EvaluationMonitor = UNMONITORED) -> dict[str, Evaluation]:
        full_precision = self.hardware.in_full_precision()
        max_pairs = FINAL_EVALUATION_FACTOR * self._settings.bleu_pairs
        translation_part, loss_part = monitor.part(0.0, 1 - LOSS_FRACTION), monitor.part(1 - LOSS_FRACTION, 1.0)
        left = monitor.time_left()
        reserve = LOSS_FRACTION * left if left < math.inf else 0.0
        translation_part = replace(translation_part, time_left=lambda: monitor.time_left() - reserve)
        scores, is_partial = self._translation_scores(max_pairs, BeamConfig(beam=FINAL_BEAM), translation_part)
        origin = self._origin_metrics(self.evaluation_shares.get(LOSS_SHARE, 1.0))
        share = fitting(self._affordable_share(tokens, full_precision, monitor.time_left()))
        loss_part = replace(loss_part, share=share)
        evaluation = evaluate_pairs(self.model, self._validation, tokens, full_precision, loss_part)
        is_partial = is_partial or evaluation.is_partial
        return {self.primary_evaluation: replace(evaluation, metrics=scores.metrics | origin, is_partial=is_partial)}

    def _origin_metrics(self, share: float) -> dict[str, float]:
        """Return the loss on the validation pairs of the origin, if they are at hand: what is not forgotten."""
        if self._origin_pairs is None:
            return {}
        tokens = self._settings.eval_tokens  # in all evaluations, as the figures are compared
        monitor = EvaluationMonitor(share=share)
        evaluation = evaluate_pairs(self.model, self._origin_pairs, tokens, self.hardware, monitor)
        return {ORIGIN_LOSS.key: evaluation.loss}

    def _translation_scores(
        self, max_pairs: int, settings: BeamConfig, monitor: EvaluationMonitor
    ) -> tuple[TranslationScores, bool]:
        """Translate up to `max_pairs` validation pairs, fewer if the time runs out, and compare with their targets.

        The second result is True if the time has run out.
        """
        indices = evenly_spaced(len(self._validation), max_pairs)[self.hardware.group.own]
        pairs = [self._validation_pair(i) for i in indices]
        workers = max_threads(self._settings.threads)
        translator, translated = self._translator(), list[tuple[str, str]]()  # with their targets
        count, left = len(pairs), monitor.time_left()
        if left < math.inf:
            pairs = [pairs[i] for i in np.random.default_rng(0).permutation(count)]  # an early end leaves a fair part
            count = _FIRST_PAIRS * workers
        while len(translated) < len(pairs):
            part_of_pairs = pairs[len(translated) : len(translated) + count]
            sources = [source for source, _ in part_of_pairs]
            done = len(translated)
            report = monitor.part(done / len(pairs), (done + len(part_of_pairs)) / len(pairs)).report
            translations = translator.translate(
                sources, settings, resolve_ties=False, workers=workers, on_progress=report
            )
            texts = [translation.text for translation in translations]
            translated += zip(texts, (target for _, target in part_of_pairs), strict=True)
            before, left = left, monitor.time_left()
            if left < math.inf:
                pairs_per_second = len(part_of_pairs) / max(1e-9, before - left)
                count = min(2 * count, _TIMED_PAIRS * workers, int(_FILLING * left * pairs_per_second))
                if count < 1:
                    break
        is_partial = len(translated) < len(pairs)
        of_each, partial = zip(*self.hardware.group.collect((translated, is_partial)), strict=True)
        of_all = [pair for pairs_of_one in of_each for pair in pairs_of_one]
        texts, references = (list(side) for side in zip(*of_all, strict=True))
        return score_translations(texts, references, self._settings.resolved_bleu_tokenizer), any(partial)

    def sample(self, length: int, seed: int) -> Sample:
        indices = evenly_spaced(len(self._validation), self._settings.bleu_pairs)
        source, reference = self._validation_pair(int(indices[seed % len(indices)]))
        [translation] = self._translator().translate([source], BeamConfig(beam=1), resolve_ties=False)
        return shorten_sample({"source": source, "translation": translation.text, "reference": reference}, length)

    def _translator(self) -> Translator:
        model = NumpySeq2Seq(weights_of(self.model), self._model_config, self._source.size, self._target.size)
        return Translator(model, self._source, self._target, self._training_lengths)

    def _validation_pair(self, index: int) -> tuple[str, str]:
        """Return the text of a validation pair, without characters that the vocabularies lack.

        No translation could have them either.
        """
        pairs = self._validation
        return self._source.decode(pairs.source(index)), self._target.decode(pairs.target(index))

    def position(self) -> dict[str, NDArray[np.generic]]:
        position: dict[str, NDArray[np.generic]] = {
            "epoch": np.array(self.batches.order.epoch),
            "place": np.array(self.batches.order.index),
        }
        return position if self._mixed is None else {**position, "mixed": self._mixed.position()}

    def restore(self, position: dict[str, NDArray[np.generic]]) -> None:
        self.batches.order.seek(int(position["epoch"]), int(position["place"]))
        if self._mixed is not None:
            self._mixed.seek(position["mixed"])


def attentional_vectors(model: Seq2Seq, batch: PairBatch, hardware: Hardware) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return attentional vectors `(N, E)` and targets `(N,)` at the N positions of a batch that are not padding.

    The third result is the attention weights `(B, T, S)`, None without attention.
    """
    source, lengths, inputs, targets = (
        hardware.put(ids) for ids in (batch.source, batch.lengths, batch.inputs, batch.targets)
    )
    vectors, weights = model(source, lengths, inputs)  # (T, B, E)
    is_token = targets != PAD
    return vectors[is_token], targets[is_token], weights


def evaluate_pairs(
    model: Seq2Seq,
    pairs: PairDataset,
    tokens: int,
    hardware: Hardware,
    monitor: EvaluationMonitor = UNMONITORED,
) -> Evaluation:
    """Return the teacher-forced loss over pairs, end tokens included.

    Args:
        model: The model; it is in training mode again afterwards if it was.
        pairs: The pairs to choose from, evenly spaced.
        tokens: About how many target tokens are read.
        hardware: Device and precision, and the processes that read some of the batches each.
        monitor: Once it has no time left, the evaluation ends with the batches that it has read.
    """
    max_pairs = tokens / max(1.0, float(pairs.target_lengths.mean()) + 1)
    limit = min(len(pairs), max(1, int(max_pairs)))
    indices = evenly_spaced(len(pairs), math.ceil(monitor.share * limit))
    is_partial = len(indices) < limit
    indices = indices[np.lexsort((pairs.source_lengths[indices], pairs.target_lengths[indices]))]
    total, count = 0.0, 0
    batches = split_into_batches(indices, pairs.source_lengths, pairs.target_lengths, 0, _EVALUATION_TOKENS)
    if monitor.time_left() < math.inf:
        batches = [batches[i] for i in np.random.default_rng(0).permutation(len(batches))]  # see the translations
    batches = batches[hardware.group.own]
    with evaluating(model):
        for done, part in enumerate(batches, 1):
            batch = batch_at(pairs, part)
            activity = f"evaluation in {hardware.precision}"
            with hardware.threads.timed(activity, batch.tokens), hardware.autocast():
                vectors, targets, _ = attentional_vectors(model, batch, hardware)
                logits = model.logits(vectors)  # (N, V)
                total += float(cross_entropy(logits.float(), targets, reduction="sum"))
            count += batch.tokens
            monitor.report(done / len(batches))
            if monitor.time_left() <= 0:
                is_partial = is_partial or done < len(batches)
                break
    totals, counts, partial = zip(*hardware.group.collect((total, count, is_partial)), strict=True)
    tokens_read, all_tokens = sum(counts), int(pairs.target_lengths[indices].sum()) + len(indices)
    characters = pairs.characters * len(indices) / len(pairs) * (tokens_read / all_tokens)
    return Evaluation(sum(totals) / tokens_read, tokens_read, max(1.0, characters), is_partial=any(partial))
