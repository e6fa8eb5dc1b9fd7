"""The text classifier in numpy: recurrent layers, pooling, output layer and the linear n-gram part; its gradient.

The equations are those of `rnntui.models.classifier`, whose docstrings cite the papers.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnntui.config_classifier import ClassifierConfig
from rnntui.inference.bidirectional import LayerOutput, PaddedBatch, Projection, run_layer, run_projected
from rnntui.inference.cell_gradients import input_gradient
from rnntui.inference.cells import Array, RecurrentCell, converted
from rnntui.inference.numpy_language_model import Ids
from rnntui.inference.weight_reader import WeightReader, Weights
from rnntui.kinds.classifier import NGRAM_SCALE
from rnntui.text.ngram_features import NgramFeatures

Logits = NDArray[np.float64]

_CONVERTED = ("_layers", "_output", "_output_bias", "_projection", "_projection_bias", "_context")
"""Attributes of a model that are in its dtype; embeddings and the n-grams' weights are as they are stored."""


class ClassifierSizes(NamedTuple):
    """Sizes that config.json's `model` section does not have: tokens V, labels K, and n-grams N."""

    tokens: int
    labels: int
    ngrams: int = 0


class TokenGradient(NamedTuple):
    """Gradient times input of each token of a text `(T,)`, and attention weights `(T,)` if the pooling has them."""

    gradient_x_input: Array
    attention: Array | None


@dataclass(eq=False, repr=False)
class EncodedTexts:
    """B texts after the recurrent part.

    Args:
        batch: the texts, padded and sorted.
        layers: inputs `(T, B, I)` of each layer, then the outputs `(T, B, D)` of the last; of all but the outputs only
            where the gradient is wanted.
        pooled: a vector for each text `(B, P)`, in the order of the batch; its parts are those of the pooling.
        attention: attention weights `(T, B)`, zeros at padding, of attention pooling.
    """

    batch: PaddedBatch
    pooled: Array
    attention: Array | None
    layers: list[Array] = field(default_factory=list)


