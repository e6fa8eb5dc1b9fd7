"""Memory of a training step: a lower bound, compared with what is available before the first step is done.

Without it, a step that is far too large ends the process without a word, as the kernel kills it.
"""

from __future__ import annotations

from collections.abc import Iterable

from rnntui.config import Cell, RecurrentConfig
from rnntui.config_classifier import ClassifierConfig
from rnntui.config_language_model import LanguageModelConfig
from rnntui.config_seq2seq import Seq2SeqConfig
from rnntui.errors import RunError, TrainingError
from rnntui.formatting import format_bytes, format_count
from rnntui.inference.cells import recurrent_weight_count
from rnntui.kinds.model_kind import ModelKind
from rnntui.ngram_index import NgramIndex
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.system_memory import available_memory
from rnntui.training.device import Hardware

# Floats for each time step, stream and hidden unit that the forward and backward pass of all layers take at their peak:
# a part that does not grow with the layers, and a part for each. Measured with torch 2.13.0 (CPU build): LSTM 15.6 and
# 23.0 for one and two layers, GRU 12.2 and 19.4, RNN 3.9 and 6.3. These are three quarters of that.
_FLOATS_PER_UNIT: dict[Cell, tuple[float, float]] = {"lstm": (6.0, 6.0), "gru": (4.0, 6.0), "rnn": (1.0, 2.0)}
_BF16_RATIO = 0.55  # memory in bf16, of that in fp32; measured: 0.56 to 0.68
_FLOATS_PER_LOGIT = 3.0  # logits in fp32, their log softmax and its gradient; measured: 3.4 to 3.9
_FLOATS_PER_WEIGHT = 3  # its gradient and the two moments of AdamW; an average of the weights is one more
_FLOAT = 4  # bytes
_BYTES_OF_STORED_WEIGHT = 2  # at least, in float16
_SMALL_MODEL = 1 << 24  # bytes


def language_model_step_bytes(
    config: LanguageModelConfig, vocab_size: int, positions: int, hardware: Hardware
) -> float:
    """Return a lower bound of the memory of a step over so many positions: streams times time steps."""
    recurrent = _recurrent_floats(config, config.hidden, hardware)
    return _FLOAT * positions * max(recurrent, _FLOATS_PER_LOGIT * vocab_size)


def ngram_weights(config: LanguageModelConfig, vocab_size: int) -> int:
    """Return the number of weights in the tables of n-gram embeddings, which may be most of a model's."""
    rows: int = sum(NgramIndex.of(config, vocab_size, None).table_sizes.values())
    return rows * (config.embedding or config.hidden)


def seq2seq_step_bytes(config: Seq2SeqConfig, shapes: Iterable[tuple[int, int, int]], hardware: Hardware) -> float:
    """Return a lower bound of the memory of the largest step; a quarter to three quarters of what was measured.

    Args:
        config: The model.
        shapes: Of each batch the longest source S, the longest target T and the number of pairs B.
        hardware: Device and precision.
    """
    encoder = 2 * _recurrent_floats(config, config.encoder_hidden, hardware)
    decoder = _recurrent_floats(config, config.hidden, hardware)
    attention = {"none": 0.0, "additive": 2.0 * config.hidden}.get(config.attention, 2.0)
    attention *= _BF16_RATIO if hardware.bf16 else 1.0
    floats = (pairs * (s * encoder + t * decoder + s * t * attention) for s, t, pairs in shapes)
    return _FLOAT * max(floats, default=0.0)


def classifier_step_bytes(config: ClassifierConfig, shapes: Iterable[tuple[int, int]], hardware: Hardware) -> float:
    """Return a lower bound of the memory of the largest step.

    Args:
        config: The model.
        shapes: Of each batch the longest text S and the number of texts B.
        hardware: Device and precision.
    """
    floats = config.directions * _recurrent_floats(config, config.hidden, hardware)
    return _FLOAT * max((tokens * texts * floats for tokens, texts in shapes), default=0.0)


def require_step_memory(
    step_bytes: float, weights: int, kind: ModelKind, hardware: Hardware, *, is_averaged: bool = False
) -> None:
    """Raise `TrainingError` if a step on this CPU surely needs more memory than is available.

    Args:
        step_bytes: A lower bound of the memory of a step, beside that of the weights.
        weights: Number of weights of the model.
        kind: Names the settings that the memory grows with.
        hardware: A GPU reports by an error that its own memory is exhausted, so nothing is checked there.
        is_averaged: True if there is an average of the weights.
    """
    available = available_memory() if hardware.device.type == "cpu" else None
    needed = step_bytes + _FLOAT * (_FLOATS_PER_WEIGHT + is_averaged) * weights
    if available is not None and needed > available:
        raise TrainingError(
            f"not enough memory: a training step needs at least {format_bytes(int(needed))}, and only "
            f"{format_bytes(available)} are available",
            setting=kind.memory_settings[0],
            hint=kind.memory_advice,
        )


def require_weights_fit(run: RunFolder, config: RunConfig) -> None:
    """Raise `RunError` if the weights that a config implies are more than the files of the run can hold.

    A config of a few lines could else demand gigabytes for a model before its weights are looked at. A run that has no
    weights yet passes.
    """
    sizes = [path.stat().st_size for path in (run.weights_file, run.resume_file) if path.is_file()]
    weights = _least_weights(config)
    # A small model may be made: what is wrong with its files is then said better where they are read.
    if sizes and max(sizes) + _SMALL_MODEL < weights * _BYTES_OF_STORED_WEIGHT:
        raise RunError(
            f"{run.weights_file} does not belong to {run.config_file}: that implies a model of at least "
            f"{format_count(weights)} weights, of which no file of {format_bytes(max(sizes))} holds all"
        )


def _least_weights(config: RunConfig) -> int:
    """Return a lower bound of the number of weights of a model: the largest matrices of its first layer on."""
    model = config.model
    weights = recurrent_weight_count(model.cell, model.layers, model.hidden)
    if isinstance(model, LanguageModelConfig):
        weights += config.vocab_size * (model.embedding or model.hidden) + ngram_weights(model, config.vocab_size)
    elif isinstance(model, Seq2SeqConfig):
        weights += (
            2 * recurrent_weight_count(model.cell, model.layers, model.encoder_hidden)
            + config.vocab_size * model.embedding
        )
    elif isinstance(model, ClassifierConfig):
        weights += config.vocab_size * model.embedding
    return weights


def out_of_memory(step: int, kind: ModelKind) -> TrainingError:
    """Return the error of an allocation that failed during a training at this step."""
    return TrainingError(f"out of memory at step {step:,}", setting=kind.memory_settings[0], hint=kind.memory_advice)


def _recurrent_floats(config: RecurrentConfig, hidden: int, hardware: Hardware) -> float:
    """Return the floats that recurrent layers take for each position at their peak."""
    base, per_layer = _FLOATS_PER_UNIT[config.cell]
    floats = hidden * (base + config.layers * per_layer)
    return floats * (_BF16_RATIO if hardware.bf16 else 1.0)
