"""Text classifier as a torch module: encoder, pooling, and the linear n-gram part."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnntui.config_classifier import ClassifierConfig
from rnntui.kinds.classifier import NGRAM_SCALE
from rnntui.models.batch_part import part_dropout
from rnntui.models.encoder import Encoder, EncoderSizes

_EMBEDDING_STD = 0.2


class AttentionPooling(nn.Module):
    """Mean of the hidden states weighted by attention to a learned context vector (Yang et al. 2016, section 2.2)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.projection = nn.Linear(size, size)
        self.context = nn.Linear(size, 1, bias=False)

    def weights(self, hidden: Tensor, padding: Tensor) -> Tensor:
        """Return attention weights `(S, B)`, zeros at padding, for hidden states `(S, B, D)` and padding `(S, B)`."""
        scores: Tensor = self.context(torch.tanh(self.projection(hidden)))[:, :, 0]
        return scores.float().masked_fill(padding, float("-inf")).softmax(dim=0)

    def forward(self, hidden: Tensor, padding: Tensor) -> Tensor:
        """Return a vector for each text `(B, D)`."""
        return (hidden * self.weights(hidden, padding)[:, :, None]).sum(dim=0)


class Classifier(nn.Module):
    """Classifier of texts: the logits of a recurrent part plus those of a linear n-gram part.

    Neither part alone is best on few texts: n-grams learn what single words and pieces of words say, faster than any
    recurrent model; the recurrent part learns their order.

    Args:
        config: sizes and architecture.
        vocab_size: tokens in the vocabulary, V.
        labels: number of labels, K.
        ngrams: n-grams in their vocabulary, N; ignored where `config` has no n-gram part.
    """

    def __init__(self, config: ClassifierConfig, vocab_size: int, labels: int, ngrams: int) -> None:
        super().__init__()
        self.config = config
        sizes = EncoderSizes(
            config.embedding,
            config.hidden,
            config.bidirectional,
            config.dropout,
            drops_input=False,
            embedding_dropout=config.embedding_dropout,
        )
        self.encoder = Encoder(config, sizes, vocab_size)
        self.pooling = AttentionPooling(config.outputs) if config.pooling == "attention" else None
        self.output = nn.Linear(config.pooled, labels)
        self.ngrams = nn.EmbeddingBag(ngrams, labels, mode="sum") if config.ngrams != "none" else None
        nn.init.normal_(self.encoder.embedding.weight, std=_EMBEDDING_STD)
        if self.ngrams is not None:
            nn.init.zeros_(self.ngrams.weight)

    def recurrent_logits(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits `(B, K)` of the recurrent part.

        Args:
            tokens: `(S, B)`, padded with any token.
            lengths: `(B,)`, tokens of each text, 1 or more.
        """
        hidden, finals = self.encoder(tokens, lengths)  # (S, B, D), (L, B, D)
        pooled = self._pool(hidden, finals[-1], lengths.to(hidden.device))
        logits: Tensor = self.output(part_dropout(pooled, self.config.dropout, 0, self.training))
        return logits.float()

    def ngram_logits(self, indices: Tensor, values: Tensor, offsets: Tensor) -> Tensor:
        """Return the logits `(B, K)` of the n-gram part.

        Args:
            indices: n-grams of all texts, `(M,)`.
            values: their values, `(M,)`.
            offsets: where each text's n-grams begin, `(B,)`.
        """
        assert self.ngrams is not None
        logits: Tensor = self.ngrams(indices, offsets, per_sample_weights=values)
        return NGRAM_SCALE * logits

    def _pool(self, hidden: Tensor, final: Tensor, lengths: Tensor) -> Tensor:
        """Return a vector for each text `(B, P)`.

        Args:
            hidden: hidden states `(S, B, D)`, zeros at padding.
            final: the last one of each direction, `(B, D)`.
            lengths: tokens of each text, `(B,)`.
        """
        padding = torch.arange(len(hidden), device=hidden.device)[:, None] >= lengths  # (S, B)
        if self.pooling is not None:
            pooled: Tensor = self.pooling(hidden, padding)
            return pooled
        parts = []
        for pooling in self.config.pooling_parts:
            if pooling == "last":
                parts.append(final)
            elif pooling == "mean":
                parts.append(hidden.sum(dim=0) / lengths[:, None])
            else:
                parts.append(hidden.masked_fill(padding[:, :, None], float("-inf")).amax(dim=0))
        return torch.cat(parts, dim=1)
