"""Training an encoder and a decoder on pairs: what the loop needs of it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from rnntui.config import FINAL_EVALUATION_FACTOR
from rnntui.config_seq2seq import BeamConfig, Seq2SeqConfig, Seq2SeqTrainingConfig
from rnntui.inference.numpy_seq2seq import NumpySeq2Seq
from rnntui.inference.translator import Translator, read_training_lengths, read_vocabularies
from rnntui.kinds.samples import Sample, shorten_sample
from rnntui.models.fused_cross_entropy import fused_linear_cross_entropy
from rnntui.models.seq2seq import Seq2Seq
from rnntui.models.weight_arrays import weights_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.text.pair_ids import PairDataset
from rnntui.text.vocabulary import PAD, Vocabulary
from rnntui.training.bleu import UNTRAINED, Scores, bleu_and_chrf
from rnntui.training.device import Hardware
from rnntui.training.evaluation import Evaluation, evaluating
from rnntui.training.length_buckets import Batch, LengthBucketSampler, batch_of, cut
from rnntui.training.task import token_files

FINAL_BEAM = 5
_EVALUATION_TOKENS = 4096  # side by side, padding included


class Seq2SeqTask:
    """Teacher forcing with label smoothing (Szegedy et al. 2016, section 7), on batches of like length.

    A check takes the loss of a fixed part of the validation pairs, without smoothing, and the BLEU of the likeliest
    tokens' translations of another; the last evaluation searches with a beam of 5.
    """

    primary_evaluation = "teacher_forced"
    final_cost_ratio = 4.0  # a beam of five on more pairs, where a check is greedy

    @classmethod
    def from_run(cls, run: RunFolder, config: RunConfig, hardware: Hardware) -> Seq2SeqTask:
        """See `Task.from_run`."""
        return cls(run, config, read_vocabularies(run, config), hardware)

    def __init__(
        self, run: RunFolder, config: RunConfig, vocabularies: tuple[Vocabulary, Vocabulary], hardware: Hardware
    ) -> None:
        self._source, self._target = vocabularies
        self.hardware = hardware
        self._shape = config.model_as(Seq2SeqConfig)
        self._settings = settings = config.training_as(Seq2SeqTrainingConfig)
        self._training_lengths = read_training_lengths(config)
        training, validation = token_files(run, config)
        pairs = PairDataset(training, run.training_ids)
        self.pools = LengthBucketSampler(
            pairs, settings.batch_size, settings.batch_tokens, settings.bucket_batches, settings.seed
        )
        self._validation = PairDataset(validation, run.validation_ids)
        joint = self._source is self._target
        self.model = Seq2Seq(self._shape, self._source.size, self._target.size, joint).to(hardware.device)
        self.steps_per_epoch = float(self.pools.batches)
        self.validation_tokens = int(self._validation.target_lengths.sum()) + len(self._validation)
        self.uniform_loss = float(np.log(self._target.size))

    def loss(self) -> tuple[Tensor, int]:
        batch = self.pools.next()
        with self.hardware.autocast():
            vectors, expected = vectors_of(self.model, batch, self.hardware)
        output = self.model.decoder.output
        loss = fused_linear_cross_entropy(vectors, output.weight, output.bias, expected, self._settings.label_smoothing)
        return loss, batch.tokens

    def evaluate(self, tokens: int) -> Evaluation:
        found = evaluate_pairs(self.model, self._validation, tokens, self.hardware)
        if (self.pools.epoch, self.pools.place) == (0, 0):
            return self._with(found, UNTRAINED)  # it would write to the limit each time, and nothing that is of use
        return self._with(found, self._scores(self._settings.bleu_pairs, BeamConfig(beam=1)))

    def final_evaluation(self, tokens: int) -> dict[str, Evaluation]:
        exact = Hardware(self.hardware.device, bf16=False)
        scores = self._scores(FINAL_EVALUATION_FACTOR * self._settings.bleu_pairs, BeamConfig(beam=FINAL_BEAM))
        return {
            self.primary_evaluation: self._with(evaluate_pairs(self.model, self._validation, tokens, exact), scores)
        }

    def _with(self, found: Evaluation, scores: Scores) -> Evaluation:
        metrics = {"bleu": scores.bleu, "chrf": scores.chrf}
        selection_metric = "bleu" if self._settings.selection_metric == "bleu" else ""
        return Evaluation(found.loss, found.tokens, found.characters, metrics, selection_metric)

    def _scores(self, most: int, settings: BeamConfig) -> Scores:
        numbers = evenly(len(self._validation), most)
        translator = self._translator()
        found = translator.translate([self._text(n)[0] for n in numbers], settings, resolve_ties=False)
        return bleu_and_chrf([translation.text for translation in found], [self._text(n)[1] for n in numbers])

    def sample(self, length: int, seed: int) -> Sample:
        numbers = evenly(len(self._validation), self._settings.bleu_pairs)
        source, reference = self._text(int(numbers[seed % len(numbers)]))
        [found] = self._translator().translate([source], BeamConfig(beam=1), resolve_ties=False)
        return shorten_sample({"source": source, "translation": found.text, "reference": reference}, length)

    def _translator(self) -> Translator:
        model = NumpySeq2Seq(weights_of(self.model), self._shape, self._source.size, self._target.size)
        return Translator(model, self._source, self._target, self._training_lengths)

    def _text(self, pair: int) -> tuple[str, str]:
        pairs = self._validation
        # A vocabulary gives back what it read, but for characters that it lacks, which no translation can have either.
        return self._source.decode(pairs.source(pair)), self._target.decode(pairs.target(pair))

    def position(self) -> dict[str, NDArray[np.generic]]:
        return {"epoch": np.array(self.pools.epoch), "place": np.array(self.pools.place)}

    def restore(self, position: dict[str, NDArray[np.generic]]) -> None:
        self.pools.go_to(int(position["epoch"]), int(position["place"]))


def vectors_of(model: Seq2Seq, batch: Batch, hardware: Hardware) -> tuple[Tensor, Tensor]:
    """Attentional vectors `(N, E)` and what is expected `(N,)` at the N places of a batch that are no padding."""
    device = hardware.device
    source, lengths, inputs, expected = (
        torch.from_numpy(ids).to(device) for ids in (batch.source, batch.lengths, batch.inputs, batch.expected)
    )
    vectors = model(source, lengths, inputs)  # (T, B, E)
    counted = expected != PAD
    return vectors[counted], expected[counted]


def evaluate_pairs(model: Seq2Seq, pairs: PairDataset, tokens: int, hardware: Hardware) -> Evaluation:
    """The teacher-forced loss over pairs, ends included: over so many, evenly spread, as hold about `tokens` tokens."""
    share = tokens / max(1.0, float(pairs.target_lengths.mean()) + 1)
    numbers = evenly(len(pairs), max(1, int(share)))
    numbers = numbers[np.lexsort((pairs.source_lengths[numbers], pairs.target_lengths[numbers]))]
    total, count = 0.0, 0
    with evaluating(model):
        for chosen in cut(numbers, pairs.source_lengths, pairs.target_lengths, 0, _EVALUATION_TOKENS):
            batch = batch_of(pairs, chosen)
            with hardware.autocast():
                vectors, expected = vectors_of(model, batch, hardware)
                logits = model.logits(vectors)
            total += float(cross_entropy(logits.float(), expected, reduction="sum"))
            count += batch.tokens
    characters = pairs.characters * len(numbers) / len(pairs)
    return Evaluation(total / count, count, max(1.0, characters))


def evenly(count: int, most: int) -> NDArray[np.intp]:
    """At most `most` of the numbers below `count`, evenly spread: corpora are often sorted by length."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))
