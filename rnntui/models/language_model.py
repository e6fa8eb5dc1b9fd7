"""The recurrent language model as a torch module: embedding, recurrent layers, output layer."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnntui.config_language_model import LanguageModelConfig
from rnntui.models.dropout import Dropout
from rnntui.models.layers import State, recurrent_layers, run_recurrent_layers, state_count
from rnntui.models.ngram_embeddings import NgramEmbeddings
from rnntui.ngram_index import NgramIndex
from rnntui.text.ngram_predictions import NgramPredictions

_PRIOR_SCALE = 0.5  # at the beginning


class LanguageModel(nn.Module):
    """Predicts the next token at each of T steps of B streams (Mikolov et al. 2010; with an LSTM, Graves 2013).

    The recurrent layers run over all T steps in one call; their equations are written out in `rnntui.inference.cells`.
    Dropout is applied between layers and on both sides of them, never to the state (Zaremba et al. 2014), and to the
    weights of the recurrence (Merity et al. 2018). Tied weights: Press and Wolf 2017.

    A state holds tensors `(L, B, H)`, and for a model of n-grams one more, `(1, B, K)`: the ids + 1 of the last K
    tokens, as floats, so that zeros are the state before any text.

    Args:
        config: the architecture.
        vocab_size: size of the vocabulary, V.
        end_id: the id of `<eos>`, over which no n-gram of the embeddings reaches; None without documents.
        predictions: those of the n-gram model, if `config` has an n-gram prior.
    """

    def __init__(
        self,
        config: LanguageModelConfig,
        vocab_size: int,
        end_id: int | None = None,
        predictions: NgramPredictions | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        embedding = config.embedding or config.hidden
        self.embedding = nn.Embedding(vocab_size, embedding)
        self.rnn = recurrent_layers(config, embedding, config.hidden, config.layers, config.dropout or 0.0)
        self.output = nn.Linear(config.hidden, vocab_size)
        self.dropout = Dropout(config.dropout or 0.0)
        self._initialize_embedding()
        if config.tied:
            self.output.weight = self.embedding.weight
        self.ngram_embeddings: NgramEmbeddings | None = None
        if (config.ngrams or 1) > 1:
            index = NgramIndex.of(config, vocab_size, end_id)
            self.ngram_embeddings = NgramEmbeddings(index, embedding, config.ngram_dropout or 0.0)
        self._predictions = predictions
        self.prior_scale: nn.Linear | None = None
        if config.ngram_prior:
            if predictions is None:
                raise ValueError("a model with an n-gram prior needs the predictions of an n-gram model")
            self.prior_scale = nn.Linear(config.hidden, 1)
            nn.init.zeros_(self.prior_scale.weight)
            nn.init.constant_(self.prior_scale.bias, _PRIOR_SCALE)
            if not config.tied:  # so that the first predictions are those of the n-gram model
                nn.init.zeros_(self.output.weight)

    def _initialize_embedding(self) -> None:
        # <unk> never occurs in character-level training, so its row stays as it is initialized: zeros carry no
        # information, where a random row would carry a false one.
        nn.init.normal_(self.embedding.weight, std=1.0 if not self.config.tied else self.config.hidden**-0.5)
        with torch.no_grad():
            self.embedding.weight[0].zero_()

    def forward(
        self, tokens: Tensor, state: State | None = None, positions: NDArray[np.int64] | None = None
    ) -> tuple[Tensor, State]:
        """Return logits `(T, B, V)` for the token after each of `tokens (T, B)`, and the state after the last step.

        Args:
            tokens: `(T, B)`.
            state: the state before them; None is the initial one.
            positions: where the token after each is in the training text, `(T, B)`, so that the n-gram model predicts
                it without its own neighbourhood; None for a text that is not the training text.
        """
        if state is None:
            state = self.initial_state(tokens.shape[1], tokens.device)
        embedded, recurrent = self.embedding(tokens), state  # (T, B, E)
        history: State = ()
        prior: Tensor | None = None
        if self.config.history:
            recurrent, earlier = state[:-1], state[-1][0].T.long()  # (K, B)
            text = torch.cat((earlier, tokens + 1))  # (K + T, B)
            history = (text[len(tokens) :].T[None].float(),)
            if self.ngram_embeddings is not None:
                embedded = embedded + self.ngram_embeddings(tokens + 1, earlier)
            if self._predictions is not None:
                prior = self._prior(self._predictions, text, positions)
        hidden, new_state = run_recurrent_layers(
            self.rnn, self.dropout(embedded), recurrent, self.config.weight_dropout or 0.0
        )  # (T, B, H)
        hidden = self.dropout(hidden)
        logits = self.output(hidden)  # (T, B, V)
        if self.prior_scale is not None and prior is not None:
            logits = logits.float() + self.prior_scale(hidden).float() * prior
        return logits, new_state + history

    def _prior(self, predictions: NgramPredictions, text: Tensor, positions: NDArray[np.int64] | None) -> Tensor:
        """Return the log probabilities `(T, B, V)` that an n-gram model gives the token after each of the last T.

        Args:
            predictions: those of the n-gram model.
            text: ids + 1 of the tokens, and of those before them, `(K + T, B)`.
            positions: those of `forward`.
        """
        ids, longest = text.cpu().numpy() - 1, self.config.history
        steps = len(ids) - longest
        history = np.stack([ids[longest - back : len(ids) - back] for back in range(longest)], axis=-1)  # latest first
        flat_positions = None if positions is None else positions.reshape(-1)
        log_probs = predictions.log_probs(history.reshape(-1, longest), flat_positions)
        return torch.from_numpy(log_probs).view(steps, -1, log_probs.shape[1]).to(text.device)

    def initial_state(self, batch: int, device: torch.device) -> State:
        """Return the state before any text: zeros."""
        shape = (self.config.layers, batch, self.config.hidden)
        shapes = [shape] * state_count(self.config.cell) + [(1, batch, self.config.history)] * bool(self.config.history)
        return tuple(torch.zeros(shape, device=device) for shape in shapes)
