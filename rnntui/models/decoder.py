"""The decoder: a target written from what the encoder made of the source."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnntui.config_seq2seq import Seq2SeqConfig
from rnntui.models.attention import make_attention
from rnntui.models.embedding import embed
from rnntui.models.recurrent import State, for_layers, recurrent_layers, states_of


class Bridge(nn.Module):
    """From the ends of the source to the decoder's first states: an affine map of both directions for each state.

    h goes through tanh (Bahdanau et al. 2015, appendix A.2.2), as a hidden state lies within ±1; an LSTM's c does not.
    Both are made of the encoder's h: c before the padding is not among what a fused call over padding gives.
    """

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self._kinds = 2 if config.cell == "lstm" else 1
        maps = [nn.Linear(2 * config.encoder_hidden, config.hidden) for _ in range(self._kinds * config.layers)]
        self.maps = nn.ModuleList(maps)

    def forward(self, ends: Tensor) -> State:
        """States `(L, B, H)` from the encoder's ends `(L, B, ·)`."""
        layers = len(ends)
        made = []
        for kind in range(self._kinds):
            maps = self.maps[kind * layers : (kind + 1) * layers]
            stacked = torch.stack([layer_map(end) for layer_map, end in zip(maps, ends, strict=True)])
            made.append(stacked if kind else torch.tanh(stacked))
        return tuple(made)


class Decoder(nn.Module):
    """Recurrent layers, then attention, then the attentional vector h̃ = tanh(W [c; h]) (Luong et al. 2015, eq. 5).

    h̃ has the embedding's size, so that output and embedding can be one matrix (Press and Wolf 2017). Without input
    feeding no step needs the attention of the one before: all T steps are one fused recurrent call and one batched
    attention. With it, h̃ of the step before stands beside the embedding (section 3.3), and steps go one by one.
    """

    def __init__(self, config: Seq2SeqConfig, vocab_size: int) -> None:
        super().__init__()
        self.input_feeding = config.input_feeding
        self.embedding = nn.Embedding(vocab_size, config.embedding)
        self._tied = config.tied
        inputs = config.embedding * (2 if config.input_feeding else 1)
        self.rnn = recurrent_layers(config, inputs, config.hidden, config.layers, config.dropout)
        keys = 2 * config.encoder_hidden
        self.attention = make_attention(config.attention, config.hidden, keys)
        self.combine = nn.Linear(config.hidden + (keys if self.attention else 0), config.embedding, bias=False)
        self.output = nn.Linear(config.embedding, vocab_size)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, inputs: Tensor, state: State, memory: Tensor, padding: Tensor) -> Tensor:
        """Attentional vectors `(T, B, E)` for `inputs (T, B)`, teacher forced (Williams and Zipser 1989).

        `memory (S, B, K)` is the encoder's, `padding (B, S)` True where a source has ended; `output` makes logits of
        what this gives.
        """
        memory = memory.transpose(0, 1)  # (B, S, K)
        prepared = self.attention.prepare(memory) if self.attention else memory
        embedded = self.dropout(embed(self.embedding, inputs, self._tied))  # (T, B, E)
        if not self.input_feeding:
            hidden, _ = self.rnn(embedded, for_layers(state))  # (T, B, H)
            return self._attend(hidden, memory, prepared, padding)
        fed = torch.zeros_like(embedded[:1])
        vectors = []
        for step in embedded.split(1):
            hidden, carried = self.rnn(torch.cat([step, fed.to(step.dtype)], dim=2), for_layers(state))  # (1, B, H)
            state = states_of(carried)
            fed = self._attend(hidden, memory, prepared, padding)
            vectors.append(fed)
        return torch.cat(vectors)

    def _attend(self, hidden: Tensor, memory: Tensor, prepared: Tensor, padding: Tensor) -> Tensor:
        """h̃ `(T, B, E)` of hidden states `(T, B, H)`, with the dropout before the output."""
        if self.attention is not None:
            context, _ = self.attention(hidden.transpose(0, 1), memory, prepared, padding)  # (B, T, K)
            hidden = torch.cat([context.transpose(0, 1), hidden], dim=2)
        vectors: Tensor = self.dropout(torch.tanh(self.combine(hidden)))
        return vectors
