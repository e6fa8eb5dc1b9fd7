"""Evaluations of a language model, both in nats a token over a held-out text.

*Streaming*: the state is carried through the whole text, as in use. *Windowed*: every window of 256 tokens starts from
a state of zeros, as in published results of Transformers with a context of 256.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy

from rnntui.kinds.corpus_info import TokenFileInfo
from rnntui.models.language_model import LanguageModel
from rnntui.models.layers import State
from rnntui.training.device import Hardware
from rnntui.training.process_group import ProcessGroup

WINDOW = 256
WARM_UP = 512  # tokens a stream reads before its own part, uncounted, to enter it with the state of the text before
_MIN_STREAM = 4096  # tokens of a stream, so that the warm-up is a small part of the work
_MAX_STREAMS = 64
_MAX_LOGITS = 1 << 24  # numbers in an array of logits (T, B, V)
_LEAST_ROWS = 16  # of a stream that is read in part
_SHORT_WARM_UP = 64  # of such a stream, unless it is shorter itself
_TIMED_STEPS, _TIMED_STREAMS = 32, 16  # of the batch that measures the cost of full precision

Tokens = NDArray[np.unsignedinteger]
TimeLeft = Callable[[], float]
"""Returns the seconds that are left for an evaluation."""


def unlimited() -> float:
    """Return the time left of an evaluation that takes as long as it takes."""
    return math.inf


def _ignore(fraction: float) -> None:
    pass


@dataclass(frozen=True)
class EvaluationMonitor:
    """Watches an evaluation and limits what it reads.

    Args:
        time_left: Asked after every batch; once nothing is left, the evaluation ends with what it has read.
        report: Called after every batch with the fraction that is done; an exception that it raises ends the
            evaluation without a result.
        share: The share of the data that is read, spread over all of it.
    """

    time_left: TimeLeft = unlimited
    report: Callable[[float], None] = _ignore
    share: float = 1.0

    def part(self, start: float, end: float) -> EvaluationMonitor:
        """Return the monitor of a part of the work, between two fractions."""
        return replace(self, report=lambda fraction: self.report(start + (end - start) * fraction))


UNMONITORED = EvaluationMonitor()


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation.

    Args:
        loss: Mean loss in nats a token.
        tokens: Number of tokens predicted.
        characters: Number of characters that they stand for; 0 where no text is predicted.
        metrics: Other metrics by key, such as BLEU.
        spelling_bits: Bits that it takes to spell out the words that are `<unk>`.
        words: Number of words that the tokens stand for, see `count_words`; 0 where they are not counted.
        details: Further results by key, as they stand in a row of `metrics.jsonl`, such as a confusion matrix.
        is_partial: True if it has read less than was asked for, as the time was short.
    """

    loss: float
    tokens: int
    characters: float
    metrics: dict[str, float] = field(default_factory=dict)
    spelling_bits: float = 0.0
    words: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)
    is_partial: bool = False

    @property
    def perplexity(self) -> float:
        """exp(loss): the number of tokens among which a uniform guess would have the same loss."""
        return math.exp(min(self.loss, 700.0))

    @property
    def nats_per_word(self) -> float | None:
        """Nats of the whole text for each word, the spelling of unknown words included; None if none are counted."""
        if not self.words:
            return None
        return (self.loss * self.tokens + self.spelling_bits * math.log(2)) / self.words

    @property
    def word_perplexity(self) -> float | None:
        """exp(nats per word), comparable between tokenizers and with published results on the same text."""
        return None if self.nats_per_word is None else math.exp(min(self.nats_per_word, 700.0))

    @property
    def bits_per_character(self) -> float | None:
        """Comparable between tokenizers, unlike the loss; None for a model that predicts no text."""
        if not self.characters:
            return None
        return (self.loss * self.tokens / math.log(2) + self.spelling_bits) / self.characters

    def with_spelling(self, token_file: TokenFileInfo) -> Evaluation:
        """Return the evaluation with the bits of unknown words: as many as its share of the file's tokens."""
        return replace(self, spelling_bits=token_file.spelling_bits * self.tokens / token_file.tokens)

    def with_words(self, words: int, token_file: TokenFileInfo) -> Evaluation:
        """Return the evaluation with its share of the words of the file's text."""
        return replace(self, words=words * self.tokens / token_file.tokens)


