"""Rivals of `rnntui train` on the same token ids, in plain torch: a small Transformer, and the LSTM of tutorials.

The clock of a rival stands still while it is evaluated, and its weights with the best evaluation are kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from rnntui.models.language_model import LanguageModel
from rnntui.training.device import Hardware
from rnntui.training.evaluation import evaluate_streaming, evaluate_windowed, evaluating

EVALUATIONS = 15
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class TokenData:
    """Token ids of a run of rnntui.

    Args:
        training: `(N,)`.
        validation: `(M,)`; the final evaluation reads all of it.
        checked: how many tokens of it an evaluation during training predicts.
        vocab_size: size of the vocabulary, V.
    """

    training: Tensor
    validation: Ids
    checked: int
    vocab_size: int


class Rival(Protocol):
    """A language model with its own recipe of training."""

    batch: int
    window: int
    module: nn.Module
    optimizer: torch.optim.Optimizer

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of a batch of windows, `(B, T)` each."""
        ...

    def update(self, step: int, elapsed: float) -> None:
        """Update the weights by their gradients at a step, `elapsed` being the fraction of the time that is over."""
        ...

    def carried(self, ids: Ids, hardware: Hardware) -> float:
        """Return the loss over a text with as much context as the model can use."""
        ...

    def windowed(self, ids: Ids, hardware: Hardware) -> float:
        """Return the loss over windows that start from nothing."""
        ...


