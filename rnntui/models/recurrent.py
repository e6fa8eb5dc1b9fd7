"""torch's recurrent layers by the settings' names, and how they begin."""

from __future__ import annotations

import torch
from torch import nn

from rnntui.config import RecurrentConfig

State = tuple[torch.Tensor, ...]
"""What recurrent layers carry on: h `(L, B, H)`, and for an LSTM c `(L, B, H)`."""


def recurrent_layers(config: RecurrentConfig, inputs: int, hidden: int, layers: int, dropout: float) -> nn.RNNBase:
    """Layers of `hidden` units over inputs `(T, B, inputs)`, with dropout between them."""
    between = dropout if layers > 1 else 0.0
    made: nn.RNNBase
    if config.cell == "lstm":
        made = nn.LSTM(inputs, hidden, layers, dropout=between)
    elif config.cell == "gru":
        made = nn.GRU(inputs, hidden, layers, dropout=between)
    else:
        made = nn.RNN(inputs, hidden, layers, nonlinearity=config.nonlinearity, dropout=between)
    initialise(made, config)
    return made


def initialise(layers: nn.RNNBase, config: RecurrentConfig) -> None:
    """Begin where learning is easy: open forget gates, recurrences that keep what they carry."""
    hidden = layers.hidden_size
    with torch.no_grad():
        for name, parameter in layers.named_parameters():
            if config.cell == "lstm" and name.startswith("bias_hh"):
                # A forget gate that starts open (Jozefowicz et al. 2015, section 3.2): b_ih + b_hh = 1.
                parameter[hidden : 2 * hidden].fill_(1.0)
            elif config.cell == "rnn" and name.startswith("weight_hh"):
                # An orthogonal recurrence neither grows nor shrinks what it carries (Saxe et al. 2014).
                nn.init.orthogonal_(parameter)


def states_of(carried: torch.Tensor | State) -> State:
    """torch's state as a tuple, also where it is a single tensor."""
    return carried if isinstance(carried, tuple) else (carried,)


def for_layers(state: State) -> torch.Tensor | State:
    """A state as torch's layers want it: a pair for an LSTM, else a tensor."""
    return state if len(state) == 2 else state[0]
