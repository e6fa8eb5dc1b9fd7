"""Embeddings of n-grams of tokens, added to the token's own at the input of a language model."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from rnntui.models.batch_part import part_dropout
from rnntui.ngram_index import NgramIndex


class NgramEmbeddings(nn.Module):
    """A table of embeddings for the n-grams of each length n = 2 to N, with rows found by `NgramIndex`.

    They tell the recurrent layers which tokens came last, so that the state can hold what is farther back (hashed
    embeddings of n-grams: Bojanowski et al. 2017, section 3.2, for the characters of a word). A row learns only where
    its n-gram occurs. It begins as zeros, so that an n-gram that training never showed adds nothing; and whole
    embeddings are dropped in training, so that the model can do without.

    Args:
        index: finds the rows.
        size: size of an embedding, E.
        dropout: probability of dropping an n-gram's embedding in training.
    """

    def __init__(self, index: NgramIndex, size: int, dropout: float) -> None:
        super().__init__()
        self._index = index
        self._dropout = dropout
        for length, rows in index.table_sizes.items():
            self.register_parameter(str(length), nn.Parameter(torch.zeros(rows, size)))

    def forward(self, tokens: Tensor, history: Tensor) -> Tensor:
        """Return the sums `(T, B, E)` of the embeddings of the n-grams that end at each token.

        Args:
            tokens: ids + 1, `(T, B)`.
            history: those before them in time order, `(K, B)`, at least N - 1; 0 for none.
        """
        text, first = torch.cat((history, tokens)), len(history)
        shifted = [text[first - back : len(text) - back] for back in range(len(self._index.table_sizes) + 1)]
        embedded = []
        for table, rows in zip(self.parameters(), self._index.rows(shifted), strict=True):
            part = embedding(rows, table)  # (T, B, E)
            if self.training and self._dropout:
                part = part * part_dropout(part.new_ones(*rows.shape, 1), self._dropout, 1)
            embedded.append(part)
        return torch.stack(embedded).sum(0)
