"""LSTM layer with bf16 matrix products and an fp32 cell state, by oneDNN's kernel.

Under autocast torch calls the same kernel with everything in bf16. Its cell state then has 8 significant bits: a
counter that grows by 1 a step stands still at 256, one that grows by 0.01 at 4. The kernel also takes an fp32 cell
state and fp32 biases, at the same speed, and computes gates and sums in fp32 in either case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_LSTM = 2  # torch's number for the cell


class _LSTMFunction(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, hidden: Tensor, cell_state: Tensor, is_training: bool, *weights: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        weight_ih, weight_hh, bias_ih, bias_hh = weights
        kind = inputs.dtype
        arguments = (
            inputs.contiguous(),
            weight_ih.to(kind).contiguous(),
            weight_hh.to(kind).contiguous(),
            bias_ih,
            bias_hh,
            hidden.to(kind).contiguous(),
            cell_state.contiguous(),
        )
        hidden_size = weight_hh.shape[1]
        # In grad mode the kernel returns the workspace that the backward pass needs.
        with torch.set_grad_enabled(is_training), torch.autocast("cpu", enabled=False):
            *results, workspace = torch.ops.aten.mkldnn_rnn_layer(
                *(tensor.detach() for tensor in arguments), False, [], _LSTM, hidden_size, 1, True, False, False,
                is_training,
            )  # fmt: skip
        if is_training:
            ctx.save_for_backward(*arguments, *results, workspace)
        outputs, final_hidden, final_cell_state = results
        return outputs, final_hidden, final_cell_state

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        *saved, workspace = ctx.saved_tensors
        hidden_size = saved[2].shape[1]
        inputs_grad, weight_ih_grad, weight_hh_grad, bias_ih_grad, bias_hh_grad, hidden_grad, cell_state_grad = (
            torch.ops.aten.mkldnn_rnn_layer_backward(
                *saved, *gradients, False, _LSTM, hidden_size, 1, True, True, False, [], False, workspace
            )
        )  # in fp32
        weight_grads = weight_ih_grad, weight_hh_grad, bias_ih_grad, bias_hh_grad
        return inputs_grad.to(saved[0].dtype), hidden_grad, cell_state_grad, None, *weight_grads


def mixed_precision_lstm_layer(
    inputs: Tensor, hidden: Tensor, cell_state: Tensor, weights: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the hidden states `(T, B, H)` of an LSTM layer, and the final hidden and cell state `(B, H)`.

    Args:
        inputs: `(T, B, E)` in bf16, as are the hidden states.
        hidden: the initial hidden state `(B, H)`; the recurrent product rounds it to bf16.
        cell_state: the initial cell state `(B, H)` in fp32, as is the final one.
        weights: `weight_ih (4H, E)`, `weight_hh (4H, H)`, `bias_ih (4H,)` and `bias_hh (4H,)`, in fp32, as are their
            gradients.
    """
    is_training = torch.is_grad_enabled()
    outputs, final_hidden, final_cell_state = _LSTMFunction.apply(  # type: ignore[no-untyped-call]
        inputs, hidden[None], cell_state[None], is_training, *weights
    )
    return outputs, final_hidden[0], final_cell_state[0]
