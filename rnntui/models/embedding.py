"""Embeddings that are also an output layer."""

from __future__ import annotations

from torch import Tensor, nn


def embed(embedding: nn.Embedding, tokens: Tensor, tied: bool) -> Tensor:
    """Embeddings `(..., E)` of tokens; tied ones times √E.

    As an output, the matrix wants entries of about 1/√E, so that logits begin near 1; as an input to recurrent layers
    it wants them near 1 (Vaswani et al. 2017, section 3.4). Without the factor, a model of a small vocabulary took
    several times the steps to learn to look at its source.
    """
    embedded: Tensor = embedding(tokens)
    return embedded * embedding.embedding_dim**0.5 if tied else embedded
