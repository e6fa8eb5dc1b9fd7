"""Task of training a classifier on labelled texts: its loss, evaluations, samples and position."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from rnntui.config_classifier import ClassifierConfig, ClassifierTrainingConfig
from rnntui.errors import RunError
from rnntui.inference.classifier import load_ngrams
from rnntui.inference.label_scores import score_labels
from rnntui.kinds.classifier import CLASSIFIER
from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.kinds.samples import Sample, shorten_sample
from rnntui.models.batch_part import BatchPart, draw
from rnntui.models.classifier import Classifier
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.text.tokenizer_factory import load_tokenizer
from rnntui.training.device import Hardware
from rnntui.training.evaluation import UNMONITORED, Evaluation, EvaluationMonitor, evaluating, evenly_spaced
from rnntui.training.evaluation_share import LOSS_SHARE, affordable_share, fitting
from rnntui.training.labelled_dataset import LabelledBatch, LabelledDataset
from rnntui.training.length_buckets import BatchOrder, length_buckets, split_into_batches
from rnntui.training.step_memory import classifier_step_bytes
from rnntui.training.task import ParameterGroup, load_pretrained, require_in_vocabulary, token_files
from rnntui.training.unfreezing import parameter_groups

_EVALUATION_TOKENS = 8192  # in a batch of an evaluation, padding included
_MAX_CONFUSION_LABELS = 60  # above, a matrix would fill the metrics
_PART_WEIGHT = 0.5  # of the loss of each part alone, relative to that of their sum
_MARGIN = 1.0  # nats above a uniform guess; with two labels its loss is low, and a confident mistake costs more


class ClassifierTask:
    """Cross entropy of the labels, on length-bucketed batches.

    The loss is that of the sum of both parts' logits, and, with a smaller weight, that of each part alone: else the
    n-gram part, which learns faster, would leave nothing for the recurrent part to learn.

    The methods are documented in `Task`. `training` and `validation` are the data, `tokenizer` encoded it.
    """

    kind = CLASSIFIER
    primary_evaluation = "held_out"
    final_cost_ratio = 2.0

    @classmethod
    def from_run(cls, run: RunFolder, config: RunConfig, hardware: Hardware) -> ClassifierTask:
        return cls(run, config, hardware)

    def __init__(self, run: RunFolder, config: RunConfig, hardware: Hardware) -> None:
        self.hardware = hardware
        self._settings = settings = config.training_as(ClassifierTrainingConfig)
        hardware.group.check_batch_size(settings.batch_size)
        self._model_config = model_config = config.model_as(ClassifierConfig)
        info = config.corpus_as(LabelledCorpusInfo)
        self._labels = info.labels
        self.tokenizer = load_tokenizer(run.path, config.tokenizer.type)
        ngrams = _ngram_count(run, model_config)
        training, validation = token_files(run, config)
        self.training = LabelledDataset(training, run.training_ids)
        self.validation = LabelledDataset(validation, run.validation_ids)
        for data, path in ((self.training, run.training_ids), (self.validation, run.validation_ids)):
            require_in_vocabulary(data.largest_id, config.vocab_size, path)
            if data.largest_ngram >= ngrams or data.labels.max() >= len(self._labels):
                raise RunError(f"{path} does not belong to {run.config_file}", hint="start a new run")
        self.order = BatchOrder(settings.seed, self._batches_of_epoch)
        self.step_bytes = classifier_step_bytes(model_config, self._shapes(), hardware)
        self.model = Classifier(model_config, config.vocab_size, len(self._labels), ngrams).to(hardware.device)
        self._pretrained = load_pretrained(self.model, run)
        weights = class_weights(self.training.labels, len(self._labels), settings.class_weight_power)
        self._class_weights = weights.to(hardware.device)
        self.steps_per_epoch = float(len(self.order.batches))
        self.validation_tokens = int(self.validation.lengths.sum())
        self.evaluation_shares: dict[str, float] = {}
        self.uniform_loss = float(np.log(len(self._labels))) + _MARGIN

    def parameter_groups(self) -> list[ParameterGroup]:
        return parameter_groups(self.model, self._pretrained, self._settings, self._epoch)

    def _epoch(self) -> float:
        return self.order.epoch + self.order.index / len(self.order.batches)

    def loss(self) -> tuple[Tensor, int]:
        batch = self.training.batch(self.order.next())
        tokens = int(batch.lengths.sum())
        if self.hardware.group.size == 1:
            return self._loss(batch), tokens
        part, offsets = self.hardware.group.part(len(batch.labels)), batch.ngrams.offsets
        values = BatchPart(int(offsets[part.first]), int(offsets[part.last]), int(offsets[-1]))
        own, class_weights = batch.columns(part.columns), self._class_weights.cpu().numpy()
        # A last batch may have fewer texts than there are processes.
        share = self.hardware.group.share(part) * float(
            class_weights[own.labels].sum() / class_weights[batch.labels].sum()
        )
        with part.drawing():
            return share * self._loss(own, values), tokens

    def _loss(self, batch: LabelledBatch, values: BatchPart | None = None) -> Tensor:
        """Return the mean loss of a batch.

        Args:
            batch: The whole batch, or the texts of this process.
            values: Which of the n-gram values of the whole batch they have; None for all.
        """
        tokens = torch.from_numpy(batch.tokens)
        rate = self._model_config.word_dropout
        if rate:
            tokens = tokens.masked_fill(draw(tokens.shape, 1, torch.rand) < rate, self.tokenizer.unknown_id)
        logits, *parts = self._logits(batch, tokens, values=values)
        labels = self.hardware.put(batch.labels)
        smoothing = self._settings.label_smoothing
        losses = [weighted_cross_entropy(part, labels, self._class_weights, smoothing) for part in (logits, *parts)]
        weights = [1.0, *[_PART_WEIGHT] * len(parts)]
        return torch.stack([weight * part for weight, part in zip(weights, losses, strict=True)]).sum() / sum(weights)

    def limit_evaluation(self, tokens: int, seconds: float) -> None:
        if LOSS_SHARE not in self.evaluation_shares:
            self.evaluation_shares[LOSS_SHARE] = self._affordable_share(tokens, self.hardware, seconds)

    def _affordable_share(self, tokens: int, hardware: Hardware, seconds: float) -> float:
        def read(share: float) -> float:
            return min(1.0, self._evaluate(tokens, hardware, EvaluationMonitor(share=share)).tokens / whole)

        whole = min(tokens, self.validation_tokens)
        return affordable_share(read, seconds, self.hardware.group)

    def evaluate(self, tokens: int, monitor: EvaluationMonitor = UNMONITORED) -> Evaluation:
        share = self.evaluation_shares.get(LOSS_SHARE, 1.0)
        return self._evaluate(tokens, self.hardware, replace(monitor, share=share))

    def final_evaluation(self, tokens: int, monitor: EvaluationMonitor = UNMONITORED) -> dict[str, Evaluation]:
        hardware = self.hardware.in_full_precision()
        share = fitting(self._affordable_share(tokens, hardware, monitor.time_left()))
        return {self.primary_evaluation: self._evaluate(tokens, hardware, replace(monitor, share=share))}

    def sample(self, length: int, seed: int) -> Sample:
        row = int(evenly_spaced(len(self.validation), 500)[seed % min(500, len(self.validation))])
        batch = self.validation.batch(np.array([row]))
        with evaluating(self.model):
            predicted = int(self._logits(batch, torch.from_numpy(batch.tokens))[0].argmax())
        text = self.tokenizer.decode(self.validation.tokens(row))
        parts = {"text": text, "predicted": self._labels[predicted], "label": self._labels[int(batch.labels[0])]}
        return shorten_sample(parts, length)

    def position(self) -> dict[str, NDArray[np.generic]]:
        return {"epoch": np.array(self.order.epoch), "place": np.array(self.order.index)}

    def restore(self, position: dict[str, NDArray[np.generic]]) -> None:
        self.order.seek(int(position["epoch"]), int(position["place"]))

    def _logits(
        self,
        batch: LabelledBatch,
        tokens: Tensor,
        hardware: Hardware | None = None,
        values: BatchPart | None = None,
    ) -> list[Tensor]:
        """Return the logits `(B, K)`, and after them those of each part if there are two."""
        hardware = hardware or self.hardware
        with hardware.autocast():
            recurrent = self.model.recurrent_logits(hardware.put(tokens), hardware.put(batch.lengths)).float()
        if self.model.ngrams is None:
            return [recurrent]
        features = batch.ngrams
        weights = torch.from_numpy(features.values)
        rate = self._model_config.ngram_dropout
        if self.model.training and rate:
            with contextlib.nullcontext() if values is None else values.drawing():
                weights = weights * (draw(weights.shape, 0, torch.rand) >= rate) / (1 - rate)
        indices, offsets = torch.from_numpy(features.indices), torch.from_numpy(features.offsets[:-1])
        linear = self.model.ngram_logits(*(hardware.put(tensor) for tensor in (indices, weights, offsets)))
        return [recurrent + linear, recurrent, linear]

    def _evaluate(self, tokens: int, hardware: Hardware, monitor: EvaluationMonitor) -> Evaluation:
        """Classify validation texts, evenly spaced, of about so many tokens, and score the answers."""
        data = self.validation
        count = min(len(data), max(1, int(tokens / data.lengths.mean())))
        rows = evenly_spaced(len(data), math.ceil(monitor.share * count))
        is_partial = len(rows) < count
        rows = rows[np.argsort(data.lengths[rows], kind="stable")]
        batches = split_into_batches(rows, data.lengths, data.lengths, 0, 2 * _EVALUATION_TOKENS)
        order = np.random.default_rng(0).permutation(len(batches))  # an early end leaves a fair part
        order = order[self.hardware.group.own]
        answers: list[tuple[NDArray[np.float64], NDArray[np.int64], int]] = []
        with evaluating(self.model):
            for index in order:
                batch = data.batch(batches[index])
                with hardware.threads.timed(f"evaluation in {hardware.precision}", int(batch.lengths.sum())):
                    logits = self._logits(batch, torch.from_numpy(batch.tokens), hardware)[0]
                probabilities = logits.double().softmax(dim=1).cpu().numpy()
                answers.append((probabilities, batch.labels, int(batch.lengths.sum())))
                monitor.report(len(answers) / len(order))
                if monitor.time_left() <= 0:
                    is_partial = is_partial or len(answers) < len(order)
                    break
        of_each, partial = zip(*self.hardware.group.collect((answers, is_partial)), strict=True)
        of_all = [answer for answers_of_one in of_each for answer in answers_of_one]
        all_probabilities, labels, counts = zip(*of_all, strict=True)
        scores = score_labels(np.concatenate(all_probabilities), np.concatenate(labels))
        has_matrix = len(self._labels) <= _MAX_CONFUSION_LABELS
        details = {"confusion": scores.confusion.tolist()} if has_matrix else {}
        return Evaluation(scores.log_loss, sum(counts), 0, scores.metrics, details=details, is_partial=any(partial))

    def _batches_of_epoch(self, rng: np.random.Generator) -> list[NDArray[np.intp]]:
        """Return the rows of each batch, in order."""
        size, lengths = self._settings.batch_size, self.training.lengths
        batches: list[NDArray[np.intp]] = []
        for bucket in length_buckets(rng, (lengths,), self._settings.bucket_batches * size):
            batches += split_into_batches(bucket, lengths, lengths, size, None)
        return [batches[i] for i in rng.permutation(len(batches))]

    def _shapes(self) -> list[tuple[int, int]]:
        """Return the longest text and the number of texts of each batch of the first epoch."""
        return [(int(self.training.lengths[rows].max()), len(rows)) for rows in self.order.batches]


def weighted_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Return the mean cross entropy of B texts, each weighted by its label's weight.

    The best answer to a text is thus the same with any weights. With torch's own `weight`, the smoothed part of the
    loss weights each *predicted* label instead: with weights of 1 and 100 and a smoothing of 0.1, the best answer to a
    text of the first label is the second one, at 84% (torch 2.13.0).

    Args:
        logits: `(B, K)`.
        labels: `(B,)`.
        weights: `(K,)`.
        smoothing: share of the target distribution that is spread over all labels.
    """
    losses = cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
    row_weights = weights[labels]
    return (losses * row_weights).sum() / row_weights.sum()


def class_weights(labels: NDArray[np.int64], count: int, power: float) -> Tensor:
    """Return the weight of each label in the loss `(K,)`: inverse to its count to a power, 1 on average over the texts.

    Args:
        labels: ids of the labels of all texts, `(N,)`.
        count: number of labels, K.
        power: 0 for equal weights, 1 for labels that count the same in all.
    """
    counts = np.bincount(labels, minlength=count)
    weights = np.maximum(counts, 1.0) ** -power
    return torch.from_numpy(weights * len(labels) / (weights @ counts)).float()


def _ngram_count(run: RunFolder, config: ClassifierConfig) -> int:
    """Return the size of a run's n-gram vocabulary. Raises `RunError` if its file is missing or broken."""
    if config.ngrams == "none":
        return 0
    return load_ngrams(run).size
