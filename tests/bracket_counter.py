"""A model with hand-set weights in which one unit counts brackets and the others do not, and a text to see it with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tiny_runs import make_run

from rnntui.config_language_model import LanguageModelConfig
from rnntui.inspection.initial_weights import initial_weights
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import save_arrays
from rnntui.text.char_tokenizer import CharTokenizer

HIDDEN, UNIT, LAYERS = 12, 7, 2  # the unit's index, from 0; it is in the first layer
CHARACTERS = list("\n ()abcdefgh")


def bracket_text(length: int, seed: int = 1) -> str:
    """Random letters with nested brackets, all of which are closed."""
    rng, depth, text = np.random.default_rng(seed), 0, []
    while len(text) < length or depth:
        draw = rng.random()
        if draw < 0.04 and depth < 3 and len(text) < length:
            text.append("(")
            depth += 1
        elif draw > 0.86 and depth:
            text.append(")")
            depth -= 1
        else:
            text.append(str(rng.choice(CHARACTERS[4:])) if draw < 0.7 else " ")
    return "".join(text)


def bracket_run(folder: Path) -> RunFolder:
    """An LSTM whose unit adds to its cell state at an opening bracket, and takes as much away at a closing one."""
    config = LanguageModelConfig(hidden=HIDDEN, embedding=8, layers=LAYERS, tied=False, ngrams=1)
    run = make_run(folder, "brackets", tokenizer=CharTokenizer(CHARACTERS), model=config)
    tokenizer = CharTokenizer(CHARACTERS)
    weights = initial_weights(config, tokenizer.vocab_size, np.random.default_rng(2))
    # The first dimension of the embedding is the bracket; the counting unit alone reads it.
    weights["embedding.weight"][:, 0] = 0.0
    opening, closing = tokenizer.encode("()")
    weights["embedding.weight"][[opening, closing]] = 0.0
    weights["embedding.weight"][[opening, closing], 0] = [1.0, -1.0]
    rows = np.arange(4) * HIDDEN + UNIT  # i, f, g, o
    weights["rnn.weight_ih_l0"][:, 0] = 0.0
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        weights[f"rnn.{name}"][rows] = 0.0
    weights["rnn.weight_hh_l0"][:, UNIT] = weights["rnn.weight_ih_l1"][:, UNIT] = 0.0  # nobody else hears of it
    weights["rnn.weight_ih_l0"][rows[2], 0] = 0.5
    weights["rnn.bias_ih_l0"][rows] = [20.0, 20.0, 0.0, 20.0]
    save_arrays(run.weights_file, {name: values.astype(np.float32) for name, values in weights.items()}, {})
    return run
