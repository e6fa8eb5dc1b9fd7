"""The Seq2Seq model in numpy: encoder, bridge, attention and one decoder step for many hypotheses at once.

The equations are those of `rnntui.models`, whose docstrings cite the papers. A batch of B sources of different lengths
is padded to the longest, S; padding is neither read by the encoder nor attended to.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rnntui.config_seq2seq import Seq2SeqConfig
from rnntui.inference.bidirectional import PaddedBatch, run_layer
from rnntui.inference.cells import Array, converted
from rnntui.inference.numpy_language_model import Ids
from rnntui.inference.weight_reader import WeightReader, Weights

Mask = NDArray[np.bool_]

_CONVERTED = (
    "_output", "_output_bias", "_encoder", "_decoder", "_bridge", "_key", "_query", "_score", "_combine",
)  # fmt: skip
"""Attributes of a model that are in its dtype; embeddings are as they are stored."""


@dataclass
class EncoderOutput:
    """Encoder outputs of B sources, as attention reads them.

    `values (B, S, D)` are the encoder's outputs, D = 2 · encoder_hidden; a context vector is their weighted mean.
    `keys (B, S, ·)` are the outputs as the attention's scores read them, projected once for all decoder steps.
    `padding (B, S)` is True after the end of a source.
    """

    values: Array
    keys: Array
    padding: Mask

    def select(self, rows: NDArray[np.intp]) -> EncoderOutput:
        """Return the output for some of the sources, in the order of `rows`."""
        return EncoderOutput(self.values[rows], self.keys[rows], self.padding[rows])


@dataclass
class DecoderState:
    """The decoder's state for N hypotheses.

    `recurrent (L, C, N, H)` holds C components for each of L layers (h, and for an LSTM c); `input_feed (N, E)` is
    the attentional vector of the last step, zeros before the first.
    """

    recurrent: Array
    input_feed: Array

    def select(self, rows: NDArray[np.intp]) -> DecoderState:
        """Return the state of some of the hypotheses, in the order of `rows`; a row may occur several times."""
        return DecoderState(self.recurrent[:, :, rows], self.input_feed[rows])


class NumpySeq2Seq:
    """Encodes sources; then gives, step by step, the next-token logits of each hypothesis.

    Raises `RunError` where a weight is missing or of another shape.

    Args:
        weights: arrays named as in `model.safetensors`, after the parameters of `rnntui.models.seq2seq.Seq2Seq`.
        config: the model's shape.
        source_size: ids in the source vocabulary.
        target_size: ids in the target vocabulary.
        dtype: float64 is for decisions within the rounding error of float32; see `exact`.
    """

    def __init__(
        self,
        weights: Weights,
        config: Seq2SeqConfig,
        source_size: int,
        target_size: int,
        dtype: type[np.floating] = np.float32,
    ) -> None:
        self.config = config
        self.dtype = dtype
        reader = WeightReader(weights, dtype)
        embedding, hidden, encoder_hidden = config.embedding, config.hidden, config.encoder_hidden
        value_size = 2 * encoder_hidden
        # A matrix that has several names is stored once, under the first of them.
        joint = config.tied and source_size == target_size and "decoder.embedding.weight" not in weights
        self._source_embedding = reader.table("encoder.embedding.weight", source_size, embedding)
        target_name = "encoder.embedding.weight" if joint else "decoder.embedding.weight"
        self._target_embedding = self._source_embedding if joint else reader.table(target_name, target_size, embedding)
        output = target_name if config.tied else "decoder.output.weight"
        self._output = reader.transposed(output, target_size, embedding)  # (E, V)
        self._output_bias = reader.array("decoder.output.bias", target_size)
        # `rnntui.models.layers.embed` says why tied embeddings are scaled
        self._embedding_scale = embedding**0.5 if config.tied else 1.0
        self._encoder = [  # for each layer the cells of both directions
            [
                reader.cell(config, f"encoder.{rnn}.{layer}", 0, value_size if layer else embedding, encoder_hidden)
                for rnn in ("forward_rnn", "backward_rnn")
            ]
            for layer in range(config.layers)
        ]
        first_inputs = embedding * (2 if config.input_feeding else 1)
        self._decoder = [
            reader.cell(config, "decoder.rnn", layer, hidden if layer else first_inputs, hidden)
            for layer in range(config.layers)
        ]
        self._bridge = []  # for each map weights (D, H) and bias (H,); those of h first, then those of an LSTM's c
        for index in range(self._decoder[0].states * config.layers):
            weight = reader.array(f"bridge.maps.{index}.weight", hidden, value_size)
            self._bridge.append((weight.T, reader.array(f"bridge.maps.{index}.bias", hidden)))
        self._key = self._query = self._score = np.empty(0, dtype)  # of those kinds of attention that have them
        if config.attention in ("general", "additive"):
            self._key = reader.transposed("decoder.attention.key.weight", hidden, value_size)
        if config.attention == "additive":
            self._query = reader.transposed("decoder.attention.query.weight", hidden, hidden)
            self._score = reader.array("decoder.attention.score.weight", 1, hidden)[0]
        combine_inputs = hidden + (value_size if config.attention != "none" else 0)
        self._combine = reader.transposed("decoder.combine.weight", embedding, combine_inputs)

    @cached_property
    def exact(self) -> NumpySeq2Seq:
        """The same model in float64. It is made of this one, as a training may have replaced the file by now."""
        other = copy.copy(self)
        other.dtype = np.float64
        for name in _CONVERTED:
            setattr(other, name, converted(getattr(self, name), np.float64))
        return other

    def _embedded(self, table: Array, ids: Ids) -> Array:
        """Return the embeddings of ids, `(..., E)`."""
        embedded: Array = table[ids].astype(self.dtype, copy=False)
        if self.config.tied:
            embedded *= self.dtype(self._embedding_scale)
        return embedded

    def encode(self, sources: Sequence[Ids]) -> tuple[EncoderOutput, DecoderState]:
        """Encode B sources, each `(S,)` with its end token; return their output and the decoder's B initial states.

        As in `rnntui.models.encoder`, the backward cell reads each source reversed within its own length.
        """
        batch = PaddedBatch.of(sources)
        hidden = self._embedded(self._source_embedding, batch.ids)  # (S, B, E)
        final_states = []
        for forward_cell, backward_cell in self._encoder:
            hidden, final = run_layer(forward_cell, backward_cell, hidden, batch)  # (S, B, D), (B, D)
            final_states.append(batch.restore(final))
        values = batch.restore(np.ascontiguousarray(hidden.transpose(1, 0, 2)))  # (B, S, D)
        padding = batch.restore(batch.padding.T)  # (B, S)
        keys = values @ self._key if self.config.attention in ("general", "additive") else values
        recurrent = self._initial_state(final_states)
        input_feed = np.zeros((len(sources), self.config.embedding), dtype=self.dtype)
        return EncoderOutput(values, keys, padding), DecoderState(recurrent, input_feed)

    def _initial_state(self, final_states: list[Array]) -> Array:
        """The decoder's initial state `(L, C, B, H)`: the bridge's maps of each encoder layer's final h `(B, D)`."""
        layers = len(final_states)
        state_arrays = []
        for index in range(self._decoder[0].states):
            maps = self._bridge[index * layers : (index + 1) * layers]
            mapped = [final @ weight + bias for final, (weight, bias) in zip(final_states, maps, strict=True)]
            stacked = np.stack(mapped)  # (L, B, H)
            state_arrays.append(stacked if index else np.tanh(stacked))
        return np.stack(state_arrays, axis=1)

    def step(
        self, tokens: Ids, decoder_state: DecoderState, encoder_output: EncoderOutput
    ) -> tuple[Array, DecoderState]:
        """Run one decoder step. Return attention weights `(B, K, S)` and the new state, which `logits` reads.

        Args:
            tokens: `(N,)`, the last token of each hypothesis; N = B · K, the K hypotheses of a source adjacent.
            decoder_state: of the N hypotheses; not changed.
            encoder_output: of the B sources.
        """
        inputs = self._embedded(self._target_embedding, tokens)  # (N, E)
        if self.config.input_feeding:
            inputs = np.concatenate([inputs, decoder_state.input_feed], axis=1)  # (N, 2E)
        recurrent = np.empty_like(decoder_state.recurrent)
        for layer, cell in enumerate(self._decoder):
            projected = cell.project(recurrent[layer - 1, 0] if layer else inputs)
            cell.step(projected, decoder_state.recurrent[layer], recurrent[layer])
        hidden = recurrent[-1, 0]  # (N, H)
        batch, source_steps = encoder_output.padding.shape
        if self.config.attention == "none":
            weights = np.zeros((batch, len(tokens) // batch, source_steps), dtype=self.dtype)
        else:
            weights = self._attention(hidden.reshape(batch, -1, hidden.shape[1]), encoder_output)  # (B, K, S)
            context = weights @ encoder_output.values  # (B, K, D)
            hidden = np.concatenate([context.reshape(len(tokens), -1), hidden], axis=1)  # (N, D + H)
        return weights, DecoderState(recurrent, np.tanh(hidden @ self._combine))

    def _attention(self, hidden: Array, encoder_output: EncoderOutput) -> Array:
        """Attention weights `(B, K, S)` of K hidden states `(B, K, H)` per source."""
        if self.config.attention == "additive":
            mixed = (hidden @ self._query)[:, :, None, :] + encoder_output.keys[:, None, :, :]  # (B, K, S, H)
            scores: Array = np.tanh(mixed, out=mixed) @ self._score
        else:
            scores = hidden @ encoder_output.keys.transpose(0, 2, 1)
        np.copyto(scores, -np.inf, where=encoder_output.padding[:, None, :])
        scores -= scores.max(axis=2, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=2, keepdims=True)
        return scores

    def logits(self, decoder_state: DecoderState) -> Array:
        """Return the logits `(N, V)` of each hypothesis's next token."""
        logits: Array = decoder_state.input_feed @ self._output
        logits += self._output_bias
        return logits
