"""Settings of sampling and generation, each declared once, as those in `config.py`."""

from __future__ import annotations

import os
from typing import Literal

from rnntui.settings import Settings, record, setting_field

LONGEST_REPETITION_WINDOW = 100_000


@record
class SamplingConfig(Settings):
    """Sampling of the next token; read again before every token, so that a change affects the very next one."""

    temperature: float = setting_field(
        0.8, "softmax temperature: below 1 less random, above 1 more, 0 greedy", low=0.0, high=100.0
    )
    top_k: int = setting_field(0, "sample from the k most probable tokens; 0: off", low=0, high=10_000_000)
    top_p: float = setting_field(
        1.0,
        "nucleus sampling: sample from the fewest tokens whose probabilities add up to p; 1: off",
        low=0.0,
        high=1.0,
    )
    min_p: float = setting_field(
        0.0, "drop tokens less than p times as probable as the most probable one; 0: off", low=0.0, high=1.0
    )
    repetition_penalty: float = setting_field(1.0, "above 1: penalize recent tokens; 1: off", low=0.01, high=100.0)
    repetition_window: int = setting_field(
        64, "recent tokens that the penalty applies to", low=0, high=LONGEST_REPETITION_WINDOW
    )


Precision = Literal["auto", "fp32", "int8", "int4"]


@record
class InferenceConfig(Settings):
    """Arithmetic of the model, chosen when it is loaded."""

    precision: Precision = setting_field(
        "auto",
        "weights of the model: floats of 32 bits or integers of 8 or 4, which are faster for wide models; auto: int4 "
        "for those if onnxruntime is installed, else fp32",
        choices=Precision,
    )


@record
class NoveltyConfig(Settings):
    """Limit of what a generated text copies from the training text."""

    novel: int = setting_field(
        0,
        "refuse to copy more than this many characters in a row from the training text; 0: off",
        low=0,
        high=100_000,
    )


PRESETS = {
    "careful": SamplingConfig(temperature=0.5, top_p=0.9),
    "balanced": SamplingConfig(),
    "wild": SamplingConfig(temperature=1.2, min_p=0.02),
}
"""Named sampling settings. Min-p keeps a high temperature from generating noise (Nguyen et al. 2024)."""


UNLIMITED_LENGTH = 10_000_000
MAX_CHARS_PER_SECOND = 1_000_000
LARGEST_SEED = (1 << 63) - 1
NEW_SEED = -1
"""Value of a slider that stands for a new seed each time."""


def new_seed() -> int:
    """Return a random seed."""
    return int.from_bytes(os.urandom(4))


@record
class GenerationConfig(Settings):
    """Length and speed of generation."""

    length: int = setting_field(
        500, f"tokens to generate; {UNLIMITED_LENGTH:,}: until stopped", low=0, high=UNLIMITED_LENGTH
    )
    chars_per_second: int = setting_field(
        60,
        f"characters per second; {MAX_CHARS_PER_SECOND:,}: as fast as the model can",
        low=1,
        high=MAX_CHARS_PER_SECOND,
    )
