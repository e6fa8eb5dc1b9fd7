"""Layers that the language model and Seq2Seq share: recurrent layers with their initialization, and embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnntui.config import Cell, RecurrentConfig

State = tuple[torch.Tensor, ...]
"""The state of recurrent layers: h `(L, B, H)`, and for an LSTM c `(L, B, H)`."""


def state_count(cell: Cell) -> int:
    """Return C, the number of components of a cell's state (h, and for an LSTM c)."""
    return 2 if cell == "lstm" else 1


def recurrent_layers(config: RecurrentConfig, inputs: int, hidden: int, layers: int, dropout: float) -> nn.RNNBase:
    """Return initialized recurrent layers, `(T, B, inputs)` to `(T, B, hidden)`.

    Their equations are written out in `rnntui.inference.cells`.

    Args:
        config: says which cell, and for a plain RNN which nonlinearity.
        inputs: size of the first layer's inputs.
        hidden: hidden units in each layer.
        layers: number of layers.
        dropout: probability of dropout between layers.
    """
    between = dropout if layers > 1 else 0.0  # torch warns about dropout with a single layer
    rnn: nn.RNNBase
    if config.cell == "lstm":
        rnn = nn.LSTM(inputs, hidden, layers, dropout=between)
    elif config.cell == "gru":
        rnn = nn.GRU(inputs, hidden, layers, dropout=between)
    else:
        rnn = nn.RNN(inputs, hidden, layers, nonlinearity=config.nonlinearity, dropout=between)
    _initialize(rnn, config)
    return rnn


def _initialize(rnn: nn.RNNBase, config: RecurrentConfig) -> None:
    """Open an LSTM's forget gates, and make a plain RNN's recurrent matrices orthogonal."""
    hidden = rnn.hidden_size
    with torch.no_grad():
        for name, parameter in rnn.named_parameters():
            if config.cell == "lstm" and name.startswith("bias_hh"):
                # A forget gate that starts open (Jozefowicz et al. 2015, section 3.2): b_ih + b_hh = 1.
                parameter[hidden : 2 * hidden].fill_(1.0)
            elif config.cell == "rnn" and name.startswith("weight_hh"):
                # An orthogonal recurrence neither grows nor shrinks the state (Saxe et al. 2014).
                nn.init.orthogonal_(parameter)


def state_from_torch(state: torch.Tensor | State) -> State:
    """Return the state that a torch recurrent module gave as a tuple, even if it is a single tensor."""
    return state if isinstance(state, tuple) else (state,)


def state_for_torch(state: State) -> torch.Tensor | State:
    """Return a state as torch's recurrent modules take it: a pair for an LSTM, else a tensor."""
    return state if len(state) == 2 else state[0]


def embed(embedding: nn.Embedding, tokens: Tensor, tied: bool) -> Tensor:
    """Return the embeddings `(..., E)` of `tokens (...)`; those tied to the output layer are scaled by √E.

    As an output layer, the matrix wants entries of about 1/√E, so that logits start near 1; as an input to recurrent
    layers it wants them near 1 (Vaswani et al. 2017, section 3.4). Without the scale, a model with a small vocabulary
    took several times the steps to learn to attend to its source.
    """
    embedded: Tensor = embedding(tokens)
    return embedded * embedding.embedding_dim**0.5 if tied else embedded
