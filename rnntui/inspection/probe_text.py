"""The text with which a language model is probed: the user's, the run's held-out text, or one that the model draws."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnntui.errors import CorpusError, RnntuiError
from rnntui.inference.loaded_model import LoadedLanguageModel
from rnntui.inference.numpy_language_model import Ids, NumpyLanguageModel
from rnntui.inspection.inspection import Cancelled, check_cancelled
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.runs.folder import RunFolder
from rnntui.text.corpus import find_corpus
from rnntui.text.token_ids import TokenFile

_DRAWN_STREAMS = 64  # texts that are drawn side by side, which takes hardly longer than one
_SEED = 1


@dataclass(frozen=True, eq=False)
class ProbeText:
    """The ids `(N,)` of a text, and where it comes from, for a sentence: "the run's held-out text"."""

    ids: NDArray[np.integer]
    origin: str

    def windows(self, count: int, length: int) -> Ids:
        """Return windows of `length` tokens that begin at even distances all over the text, `(length, count)`.

        Windows of a short text overlap, and where they would be the same one, there are fewer of them. Raises
        `CorpusError` if the text is shorter than one.
        """
        last = len(self.ids) - length
        if last < 0:
            raise CorpusError(
                f"{self.origin} has {len(self.ids):,} tokens, and {length:,} are needed", hint="use a longer text"
            )
        starts = np.unique(np.linspace(0, last, count).astype(np.int64))
        return np.stack([self.ids[start : start + length] for start in starts], axis=1).astype(np.int64)


def probe_text(
    run: RunFolder, loaded: LoadedLanguageModel, text: str, tokens: int, cancelled: Cancelled, *, least: int = 2
) -> ProbeText:
    """Return the text to probe a language model with.

    That is `text`, if it is not empty; else the run's held-out text, from its folder or from the end of its corpus, if
    it has `least` tokens; else a text of at least `tokens` tokens that the model draws itself, as for a shipped model
    without its corpus.
    """
    if text:
        return ProbeText(loaded.tokenizer.encode(text), "the given text")
    reason = "no held-out text here"
    for read in (_held_out_ids, _end_of_corpus):
        ids = read(run, loaded)
        if ids is not None and len(ids) > 1:
            if len(ids) >= least:
                return ProbeText(ids, "held-out text")
            reason = f"its held-out text is too short: {len(ids):,} tokens, {least:,} are needed"
    return ProbeText(_drawn_ids(loaded.network, tokens, cancelled), f"text that the model drew ({reason})")


def _held_out_ids(run: RunFolder, loaded: LoadedLanguageModel) -> NDArray[np.integer] | None:
    """Return the ids of the held-out text in the run's folder; None if they are not there."""
    info = loaded.config.corpus.validation
    if info is None:
        return None
    try:
        ids = TokenFile(**asdict(info)).read(run.validation_ids)
    except CorpusError:
        return None
    return ids if not len(ids) or int(ids.max()) < loaded.config.vocab_size else None


def _end_of_corpus(run: RunFolder, loaded: LoadedLanguageModel) -> NDArray[np.integer] | None:
    """Return the held-out end of the corpus, if its files are still where they were, as long as they were."""
    info = loaded.config.corpus
    if not isinstance(info, TextCorpusInfo) or info.validation is None or info.validation_from != "end":
        return None
    if info.documents != "none" or not info.sources or not all(Path(source).exists() for source in info.sources):
        return None
    wanted, characters, end = info.validation.characters, 0, ""
    try:
        for block in find_corpus(list(info.sources)).blocks():
            characters += len(block)
            end = (end + block)[-wanted:] if wanted else ""
    except (RnntuiError, OSError):
        return None
    return loaded.tokenizer.encode(end) if characters == info.characters and end else None


def _drawn_ids(network: NumpyLanguageModel, tokens: int, cancelled: Cancelled) -> Ids:
    """Return the ids of texts that a model has drawn at temperature 1, one behind the other."""
    rng = np.random.default_rng(_SEED)
    steps = max(1, -(-tokens // _DRAWN_STREAMS))
    state, logits = network.initial_state(_DRAWN_STREAMS), network.initial_logits(_DRAWN_STREAMS)
    ids = np.empty((steps, _DRAWN_STREAMS), dtype=np.int64)
    for step in range(steps):
        check_cancelled(cancelled)
        # The largest of logits with Gumbel noise is a draw from their softmax (Gumbel 1954).
        ids[step] = (logits + rng.gumbel(size=logits.shape)).argmax(axis=-1)
        logits, state = network.step(ids[step], state)
    return ids.T.reshape(-1)
