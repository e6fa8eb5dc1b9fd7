"""Reading of a text to probe units on: what a model's layers do while they read it, and its features.

The text is cut into blocks that are read side by side, which is several times as fast as one long text. Each block is
read from some tokens before it, so that the model has found its way into it, and from a place outside of brackets and
quotes, where a line begins if possible: a unit that counts brackets would never learn of one that is open already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from rnntui.errors import CorpusError
from rnntui.inference.cell_trace import LayerTrace
from rnntui.inference.generate import initial_context_ids
from rnntui.inference.loaded_model import LoadedLanguageModel
from rnntui.inference.numpy_language_model import Ids
from rnntui.inspection.inspection import Cancelled, check_cancelled
from rnntui.inspection.linear_probes import Matrix, ProbeSplit
from rnntui.inspection.probe_text import probe_text
from rnntui.inspection.text_features import FeatureValues, token_features
from rnntui.runs.folder import RunFolder
from rnntui.text.turns import speaker_labels_of

PROBE_TOKENS = 16_384
"""Tokens that are read at most: some twenty stretches of a feature that 1% of a text has."""

MIN_TOKENS = 1024
"""Tokens that are needed at least."""

_MAX_CHARACTERS = 16  # of a token on average, of a text that is not read to its end
_BLOCKS = 16
_HELD_OUT = 3  # every third block is held out
_WARM_UP = 128  # tokens read before a block
_SLACK = 96  # tokens within which a place to begin reading is sought
_CONTEXTS = {"brackets", "quotes"}  # features that a model cannot know of where it begins to read within
_ROOM = 256 << 20  # bytes of the states of all layers and the gates of one: wider models read fewer tokens


@dataclass(frozen=True)
class TextTokens:
    """A text as a model's tokens: `ids (N,)`, and the part of the text that each stands for."""

    ids: Ids
    pieces: list[str]

    @property
    def ends(self) -> list[int]:
        """The offset in characters at which each token ends."""
        return list(accumulate(map(len, self.pieces)))


@dataclass(frozen=True)
class ProbeReading:
    """A text as a model has read it: B blocks of T tokens, of which the first are for warming up.

    Args:
        layers: what each layer computed, with shapes `(T, B, ...)`.
        tokens: `(N,)`, ids of the tokens behind the warm-up, block after block.
        features: the features of these tokens.
        split: which of them probes are fitted and measured on.
        warm_up: steps at the beginning of each block that are left out.
        pieces: the texts of these tokens.
    """

    layers: list[LayerTrace]
    tokens: Ids
    features: list[FeatureValues]
    split: ProbeSplit
    warm_up: int
    pieces: list[str]

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


def encode_text(loaded: LoadedLanguageModel, text: str) -> TextTokens:
    """Return a text that a person typed as a model's tokens."""
    ids, pieces = loaded.documents.encode(text)
    return TextTokens(np.array(ids, dtype=np.int64), pieces)


def decode_tokens(loaded: LoadedLanguageModel, ids: Ids) -> TextTokens:
    """Return tokens `ids (N,)` with their texts; the end of a document is its separator."""
    documents = loaded.documents
    stream = documents.tokenizer.stream()
    end_id = documents.tokenizer.end_id
    pieces = [documents.separator if token == end_id else stream.push(token) for token in ids.tolist()]
    return TextTokens(ids, pieces)


def probe_tokens(
    run: RunFolder, loaded: LoadedLanguageModel, text: str, cancelled: Cancelled
) -> tuple[TextTokens, str]:
    """Return the tokens to probe on, at most `PROBE_TOKENS` of them, and where they come from, in words.

    They are those of `text`, if it is not empty; else those that `probe_text` chooses.
    """
    if text:
        tokens = encode_text(loaded, text[: PROBE_TOKENS * _MAX_CHARACTERS])
        return TextTokens(tokens.ids[:PROBE_TOKENS], tokens.pieces[:PROBE_TOKENS]), "the given text"
    probe = probe_text(run, loaded, "", PROBE_TOKENS, cancelled, least=MIN_TOKENS)
    return decode_tokens(loaded, probe.ids[:PROBE_TOKENS].astype(np.int64)), probe.origin


def trace_text(loaded: LoadedLanguageModel, ids: Ids) -> list[LayerTrace]:
    """Return what each layer computes for `ids (N,)` as a text on its own, with shapes `(N, 1, ...)`."""
    network, context = loaded.network, initial_context_ids(loaded.tokenizer)
    state = network.initial_state()
    if len(context):
        _, state = network.feed(context[:, None], state)
    return network.trace(ids[:, None], state)


def read_blocks(loaded: LoadedLanguageModel, text: TextTokens, cancelled: Cancelled) -> ProbeReading:
    """Let a model read a text in blocks.

    Raises `CorpusError` if it is too short to be probed on.
    """
    network = loaded.network
    vectors = network.config.layers * network.cells[0].states + len(network.cells[0].gate_names)  # of each token
    ids = text.ids[: max(MIN_TOKENS, _ROOM // (vectors * network.config.hidden * 4))]
    if len(ids) < MIN_TOKENS:
        raise CorpusError(
            f"the text has {len(ids):,} tokens, and units are probed on {MIN_TOKENS:,} at least",
            hint="name a longer text, or none, to probe on held-out or sampled text",
        )
    ends = text.ends[: len(ids)]
    features = token_features("".join(text.pieces[: len(ids)]), ends, speaker_labels_of(loaded.config.corpus))
    warm_up = min(_WARM_UP, len(ids) // 32)
    distance = (len(ids) - warm_up) // _BLOCKS
    slack = min(_SLACK, distance // 4)
    length = distance - slack
    starts = _clean_starts(text.pieces[: len(ids)], features, np.arange(_BLOCKS) * distance, slack)
    steps = np.arange(warm_up + length)[:, None] + starts  # (T, B)
    context = np.repeat(initial_context_ids(loaded.tokenizer)[:, None], _BLOCKS, axis=1)
    state = network.initial_state(_BLOCKS)
    if len(context):
        _, state = network.feed(context, state)
    check_cancelled(cancelled)
    layers = network.trace(ids[steps], state)
    kept = steps[warm_up:].T.ravel()  # block after block
    is_held_out = np.repeat(np.arange(_BLOCKS) % _HELD_OUT == _HELD_OUT - 1, length)
    return ProbeReading(
        layers,
        ids[kept],
        [FeatureValues(column.feature, column.values[kept]) for column in features],
        ProbeSplit(~is_held_out, is_held_out),
        warm_up,
        [text.pieces[index] for index in kept.tolist()],
    )


def _clean_starts(pieces: list[str], features: list[FeatureValues], earliest: Ids, slack: int) -> Ids:
    """Return for each of the `earliest` places `(B,)` the best one to begin reading at, at most `slack` tokens on."""
    begins_line = np.array([True, *(piece.endswith("\n") for piece in pieces)])  # before each token
    is_inside = np.zeros(len(pieces) + 1, dtype=bool)
    for column in features:
        if column.feature.id in _CONTEXTS:
            is_inside[1:] |= column.values > 0
    rank = begins_line - 2 * is_inside.astype(np.int64)
    return np.array([start + int(np.argmax(rank[start : start + slack + 1])) for start in earliest.tolist()])
