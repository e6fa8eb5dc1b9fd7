"""Task of training a language model: its loss, evaluations, samples and position."""

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

from rnntui.config_generation import SamplingConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.inference.generate import begin_generation, generate_tokens, generators_from
from rnntui.inference.loaded_model import document_format, read_tokenizer
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.inference.run_ngrams import count_for_training
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.metrics import ORIGIN_LOSS
from rnntui.kinds.samples import Sample
from rnntui.models.batch_part import draw
from rnntui.models.language_model import LanguageModel
from rnntui.models.layers import State
from rnntui.models.weight_arrays import weights_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.runs.weights_file import save_arrays
from rnntui.text.ngram_model import NgramModel
from rnntui.text.ngram_predictions import NgramPredictions
from rnntui.text.token_ids import TokenFile
from rnntui.text.tokenizer import Tokenizer
from rnntui.training.bptt_batches import BPTTBatches, MixedBatches, mixed_streams
from rnntui.training.device import Hardware
from rnntui.training.evaluation import (
    EVALUATIONS,
    UNMONITORED,
    Evaluation,
    EvaluationMonitor,
    evaluate_streaming,
    full_precision_cost,
    unlimited,
)
from rnntui.training.evaluation_share import LOSS_SHARE, affordable_share, fitting
from rnntui.training.process_group import Command
from rnntui.training.step_memory import language_model_step_bytes
from rnntui.training.task import (
    ParameterGroup,
    load_pretrained,
    one_group,
    origin_files,
    require_in_vocabulary,
    token_files,
)