class _Block(nn.Module):
    """Pre-norm Transformer block: causal self-attention, then a layer four times as wide with GELU."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.attention_norm, self.wide_norm = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.wide = nn.Linear(width, 4 * width, bias=False)
        self.wide_out = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        joint = self.queries_keys_values(self.attention_norm(x)).view(batch, length, 3, self._heads, -1)
        queries, keys, values = joint.permute(2, 0, 3, 1, 4)  # (B, heads, T, width / heads) each
        attended = scaled_dot_product_attention(queries, keys, values, is_causal=True)
        x = x + self.attention_out(attended.transpose(1, 2).reshape(batch, length, width))
        hidden: Tensor = x + self.wide_out(nn.functional.gelu(self.wide(self.wide_norm(x))))
        return hidden


class TransformerModule(nn.Module):
    """Decoder-only Transformer, learned positions, tied weights (Radford et al. 2019): `(B, T)` to `(B, T, V)`."""

    def __init__(self, vocab_size: int, layers: int = 4, width: int = 128, heads: int = 4, context: int = 64) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocab_size, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * layers) if "_out." in name else 0.02)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return nn.functional.linear(self.norm(x), self.tokens.weight)


class Transformer:
    """The usual small Transformer for a CPU: 4 layers of 128, 4 heads, context 64, batch 12, no dropout.

    AdamW at 1e-3, betas 0.9 and 0.99, decay 0.1 on matrices, 100 steps of warm-up, half a cosine to a tenth, gradients
    clipped at 1: the settings of nanoGPT (README.md, config/train_shakespeare_char.py).
    """

    batch, window = 12, 64
    _rate, _final, _warm_up = 1e-3, 0.1, 100
    _stride = 16  # of the sliding window: each token has 48 tokens of context or more

    def __init__(self, vocab_size: int) -> None:
        self.module = TransformerModule(vocab_size, context=self.window)
        matrices = [weight for weight in self.module.parameters() if weight.dim() > 1]
        vectors = [weight for weight in self.module.parameters() if weight.dim() == 1]
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=self._rate, betas=(0.9, 0.99), fused=True)

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(self.module(inputs).flatten(0, 1), targets.flatten())

    def update(self, step: int, elapsed: float) -> None:
        cosine = self._final + (1 - self._final) * (1 + math.cos(math.pi * min(1.0, elapsed))) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate * min(cosine, (step + 1) / self._warm_up)
        nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        self.optimizer.step()

    def carried(self, ids: Ids, hardware: Hardware) -> float:
        window, count = min(self.window, len(ids) - 1), len(ids) - 1
        starts = np.append(np.arange(0, count - window, self._stride), count - window)
        return self._mean_loss(ids, starts, window, hardware)

    def windowed(self, ids: Ids, hardware: Hardware) -> float:
        window = min(self.window, len(ids) - 1)
        return self._mean_loss(ids, np.arange((len(ids) - 1) // window) * window, window, hardware)

    def _mean_loss(self, ids: Ids, starts: Ids, window: int, hardware: Hardware) -> float:
        """Return the loss over the windows at `starts (W,)`; a token in several of them counts in the first."""
        counted_from = np.append(0, starts[:-1] + window)  # (W,)
        total = predicted = 0.0
        with evaluating(self.module):
            for rows in np.array_split(np.arange(len(starts)), -(-len(starts) // 256)):
                positions = starts[rows, None] + np.arange(window)  # (W, T)
                inputs, targets = torch.from_numpy(ids[positions]), torch.from_numpy(ids[positions + 1])
                with hardware.threads.timed("evaluation of windows", positions.size):
                    losses = cross_entropy(self.module(inputs).flatten(0, 1), targets.flatten(), reduction="none")
                counted = torch.from_numpy(positions >= counted_from[rows, None]).flatten()
                total += float(losses[counted].sum(dtype=torch.float64))
                predicted += float(counted.sum())
        return total / predicted


class LSTMModule(nn.Module):
    """Embedding, LSTM, linear layer: `(T, B)` to logits `(T, B, V)` and a state, as rnntui's evaluations expect."""

    def __init__(self, vocab_size: int, embedding: int = 64, hidden: int = 512) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding)
        self.lstm = nn.LSTM(embedding, hidden)
        self.output = nn.Linear(hidden, vocab_size)

    def forward(self, ids: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        hidden, state = self.lstm(self.embedding(ids), state)
        return self.output(hidden), state

    def initial_state(self, batch: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return zeros `(1, B, H)` twice."""
        zeros = torch.zeros(1, batch, self.lstm.hidden_size, device=device)
        return zeros, zeros.clone()


class TutorialLSTM:
    """`nn.LSTM` as tutorials train it: random windows of 100, each from a state of zeros, 64 in a batch; Adam.

    The rate is 1e-3 throughout, gradients are not clipped. The sizes are those of rnntui's default model.
    """

    batch, window = 64, 100

    def __init__(self, vocab_size: int, hidden: int = 512) -> None:
        self.module = LSTMModule(vocab_size, hidden=hidden)
        self.optimizer = torch.optim.Adam(self.module.parameters(), lr=1e-3)

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        logits, _ = self.module(inputs.T)
        return cross_entropy(logits.flatten(0, 1), targets.T.flatten())

    def update(self, step: int, elapsed: float) -> None:
        self.optimizer.step()

    def carried(self, ids: Ids, hardware: Hardware) -> float:
        model = cast(LanguageModel, self.module)
        return evaluate_streaming(model, ids, self.module.output.out_features, hardware, 1.0).loss

    def windowed(self, ids: Ids, hardware: Hardware) -> float:
        model = cast(LanguageModel, self.module)
        return evaluate_windowed(model, ids, self.module.output.out_features, hardware, 1.0).loss


RIVALS: dict[str, Callable[[int], Rival]] = {
    "Transformer 4×128, context 64": Transformer,
    "nn.LSTM as in tutorials": TutorialLSTM,
}
"""Makes a rival for a size of vocabulary, by its name."""


@dataclass(frozen=True)
class RivalResult:
    """Result of a rival's training.

    Args:
        seconds: time of its steps.
        steps: their number.
        tokens: number of tokens trained on.
        parameters: number of weights.
        carried_loss: loss of the best weights with as much context as the model can use: the state carried through the
            text, or a sliding window.
        windowed_loss: loss of the best weights over windows that start from nothing.
        curve: seconds and carried loss of each evaluation.
    """

    seconds: float
    steps: int
    tokens: int
    parameters: int
    carried_loss: float
    windowed_loss: float
    curve: list[tuple[float, float]]


def train_rival(
    make: Callable[[int], Rival], data: TokenData, seconds: float, hardware: Hardware, seed: int
) -> RivalResult:
    """Train a rival for so many seconds, on the number of threads that is fastest, as rnntui does.

    Args:
        make: creates it.
        data: token ids of both parts.
        seconds: time of its steps.
        hardware: CPU, fp32.
        seed: seed of the weights and of the choice of windows.
    """
    torch.manual_seed(seed)
    rival = make(data.vocab_size)
    spent, step, best_loss = 0.0, 0, math.inf
    best: dict[str, Tensor] = {}
    curve: list[tuple[float, float]] = []
    while spent < seconds:
        hardware.threads.start_step()
        began = time.perf_counter()
        starts = torch.randint(len(data.training) - rival.window, (rival.batch, 1))
        windows = data.training[starts + torch.arange(rival.window + 1)]  # (B, T + 1)
        rival.optimizer.zero_grad(set_to_none=True)
        rival.loss(windows[:, :-1], windows[:, 1:]).backward()
        rival.update(step, spent / seconds)
        taken = time.perf_counter() - began
        hardware.threads.add_step(taken, rival.batch * rival.window)
        spent, step = spent + taken, step + 1
        if spent >= seconds * (len(curve) + 1) / EVALUATIONS:
            curve.append((spent, rival.carried(data.validation[: data.checked + 1], hardware)))
            if curve[-1][1] < best_loss:
                best_loss = curve[-1][1]
                best = {name: tensor.clone() for name, tensor in rival.module.state_dict().items()}
    rival.module.load_state_dict(best)
    return RivalResult(
        seconds=spent,
        steps=step,
        tokens=step * rival.batch * rival.window,
        parameters=sum(weight.numel() for weight in rival.module.parameters()),
        carried_loss=rival.carried(data.validation, hardware),
        windowed_loss=rival.windowed(data.validation, hardware),
        curve=curve,
    )
