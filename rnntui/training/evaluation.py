"""The two evaluations of a language model, both in nats a token over a held-out text.

*Streaming*: the state is carried through the whole text, as when the model is used. *Windowed*: every window of 256
tokens starts from a state of zeros, as published figures of Transformers with a context of 256 do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy

from rnntui.models.language_model import LanguageModel
from rnntui.models.layers import State
from rnntui.training.device import Hardware

WINDOW = 256
WARM_UP = 512  # tokens a stream reads before its own part, uncounted, so that it enters it with a true state
_STREAM = 4096  # tokens a stream should have at least, for the warm-up to be a small part
_MOST_STREAMS = 64
_TIE = 1e-6
_LOGITS = 1 << 24  # numbers in a (T, B, V) of logits at most

Tokens = NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class Evaluation:
    """A mean loss in nats a token over `tokens`, which stand for `characters`.

    `metrics` are further figures by name, such as BLEU, higher being better; one of them may be `selection_metric`.
    """

    loss: float
    tokens: int
    characters: float
    metrics: dict[str, float] = field(default_factory=dict)
    selection_metric: str = ""

    @property
    def score(self) -> float:
        """What decides which weights are best: the lower, the better. Where a measure ties, the loss decides."""
        return self.loss if not self.selection_metric else _TIE * self.loss - self.metrics[self.selection_metric]

    @property
    def perplexity(self) -> float:
        """exp(loss): as if choosing evenly among so many tokens."""
        return math.exp(min(self.loss, 700.0))

    @property
    def bits_per_character(self) -> float:
        """Comparable between tokenizers, where the loss is not."""
        return self.loss * self.tokens / self.characters / math.log(2)


def streaming(model: LanguageModel, ids: Tokens, vocab_size: int, hardware: Hardware, per_token: float) -> Evaluation:
    """Loss over `ids (N,)` with the state carried through; N - 1 tokens are predicted.

    A long text is read by several streams at once, each of which first reads the 512 tokens before its part: the
    state it then has is the carried one to about 1e-4 of the loss (see the tests). `per_token` is characters a token.
    """
    count = len(ids) - 1
    streams = max(1, min(_MOST_STREAMS, count // _STREAM))
    part = -(-count // streams)
    starts = np.arange(streams, dtype=np.int64) * part  # (B,)
    total, state = 0.0, model.initial_state(streams, hardware.device)
    with evaluating(model):
        if streams > 1:
            places = np.maximum(starts + np.arange(-WARM_UP, 0)[:, None], 0)  # (WARM_UP, B)
            for rows in _windows(WARM_UP, streams, vocab_size):
                state = _losses(model, ids, places[rows], state, hardware)[1]
            for tensor in state:
                tensor[:, 0] = 0.0  # the first stream begins with the text
        for rows in _windows(part, streams, vocab_size):
            places = starts + np.arange(rows.start, rows.stop)[:, None]  # (T, B)
            counted = torch.from_numpy((places < np.minimum(starts + part, count)).astype(np.float32))
            losses, state = _losses(model, ids, np.minimum(places, count - 1), state, hardware)
            total += float((losses.cpu() * counted).sum(dtype=torch.float64))
    return Evaluation(total / count, count, count * per_token)


def windowed(model: LanguageModel, ids: Tokens, vocab_size: int, hardware: Hardware, per_token: float) -> Evaluation:
    """Loss over `ids (N,)` in windows of 256 tokens, each from a state of zeros; a shorter rest is left out."""
    window = min(WINDOW, len(ids) - 1)
    windows = (len(ids) - 1) // window
    batch = max(1, min(_MOST_STREAMS, _LOGITS // (window * vocab_size)))
    total = 0.0
    with evaluating(model):
        for first in range(0, windows, batch):
            starts = np.arange(first, min(first + batch, windows), dtype=np.int64) * window
            state = model.initial_state(len(starts), hardware.device)
            losses, _ = _losses(model, ids, starts + np.arange(window)[:, None], state, hardware)
            total += float(losses.cpu().sum(dtype=torch.float64))
    count = windows * window
    return Evaluation(total / count, count, count * per_token)


def _losses(
    model: LanguageModel, ids: Tokens, places: NDArray[np.int64], state: State, hardware: Hardware
) -> tuple[torch.Tensor, State]:
    """The loss of the token after each place `(T, B)`, and the state after the last step."""
    inputs = torch.from_numpy(ids[places].astype(np.int64)).to(hardware.device)
    targets = torch.from_numpy(ids[places + 1].astype(np.int64)).to(hardware.device)
    with hardware.autocast():
        logits, state = model(inputs, state)
    losses = cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
    return losses.view(targets.shape), tuple(tensor.float() for tensor in state)


def _windows(length: int, batch: int, vocab_size: int) -> Iterator[slice]:
    step = max(16, min(WINDOW, _LOGITS // (batch * vocab_size)))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """No dropout and no gradients inside; nothing is drawn from the training's random stream."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)
