"""Part of a batch that this process computes, and random numbers of the whole batch, cut to that part.

Several processes that train one model draw the same numbers and use different ones of them: each example has the
dropout that it would have in a single process, whatever the number of processes, and no random state is their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import dropout


@dataclass(frozen=True)
class BatchPart:
    """Examples `first` to `last`, exclusive, of a batch of `batch` examples."""

    first: int
    last: int
    batch: int

    @property
    def columns(self) -> slice:
        return slice(self.first, self.last)

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Inside, random numbers are drawn for the whole batch, and those of this part are used."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


_current: ContextVar[BatchPart | None] = ContextVar("batch_part", default=None)


def is_part() -> bool:
    """Return True while only a part of a batch is computed here."""
    return _current.get() is not None


def whole_shape(shape: torch.Size, dim: int) -> torch.Size:
    """Return the shape that a tensor of this part has for the whole batch, whose examples are along `dim`."""
    part = _current.get()
    return shape if part is None else torch.Size((*shape[:dim], part.batch, *shape[dim + 1 :]))


def cut(whole: Tensor, dim: int) -> Tensor:
    """Return this part of a tensor of the whole batch, whose examples are along `dim`."""
    part = _current.get()
    return whole if part is None else whole.narrow(dim, part.first, part.last - part.first)


def draw(shape: torch.Size, dim: int, sample: Callable[[torch.Size], Tensor]) -> Tensor:
    """Return random numbers of a shape; `sample` draws them for a shape, and examples are along `dim`."""
    return cut(sample(whole_shape(shape, dim)), dim)


def part_dropout(inputs: Tensor, probability: float, dim: int, training: bool = True) -> Tensor:
    """Return `torch.nn.functional.dropout` of inputs whose examples are along `dim`, with the whole batch's numbers."""
    if not (training and probability and is_part()):
        return dropout(inputs, probability, training)
    kept = 1.0 - probability
    mask = draw(inputs.shape, dim, lambda shape: inputs.new_empty(shape).bernoulli_(kept))
    return inputs * (mask / kept)
