"""How a decoder looks at a source: scores of every source token, a softmax over them, and their weighted mean.

All kinds are called for many target steps at once, hidden states `(B, T, H)` over memories `(B, S, K)`, and give
contexts `(B, T, K)` and weights `(B, T, S)` that sum to 1 over the source; padding has weight 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from rnntui.config_seq2seq import AttentionKind


class Attention(nn.Module, ABC):
    """The part that all kinds share; a kind has its own `prepare` and `scores`."""

    def prepare(self, memory: Tensor) -> Tensor:
        """What of the scores depends on the source alone, `(B, S, K)` to `(B, S, ·)`: taken once for all steps."""
        return memory

    @abstractmethod
    def scores(self, hidden: Tensor, prepared: Tensor) -> Tensor:
        """The scores `(B, T, S)` of hidden states `(B, T, H)`."""

    def forward(self, hidden: Tensor, memory: Tensor, prepared: Tensor, padding: Tensor) -> tuple[Tensor, Tensor]:
        """Contexts and weights; `padding (B, S)` is True where the source has ended."""
        scores = self.scores(hidden, prepared).float().masked_fill(padding[:, None, :], float("-inf"))
        weights = torch.softmax(scores, dim=2)
        return weights.to(memory.dtype) @ memory, weights


class DotAttention(Attention):
    """score(h, k) = h · k (Luong et al. 2015, section 3.1, "dot")."""

    def scores(self, hidden: Tensor, prepared: Tensor) -> Tensor:
        return hidden @ prepared.transpose(1, 2)


class GeneralAttention(Attention):
    """score(h, k) = h · W k (Luong et al. 2015, section 3.1, "general")."""

    def __init__(self, hidden: int, keys: int) -> None:
        super().__init__()
        self.key = nn.Linear(keys, hidden, bias=False)

    def prepare(self, memory: Tensor) -> Tensor:
        prepared: Tensor = self.key(memory)
        return prepared

    def scores(self, hidden: Tensor, prepared: Tensor) -> Tensor:
        return hidden @ prepared.transpose(1, 2)


class AdditiveAttention(Attention):
    """score(h, k) = v · tanh(W h + U k) (Bahdanau et al. 2015, section 3.1 and appendix A.1.2).

    There the decoder's state before the step scores; here, as with the other kinds, the one after it.
    """

    def __init__(self, hidden: int, keys: int) -> None:
        super().__init__()
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.key = nn.Linear(keys, hidden, bias=False)
        self.score = nn.Linear(hidden, 1, bias=False)

    def prepare(self, memory: Tensor) -> Tensor:
        prepared: Tensor = self.key(memory)
        return prepared

    def scores(self, hidden: Tensor, prepared: Tensor) -> Tensor:
        mixed = torch.tanh(self.query(hidden)[:, :, None, :] + prepared[:, None, :, :])  # (B, T, S, H)
        scores: Tensor = self.score(mixed).squeeze(3)
        return scores


def make_attention(kind: AttentionKind, hidden: int, keys: int) -> Attention | None:
    """The attention by its name; None for a decoder that has only the encoder's last state (Sutskever et al. 2014)."""
    if kind == "none":
        return None
    if kind == "dot":
        return DotAttention()
    return {"general": GeneralAttention, "additive": AdditiveAttention}[kind](hidden, keys)
