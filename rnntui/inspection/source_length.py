"""Source length: the loss of a Seq2Seq model on target tokens by the length of their source.

A model without attention has to remember all of the source in one state, and fails on long ones (Cho et al. 2014, "On
the Properties of Neural Machine Translation", figure 4; Bahdanau et al. 2015, figure 2, for attention).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.line_chart import LineChart, line
from rnntui.charts.styled_text import Row
from rnntui.charts.svg import render_svg
from rnntui.config_seq2seq import Seq2SeqTokenizerConfig
from rnntui.errors import CorpusError, RunError
from rnntui.inference.numpy_seq2seq import NumpySeq2Seq
from rnntui.inference.scoring import log_softmax_at
from rnntui.inference.translator import load_translator, read_known_words
from rnntui.inspection.inspection import Cancelled, InspectionRequest, check_cancelled, never_cancelled
from rnntui.runs.folder import RunFolder
from rnntui.text.pair_ids import EncodedPair, PairDataset, encode_pairs
from rnntui.text.pair_preprocessing import model_form
from rnntui.text.parallel_corpus import Pair
from rnntui.text.token_ids import TokenFile
from rnntui.text.vocabulary import BOS, EOS

PAIRS = 2000
"""Pairs that are read at most."""
_BATCH = 50
_BINS = 8
_MIN_PAIRS = 8  # in a bin

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LengthBin:
    """Pairs whose sources have `low` to `high` tokens: their number, their target tokens, and the mean loss in nats.

    `error` is the standard error of the loss over pairs, `correct` the share of tokens that were the most probable.
    """

    low: int
    high: int
    pairs: int
    tokens: int
    loss: float
    error: float
    correct: float

    @property
    def name(self) -> str:
        """The lengths in words."""
        return f"{self.low} to {self.high} tokens" if self.high > self.low else f"{self.low} tokens"


@dataclass(frozen=True)
class SourceLengthLoss:
    """The loss of a Seq2Seq model by source length; `origin` tells where the pairs come from."""

    name: str
    bins: tuple[LengthBin, ...]
    attention: str
    origin: str

    @property
    def chart(self) -> LineChart:
        """The chart, over the middles of the bins, with a band of two standard errors."""
        middles = [(each.low + each.high) / 2 for each in self.bins]
        losses, errors = np.array([each.loss for each in self.bins]), np.array([each.error for each in self.bins])
        band = np.maximum(losses - 2 * errors, 0.0), losses + 2 * errors
        curve = line("loss of a target token", middles, losses, 0, f"{losses[-1]:.2f} for the longest", band)
        return LineChart(f"Loss of {self.name} by source length, in nats", "tokens of the source", "", [curve])

    def rows(self, width: int) -> list[Row]:
        """Return the chart as rows."""
        return self.chart.rows(width)

    def svg(self) -> str:
        """Return the chart as an SVG document."""
        return render_svg([self.chart.drawing])

    def summary(self) -> list[str]:
        """Return the loss of every bin, and how the longest sources compare with the best ones."""
        best, last = min(self.bins, key=lambda each: each.loss), self.bins[-1]
        has_attention = "without attention" if self.attention == "none" else f"with {self.attention} attention"
        rise = last.loss - best.loss
        is_clear = rise > 2 * np.hypot(best.error, last.error)
        verdict = (
            f"Long sources are harder: {rise:.2f} nats a token more than those of {best.name}."
            if is_clear
            else "Long sources are not clearly harder than short ones."
        )
        return [
            f"Loss of each target token, given those before it, by the length of its source; a model {has_attention}. "
            f"{verdict}",
            *(
                f"{each.name}: {each.loss:.2f} ± {2 * each.error:.2f} nats, {each.correct:.0%} of "
                f"the tokens right ({each.pairs:,} pairs)."
                for each in self.bins
            ),
            f"Pairs: {self.origin}.",
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the bins."""
        bins = [asdict(each) for each in self.bins]
        return {"run": self.name, "attention": self.attention, "pairs": self.origin, "source_lengths": bins}