def evaluate_streaming(
    model: LanguageModel,
    ids: Tokens,
    vocab_size: int,
    hardware: Hardware,
    characters_per_token: float,
    monitor: EvaluationMonitor = UNMONITORED,
) -> Evaluation:
    """Return the loss over a text with the state carried through it; all tokens but the first are predicted.

    A long text is read by several streams at once. Each of them first reads the 512 tokens before its part, after
    which its state gives the loss of the carried one to about 1e-4 (see the tests).

    Args:
        model: The model; it is in training mode again afterwards if it was.
        ids: The token ids of the text, `(N,)`, at least 2.
        vocab_size: Size of the vocabulary, V.
        hardware: Device and precision, and the processes that read some of the streams each.
        characters_per_token: Mean number of characters in a token.
        monitor: Once it has no time left, the streams end where they are, which is a part of each. A share is that of
            each stream's part, from its beginning, and of the tokens before it.
    """
    count = len(ids) - 1
    streams = max(1, min(_MAX_STREAMS, count // _MIN_STREAM))
    part = -(-count // streams)  # tokens of a stream, rounded up
    rows_read, warm_up = part, WARM_UP
    if monitor.share < 1:
        rows_read = min(part, max(_LEAST_ROWS, math.ceil(monitor.share * part)))
        warm_up = max(min(_SHORT_WARM_UP, rows_read), math.ceil(monitor.share * WARM_UP))
    starts = np.arange(streams, dtype=np.int64)[hardware.group.own] * part  # (B,)
    total, predicted, state = 0.0, 0, model.initial_state(len(starts), hardware.device)
    is_partial = rows_read < part
    with evaluating(model):
        if streams > 1 and len(starts):
            positions = np.maximum(starts + np.arange(-warm_up, 0)[:, None], 0)  # (warm_up, B)
            for rows in _windows(warm_up, len(starts), vocab_size):
                _, state = _losses(model, ids, positions[rows], state, hardware)
            for tensor in state if starts[0] == 0 else ():
                tensor[:, 0] = 0.0  # the first stream starts at the beginning of the text
        for rows in _windows(rows_read, len(starts), vocab_size) if len(starts) else ():
            positions = starts + np.arange(rows.start, rows.stop)[:, None]  # (T, B)
            counted = torch.from_numpy((positions < np.minimum(starts + part, count)).astype(np.float32))  # (T, B)
            losses, state = _losses(model, ids, np.minimum(positions, count - 1), state, hardware)
            total += float((losses.cpu() * counted).sum(dtype=torch.float64))
            predicted += int(counted.sum())
            monitor.report(rows.stop / rows_read)
            if monitor.time_left() <= 0:
                is_partial = is_partial or rows.stop < rows_read
                break
    return _of_all(hardware.group, total, predicted, characters_per_token, is_partial)


def evaluate_windowed(
    model: LanguageModel,
    ids: Tokens,
    vocab_size: int,
    hardware: Hardware,
    characters_per_token: float,
    monitor: EvaluationMonitor = UNMONITORED,
) -> Evaluation:
    """Return the loss over windows of 256 tokens, each from a state of zeros; a shorter last window is left out.

    The arguments are those of `evaluate_streaming`; a share is one of the windows.
    """
    window = min(WINDOW, len(ids) - 1)
    windows = (len(ids) - 1) // window
    read = evenly_spaced(windows, math.ceil(monitor.share * windows))
    is_partial = len(read) < windows
    all_starts = read[hardware.group.own] * window
    batch = max(1, min(_MAX_STREAMS, _MAX_LOGITS // (window * vocab_size)))
    total, predicted = 0.0, 0
    with evaluating(model):
        for first in range(0, len(all_starts), batch):
            starts = all_starts[first : first + batch]
            state = model.initial_state(len(starts), hardware.device)
            losses, _ = _losses(model, ids, starts + np.arange(window)[:, None], state, hardware)
            total += float(losses.cpu().sum(dtype=torch.float64))
            predicted += losses.numel()
            monitor.report(min(1.0, (first + batch) / len(all_starts)))
            if monitor.time_left() <= 0:
                is_partial = is_partial or first + batch < len(all_starts)
                break
    return _of_all(hardware.group, total, predicted, characters_per_token, is_partial)


def evenly_spaced(count: int, limit: int) -> NDArray[np.int64]:
    """Return at most `limit` of the indices below `count`, evenly spaced: corpora are often sorted by length."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).astype(np.int64))


def _of_all(
    group: ProcessGroup, total: float, predicted: int, characters_per_token: float, is_partial: bool
) -> Evaluation:
    """Return the evaluation by all processes, of which this one has a sum of losses over some predicted tokens."""
    totals, counts, partial = zip(*group.collect((total, predicted, is_partial)), strict=True)
    count = sum(counts)
    return Evaluation(sum(totals) / count, count, count * characters_per_token, is_partial=any(partial))


EVALUATIONS = {"streaming": evaluate_streaming, "windowed": evaluate_windowed}


def full_precision_cost(model: LanguageModel, vocab_size: int, hardware: Hardware) -> float:
    """Measure how many times as long a token takes in full precision as in that of `hardware`."""
    if not hardware.bf16:
        return 1.0
    ids = np.arange(_TIMED_STEPS + 1, dtype=np.uint32) % vocab_size
    positions = np.tile(np.arange(_TIMED_STEPS)[:, None], _TIMED_STREAMS)  # (T, B)
    seconds = []
    with evaluating(model):
        for precision in (hardware.in_full_precision(), hardware):
            for _ in range(2):  # the first call sets up kernels
                began = time.perf_counter()
                _losses(model, ids, positions, model.initial_state(_TIMED_STREAMS, hardware.device), precision)
                last = time.perf_counter() - began
            seconds.append(last)
    return max(1.0, seconds[0] / seconds[1])


def _losses(
    model: LanguageModel, ids: Tokens, positions: NDArray[np.int64], state: State, hardware: Hardware
) -> tuple[torch.Tensor, State]:
    """Return the losses `(T, B)` of the tokens that follow `positions (T, B)`, and the state after the last step."""
    inputs = torch.from_numpy(ids[positions].astype(np.int64)).to(hardware.device)
    targets = torch.from_numpy(ids[positions + 1].astype(np.int64)).to(hardware.device)
    with hardware.threads.timed(f"evaluation in {hardware.precision}", positions.size), hardware.autocast():
        logits, state = model(inputs, state)
        losses = cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
    return losses.view(targets.shape), tuple(tensor.float() for tensor in state)


def _windows(length: int, batch: int, vocab_size: int) -> Iterator[slice]:
    """Yield the windows of `length` steps, short enough for their logits to fit into memory."""
    step = max(16, min(WINDOW, _MAX_LOGITS // (batch * vocab_size)))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Turn dropout and gradients off inside; nothing is drawn from the random generator of the training."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)
