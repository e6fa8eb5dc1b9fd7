"""Gradient flow: how strongly a token's loss depends on the state of a language model n steps earlier.

The state after a step is what the next step starts from: h of every layer, and for an LSTM c. The gradient of the loss
at a place with respect to the state n steps before is what backpropagation through time has to learn with (Bengio,
Simard and Frasconi 1994; Pascanu, Mikolov and Bengio 2013, section 2): where its norm has vanished, nothing that stood
there can be learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnntui.inference.cell_gradients import layer_backward
from rnntui.inference.cells import Array
from rnntui.inference.loaded_model import load_language_model
from rnntui.inference.numpy_language_model import Ids, NumpyLanguageModel
from rnntui.inspection.gradient_report import GradientCurve, GradientFlow
from rnntui.inspection.initial_weights import untrained_network
from rnntui.inspection.inspection import Cancelled, InspectionRequest, check_cancelled, never_cancelled
from rnntui.inspection.probe_text import probe_text
from rnntui.runs.folder import RunFolder

STEPS = 200
"""Steps that the gradient is followed back."""
PLACES = 64
"""Places of a text whose losses are followed."""
_WARM_UP = 64  # tokens read before, so that the first states are those of the middle of a text
_BATCH = 16  # places at a time: the gates of 200 steps of 512 units take 100 MB

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StateGradients:
    """Norms of the gradients of P losses with respect to the states of N steps.

    `squares (P, N, L, C)` holds the squared norm of each layer's h (and c) after each step; index 0 is the state that
    the loss is computed from, index n that of n steps before. `losses (P,)` are in nats.
    """

    squares: Floats
    losses: Floats

    @property
    def norms(self) -> Floats:
        """Norms over the states of all layers, `(P, N)`."""
        norms: Floats = np.sqrt(self.squares.sum(axis=(2, 3)))
        return norms


def state_gradients(
    network: NumpyLanguageModel, tokens: Ids, state: Array, steps: int, cancelled: Cancelled = never_cancelled
) -> StateGradients:
    """Return the norms of the gradients of the last token's loss with respect to the states before it.

    Args:
        network: the model.
        tokens: `(T, B)`, T > steps + 1: a text for each place. The loss is that of its last token.
        state: `(L, C, B, H + K)`, the state before the first token.
        steps: how far back to go, N - 1.
        cancelled: asked at each step.
    """
    read, targets = tokens[:-1], tokens[-1]
    traces, cells = network.trace(read, state), network.cells
    projected = [trace.projected() for trace in traces]
    passes = [
        layer_backward(trace.cell, inputs, trace.outputs, trace.states[0])
        for trace, inputs in zip(traces, projected, strict=True)
    ]
    losses, gradient = network.loss_gradient(network.last_hidden(network.state_after(traces, read, state)), targets)
    batch, layers, components = len(targets), len(cells), cells[0].states
    h_gradients = [np.zeros_like(gradient) for _ in cells]
    c_gradients = [np.zeros_like(gradient) for _ in cells]
    h_gradients[-1] = gradient
    squares = np.zeros((batch, steps + 1, layers, components))
    for back in range(steps + 1):
        check_cancelled(cancelled)
        for layer in range(layers):
            for component, values in enumerate((h_gradients[layer], c_gradients[layer])[:components]):
                squares[:, back, layer, component] = np.square(values, dtype=np.float64).sum(axis=1)
        if back == steps:
            break
        t, from_above = len(read) - 1 - back, np.zeros_like(gradient)
        for layer in range(layers - 1, -1, -1):
            gates_gradient = np.empty_like(projected[layer][t])
            h_gradients[layer], c_gradients[layer] = passes[layer].step(
                t, h_gradients[layer] + from_above, c_gradients[layer], gates_gradient
            )
            if layer:
                from_above = gates_gradient @ cells[layer].weight_in.T
    return StateGradients(squares, losses.astype(np.float64))


def gradient_curve(
    name: str, network: NumpyLanguageModel, windows: Ids, *, is_trained: bool = True, cancelled: Cancelled
) -> GradientCurve:
    """Return the gradient flow of a model over `windows (T, P)`; the loss of each window's last token counts."""
    steps = len(windows) - _WARM_UP - 2
    parts = []
    for start in range(0, windows.shape[1], _BATCH):
        batch = windows[:, start : start + _BATCH]
        _, state = network.hidden_states(batch[:_WARM_UP], network.initial_state(batch.shape[1]))
        parts.append(state_gradients(network, batch[_WARM_UP:], state, steps, cancelled))
    squares = np.concatenate([part.squares for part in parts])
    losses = np.concatenate([part.losses for part in parts])
    return GradientCurve.of(name, network.config, squares, losses, is_trained=is_trained)


def gradient_flow(
    runs: Sequence[RunFolder],
    text: str = "",
    *,
    steps: int = STEPS,
    places: int = PLACES,
    has_initial: bool = False,
    cancelled: Cancelled = never_cancelled,
) -> GradientFlow:
    """Return the gradient flow of language models, each over its own tokens of the same text, or its own held-out text.

    Args:
        runs: the runs to compare.
        text: the text; "" for the held-out text of each.
        steps: how far back to go.
        places: number of tokens whose losses are followed.
        has_initial: also show each model as it is before training: weights drawn anew by the same rule.
        cancelled: asked now and then.

    Raises `RunError` for a broken run, `UsageError` for one of another kind, `CorpusError` for too short a text.
    """
    curves, origins = [], []
    for run in runs:
        loaded = load_language_model(run, precision="fp32")
        length = _WARM_UP + steps + 2
        probe = probe_text(run, loaded, text, places * length, cancelled, least=length)
        windows = probe.windows(places, length)
        origins.append(probe.origin)
        curves.append(gradient_curve(run.name, loaded.network, windows, cancelled=cancelled))
        if has_initial:
            untrained = untrained_network(loaded.network.config, loaded.network.vocab_size)
            curves.append(gradient_curve(run.name, untrained, windows, is_trained=False, cancelled=cancelled))
    return GradientFlow(tuple(curves), " and ".join(dict.fromkeys(origins)))


def inspect_gradients(request: InspectionRequest, cancelled: Cancelled) -> GradientFlow:
    """Compute the view of the Inspect tab; a single model is shown before training too."""
    return gradient_flow(request.runs, request.text, has_initial=len(request.runs) == 1, cancelled=cancelled)
