"""The text that units are probed on, and what a model's layers do while they read it.

The text is cut into blocks that are read side by side, which is several times as fast as one long text. Each block is
read from some tokens before it, so that the model has found its way into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from rnntui.config_generation import SamplingConfig
from rnntui.errors import CorpusError
from rnntui.inference.cell_trace import LayerTrace
from rnntui.inference.generate import begin_generation, generate_tokens, generators_from, initial_context_ids
from rnntui.inference.loaded_model import LoadedLanguageModel
from rnntui.inference.numpy_language_model import Ids
from rnntui.inspection.inspection import Cancelled, check_cancelled
from rnntui.inspection.linear_probes import Matrix, ProbeSplit
from rnntui.inspection.text_features import FeatureValues, token_features
from rnntui.runs.folder import RunFolder
from rnntui.text.turns import speaker_labels_of

PROBE_TOKENS = 16_384
"""Tokens that are read at most; twice as many changed the scores of the shipped models by less than one per cent."""

_MIN_TOKENS = 1024
_BLOCKS = 16
_HELD_OUT = 3  # every third block is held out
_WARM_UP = 128  # tokens read before a block
_ROOM = 256 << 20  # bytes of the states of all layers and the gates of one: wider models read fewer tokens


@dataclass(frozen=True)
class ProbeText:
    """A text to probe on, and where it comes from, in words."""

    text: str
    source: str


@dataclass(frozen=True)
class ReadText:
    """A text as a model has read it: B blocks of T tokens, of which the first are for warming up.

    Args:
        layers: what each layer computed, with shapes `(T, B, ...)`.
        tokens: `(N,)`, ids of the tokens behind the warm-up, block after block.
        features: the features of these tokens.
        split: which of them probes are fitted and measured on.
        warm_up: steps at the beginning of each block that are left out.
        spans: `(N, 2)`, start and end of these tokens in the text.
    """

    layers: list[LayerTrace]
    tokens: Ids
    features: list[FeatureValues]
    split: ProbeSplit
    warm_up: int
    spans: Ids

    def values(self) -> Iterator[tuple[int, str, Matrix]]:
        """Yield layer, name and values `(N, H)` of every state and gate."""
        for index, layer in enumerate(self.layers):
            gates = layer.gates(layer.cell.gate_names)
            for quantity in layer.quantities:
                yield index, quantity, self.columns(gates[quantity] if quantity in gates else layer.values(quantity))

    def columns(self, values: Matrix) -> Matrix:
        """Return values `(T, B, H)` of all steps as those of the tokens behind the warm-up, `(N, H)`."""
        blocks = np.swapaxes(values[self.warm_up :], 0, 1)
        return np.ascontiguousarray(blocks).reshape(-1, values.shape[-1])


def default_text(run: RunFolder, loaded: LoadedLanguageModel, cancelled: Cancelled) -> ProbeText:
    """Return text that a run has held out; where that is no longer there, text that the model samples itself."""
    corpus = run.read_config().corpus
    if corpus.validation is not None and run.validation_ids.is_file():
        try:
            ids = np.fromfile(run.validation_ids, dtype=corpus.validation.dtype, count=PROBE_TOKENS)
        except (OSError, TypeError):
            ids = np.zeros(0, dtype=np.int64)
        if len(ids) >= _MIN_TOKENS and int(ids.max()) < loaded.config.vocab_size:
            text = loaded.documents.decode(ids.astype(np.int64).tolist())
            return ProbeText(text, f"the first {len(text):,} characters of the held-out text")
    return ProbeText(sampled_text(loaded, cancelled), "text that the model samples itself (seed 1)")


def sampled_text(loaded: LoadedLanguageModel, cancelled: Cancelled) -> str:
    """Return text that the model samples at temperature 1, in several texts at once."""
    generation = begin_generation(loaded.network, loaded.tokenizer, generators_from(1, _BLOCKS))
    texts: list[list[int]] = [[] for _ in range(_BLOCKS)]
    for step, tokens in enumerate(generate_tokens(generation, SamplingConfig(temperature=1.0), PROBE_TOKENS // _BLOCKS)):
        if step % 16 == 0:
            check_cancelled(cancelled)
        for ids, token in zip(texts, tokens, strict=True):
            ids.append(token.id)
    return "\n".join(loaded.documents.decode(ids) for ids in texts)


def read_text(loaded: LoadedLanguageModel, text: str, cancelled: Cancelled) -> ReadText:
    """Let a model read a text, at most `PROBE_TOKENS` tokens of it.

    Raises `CorpusError` if it is too short to be probed on.
    """
    network = loaded.network
    vectors = network.config.layers * network.cell.states + len(network.cell.gate_names)  # of each token
    room = min(PROBE_TOKENS, max(_MIN_TOKENS, _ROOM // (vectors * network.config.hidden * 4)))
    limit = text[: room * 16]  # characters; tokens have fewer
    all_ids, pieces = loaded.documents.encode(limit)
    ids = np.array(all_ids[:room], dtype=np.int64)
    if len(ids) < _MIN_TOKENS:
        raise CorpusError(
            f"the text has {len(ids):,} tokens, and units are probed on {_MIN_TOKENS:,} at least",
            hint="name a longer text, or none, to probe on held-out or sampled text",
        )
    ends = list(accumulate(map(len, pieces[: len(ids)])))
    features = token_features(limit[: ends[-1]], ends, speaker_labels_of(loaded.config.corpus))
    warm_up = min(_WARM_UP, len(ids) // 32)
    length = (len(ids) - warm_up) // _BLOCKS
    starts = np.arange(_BLOCKS) * length
    steps = np.arange(warm_up + length)[:, None] + starts  # (T, B)
    context = np.repeat(initial_context_ids(loaded.tokenizer)[:, None], _BLOCKS, axis=1)
    state = network.initial_state(_BLOCKS)
    if len(context):
        _, state = network.feed(context, state)
    check_cancelled(cancelled)
    layers = network.trace(ids[steps], state)
    kept = steps[warm_up:].T.ravel()  # block after block
    is_held_out = np.repeat(np.arange(_BLOCKS) % _HELD_OUT == _HELD_OUT - 1, length)
    return ReadText(
        layers,
        ids[kept],
        [FeatureValues(column.feature, column.values[kept]) for column in features],
        ProbeSplit(~is_held_out, is_held_out),
        warm_up,
        np.stack([np.concatenate(([0], ends[:-1]))[kept], np.asarray(ends)[kept]], axis=1),
    )
