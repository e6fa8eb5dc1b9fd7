"""The encoder: a source read in both directions."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnntui.config_seq2seq import Seq2SeqConfig
from rnntui.models.embedding import embed
from rnntui.models.recurrent import State, recurrent_layers, states_of


class Encoder(nn.Module):
    """Bidirectional recurrent layers (Schuster and Paliwal 1997; Bahdanau et al. 2015, section 3.2).

    Sequences are packed, so that the backward direction begins at each source's own end, and padding is never read.
    """

    def __init__(self, config: Seq2SeqConfig, vocab_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, config.embedding)
        self._tied = config.tied
        self.rnn = recurrent_layers(config, config.embedding, config.encoder_hidden, config.dropout, bidirectional=True)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """Memories `(S, B, 2H)` of `source (S, B)` and the last states `(2L, B, H)`; `lengths (B,)` on the processor.

        Row 2l of a state is layer l read forwards, row 2l + 1 the same read backwards. Memories of padding are zeros.
        """
        embedded = self.dropout(embed(self.embedding, source, self._tied))  # (S, B, E)
        packed = pack_padded_sequence(embedded, lengths, enforce_sorted=False)
        output, carried = self.rnn(packed)
        memory, _ = pad_packed_sequence(output, total_length=len(source))
        return memory, states_of(carried)
