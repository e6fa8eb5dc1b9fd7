"""The recurrent language model as a torch module: embedding, recurrent layers, output layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnntui.config import LanguageModelConfig
from rnntui.models.recurrent import State, for_layers, recurrent_layers, states_of


class LanguageModel(nn.Module):
    """Predicts each next token of T steps of B streams.

    The recurrent layers are torch's, one fused call over all T steps; their equations stand in
    `rnntui.inference.cells`. Dropout falls between layers and on both sides of them, never on the recurrence (Zaremba
    et al. 2014). Tied weights: Press and Wolf 2017.
    """

    def __init__(self, config: LanguageModelConfig, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        embedding = config.embedding or config.hidden
        self.embedding = nn.Embedding(vocab_size, embedding)
        self.rnn = recurrent_layers(config, embedding, config.hidden, config.layers, config.dropout)
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

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits `(T, B, V)` for the token after each of `tokens (T, B)`, and the state after the last step."""
        embedded = self.dropout(self.embedding(tokens))  # (T, B, E)
        hidden, carried = self.rnn(embedded, None if state is None else for_layers(state))  # (T, B, H)
        logits = self.output(self.dropout(hidden))  # (T, B, V)
        return logits, states_of(carried)

    def initial_state(self, batch: int, device: torch.device) -> State:
        """The state before any text: zeros."""
        count = 2 if self.config.cell == "lstm" else 1
        shape = (self.config.layers, batch, self.config.hidden)
        return tuple(torch.zeros(shape, device=device) for _ in range(count))
