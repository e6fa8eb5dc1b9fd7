"""The equations of the cells as text, one for each vector of a step; `inference/cells` computes them."""

from __future__ import annotations

from typing import Literal, NamedTuple

from rnntui.config import Cell, Nonlinearity

CELL_NAMES: dict[Cell, str] = {"lstm": "LSTM", "gru": "GRU", "rnn": "plain RNN"}

ValueRange = Literal["gate", "signed", "free"]
"""A gate lies between 0 and 1, a signed value between -1 and 1, a free one anywhere."""


class Equation(NamedTuple):
    """A vector of a step.

    Args:
        symbol: its letter; a prime marks the state after the step.
        title: its name.
        text: the equation, without the symbol; where it comes from, of what a step begins with.
        range: the range of its values.
    """

    symbol: str
    title: str
    text: str
    range: ValueRange


_X = Equation("x", "input", "the embedding of the token", "free")
_H = Equation("h", "hidden state before", "h' of the step before", "signed")

_LSTM = (
    _X,
    _H,
    Equation("c", "cell state before", "c' of the step before", "free"),
    Equation("i", "input gate", "σ(W_ii x + b_ii + W_hi h + b_hi)", "gate"),
    Equation("f", "forget gate", "σ(W_if x + b_if + W_hf h + b_hf)", "gate"),
    Equation("g", "candidate", "tanh(W_ig x + b_ig + W_hg h + b_hg)", "signed"),
    Equation("o", "output gate", "σ(W_io x + b_io + W_ho h + b_ho)", "gate"),
    Equation("c'", "cell state", "f ∘ c + i ∘ g", "free"),
    Equation("h'", "hidden state", "o ∘ tanh(c')", "signed"),
)
_GRU = (
    _X,
    _H,
    Equation("r", "reset gate", "σ(W_ir x + b_ir + W_hr h + b_hr)", "gate"),
    Equation("z", "update gate", "σ(W_iz x + b_iz + W_hz h + b_hz)", "gate"),
    Equation("n", "candidate", "tanh(W_in x + b_in + r ∘ (W_hn h + b_hn))", "signed"),
    Equation("h'", "hidden state", "(1 - z) ∘ n + z ∘ h", "signed"),
)


def equations_of(cell: Cell, nonlinearity: Nonlinearity) -> tuple[Equation, ...]:
    """Return the equations of a cell, in the order in which a step computes them."""
    if cell == "lstm":
        return _LSTM
    if cell == "gru":
        return _GRU
    if nonlinearity == "relu":
        text = "max(0, W_ih x + b_ih + W_hh h + b_hh)"
        return _X, _H._replace(range="free"), Equation("h'", "hidden state", text, "free")
    return _X, _H, Equation("h'", "hidden state", "tanh(W_ih x + b_ih + W_hh h + b_hh)", "signed")
