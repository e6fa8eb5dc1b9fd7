"""The encoder of Seq2Seq models and of classifiers: recurrent layers in one or both directions."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from rnntui.config import RecurrentConfig
from rnntui.models.batch_part import draw
from rnntui.models.dropout import Dropout
from rnntui.models.layers import embed, recurrent_layers, run_recurrent_layers


class EncoderSizes(NamedTuple):
    """Shape of an encoder beside its cell and its number of layers.

    Args:
        embedding: size of a token's embedding, E.
        hidden: hidden units in each layer and direction, H.
        is_bidirectional: True if it reads a text in both directions.
        dropout: probability of dropout between the layers.
        drops_input: True if that dropout applies to the embeddings too.
        embedding_dropout: probability that a component of the embeddings is zero in all tokens of a text.
        is_tied: True if the embedding is an output layer too.
    """

    embedding: int
    hidden: int
    is_bidirectional: bool = True
    dropout: float = 0.0
    drops_input: bool = True
    embedding_dropout: float = 0.0
    is_tied: bool = False


class Encoder(nn.Module):
    """Recurrent layers in one or both directions (Schuster and Paliwal 1997; Bahdanau et al. 2015, section 3.2).

    Each direction of a layer is one fused call over the whole padded batch. The backward direction reads every source
    reversed within its own length, so that it too starts at a token and has the padding last: what is computed at
    padding comes after everything that is used, and cannot change it. Packed sequences give the same numbers, but on a
    CPU they run as a loop over steps, which takes up to twice the time.
    """

    def __init__(self, config: RecurrentConfig, sizes: EncoderSizes, vocab_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, sizes.embedding)
        self._sizes = sizes
        outputs = (2 if sizes.is_bidirectional else 1) * sizes.hidden
        input_sizes = [sizes.embedding, *[outputs] * (config.layers - 1)]
        self.forward_rnn = nn.ModuleList(recurrent_layers(config, size, sizes.hidden, 1, 0.0) for size in input_sizes)
        backward_sizes = input_sizes if sizes.is_bidirectional else []
        self.backward_rnn = nn.ModuleList(
            recurrent_layers(config, size, sizes.hidden, 1, 0.0) for size in backward_sizes
        )
        self.dropout = Dropout(sizes.dropout)

    def forward(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return encoder outputs `(S, B, D)`, zeros at padding, and the final h of each layer `(L, B, D)`.

        D is the hidden units of all directions. The final h is that at the last token for the forward direction, at the
        first token for the backward one.

        Args:
            source: tokens `(S, B)`.
            lengths: `(B,)`, the tokens of each source before its padding.
        """
        positions = torch.arange(len(source), device=source.device)[:, None]  # (S, 1)
        lengths = lengths.to(source.device)
        last = lengths - 1  # (B,)
        reversed_positions = (last - positions).clamp(min=0)  # (S, B); at padding position 0, whose result is not used
        hidden = self._embed(source)  # (S, B, E)
        columns = torch.arange(source.shape[1], device=source.device)
        final_states = []
        for layer, forward_rnn in enumerate(self.forward_rnn):
            hidden = self.dropout(hidden) if layer or self._sizes.drops_input else hidden
            forward, _ = run_recurrent_layers(cast(nn.RNNBase, forward_rnn), hidden)  # (S, B, H)
            directions, finals = [forward], [forward[last, columns]]
            if self._sizes.is_bidirectional:
                reversed_hidden = _reorder(hidden, reversed_positions)
                backward_rnn = cast(nn.RNNBase, self.backward_rnn[layer])
                backward, _ = run_recurrent_layers(backward_rnn, reversed_hidden)  # (S, B, H), last token first
                directions.append(_reorder(backward, reversed_positions))
                finals.append(backward[last, columns])
            hidden = torch.cat(directions, dim=2)  # (S, B, D)
            final_states.append(torch.cat(finals, dim=1))  # (B, D)
        encoder_outputs = hidden.masked_fill((positions >= lengths)[:, :, None], 0.0)
        return encoder_outputs, torch.stack(final_states)

    def _embed(self, source: Tensor) -> Tensor:
        """Return the embeddings `(S, B, E)` of tokens `(S, B)`, with embedding dropout in training.

        Its mask is the same for all tokens of a text (Gal and Ghahramani 2016, section 4).
        """
        embedded = embed(self.embedding, source, self._sizes.is_tied)
        rate = self._sizes.embedding_dropout
        if not (self.training and rate):
            return embedded
        drawn = draw(embedded.shape[1:], 0, lambda shape: torch.rand(shape, device=embedded.device))
        mask = drawn >= rate  # (B, E)
        return embedded * mask / (1 - rate)


def _reorder(hidden: Tensor, positions: Tensor) -> Tensor:
    """`hidden (S, B, H)` with each column's rows in the order of its `positions (S, B)`.

    Whole rows are selected: forward and backward, that takes two fifths of the time of a gather of their components.
    """
    batch = hidden.shape[1]
    rows = positions * batch + torch.arange(batch, device=positions.device)  # (S, B)
    return hidden.flatten(0, 1).index_select(0, rows.flatten()).view_as(hidden)
