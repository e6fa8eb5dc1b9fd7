"""Attention of a decoder over a source: a score for every source position, a softmax, and a weighted mean.

All kinds are computed for many target steps at once. Queries are the decoder's hidden states `(B, T, H)`; values are
the encoder's outputs `(B, S, D)`; keys are what the scores read of the encoder's outputs. The results are context
vectors `(B, T, D)` and attention weights `(B, T, S)`, which add up to 1 over the source and are 0 at padding.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from rnntui.config_seq2seq import AttentionKind


class Attention(nn.Module, ABC):
    """Masked softmax and weighted mean; subclasses define the scores (and keys) of each kind."""

    def project_keys(self, encoder_outputs: Tensor) -> Tensor:
        """Return the keys `(B, S, ·)` for encoder outputs `(B, S, D)`: the part of the scores that is the same at all
        target steps, and so computed once.
        """
        return encoder_outputs

    @abstractmethod
    def scores(self, hidden: Tensor, keys: Tensor) -> Tensor:
        """Return the scores `(B, T, S)` of hidden states `(B, T, H)` for keys `(B, S, ·)`."""

    def forward(self, hidden: Tensor, encoder_outputs: Tensor, keys: Tensor, padding: Tensor) -> tuple[Tensor, Tensor]:
        """Return context vectors `(B, T, D)` and weights `(B, T, S)`.

        Args:
            hidden: the decoder's hidden states `(B, T, H)`.
            encoder_outputs: `(B, S, D)`.
            keys: `(B, S, ·)`, from `project_keys`.
            padding: `(B, S)`, True after the end of a source.
        """
        scores = self.scores(hidden, keys).float().masked_fill(padding[:, None, :], float("-inf"))  # (B, T, S)
        weights = torch.softmax(scores, dim=2)
        return weights.to(encoder_outputs.dtype) @ encoder_outputs, weights


class DotAttention(Attention):
    """score(h, k) = h · k (Luong et al. 2015, section 3.1, "dot")."""

    def scores(self, hidden: Tensor, keys: Tensor) -> Tensor:
        return hidden @ keys.transpose(1, 2)


class GeneralAttention(Attention):
    """score(h, k) = h · W k (Luong et al. 2015, section 3.1, "general")."""

    def __init__(self, hidden: int, encoder_size: int) -> None:
        super().__init__()
        self.key = nn.Linear(encoder_size, hidden, bias=False)

    def project_keys(self, encoder_outputs: Tensor) -> Tensor:
        keys: Tensor = self.key(encoder_outputs)  # (B, S, H)
        return keys

    def scores(self, hidden: Tensor, keys: Tensor) -> Tensor:
        return hidden @ keys.transpose(1, 2)


class AdditiveAttention(Attention):
    """score(h, k) = v · tanh(W h + U k) (Bahdanau et al. 2015, section 3.1 and appendix A.1.2).

    In the paper h is the decoder's state before the step; here, as with the other kinds, the state after it.
    """

    def __init__(self, hidden: int, encoder_size: int) -> None:
        super().__init__()
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.key = nn.Linear(encoder_size, hidden, bias=False)
        self.score = nn.Linear(hidden, 1, bias=False)

    def project_keys(self, encoder_outputs: Tensor) -> Tensor:
        keys: Tensor = self.key(encoder_outputs)  # (B, S, H)
        return keys

    def scores(self, hidden: Tensor, keys: Tensor) -> Tensor:
        mixed = torch.tanh(self.query(hidden)[:, :, None, :] + keys[:, None, :, :])  # (B, T, S, H)
        scores: Tensor = self.score(mixed).squeeze(3)  # (B, T, S)
        return scores


def make_attention(kind: AttentionKind, hidden: int, encoder_size: int) -> Attention | None:
    """Return the attention of that kind for a decoder of `hidden` units over encoder outputs of `encoder_size` units.

    None for `none`: that decoder knows only the encoder's final state (Sutskever et al. 2014).
    """
    if kind == "none":
        return None
    if kind == "dot":
        return DotAttention()
    return {"general": GeneralAttention, "additive": AdditiveAttention}[kind](hidden, encoder_size)
