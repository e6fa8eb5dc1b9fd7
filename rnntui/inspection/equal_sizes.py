"""Numbers of parameters of language models, and hidden sizes that give another cell as many."""

from __future__ import annotations

from dataclasses import replace

from rnntui.config import Cell
from rnntui.config_language_model import LanguageModelConfig
from rnntui.inference.cells import CELL_CLASSES


def parameter_count(config: LanguageModelConfig, vocab_size: int) -> int:
    """Return the number of weights of a language model without n-grams."""
    hidden, embedding = config.hidden, config.embedding or config.hidden
    gates = CELL_CLASSES[config.cell].gates
    first = gates * hidden * (embedding + hidden + 2)
    others = (config.layers - 1) * gates * hidden * (2 * hidden + 2)
    output = 0 if config.tied else vocab_size * hidden
    return vocab_size * embedding + first + others + output + vocab_size


def of_equal_size(config: LanguageModelConfig, cell: Cell, vocab_size: int) -> LanguageModelConfig:
    """Return the configuration with another cell, and the hidden size that makes the numbers of weights most alike.

    Models with tied weights are not resized: their embeddings would change too.
    """
    wanted = parameter_count(config, vocab_size)
    low, high = 1, 8 * config.hidden
    while low < high:  # the number of weights grows with the hidden size
        middle = (low + high) // 2
        if parameter_count(replace(config, cell=cell, hidden=middle), vocab_size) < wanted:
            low = middle + 1
        else:
            high = middle
    candidates = [replace(config, cell=cell, hidden=hidden) for hidden in (max(1, low - 1), low)]
    return min(candidates, key=lambda each: abs(parameter_count(each, vocab_size) - wanted))