class NumpyClassifier:
    """Computes the logits of texts, and the gradient of a score of one text.

    Raises `RunError` where a weight is missing or of another shape.

    Args:
        weights: arrays named as in `model.safetensors`, after the parameters of `rnntui.models.classifier.Classifier`.
        config: sizes and architecture.
        sizes: tokens, labels and n-grams.
        dtype: float64 is for decisions within the rounding error of float32, and for gradients; see `exact`.
    """

    def __init__(
        self,
        weights: Weights,
        config: ClassifierConfig,
        sizes: ClassifierSizes,
        dtype: type[np.floating] = np.float32,
    ) -> None:
        self.config = config
        self._dtype = dtype
        reader = WeightReader(weights, dtype)
        outputs = config.outputs
        self._embedding = reader.table("encoder.embedding.weight", sizes.tokens, config.embedding)
        directions = ("forward_rnn", "backward_rnn")[: config.directions]
        self._layers = [  # for each layer the cells of its directions
            [
                reader.cell(config, f"encoder.{name}.{layer}", 0, outputs if layer else config.embedding, config.hidden)
                for name in directions
            ]
            for layer in range(config.layers)
        ]
        self._output = reader.array("output.weight", sizes.labels, config.pooled)
        self._output_bias = reader.array("output.bias", sizes.labels)
        self._projection = self._projection_bias = self._context = np.empty(0, dtype)  # of attention pooling alone
        if config.pooling == "attention":
            self._projection = reader.array("pooling.projection.weight", outputs, outputs)
            self._projection_bias = reader.array("pooling.projection.bias", outputs)
            self._context = reader.array("pooling.context.weight", 1, outputs)[0]
        # The linear part stays as it is stored and is summed in float64, whatever the dtype of the rest.
        self.ngram_weights: Array | None = None  # (N, K)
        if config.ngrams != "none":
            self.ngram_weights = reader.table("ngrams.weight", sizes.ngrams, sizes.labels)

    @cached_property
    def exact(self) -> NumpyClassifier:
        """The same model in float64. It is made of this one, as a training may have replaced the file by now."""
        other = copy.copy(self)
        other._dtype = np.float64
        for name in _CONVERTED:
            setattr(other, name, converted(getattr(self, name), np.float64))
        return other

    def logits(self, token_ids: Sequence[Ids], features: NgramFeatures | None) -> Logits:
        """Return the logits of B texts in float64, `(B, K)`.

        Args:
            token_ids: for each text its tokens `(T,)`, at least one.
            features: their n-grams; not read if the model has no n-gram part.
        """
        return self.encoded_logits(self.encode(token_ids), features)

    def encoded_logits(self, encoded: EncodedTexts, features: NgramFeatures | None) -> Logits:
        """Return what `logits` returns, for texts after the recurrent part."""
        logits = encoded.batch.restore(encoded.pooled @ self._output.T + self._output_bias).astype(np.float64)
        if self.ngram_weights is not None and features is not None:
            logits += self.ngram_logits(features)
        return logits

    def ngram_logits(self, features: NgramFeatures) -> Logits:
        """Return the n-gram part's share of the logits of B texts, in float64, `(B, K)`."""
        assert self.ngram_weights is not None
        terms = self.ngram_weights[features.indices] * features.values[:, None].astype(np.float64)  # (M, K)
        sums = np.zeros((len(features.offsets) - 1, self.ngram_weights.shape[1]))
        starts, ends = features.offsets[:-1], features.offsets[1:]
        if len(terms):
            has_ngrams = starts < ends  # `reduceat` would give those of the next text to one that has none
            sums[has_ngrams] = np.add.reduceat(terms, starts[has_ngrams], axis=0)
        return NGRAM_SCALE * sums

    def token_gradient(self, encoded: EncodedTexts, label_weights: Logits) -> TokenGradient:
        """Return gradient times input of each token of a text: Σ_e x_e · ∂s/∂x_e over its embedding x.

        Args:
            encoded: a single text, encoded for the gradient.
            label_weights: `(K,)`, the derivative of the score s with respect to each logit.
        """
        pooled_gradient: Array = np.asarray(label_weights @ self._output, dtype=self._output.dtype)
        gradient = self._pooling_gradient(encoded, pooled_gradient)
        for cells, inputs, outputs in zip(
            reversed(self._layers), encoded.layers[-2::-1], encoded.layers[:0:-1], strict=True
        ):
            gradient = _layer_gradient(cells, inputs, outputs, gradient)
        attention = None if encoded.attention is None else encoded.attention[:, 0]
        return TokenGradient((gradient * encoded.layers[0]).sum(axis=2)[:, 0], attention)

    def encode(self, token_ids: Sequence[Ids], for_gradient: bool = False) -> EncodedTexts:
        """Run the recurrent layers and the pooling over B texts; `for_gradient` keeps what `token_gradient` reads."""
        batch = PaddedBatch.of(token_ids)
        layers: list[Array] = []
        output = self._first_layer(batch)
        if for_gradient:
            layers += [self._embedding[batch.ids].astype(self._dtype, copy=False), output.outputs]
        for cells in self._layers[1:]:
            output = run_layer(cells[0], cells[1] if len(cells) > 1 else None, output.outputs, batch)
            if for_gradient:
                layers.append(output.outputs)
        pooled, attention = self._pool(output, batch)
        return EncodedTexts(batch, pooled, attention, layers)

    def _first_layer(self, batch: PaddedBatch) -> LayerOutput:
        """Run the first layer; the embedding of a token is projected once, however often it occurs in the batch."""
        tokens, rows = np.unique(batch.ids, return_inverse=True)
        rows = rows.reshape(batch.ids.shape)
        embedded = self._embedding[tokens].astype(self._dtype, copy=False)
        forward, *backward = self._layers[0]
        projections = [_table_projection(forward, embedded, rows)]
        if not backward:
            return run_projected(forward, None, projections, batch)
        projections.append(_table_projection(backward[0], embedded, batch.reverse(rows)))
        return run_projected(forward, backward[0], projections, batch)

    def _pool(self, output: LayerOutput, batch: PaddedBatch) -> tuple[Array, Array | None]:
        """Return a vector for each text `(B, P)`, and the attention weights `(T, B)` if there are any."""
        hidden, parts = output.outputs, []
        if self.config.pooling == "attention":
            attention = self._attention(hidden, batch)
            return np.einsum("tb,tbd->bd", attention, hidden), attention
        for pooling in self.config.pooling_parts:  # the maximum is the last one, as it overwrites padding
            if pooling == "last":
                parts.append(output.final)
            elif pooling == "mean":
                parts.append(hidden.sum(axis=0) / batch.lengths[:, None].astype(hidden.dtype))
            else:
                parts.append(_masked_max(hidden, batch))
        return np.concatenate(parts, axis=1), None

    def _attention(self, hidden: Array, batch: PaddedBatch) -> Array:
        """Return the weights of attention pooling, `(T, B)`, zeros at padding, for hidden states `(T, B, D)`."""
        scores: Array = np.tanh(hidden @ self._projection.T + self._projection_bias) @ self._context
        scores[batch.padding] = -np.inf
        weights: Array = np.exp(scores - scores.max(axis=0))
        weights /= weights.sum(axis=0)
        return weights

    def _pooling_gradient(self, encoded: EncodedTexts, gradient: Array) -> Array:
        """Return the gradient of the score with respect to the last layer's outputs, `(T, 1, D)`.

        Args:
            encoded: a single text.
            gradient: `(P,)`, the gradient with respect to the pooled vector.
        """
        hidden = encoded.layers[-1]  # (T, 1, D)
        result = np.zeros_like(hidden)
        size, width = self.config.hidden, self.config.outputs
        for index, pooling in enumerate(self.config.pooling_parts):
            part = slice(index * width, (index + 1) * width)
            if pooling == "last":
                result[-1, 0, :size] += gradient[part][:size]
                result[0, 0, size:] += gradient[part][size:]
            elif pooling == "mean":
                result += gradient[part] / len(hidden)
            elif pooling == "max":
                is_maximum = hidden == encoded.pooled[:, part]  # several states share it evenly, as in torch's amax
                result += is_maximum * (gradient[part] / is_maximum.sum(axis=0))
        if encoded.attention is not None:
            # v = Σ a h with a = softmax(s) and s = c · u, u = tanh(W h + b):
            # ds = a (dv · h - dv · v),  dh = a dv + W^T (ds c ∘ (1 - u²))
            u = np.tanh(hidden @ self._projection.T + self._projection_bias)
            attention = encoded.attention[:, :, None]  # (T, 1, 1)
            score_gradient = attention * ((hidden - encoded.pooled) @ gradient)[:, :, None]
            result[:] = attention * gradient + (score_gradient * self._context * (1 - u * u)) @ self._projection
        return result