class LanguageModelTask:
    """Truncated backpropagation through time over one long text (Williams and Peng 1990; Mikolov et al. 2010).

    Documents are one text too, with `<eos>` between them; the model learns to forget there.
    The state after each window is carried into the next and detached from the graph: it informs the model, but no
    gradient crosses. With a small probability a stream starts a window from a state of zeros instead, as every
    generated text does. A model that never saw that state can leave it for one from which it never recovers: without
    these resets, a window of Shakespeare was seen at 53 nats a character from end to end.

    The methods are documented in `Task`.
    """

    kind = LANGUAGE_MODEL
    primary_evaluation = "streaming"

    @classmethod
    def from_run(cls, run: RunFolder, config: RunConfig, hardware: Hardware) -> LanguageModelTask:
        return cls(run, config, read_tokenizer(run, config), hardware)

    def __init__(self, run: RunFolder, config: RunConfig, tokenizer: Tokenizer, hardware: Hardware) -> None:
        self._vocab_size = config.vocab_size
        self._tokenizer = tokenizer
        self._documents = document_format(config, tokenizer)
        self.hardware = hardware
        training, validation = token_files(run, config)
        training_ids = _read_ids(training, run.training_ids, config.vocab_size)
        self._validation_ids = _read_ids(validation, run.validation_ids, config.vocab_size)
        self._validation = validation
        self._model_config = config.model_as(LanguageModelConfig)
        settings = config.training_as(LanguageModelTrainingConfig)
        self._state_reset_prob = settings.state_reset_prob
        self._batch_size = batch_size = settings.batch_size
        hardware.group.check_batch_size(batch_size)
        self._part = hardware.group.part(batch_size)
        positions = batch_size * settings.bptt
        self.step_bytes = language_model_step_bytes(self._model_config, config.vocab_size, positions, hardware)
        earlier_training, self._origin_validation = origin_files(config)
        earlier_ids = None
        if earlier_training is not None:
            earlier_ids = _read_ids(earlier_training, run.origin_training_ids, config.vocab_size)
        earlier_streams = mixed_streams(batch_size, settings.mix) if earlier_training else 0
        self._batches: BPTTBatches | MixedBatches = BPTTBatches(
            training_ids, batch_size - earlier_streams, settings.bptt
        )
        if earlier_ids is not None and earlier_streams:
            earlier = BPTTBatches(earlier_ids, earlier_streams, settings.bptt)
            self._batches = MixedBatches(self._batches, earlier)
        self._origin_ids: NDArray[np.unsignedinteger] | None = None
        if self._origin_validation is not None:
            origin_ids = _read_ids(self._origin_validation, run.origin_validation_ids, config.vocab_size)
            self._origin_ids = origin_ids[: settings.eval_tokens + 1]  # the same ones in every evaluation
        self._prior: NgramModel | None = None
        predictions = None
        if self._model_config.ngram_prior:
            self._prior = count_for_training(run, config, training_ids, earlier_ids)
            if hardware.group.is_main and not run.ngrams_file.exists():  # deleted since: it is needed to sample
                save_arrays(run.ngrams_file, self._prior.to_arrays(), {})
            earlier_count = 0 if earlier_ids is None else len(earlier_ids)
            predictions = NgramPredictions(self._prior, len(training_ids), earlier_count)
        model = LanguageModel(self._model_config, config.vocab_size, tokenizer.end_id, predictions)
        load_pretrained(model, run)
        self.model = model.to(hardware.device)
        self._state: State = self.model.initial_state(batch_size // hardware.group.size, hardware.device)
        self.steps_per_epoch = training.tokens / (positions - earlier_streams * settings.bptt)
        self.validation_tokens = validation.tokens
        self.evaluation_shares: dict[str, float] = {}
        self.uniform_loss = float(np.log(config.vocab_size))

    def parameter_groups(self) -> list[ParameterGroup]:
        return one_group(self.model)

    def loss(self) -> tuple[Tensor, int]:
        processes = self.hardware.group.size
        if processes == 1:
            return self._loss(*self._batches.next())
        windows = (window[:, self._part.columns] for window in self._batches.next())  # (T, B / processes)
        with self._part.drawing():
            loss, tokens = self._loss(*windows)
        return loss / processes, tokens * processes

    def _loss(
        self, inputs: NDArray[np.int64], targets: NDArray[np.int64], positions: NDArray[np.int64]
    ) -> tuple[Tensor, int]:
        """Return the mean loss of a window and its number of tokens; the arguments are those of a batch, `(T, B)`."""
        with self.hardware.autocast():
            logits, state = self.model(self.hardware.put(inputs), self._state, positions)  # (T, B, V)
        self._state = self._carry(state)
        target_ids = self.hardware.put(targets)
        return cross_entropy(logits.float().flatten(0, 1), target_ids.flatten()), targets.size

    def _carry(self, state: State) -> State:
        """Return the initial state of the next window: the state detached, or zeros for a few streams."""
        detached = tuple(tensor.detach().float() for tensor in state)
        if not self._state_reset_prob:
            return detached
        drawn = draw(detached[0].shape[1:2], 0, torch.rand)
        keep = self.hardware.put((drawn >= self._state_reset_prob).float())  # (B,)
        return tuple(tensor * keep[:, None] for tensor in detached)

    def limit_evaluation(self, tokens: int, seconds: float) -> None:
        def read(share: float) -> float:
            return self._evaluate_share(tokens, EvaluationMonitor(share=share)).tokens / min(
                tokens, len(self._validation_ids) - 1
            )

        if LOSS_SHARE not in self.evaluation_shares:
            self.evaluation_shares[LOSS_SHARE] = affordable_share(read, seconds, self.hardware.group)

    def evaluate(self, tokens: int, monitor: EvaluationMonitor = UNMONITORED) -> Evaluation:
        return self._evaluate_share(tokens, replace(monitor, share=self.evaluation_shares.get(LOSS_SHARE, 1.0)))

    def _evaluate_share(self, tokens: int, monitor: EvaluationMonitor) -> Evaluation:
        if self._origin_ids is None:
            return self._evaluate(self.primary_evaluation, tokens, self.hardware, monitor)
        evaluation = self._evaluate(self.primary_evaluation, tokens, self.hardware, monitor.part(0.0, 0.5))
        return self._with_origin(evaluation, self.hardware, monitor.part(0.5, 1.0))

    @cached_property
    def final_cost_ratio(self) -> float:
        evaluations = len(EVALUATIONS)  # streaming and windowed; the data of an origin is less
        return evaluations * full_precision_cost(self.model, self._vocab_size, self.hardware)

    def final_evaluation(self, tokens: int, monitor: EvaluationMonitor = UNMONITORED) -> dict[str, Evaluation]:
        full_precision = self.hardware.in_full_precision()
        left = monitor.time_left()
        half = left / 2 if left < math.inf else 0.0  # is reserved for the second evaluation
        first = replace(monitor.part(0.0, 0.5), time_left=lambda: monitor.time_left() - half)
        streaming = self._evaluate_in_time("streaming", tokens, full_precision, first)
        if self._origin_ids is not None:  # in the precision of the other evaluations, as the figures are compared
            as_before = EvaluationMonitor(share=self.evaluation_shares.get(LOSS_SHARE, 1.0))
            streaming = self._with_origin(streaming, self.hardware, as_before)
        windowed = self._evaluate_in_time("windowed", tokens, full_precision, monitor.part(0.5, 1.0))
        return {"streaming": streaming, "windowed": windowed}

    def _evaluate_in_time(self, name: str, tokens: int, hardware: Hardware, monitor: EvaluationMonitor) -> Evaluation:
        """Evaluate the share of the data for which there seems to be time; the monitor ends what takes longer."""

        def read(share: float) -> float:
            return self._evaluate(name, tokens, hardware, EvaluationMonitor(share=share)).tokens / whole

        whole = min(tokens, len(self._validation_ids) - 1)
        share = affordable_share(read, monitor.time_left(), self.hardware.group)
        return self._evaluate(name, tokens, hardware, replace(monitor, share=fitting(share)))

    def _with_origin(self, evaluation: Evaluation, hardware: Hardware, monitor: EvaluationMonitor) -> Evaluation:
        """Return an evaluation with the loss on the validation text of the origin: what the model has not forgotten."""
        assert self._origin_ids is not None
        earlier = evaluate_streaming(
            self.model, self._origin_ids, self._vocab_size, hardware, 1.0, replace(monitor, time_left=unlimited)
        )
        return replace(evaluation, metrics={**evaluation.metrics, ORIGIN_LOSS.key: earlier.loss})

    def _evaluate(self, name: str, tokens: int, hardware: Hardware, monitor: EvaluationMonitor) -> Evaluation:
        ids = self._validation_ids[: tokens + 1]
        characters_per_token = self._validation.characters / self._validation.tokens
        evaluation = EVALUATIONS[name](self.model, ids, self._vocab_size, hardware, characters_per_token, monitor)
        return evaluation.with_spelling(self._validation)

    def sample(self, length: int, seed: int) -> Sample:
        end_id = self._tokenizer.end_id
        weights = weights_of(self.model)
        model = NumpyLanguageModel(weights, self._model_config, self._vocab_size, end_id, prior=self._prior)
        generation = begin_generation(model, self._tokenizer, generators_from(seed, 1))
        ids = [step[0].id for step in generate_tokens(generation, SamplingConfig(), length)]
        return {"text": self._documents.decode(ids)}

    def position(self) -> dict[str, NDArray[np.generic]]:
        group = self.hardware.group
        if group.is_main:
            group.announce(Command.POSITION)
        whole = [group.gather(tensor) for tensor in self._state]
        state = {f"state.{i}": tensor.cpu().numpy() for i, tensor in enumerate(whole)}
        return {"cursor": self._batches.position(), **state}

    def restore(self, position: dict[str, NDArray[np.generic]]) -> None:
        self._batches.seek(position["cursor"])
        arrays = [position[f"state.{i}"] for i in range(len(self._state))]
        for array, tensor in zip(arrays, self._state, strict=True):
            shape = (tensor.shape[0], self._batch_size, tensor.shape[2])
            if array.shape != shape:
                raise ValueError(f"the carried state has shape {array.shape}, the model {shape}")
        if self._model_config.history and not _are_tokens(arrays[-1], self._vocab_size):
            raise ValueError("the tokens before the position are not in the vocabulary")
        parts = (array[:, self._part.columns].copy() for array in arrays)
        self._state = tuple(torch.from_numpy(part).to(self.hardware.device) for part in parts)


def _read_ids(file: TokenFile, path: Path, vocab_size: int) -> NDArray[np.unsignedinteger]:
    """Return the ids of a file, memory-mapped. Raises `RunError` if one of them is not in the vocabulary."""
    ids = file.read(path)
    require_in_vocabulary(file.largest_id(path), vocab_size, path)
    return ids


def _are_tokens(history: NDArray[np.generic], vocab_size: int) -> bool:
    """Return True if the history of a state holds ids + 1, or zeros."""
    return bool(np.isin(history, np.arange(vocab_size + 1)).all())
