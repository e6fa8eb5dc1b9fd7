"""Context length: the loss of a language model that may look back only n tokens.

The state is reset n tokens before a prediction, for n = 1, 2, 4, … (as Khandelwal et al. 2018, "Sharp Nearby, Fuzzy Far
Away", section 4, cut the context at test time). The same places are predicted with every n, so that differences between
lengths are not those between places.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnntui.inference.loaded_model import load_language_model
from rnntui.inference.numpy_language_model import Ids, NumpyLanguageModel
from rnntui.inference.scoring import log_softmax_at
from rnntui.inspection.context_report import ContextLoss
from rnntui.inspection.inspection import Cancelled, InspectionRequest, check_cancelled, never_cancelled
from rnntui.inspection.probe_text import probe_text
from rnntui.inspection.token_classes import token_classes
from rnntui.runs.folder import RunFolder

PLACES = 2048
"""Tokens that are predicted with every length."""
LONGEST = 512
_RUN = 64  # neighbouring places: pieces of them share what is read before
_TOLERANCE = 8  # a place has n to n + n / 8 tokens of context: that many share a reading, else each would cost n steps
_WINDOW = 32  # tokens read at a time
_BATCH = 256  # pieces read side by side: 32 tokens of 256 texts project to 67 MB for 512 units

Floats = NDArray[np.float64]


def losses_by_context(
    network: NumpyLanguageModel, windows: Ids, length: int, cancelled: Cancelled = never_cancelled
) -> Floats:
    """Return the losses in nats of the last `_RUN` tokens of each window with `length` tokens of context, `(W, 64)`.

    Args:
        network: the model.
        windows: `(T, W)`, T ≥ length + 64: the places are the last 64 tokens.
        length: the context n; up to n / 8 more where places are neighbours.
        cancelled: asked between windows of tokens.
    """
    piece = max(1, min(_RUN, length // _TOLERANCE))
    first, count = len(windows) - _RUN, windows.shape[1]
    # The tokens of each piece, with its context, side by side: (n + piece, pieces of all windows).
    columns = [windows[first + start - length : first + start + piece] for start in range(0, _RUN, piece)]
    texts = np.concatenate(columns, axis=1)
    losses = np.empty((piece, texts.shape[1]))
    for start in range(0, texts.shape[1], _BATCH):
        batch = texts[:, start : start + _BATCH]
        losses[:, start : start + _BATCH] = _last_losses(network, batch, piece, cancelled)
    # (piece, pieces, W) to (W, pieces, piece)
    return losses.reshape(piece, _RUN // piece, count).transpose(2, 1, 0).reshape(count, _RUN)


def _last_losses(network: NumpyLanguageModel, texts: Ids, count: int, cancelled: Cancelled) -> Floats:
    """Return the losses of the last `count` of the tokens of `texts (T, B)`, read from the zero state: `(count, B)`."""
    state, read, end = network.initial_state(texts.shape[1]), 0, len(texts) - count
    while read < end - 1:  # the tokens whose predictions do not count
        check_cancelled(cancelled)
        stop = min(read + _WINDOW, end - 1)
        _, state = network.hidden_states(texts[read:stop], state)
        read = stop
    losses = []
    while read < len(texts) - 1:
        check_cancelled(cancelled)
        stop = min(read + _WINDOW, len(texts) - 1)
        logits, state = network.forward(texts[read:stop], state)
        losses.append(-log_softmax_at(logits, texts[read + 1 : stop + 1]).astype(np.float64))
        read = stop
    return np.concatenate(losses)


def context_loss(
    run: RunFolder,
    text: str = "",
    *,
    longest: int = LONGEST,
    places: int = PLACES,
    cancelled: Cancelled = never_cancelled,
) -> ContextLoss:
    """Return the loss of a language model by the length of its context, over all tokens and by their class.

    Args:
        run: the run.
        text: the text; "" for the run's held-out text.
        longest: the longest context; of a short text less.
        places: number of tokens that are predicted.
        cancelled: asked now and then.

    Raises `RunError` for a broken run, `UsageError` for one of another kind, `CorpusError` for too short a text.
    """
    loaded = load_language_model(run, precision="fp32")
    count = max(1, round(places / _RUN))
    probe = probe_text(run, loaded, text, count * (longest + _RUN), cancelled)
    while longest > 2 and longest + _RUN > len(probe.ids):
        longest //= 2
    # No place twice: that of a short text would only look as if more was known.
    count = min(count, 1 + (len(probe.ids) - longest - _RUN) // _RUN)
    windows = probe.windows(count, longest + _RUN)
    lengths = [2**power for power in range(longest.bit_length()) if 2**power <= longest]
    losses = np.stack([losses_by_context(loaded.network, windows, n, cancelled).reshape(-1) for n in lengths])
    targets, before = windows[-_RUN:].T.reshape(-1), windows[-_RUN - 1 : -1].T.reshape(-1)
    names, classes = token_classes(loaded.tokenizer, before, targets)
    unit = {"char": "characters", "word": "words"}.get(loaded.tokenizer.kind, "tokens")
    return ContextLoss(run.name, np.array(lengths), losses, names, classes, unit, probe.origin, _RUN)


def inspect_context(request: InspectionRequest, cancelled: Cancelled) -> ContextLoss:
    """Compute the view of the Inspect tab."""
    return context_loss(request.runs[0], request.text, cancelled=cancelled)
