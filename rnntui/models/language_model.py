"""The recurrent language model as a torch module: embedding, recurrent layers, output layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnntui.config import ModelConfig

State = tuple[Tensor, ...]
"""What a model carries from one window to the next: h `(L, B, H)`, and for an LSTM c `(L, B, H)`."""


class LanguageModel(nn.Module):
    """Predicts each next token of T steps of B streams.

    The recurrent layers are torch's, one fused call over all T steps; their equations stand in
    `rnntui.inference.cells`. Dropout falls between layers and on both sides of them, never on the recurrence (Zaremba
    et al. 2014). Tied weights: Press and Wolf 2017.
    """

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        embedding = config.embedding or config.hidden
        self.embedding = nn.Embedding(vocab_size, embedding)
        self.rnn = _recurrent_layers(config, embedding)
        self.output = nn.Linear(config.hidden, vocab_size)
        self.dropout = nn.Dropout(config.dropout)
        self._initialise()
        if config.tied:
            self.output.weight = self.embedding.weight

    def _initialise(self) -> None:
        # <unk> is never read in training on characters: a row of zeros then says nothing, where a random one would
        # say something untrue.
        nn.init.normal_(self.embedding.weight, std=1.0 if not self.config.tied else self.config.hidden**-0.5)
        with torch.no_grad():
            self.embedding.weight[0].zero_()
            for layer in range(self.config.layers):
                if self.config.cell == "lstm":
                    # A forget gate that starts open (Jozefowicz et al. 2015, section 3.2): b_ih + b_hh = 1.
                    bias = getattr(self.rnn, f"bias_hh_l{layer}")
                    bias[self.config.hidden : 2 * self.config.hidden].fill_(1.0)
                elif self.config.cell == "rnn":
                    # An orthogonal recurrence neither grows nor shrinks what it carries (Saxe et al. 2014).
                    nn.init.orthogonal_(getattr(self.rnn, f"weight_hh_l{layer}"))

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits `(T, B, V)` for the token after each of `tokens (T, B)`, and the state after the last step."""
        embedded = self.dropout(self.embedding(tokens))  # (T, B, E)
        hidden, carried = self.rnn(embedded, self._for_rnn(state))  # (T, B, H)
        logits = self.output(self.dropout(hidden))  # (T, B, V)
        return logits, carried if isinstance(carried, tuple) else (carried,)

    def _for_rnn(self, state: State | None) -> State | Tensor | None:
        if state is None or self.config.cell == "lstm":
            return state
        return state[0]

    def initial_state(self, batch: int, device: torch.device) -> State:
        """The state before any text: zeros."""
        count = 2 if self.config.cell == "lstm" else 1
        shape = (self.config.layers, batch, self.config.hidden)
        return tuple(torch.zeros(shape, device=device) for _ in range(count))


def _recurrent_layers(config: ModelConfig, inputs: int) -> nn.RNNBase:
    between = config.dropout if config.layers > 1 else 0.0
    if config.cell == "lstm":
        return nn.LSTM(inputs, config.hidden, config.layers, dropout=between)
    if config.cell == "gru":
        return nn.GRU(inputs, config.hidden, config.layers, dropout=between)
    return nn.RNN(inputs, config.hidden, config.layers, nonlinearity=config.nonlinearity, dropout=between)
