"""The recurrent language model as a torch module: embedding, recurrent layers, output layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnntui.config import LanguageModelConfig
from rnntui.models.layers import State, recurrent_layers, run_recurrent_layers, state_count


class LanguageModel(nn.Module):
    """Predicts the next token at each of T steps of B streams (Mikolov et al. 2010; with an LSTM, Graves 2013).

    The recurrent layers run over all T steps in one call; their equations are written out in `rnntui.inference.cells`.
    Dropout is applied between layers and on both sides of them, never to the recurrence
    (Zaremba et al. 2014). Tied weights: Press and Wolf 2017.
    """

    def __init__(self, config: LanguageModelConfig, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        embedding = config.embedding or config.hidden
        self.embedding = nn.Embedding(vocab_size, embedding)
        self.rnn = recurrent_layers(config, embedding, config.hidden, config.layers, config.dropout)
        self.output = nn.Linear(config.hidden, vocab_size)
        self.dropout = nn.Dropout(config.dropout)
        self._initialize_embedding()
        if config.tied:
            self.output.weight = self.embedding.weight

    def _initialize_embedding(self) -> None:
        # <unk> never occurs in character-level training, so its row stays as it is initialized: zeros carry no
        # information, where a random row would carry a false one.
        nn.init.normal_(self.embedding.weight, std=1.0 if not self.config.tied else self.config.hidden**-0.5)
        with torch.no_grad():
            self.embedding.weight[0].zero_()

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return logits `(T, B, V)` for the token after each of `tokens (T, B)`, and the state after the last step.

        A state holds tensors `(L, B, H)`; None is the initial one.
        """
        embedded = self.dropout(self.embedding(tokens))  # (T, B, E)
        hidden, new_state = run_recurrent_layers(self.rnn, embedded, state)  # (T, B, H)
        logits = self.output(self.dropout(hidden))  # (T, B, V)
        return logits, new_state

    def initial_state(self, batch: int, device: torch.device) -> State:
        """Return the state before any text: zeros `(L, B, H)`."""
        shape = (self.config.layers, batch, self.config.hidden)
        return tuple(torch.zeros(shape, device=device) for _ in range(state_count(self.config.cell)))