def _table_projection(cell: RecurrentCell, embedded: Array, rows: Ids) -> Projection:
    """Return the projection of embeddings `(U, E)`, of which each token of a batch has the row `rows (T, B)`."""
    table = cell.project(embedded)  # (U, G*H)
    return lambda steps: table[rows[steps]]


def _masked_max(hidden: Array, batch: PaddedBatch) -> Array:
    """Return the maximum over the tokens of each text `(B, D)`; overwrites the hidden states `(T, B, D)` at padding."""
    if not batch.padding[-1].any():
        return hidden.max(axis=0)  # type: ignore[no-any-return]
    hidden[batch.padding] = -np.inf
    maximum: Array = hidden.max(axis=0)
    return maximum


def _layer_gradient(cells: Sequence[RecurrentCell], inputs: Array, outputs: Array, gradient: Array) -> Array:
    """Return the gradient with respect to a layer's inputs `(T, 1, I)`, the sum over its directions.

    Args:
        cells: the forward cell and, in a layer of both directions, the backward one.
        inputs: `(T, 1, I)`.
        outputs: `(T, 1, D)`.
        gradient: `(T, 1, D)`, with respect to the outputs.
    """
    size = cells[0].hidden
    total = input_gradient(cells[0], inputs, outputs[:, :, :size], gradient[:, :, :size])
    for backward in cells[1:]:
        reverse = input_gradient(backward, inputs[::-1], outputs[::-1, :, size:], gradient[::-1, :, size:])
        total = total + reverse[::-1]
    return total
