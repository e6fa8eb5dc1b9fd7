"""Sampling of texts after a prompt: tokens, decoded text, and the ends of the texts.

`rnntui sample` and `TextModel.generate` of the Python API both write with it, so that they write the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from rnntui.config_generation import UNLIMITED_LENGTH, SamplingConfig, new_seed
from rnntui.inference.generate import begin_generation, generators_from
from rnntui.inference.loaded_model import LoadedLanguageModel
from rnntui.inference.text_state import TextState
from rnntui.inference.text_stream import TextStream, stream_after

if TYPE_CHECKING:
    from rnntui.inference.copy_guard import CopyGuard, CopyLimit


@dataclass(frozen=True)
class SamplingRequest:
    """Texts to sample after one prompt, in parallel.

    Args:
        prompt: the text to continue; it follows that of `state`, if there is one.
        length: tokens of each text at most; `UNLIMITED_LENGTH`: no limit.
        stops: strings before which a text ends.
        keep_stop: the string that ends a text belongs to it.
        seed: text i is sampled with `seed + i`; None lets the random generator of `state` go on, without one it is a
            new seed.
        samples: number of texts.
        state: the state of a text to go on from, which is not read again.
        copies: the longest copy of the training text that is allowed; None for any.
    """

    prompt: str = ""
    length: int = 500
    stops: tuple[str, ...] = ()
    keep_stop: bool = False
    seed: int | None = None
    samples: int = 1
    state: TextState | None = None
    copies: CopyLimit | None = None


TextEnd = Literal["stop", "document", "length"]


class SampledToken(NamedTuple):
    """A token of one of the texts.

    Args:
        sample: index of the text.
        id: in the vocabulary.
        bits: surprisal under the model's own distribution, before any sampling setting.
        text: what it adds to the text, with what was held back if it is the last one.
        end: why the text ends with it: a stop string, the end of a document, the length; None where it goes on.
    """

    sample: int
    id: int
    bits: float
    text: str
    end: TextEnd | None


class _Text(NamedTuple):
    sample: int
    stream: TextStream


class TextSampler:
    """Samples texts one token at a time; sampling settings apply to the next token.

    The prompt is read by `read_prompt`, which comes first.
    """

    def __init__(self, loaded: LoadedLanguageModel, request: SamplingRequest) -> None:
        documents, state, seed = loaded.documents, request.state, request.seed
        self._tokenizer, self._documents = loaded.tokenizer, documents
        self._request = request
        self._steps = 0
        self.prompt = documents.prompt(request.prompt)
        """The prompt as it is read: without a line break at its end that would end a document."""
        self.prompt_ids = np.array(documents.encode(self.prompt)[0], dtype=np.int64)
        """Token ids of the prompt `(N,)`."""
        if seed is None and state is None:
            seed = new_seed()
        generators = generators_from(seed or 0, request.samples)
        self._generation = begin_generation(loaded.network, loaded.tokenizer, generators)
        if state is not None:
            state.restore(self._generation, restores_generator=seed is None)
        self.copy_guard = self._copy_guard()
        """What keeps the texts from copying too much; None if they may."""
        self._generation.copy_guard = self.copy_guard
        self._texts: list[_Text] = []

    def _copy_guard(self) -> CopyGuard | None:
        request, copies = self._request, self._request.copies
        if copies is None:
            return None
        from rnntui.inference.copy_guard import CopyGuard

        generated = request.state.generated if request.state is not None and not self.prompt else ""
        return CopyGuard(copies.source, self._tokenizer, copies.longest, request.samples, generated)

    def read_prompt(self, on_progress: Callable[[float], None] | None = None) -> None:
        """Read the prompt; `on_progress` is called with the fraction that has been read, now and then."""
        request = self._request
        self._generation.feed(self.prompt_ids, on_progress)
        for index in range(request.samples):
            if request.state is None:
                decoder = self._tokenizer.stream(self.prompt)
            else:
                decoder = stream_after(self._tokenizer, self._generation.recent[index])
            stream = TextStream(decoder, request.stops, request.keep_stop)
            if not stream.is_over(self._is_long_enough):
                self._texts.append(_Text(index, stream))

    @property
    def unknown_characters(self) -> list[str]:
        """Distinct characters of the prompt that are not in the vocabulary."""
        return self._documents.unknown_characters(self.prompt)

    @property
    def unfinished(self) -> int:
        """Number of texts that have not ended."""
        return len(self._texts)

    @property
    def steps(self) -> int:
        """Number of tokens that were sampled for each text that has not ended."""
        return self._steps

    def step(self, config: SamplingConfig) -> list[SampledToken]:
        """Sample the next token of each text that has not ended."""
        tokens = self._generation.step(config)
        self._steps += 1
        is_long_enough, end_id = self._is_long_enough, self._tokenizer.end_id
        sampled: list[SampledToken] = []
        rows: list[int] = []
        end: TextEnd | None
        for row, (text, token) in enumerate(zip(self._texts, tokens, strict=True)):
            stream, end = text.stream, None
            piece = stream.push(token.id)
            if token.id == end_id:
                end = "document"
            elif stream.is_over(is_long_enough):
                end = "stop" if stream.stopped else "length"
            if end is None:
                rows.append(row)
            else:
                piece += stream.finish()
            sampled.append(SampledToken(text.sample, token.id, token.bits, piece, end))
        if len(rows) < len(self._texts):
            self._texts = [self._texts[row] for row in rows]
            if rows:  # else the state stays: it is that after the last text
                self._generation.keep(rows)
        return sampled

    def state(self, fingerprint: str = "") -> TextState:
        """Return the state after the last token of the first unfinished text, or of the one that ended last.

        `fingerprint` is that of the model; see `TextState`.
        """
        return TextState.of(self._generation, fingerprint=fingerprint)

    @property
    def _is_long_enough(self) -> bool:
        length = self._request.length
        return length != UNLIMITED_LENGTH and self._steps >= length
