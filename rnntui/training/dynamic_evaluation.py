"""Dynamic evaluation of a language model: it learns from the text while it is evaluated on it.

Krause et al. 2018, "Dynamic evaluation of neural sequence models", in its plain form: a step of gradient descent on
each segment once it has been predicted. Their other form, which scales each weight's step by the root mean square of
its gradients in training, needs the training text. It was tried at one rate and without decay to the trained weights:
on 10,000 characters of another author 2.15 bits per character, where this form had 2.21 at rate 0.1 and 2.12 at 0.2; on
held-out text of the same author 1.925, where this form had 1.924 at 0.1 and 1.915 at 0.3.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

from rnntui.models.language_model import LanguageModel
from rnntui.training.device import Hardware
from rnntui.training.evaluation import UNMONITORED, Evaluation, EvaluationMonitor, Tokens

SEGMENT = 32  # tokens between two steps, through which the gradient reaches back
LEARNING_RATE = 0.2  # between 0.1 and 0.3, which was better on the same author and not measured on another
_MAX_NORM = 1.0  # of the gradient, so that no text makes the model diverge


def evaluate_dynamic(
    model: LanguageModel,
    ids: Tokens,
    vocab_size: int,
    hardware: Hardware,
    characters_per_token: float,
    monitor: EvaluationMonitor = UNMONITORED,
) -> Evaluation:
    """Return the loss over a text in one stream, each segment predicted by a model that has learned from those before.

    The arguments are those of `evaluate_streaming`, whose loss this is with a learning rate of 0. The model itself
    stays as it is: a copy learns.
    """
    adapted = copy.deepcopy(model).eval()  # without dropout
    count = len(ids) - 1
    total, predicted, state = 0.0, 0, adapted.initial_state(1, hardware.device)
    # cuDNN has no backward pass in evaluation mode.
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        for start in range(0, count, SEGMENT):
            segment = torch.from_numpy(ids[start : min(start + SEGMENT, count) + 1].astype(np.int64))
            segment = segment.to(hardware.device)[:, None]  # (T + 1, 1)
            with hardware.threads.timed("dynamic evaluation", len(segment) - 1):
                with hardware.autocast():
                    logits, state = adapted(segment[:-1], state)
                    loss = cross_entropy(logits.float()[:, 0], segment[1:, 0])
                adapted.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                clip_grad_norm_(adapted.parameters(), _MAX_NORM)
                _descend(adapted)
            state = tuple(tensor.detach().float() for tensor in state)
            total += loss.item() * (len(segment) - 1)
            predicted += len(segment) - 1
            monitor.report(predicted / count)
            if monitor.time_left() <= 0:
                break
    return Evaluation(total / predicted, predicted, predicted * characters_per_token)


@torch.no_grad()
def _descend(model: LanguageModel) -> None:
    """Do a step of gradient descent; `torch.optim.SGD` would import torch's compiler first (see `AdamW`)."""
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.sub_(parameter.grad, alpha=LEARNING_RATE)
