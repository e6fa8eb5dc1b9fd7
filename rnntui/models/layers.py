"""Layers that the language model and Seq2Seq share: recurrent layers with their initialization, and embeddings."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rnntui.config import Cell, RecurrentConfig
from rnntui.models.batch_part import is_part, part_dropout
from rnntui.models.dropout import drop_weights
from rnntui.models.mixed_precision_lstm import mixed_precision_lstm_layer
from rnntui.models.sequence_functions import gru_layer, rnn_layer

Weights = list[list[Tensor]]
"""Of each layer: `weight_ih (G*H, E)`, `weight_hh (G*H, H)`, and two biases `(G*H,)`, for a cell with G gates."""
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


def run_recurrent_layers(
    rnn: nn.RNNBase, inputs: Tensor, state: State | None = None, weight_dropout: float = 0.0
) -> tuple[Tensor, State]:
    """Return the hidden states `(T, B, H)` of recurrent layers, and the state after the last step.

    On a GPU these are the vendor's kernels, see `_run_kernels`. On a CPU it is so for the LSTM in full precision, a
    kernel of oneDNN; the other cells, and the LSTM under autocast, have functions of their own: see
    `rnntui.models.sequence_functions` and `rnntui.models.mixed_precision_lstm`. They keep the state in the precision of
    the parameters, under autocast too.

    Args:
        rnn: layers from `recurrent_layers`.
        inputs: `(T, B, E)`.
        state: the initial state, tensors `(L, B, H)`; None is one of zeros.
        weight_dropout: probability with which, in training, each weight of the recurrent matrices is left out for all
            steps and examples (Merity et al. 2018, section 2).
    """
    weights: Weights | None = None
    if rnn.training and weight_dropout:
        weights = [[ih, drop_weights(hh, weight_dropout), *biases] for ih, hh, *biases in rnn.all_weights]
    is_cast = torch.is_autocast_enabled(inputs.device.type)
    if inputs.device.type != "cpu":
        return _run_kernels(rnn, inputs, state, weights)
    if isinstance(rnn, nn.LSTM) and not is_cast:
        if weights or (rnn.dropout and rnn.training and is_part()):
            return _run_kernels(rnn, inputs, state, weights)
        initial = None if state is None else state if len(state) == 2 else state[0]
        hidden, final = rnn(inputs, initial)
        return hidden, final if isinstance(final, tuple) else (final,)
    kind = rnn.all_weights[0][0].dtype
    if state is None:
        zeros = torch.zeros(rnn.num_layers, inputs.shape[1], rnn.hidden_size, dtype=kind)
        state = (zeros,) * (2 if isinstance(rnn, nn.LSTM) else 1)
    hidden = inputs.to(torch.get_autocast_dtype("cpu")) if is_cast else inputs
    finals = []
    for index in range(rnn.num_layers):
        if index:
            hidden = part_dropout(hidden, rnn.dropout, 1, rnn.training)
        hidden, *final = _run_layer(
            rnn, (weights or rnn.all_weights)[index], hidden, [tensor[index].to(kind) for tensor in state]
        )
        finals.append(final)
    return hidden, tuple(torch.stack(tensors) for tensors in zip(*finals, strict=True))


def _run_kernels(
    rnn: nn.RNNBase, inputs: Tensor, state: State | None, dropped_weights: Weights | None = None
) -> tuple[Tensor, State]:
    """Return what `run_recurrent_layers` does, by torch's kernels for all time steps at once, cuDNN's on a CUDA GPU.

    Under autocast, torch runs cuDNN's kernels in float16, whatever the type it was asked for (AutocastRNN.cpp), in
    which the gradients of a mean over many positions vanish. Here they run in bf16, on copies of the weights, where
    cuDNN has that, else in full precision; the state is returned in the precision of the parameters.

    With dropout between the layers they run one by one: cuDNN's own dropout has a random state that is not saved with
    torch's, so that no resumed run would draw the same, and no kernel draws the dropout of the whole batch for a part.
    """
    device, parameter = inputs.device.type, rnn.all_weights[0][0]
    kind = parameter.dtype
    if torch.is_autocast_enabled(device) and has_cudnn_kernel(torch.get_autocast_dtype(device)):
        kind = torch.get_autocast_dtype(device)
    has_dropout = rnn.training and rnn.dropout > 0
    groups = [[index] for index in range(rnn.num_layers)] if has_dropout else [list(range(rnn.num_layers))]
    if state is None:
        zeros = parameter.new_zeros(rnn.num_layers, inputs.shape[1], rnn.hidden_size)
        state = (zeros,) * (2 if isinstance(rnn, nn.LSTM) else 1)
    hidden, finals = inputs, []
    with torch.autocast(device, enabled=False):
        for layers in groups:
            if layers[0]:
                hidden = part_dropout(hidden, rnn.dropout, 1)
            initial = tuple(tensor[layers[0] : layers[-1] + 1].to(kind).contiguous() for tensor in state)
            if kind == parameter.dtype and len(layers) == rnn.num_layers and dropped_weights is None:
                # The module's weights lie in memory as the kernels want them.
                hidden, final = rnn(hidden.to(kind), initial if len(initial) == 2 else initial[0])
            else:
                all_weights = dropped_weights or rnn.all_weights
                weights = [weight.to(kind) for index in layers for weight in all_weights[index]]
                hidden, final = _kernel_layers(rnn, hidden.to(kind), initial, weights, len(layers))
            finals.append(final if isinstance(final, tuple) else (final,))
    return hidden, tuple(torch.cat(tensors).to(parameter.dtype) for tensors in zip(*finals, strict=True))


def _kernel_layers(
    rnn: nn.RNNBase, inputs: Tensor, state: State, weights: list[Tensor], layers: int
) -> tuple[Tensor, Tensor | State]:
    """Return the hidden states `(T, B, H)` of so many layers with the weights given, and their final state."""
    settings = (True, layers, 0.0, rnn.training, False, False)  # biases; layers, dropout; training; one direction
    if isinstance(rnn, nn.LSTM):
        hidden, *final = torch.lstm(inputs, state, weights, *settings)
        return hidden, tuple(final)
    function = torch.gru if isinstance(rnn, nn.GRU) else torch.rnn_tanh if rnn.mode == "RNN_TANH" else torch.rnn_relu
    output: tuple[Tensor, Tensor] = function(inputs, state[0], weights, *settings)
    return output


@functools.cache
def has_cudnn_kernel(kind: torch.dtype) -> bool:
    """Return True if torch runs recurrent layers of this type by cuDNN; bf16 came with cuDNN 9.13."""
    if not torch.cuda.is_available():
        return False
    # An evaluation may be what asks first: its tensors would have no graph.
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast("cuda", enabled=False):
        inputs, bias = (torch.zeros(shape, dtype=kind, device="cuda") for shape in ((1, 1, 8), (32,)))
        matrix = torch.zeros(32, 8, dtype=kind, device="cuda", requires_grad=True)
        try:
            hidden, *_ = torch.lstm(
                inputs, (inputs, inputs), [matrix, matrix, bias, bias], True, 1, 0.0, True, False, False
            )
        except RuntimeError:
            return False
    return hidden.grad_fn is not None and "RnnBackward" in hidden.grad_fn.name()


def _run_layer(rnn: nn.RNNBase, weights: Sequence[Tensor], inputs: Tensor, state: list[Tensor]) -> tuple[Tensor, ...]:
    """Return the hidden states `(T, B, H)` of one layer on a CPU, and its final state, tensors `(B, H)`."""
    if isinstance(rnn, nn.LSTM):
        hidden_state, cell_state = state
        return mixed_precision_lstm_layer(inputs, hidden_state, cell_state, weights)
    if isinstance(rnn, nn.GRU):
        return gru_layer(inputs, state[0], weights)
    return rnn_layer(inputs, state[0], weights, "tanh" if rnn.mode == "RNN_TANH" else "relu")


def embed(embedding: nn.Embedding, tokens: Tensor, tied: bool) -> Tensor:
    """Return the embeddings `(..., E)` of `tokens (...)`; those tied to the output layer are scaled by √E.

    As an output layer, the matrix wants entries of about 1/√E, so that logits start near 1; as an input to recurrent
    layers it wants them near 1 (Vaswani et al. 2017, section 3.4). Without the scale, a model with a small vocabulary
    took several times the steps to learn to attend to its source.
    """
    embedded: Tensor = embedding(tokens)
    return embedded * embedding.embedding_dim**0.5 if tied else embedded