def pair_losses(
    model: NumpySeq2Seq, pairs: Sequence[EncodedPair], cancelled: Cancelled = never_cancelled
) -> tuple[list[Floats], list[NDArray[np.bool_]]]:
    """Return the loss in nats of each target token and of the end, `(T + 1,)` for each pair, by teacher forcing.

    The second list says whether the token was the most probable one. `pairs` are ids without begin and end tokens.
    """
    losses: list[Floats] = [np.empty(0)] * len(pairs)
    are_right: list[NDArray[np.bool_]] = [np.empty(0, dtype=np.bool_)] * len(pairs)
    order = sorted(range(len(pairs)), key=lambda index: len(pairs[index][1]))
    for start in range(0, len(order), _BATCH):
        check_cancelled(cancelled)
        batch = order[start : start + _BATCH]
        targets = [np.append(pairs[index][1], EOS) for index in batch]
        steps = max(map(len, targets))
        padded = np.stack([np.pad(target, (0, steps - len(target)), constant_values=EOS) for target in targets])
        encoder_output, state = model.encode([np.append(pairs[index][0], EOS) for index in batch])
        tokens = np.full(len(batch), BOS)
        nats, right = np.empty(padded.shape), np.empty(padded.shape, dtype=np.bool_)
        for step in range(steps):
            _, state = model.step(tokens, state, encoder_output)
            logits, tokens = model.logits(state), padded[:, step]
            nats[:, step] = -log_softmax_at(logits, tokens)
            right[:, step] = logits.argmax(axis=-1) == tokens
        for row, index in enumerate(batch):
            losses[index], are_right[index] = nats[row, : len(targets[row])], right[row, : len(targets[row])]
    return losses, are_right


def source_length_loss(
    run: RunFolder, pairs: Sequence[Pair] | None = None, origin: str = "", cancelled: Cancelled = never_cancelled
) -> SourceLengthLoss:
    """Return the loss of a Seq2Seq model by source length, over the first pairs or the run's held-out pairs.

    Args:
        run: the run.
        pairs: pairs to read; None for those that the run has held out, which must still be in its folder.
        origin: where `pairs` come from.
        cancelled: asked between batches.

    Raises `RunError` for a broken run or one without held-out pairs, `CorpusError` if there are too few pairs.
    """
    config, translator = run.read_config(), load_translator(run)
    if pairs is not None:
        forms = model_form(pairs[:PAIRS], config.tokenizer_as(Seq2SeqTokenizerConfig), read_known_words(run, config))
        encoded = encode_pairs(forms, translator.source, translator.target)
    else:
        encoded, origin = _held_out(run), "held out from training"
    if len(encoded) < _MIN_PAIRS:
        raise CorpusError(f"{len(encoded)} pairs are too few for a chart by length", hint=f"name {_MIN_PAIRS} or more")
    losses, are_right = pair_losses(translator.model, encoded, cancelled)
    lengths = np.array([len(source) for source, _ in encoded])
    bins = tuple(_bins(lengths, losses, are_right))
    return SourceLengthLoss(run.name, bins, translator.model.config.attention, origin)


def _held_out(run: RunFolder) -> list[EncodedPair]:
    info = run.read_config().corpus.validation
    if info is None or not run.validation_ids.is_file():
        raise RunError(
            f"the pairs held out from run {run.name} are not in its folder",
            hint=f"name a table of pairs: rnntui inspect context {run.name} --text FILE",
        )
    dataset = PairDataset(TokenFile(**asdict(info)), run.validation_ids)
    return [(dataset.source(pair)[:-1], dataset.target(pair)[:-1]) for pair in range(min(len(dataset), PAIRS))]


def _bins(lengths: NDArray[np.int64], losses: list[Floats], are_right: list[NDArray[np.bool_]]) -> list[LengthBin]:
    """Return bins with about the same number of pairs; pairs of one length are in one bin."""
    count = min(_BINS, max(1, len(lengths) // _MIN_PAIRS))
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, count + 1), method="nearest"))
    if len(edges) == 1:
        edges = np.append(edges, edges[0] + 1)
    bins = []
    for index in range(len(edges) - 1):
        is_last = index == len(edges) - 2
        is_inside = (lengths >= edges[index]) & ((lengths < edges[index + 1]) | (is_last & (lengths <= edges[-1])))
        members = np.flatnonzero(is_inside)
        if not len(members):
            continue
        sums = np.array([losses[member].sum() for member in members])
        counts = np.array([len(losses[member]) for member in members])
        mean = float(sums.sum() / counts.sum())
        # Of a ratio of sums, by the residuals of the pairs.
        error = float(np.sqrt(((sums - mean * counts) ** 2).sum()) / counts.sum())
        correct = float(np.concatenate([are_right[member] for member in members]).mean())
        low, high = int(lengths[members].min()), int(lengths[members].max())
        bins.append(LengthBin(low, high, len(members), int(counts.sum()), mean, error, correct))
    return bins


def inspect_source_length(request: InspectionRequest, cancelled: Cancelled) -> SourceLengthLoss:
    """Compute the view of the Inspect tab."""
    return source_length_loss(request.runs[0], cancelled=cancelled)
