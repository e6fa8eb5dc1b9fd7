"""The bidirectional encoder of a Seq2Seq model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnntui.config_seq2seq import Seq2SeqConfig
from rnntui.models.layers import embed, recurrent_layers


class Encoder(nn.Module):
    """Bidirectional recurrent layers (Schuster and Paliwal 1997; Bahdanau et al. 2015, section 3.2).

    Each direction of a layer is one fused call over the whole padded batch. The backward direction reads every source
    reversed within its own length, so that it too starts at a token and has the padding last: what is computed at
    padding comes after everything that is used, and cannot change it. Packed sequences give the same numbers, but on a
    CPU they run as a loop over steps, which takes up to twice the time.
    """

    def __init__(self, config: Seq2SeqConfig, vocab_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, config.embedding)
        self._tied = config.tied
        hidden = config.encoder_hidden
        input_sizes = [config.embedding, *[2 * hidden] * (config.layers - 1)]
        self.forward_rnn = nn.ModuleList(recurrent_layers(config, size, hidden, 1, 0.0) for size in input_sizes)
        self.backward_rnn = nn.ModuleList(recurrent_layers(config, size, hidden, 1, 0.0) for size in input_sizes)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return encoder outputs `(S, B, D)`, zeros at padding, and the final h of each layer `(L, B, D)`.

        D is twice the hidden units: both directions. The final h is that at the last token for the forward direction,
        at the first token for the backward one.

        Args:
            source: tokens `(S, B)`.
            lengths: `(B,)`, the tokens of each source before its padding.
        """
        positions = torch.arange(len(source), device=source.device)[:, None]  # (S, 1)
        lengths = lengths.to(source.device)
        last = lengths - 1  # (B,)
        reversed_positions = (last - positions).clamp(min=0)  # (S, B); at padding position 0, whose result is not used
        hidden = self.dropout(embed(self.embedding, source, self._tied))  # (S, B, E)
        columns = torch.arange(source.shape[1], device=source.device)
        final_states = []
        for layer, (forward_rnn, backward_rnn) in enumerate(zip(self.forward_rnn, self.backward_rnn, strict=True)):
            hidden = self.dropout(hidden) if layer else hidden
            forward, _ = forward_rnn(hidden)  # (S, B, H)
            backward, _ = backward_rnn(_reorder(hidden, reversed_positions))  # (S, B, H), last token first
            hidden = torch.cat([forward, _reorder(backward, reversed_positions)], dim=2)  # (S, B, D)
            final_states.append(torch.cat([forward[last, columns], backward[last, columns]], dim=1))  # (B, D)
        encoder_outputs = hidden.masked_fill((positions >= lengths)[:, :, None], 0.0)
        return encoder_outputs, torch.stack(final_states)


def _reorder(hidden: Tensor, positions: Tensor) -> Tensor:
    """`hidden (S, B, H)` with each column's rows in the order of its `positions (S, B)`."""
    return hidden.gather(0, positions[:, :, None].expand_as(hidden))
