"""The recurrent language model as a torch module: embedding, recurrent layers, output layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnntui.config import LanguageModelConfig
from rnntui.models.layers import State, recurrent_layers, state_count, state_for_torch, state_from_torch
from rnntui.models.ngram_embeddings import NgramEmbeddings
from rnntui.ngram_index import NgramIndex


class LanguageModel(nn.Module):
    """Predicts the next token at each of T steps of B streams (Mikolov et al. 2010; with an LSTM, Graves 2013).

    The recurrent layers are torch's, one fused call over all T steps; their equations are written out in
    `rnntui.inference.cells`. Dropout is applied between layers and on both sides of them, never to the recurrence
    (Zaremba et al. 2014). Tied weights: Press and Wolf 2017.

    A state holds tensors `(L, B, H)`, and for a model of n-grams one more, `(1, B, K)`: the ids + 1 of the last K
    tokens, as floats, so that zeros are the state before any text.

    Args:
        config: the architecture.
        vocab_size: size of the vocabulary, V.
        end_id: the id of `<eos>`, over which no n-gram reaches; None without documents.
    """

    def __init__(self, config: LanguageModelConfig, vocab_size: int, end_id: int | None = None) -> None:
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
        self.ngram_embeddings: NgramEmbeddings | None = None
        if config.history:
            index = NgramIndex.of(config, vocab_size, end_id)
            self.ngram_embeddings = NgramEmbeddings(index, embedding, config.ngram_dropout or 0.0)

    def _initialize_embedding(self) -> None:
        # <unk> never occurs in character-level training, so its row stays as it is initialized: zeros carry no
        # information, where a random row would carry a false one.
        nn.init.normal_(self.embedding.weight, std=1.0 if not self.config.tied else self.config.hidden**-0.5)
        with torch.no_grad():
            self.embedding.weight[0].zero_()

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return logits `(T, B, V)` for the token after each of `tokens (T, B)`, and the state after the last step.

        The state None is the initial one.
        """
        if state is None:
            state = self.initial_state(tokens.shape[1], tokens.device)
        embedded, recurrent = self.embedding(tokens), state  # (T, B, E)
        history: State = ()
        if self.ngram_embeddings is not None:
            recurrent, last_tokens = state[:-1], state[-1]
            embedded = embedded + self.ngram_embeddings(tokens + 1, last_tokens[0].T.long())
            history = (torch.cat((last_tokens, (tokens.T + 1)[None]), dim=2)[..., -self.config.history :],)
        hidden, new_state = self.rnn(self.dropout(embedded), state_for_torch(recurrent))  # (T, B, H)
        logits = self.output(self.dropout(hidden))  # (T, B, V)
        return logits, state_from_torch(new_state) + history

    def initial_state(self, batch: int, device: torch.device) -> State:
        """Return the state before any text: zeros."""
        shape = (self.config.layers, batch, self.config.hidden)
        shapes = [shape] * state_count(self.config.cell) + [(1, batch, self.config.history)] * bool(self.config.history)
        return tuple(torch.zeros(shape, device=device) for shape in shapes)
