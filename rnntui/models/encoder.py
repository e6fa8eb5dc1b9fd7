"""The encoder: a source read in both directions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnntui.config_seq2seq import Seq2SeqConfig
from rnntui.models.embedding import embed
from rnntui.models.recurrent import recurrent_layers


class Encoder(nn.Module):
    """Bidirectional recurrent layers (Schuster and Paliwal 1997; Bahdanau et al. 2015, section 3.2).

    Each direction of a layer is one fused call over the whole padded batch. The backward one reads every source turned
    round within its own length, so that it too begins at a token and has the padding after its end: what is read of
    the padding comes later than everything that is kept, and changes nothing. Packing the sequences gives the same
    numbers, and on a processor steps through Python-like loops that take up to twice the time.
    """

    def __init__(self, config: Seq2SeqConfig, vocab_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, config.embedding)
        self._tied = config.tied
        hidden = config.encoder_hidden
        sizes = [config.embedding, *[2 * hidden] * (config.layers - 1)]
        self.forward_rnn = nn.ModuleList(recurrent_layers(config, size, hidden, 1, 0.0) for size in sizes)
        self.backward_rnn = nn.ModuleList(recurrent_layers(config, size, hidden, 1, 0.0) for size in sizes)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Memories `(S, B, 2H)` of `source (S, B)` and, of each layer, what it made of the ends `(L, B, 2H)`.

        An end is the last token for the forward direction, the first for the backward one. Outputs at
        padding are zeros. `lengths (B,)`.
        """
        steps = torch.arange(len(source), device=source.device)[:, None]  # (S, 1)
        lengths = lengths.to(source.device)
        last = lengths - 1
        turned = (last - steps).clamp(min=0)  # (S, B): of each place, the one it changes with
        hidden = self.dropout(embed(self.embedding, source, self._tied))  # (S, B, E)
        columns = torch.arange(source.shape[1], device=source.device)
        ends = []
        for number, (forward_rnn, backward_rnn) in enumerate(zip(self.forward_rnn, self.backward_rnn, strict=True)):
            hidden = self.dropout(hidden) if number else hidden
            forwards, _ = forward_rnn(hidden)  # (S, B, H)
            backwards, _ = backward_rnn(_turned(hidden, turned))
            hidden = torch.cat([forwards, _turned(backwards, turned)], dim=2)  # (S, B, 2H)
            ends.append(torch.cat([forwards[last, columns], backwards[last, columns]], dim=1))
        memory = hidden.masked_fill((steps >= lengths)[:, :, None], 0.0)
        return memory, torch.stack(ends)


def _turned(hidden: Tensor, places: Tensor) -> Tensor:
    """`hidden (S, B, H)` with each column in the order of its `places (S, B)`."""
    return hidden.gather(0, places[:, :, None].expand_as(hidden))
