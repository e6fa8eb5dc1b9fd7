"""One step of a recurrent cell in numbers: every vector of its equations, and what the model expects next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnntui.config import Cell
from rnntui.errors import CorpusError
from rnntui.inference.cell_trace import LayerTrace
from rnntui.inference.cells import Array
from rnntui.inference.generate import initial_context_ids
from rnntui.inference.loaded_model import LoadedLanguageModel
from rnntui.inference.sampling import softmax
from rnntui.inspection.cell_equations import Equation, equations_of
from rnntui.inspection.probe_reading import encode_text

MAX_STEPS = 200
"""The last tokens of a text whose steps are kept; what is before them is read too."""

_STRONG = 0.98  # share of the values of a text that are not beyond the strongest colour
_TOP = 10  # of the most probable next tokens


class StepVector(NamedTuple):
    """A vector of a step: its equation, its values `(N,)`, and the value that has the strongest colour."""

    equation: Equation
    values: Array
    strongest: float

    @property
    def levels(self) -> Array:
        """The values as levels from -1 to 1; a gate of 0.5 has level 0."""
        levels: Array = self.values * 2 - 1 if self.equation.range == "gate" else self.values / self.strongest
        return np.clip(levels, -1.0, 1.0)


class NextToken(NamedTuple):
    """A token that may come next, as a readable text, and its probability before any sampling setting."""

    text: str
    probability: float


@dataclass(frozen=True, eq=False)
class TextSteps:
    """The steps of a text: T tokens, each with all vectors of all layers.

    Args:
        cell: the cell.
        equations: its equations.
        pieces: the texts of the tokens.
        skipped: number of tokens before them, which were read, but whose steps are not kept.
        layers: `(T, N)` for each layer and equation.
        logits: `(T, V)`, those after each token.
        token_texts: readable texts of the tokens that are probable after some step, by id.
    """

    cell: Cell
    equations: tuple[Equation, ...]
    pieces: list[str]
    skipped: int
    layers: list[list[Array]]
    logits: Array
    token_texts: dict[int, str]

    def __len__(self) -> int:
        return len(self.pieces)

    def vectors(self, layer: int, step: int) -> list[StepVector]:
        """Return the vectors of a layer at a step, in the order of the equations."""
        return [
            StepVector(_of_layer(equation, layer), values[step], _strongest(equation, values))
            for equation, values in zip(self.equations, self.layers[layer], strict=True)
        ]

    def next_tokens(self, step: int) -> list[NextToken]:
        """Return the ten most probable next tokens after a step, best first."""
        probabilities = softmax(self.logits[step])
        best = np.argsort(-self.logits[step], kind="stable")[:_TOP].tolist()
        return [NextToken(self.token_texts[token], float(probabilities[token])) for token in best]

    def entropy(self, step: int) -> float:
        """Return the entropy of the next token after a step, in bits."""
        probabilities = softmax(self.logits[step].astype(np.float64))
        return float(-(probabilities * np.log2(np.maximum(probabilities, 1e-300))).sum())


def steps_of(loaded: LoadedLanguageModel, text: str) -> TextSteps:
    """Return the steps of a text that a language model reads on its own. Raises `CorpusError` if it is empty."""
    tokens, network = encode_text(loaded, text), loaded.network
    if not len(tokens.ids):
        raise CorpusError("the text is empty", hint="name a text of one token at least")
    state, context = network.initial_state(), initial_context_ids(loaded.tokenizer)
    skipped = max(0, len(tokens.ids) - MAX_STEPS)
    before = np.concatenate((context, tokens.ids[:skipped]))
    if len(before):
        _, state = network.feed(before[:, None], state)
    ids = tokens.ids[skipped:, None]
    traces = network.trace(ids, state)
    logits, _ = network.forward(ids, state)
    equations = equations_of(network.config.cell, network.config.nonlinearity)
    shown = np.unique(np.argsort(-logits[:, 0], axis=-1, kind="stable")[:, :_TOP])
    return TextSteps(
        network.config.cell,
        equations,
        tokens.pieces[skipped:],
        skipped,
        [[_values(trace, equation)[:, 0] for equation in equations] for trace in traces],
        logits[:, 0],
        {token: loaded.tokenizer.token_text(token) for token in shown.tolist()},
    )


def _values(trace: LayerTrace, equation: Equation) -> Array:
    """Return the values `(T, 1, N)` of an equation's vector at each step."""
    symbol, names = equation.symbol, trace.cell.state_names
    if symbol == "x":
        return trace.inputs
    if symbol in names:
        return trace.states[:-1, names.index(symbol)]
    return trace.values(symbol.removesuffix("'"))


def _of_layer(equation: Equation, layer: int) -> Equation:
    return equation if equation.symbol != "x" or not layer else equation._replace(text="h' of the layer below")


def _strongest(equation: Equation, values: Array) -> float:
    """Return the value with the strongest colour: of values without bounds, one that few values of the text pass."""
    if equation.range != "free":
        return 1.0
    return float(np.quantile(np.abs(values), _STRONG)) or 1.0
