"""A Seq2Seq model in numpy: encoder, bridge, attention and the decoder's step, for many hypotheses at once.

The equations are those of `rnntui.models`, whose docstrings name the papers. Sources differ in length: in a batch of B
they are filled up to the longest, S, and what is filled up is never read and never attended to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rnntui.config_seq2seq import Seq2SeqConfig
from rnntui.inference.cells import Array, RecurrentCell
from rnntui.inference.numpy_language_model import Ids, WeightReader, take_cell

Mask = NDArray[np.bool_]


@dataclass
class EncoderOutput:
    """What the encoder made of B sources: all that the decoder knows of them.

    `keys (B, S, K)` are the encoder's outputs, `prepared (B, S, ·)` what of the attention's scores depends on them
    alone, `padding (B, S)` is True where a source has ended.
    """

    keys: Array
    prepared: Array
    padding: Mask

    def keep(self, rows: NDArray[np.intp]) -> EncoderOutput:
        """The encoder_output of some of the sources."""
        return EncoderOutput(self.keys[rows], self.prepared[rows], self.padding[rows])


@dataclass
class DecoderState:
    """Where N hypotheses stand: recurrent `state (L, S, N, H)`, and the last attentional vector `input_feed (N, E)`."""

    state: Array
    input_feed: Array

    def keep(self, rows: NDArray[np.intp]) -> DecoderState:
        """Some of the hypotheses, in the order given; one may be kept several times."""
        return DecoderState(self.state[:, :, rows], self.input_feed[rows])


class NumpySeq2Seq:
    """Sources in; then, token by token, logits for the next token of each hypothesis.

    `weights` are named as torch names them. Raises `RunError` where one is missing or of another shape. In float64
    for what must be decided exactly: see `exact`.
    """

    def __init__(
        self,
        weights: Mapping[str, Array],
        config: Seq2SeqConfig,
        source_size: int,
        target_size: int,
        dtype: type[np.floating] = np.float32,
    ) -> None:
        self.config = config
        self.dtype = dtype
        self._given = (weights, config, source_size, target_size)
        take = WeightReader(weights, dtype)
        size, hidden, one_way = config.embedding, config.hidden, config.encoder_hidden
        keys = 2 * one_way
        # What is tied is stored once, under the name of the first to have it.
        shared = config.tied and source_size == target_size and "decoder.embedding.weight" not in weights
        self._source_embedding = take("encoder.embedding.weight", source_size, size)
        self._embedding = self._source_embedding if shared else take("decoder.embedding.weight", target_size, size)
        output = self._embedding if config.tied else take("decoder.output.weight", target_size, size)
        self._output = np.ascontiguousarray(output.T)
        if config.tied:  # as `rnntui.models.embedding` says why
            self._embedding = self._embedding * dtype(size**0.5)
            self._source_embedding = self._embedding if shared else self._source_embedding * dtype(size**0.5)
        self._output_bias = take("decoder.output.bias", target_size)
        layers = range(config.layers)
        self._encoder = [
            [
                take_cell(take, config, f"encoder.{way}.{layer}", "l0", keys if layer else size, one_way)
                for way in ("forward_rnn", "backward_rnn")
            ]
            for layer in layers
        ]
        inputs = size * (2 if config.input_feeding else 1)
        self._decoder = [
            take_cell(take, config, "decoder.rnn", f"l{layer}", hidden if layer else inputs, hidden) for layer in layers
        ]
        maps = range(self._decoder[0].states * config.layers)
        self._bridge = [
            (take(f"bridge.maps.{i}.weight", hidden, keys).T, take(f"bridge.maps.{i}.bias", hidden)) for i in maps
        ]
        attends = config.attention != "none"
        if config.attention in ("general", "additive"):
            self._key = np.ascontiguousarray(take("decoder.attention.key.weight", hidden, keys).T)
        if config.attention == "additive":
            self._query = np.ascontiguousarray(take("decoder.attention.query.weight", hidden, hidden).T)
            self._score = take("decoder.attention.score.weight", 1, hidden)[0]
        combined = hidden + (keys if attends else 0)
        self._combine = np.ascontiguousarray(take("decoder.combine.weight", size, combined).T)

    @cached_property
    def exact(self) -> NumpySeq2Seq:
        """The same model in float64."""
        return NumpySeq2Seq(*self._given, dtype=np.float64)

    def encode(self, sources: Sequence[Ids]) -> tuple[EncoderOutput, DecoderState]:
        """Read B sources, each `(S,)` with its end: their encoder_output, and the B decodings that begin from them."""
        lengths = np.array([len(source) for source in sources])
        order = np.argsort(-lengths, kind="stable")  # the longest first, so that those still read are the first ones
        steps, batch = int(lengths.max()), len(sources)
        ids = np.zeros((steps, batch), dtype=np.int64)
        for column, number in enumerate(order):
            ids[: lengths[number], column] = sources[number]
        ordered = lengths[order]
        # The places of each source from its end to its start; beyond, the first place again, which nobody reads.
        backwards = np.maximum(ordered - 1 - np.arange(steps)[:, None], 0)  # (S, B)
        columns = np.arange(batch)
        hidden: Array = self._source_embedding[ids]  # (S, B, E)
        ends = []
        for forward, reverse in self._encoder:
            ahead, ahead_end = _read(forward, hidden, ordered)
            back, back_end = _read(reverse, hidden[backwards, columns], ordered)
            hidden = np.concatenate([ahead, back[backwards, columns]], axis=2)  # (S, B, 2H)
            ends.append(np.concatenate([ahead_end, back_end], axis=1))  # (B, 2H)
        returned = np.argsort(order)
        keys = np.ascontiguousarray(hidden.transpose(1, 0, 2)[returned])  # (B, S, 2H)
        padding = np.arange(steps) >= lengths[:, None]
        keys[padding] = 0.0
        prepared = keys @ self._key if self.config.attention in ("general", "additive") else keys
        input_feed = np.zeros((batch, self.config.embedding), dtype=self.dtype)
        return EncoderOutput(keys, prepared, padding), DecoderState(self._bridged(ends)[:, :, returned], input_feed)

    def _bridged(self, ends: list[Array]) -> Array:
        """The decoder's first states `(L, S', B, H)` from each layer's ends `(B, 2H)`."""
        layers = len(ends)
        kinds = []
        for kind in range(self._decoder[0].states):
            maps = self._bridge[kind * layers : (kind + 1) * layers]
            rows = np.stack([end @ weight + bias for end, (weight, bias) in zip(ends, maps, strict=True)])
            kinds.append(rows if kind else np.tanh(rows))
        return np.stack(kinds, axis=1)

    def step(
        self, tokens: Ids, decoder_state: DecoderState, encoder_output: EncoderOutput
    ) -> tuple[Array, DecoderState]:
        """One token for each of N hypotheses, as many for every source: `tokens (N,)`, those of a source together.

        Gives the attention weights `(B, N / B, S)` and where the hypotheses then stand; `logits` reads their
        `input_feed`.
        """
        inputs = self._embedding[tokens]
        if self.config.input_feeding:
            inputs = np.concatenate([inputs, decoder_state.input_feed], axis=1)
        new = np.empty_like(decoder_state.state)
        for layer, cell in enumerate(self._decoder):
            cell.step(cell.project(new[layer - 1, 0] if layer else inputs), decoder_state.state[layer], new[layer])
        hidden = new[-1, 0]
        sources, steps = encoder_output.padding.shape
        weights = np.zeros((sources, len(tokens) // sources, steps), dtype=self.dtype)
        if self.config.attention != "none":
            grouped = hidden.reshape(sources, -1, hidden.shape[1])  # (B, n, H)
            weights = self._attention(grouped, encoder_output)
            context = weights @ encoder_output.keys  # (B, n, K)
            hidden = np.concatenate([context.reshape(len(tokens), -1), hidden], axis=1)
        return weights, DecoderState(new, np.tanh(hidden @ self._combine))

    def _attention(self, hidden: Array, encoder_output: EncoderOutput) -> Array:
        """Weights `(B, n, S)` of hidden states `(B, n, H)`."""
        if self.config.attention == "additive":
            mixed = (hidden @ self._query)[:, :, None, :] + encoder_output.prepared[:, None, :, :]  # (B, n, S, H)
            scores: Array = np.tanh(mixed, out=mixed) @ self._score
        else:
            scores = hidden @ encoder_output.prepared.transpose(0, 2, 1)
        np.copyto(scores, -np.inf, where=encoder_output.padding[:, None, :])
        scores -= scores.max(axis=2, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=2, keepdims=True)
        return scores

    def logits(self, decoder_state: DecoderState) -> Array:
        """Logits `(N, V)` of the next token."""
        logits: Array = decoder_state.input_feed @ self._output
        logits += self._output_bias
        return logits


def _read(cell: RecurrentCell, inputs: Array, lengths: NDArray[np.int64]) -> tuple[Array, Array]:
    """Run a cell over `inputs (S, B, I)` of falling `lengths (B,)`: outputs `(S, B, H)`, and each last one `(B, H)`.

    A source that has ended keeps its last state, and its outputs from there on are zeros.
    """
    steps, batch, _ = inputs.shape
    projected = cell.project(inputs)
    outputs = np.zeros((steps, batch, cell.hidden), dtype=inputs.dtype)
    current = np.zeros((cell.states, batch, cell.hidden), dtype=inputs.dtype)
    following = np.empty_like(current)
    for t in range(steps):
        reading = int(np.searchsorted(-lengths, -t, side="left"))  # how many are longer than t
        cell.step(projected[t, :reading], current[:, :reading], following[:, :reading])
        following[:, reading:] = current[:, reading:]
        current, following = following, current
        outputs[t, :reading] = current[0, :reading]
    return outputs, current[0]
