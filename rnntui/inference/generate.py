"""Token-by-token generation of one or more texts, with snapshots of any point to return to.

The sampling settings are an argument of each step, so a change applies to the very next token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from rnntui.config_generation import LONGEST_REPETITION_WINDOW, SamplingConfig
from rnntui.inference.cells import Array
from rnntui.inference.numpy_language_model import Ids, NumpyLanguageModel
from rnntui.inference.sampling import TokenIds, next_distributions, sample, surprisal_bits
from rnntui.inference.splitmix import SplitMix
from rnntui.inference.utf8_masks import Utf8Masks, utf8_masks
from rnntui.text.tokenizer import Tokenizer

# Recent tokens stored for the repetition penalty, even if its window is smaller: it may be widened during generation.
REMEMBERED = 256


class Token(NamedTuple):
    """A sampled token. `bits` is its surprisal under the model's own distribution, before any sampling setting."""

    id: int
    bits: float


class TextRows(NamedTuple):
    """B texts as the sampling of their next tokens sees them: `logits (B, V)`, recent ids and generator of each."""

    logits: Array
    recent: Sequence[list[int]]
    generators: Sequence[SplitMix]


class TokenGuard(Protocol):
    """Keeps some tokens from being sampled by the text so far; see `CopyGuard`."""

    ends: list[str]

    def draw_again(
        self, tokens: Ids, rows: TextRows, config: SamplingConfig, banned_after: Callable[[Sequence[int]], TokenIds]
    ) -> None:
        """Replace those of the drawn `tokens (B,)` that may not follow, in place."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all texts but those at the indices `rows`, and put these in that order."""
        ...


@dataclass(frozen=True)
class Snapshot:
    """A point of a generation that can be restored.

    `state (L, C, B, H + K)`, `logits (B, V)`, each text's recent token ids `(N,)`, and each random generator's state.
    State and logits are not copied: no step changes them in place.
    """

    state: Array
    logits: Array
    recent: tuple[Ids, ...]
    generators: tuple[int, ...]


@dataclass
class Generation:
    """B texts generated in parallel, each with its own random generator.

    `state (L, C, B, H + K)` and `logits (B, V)` are those after the last token. `recent` holds each text's last tokens,
    as many as the repetition penalty may need. `banned` ids are never sampled. `end_id`, that of `<eos>`, is not
    remembered: with a penalty on it, texts would end later. With `utf8_masks`, a token that cannot follow within a
    UTF-8 character is sampled again without such tokens; all others are the same as without masks. With a
    `copy_guard`, so is a token that would copy too much from the training text.
    """

    model: NumpyLanguageModel
    generators: list[SplitMix]
    banned: Sequence[int] = ()
    end_id: int | None = None
    utf8_masks: Utf8Masks | None = None
    copy_guard: TokenGuard | None = None
    state: Array = field(init=False)
    logits: Array = field(init=False)
    recent: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        batch = len(self.generators)
        self.state = self.model.initial_state(batch)
        self.logits = self.model.initial_logits(batch)
        self.recent = [[] for _ in self.generators]

    def feed(self, tokens: Ids, on_progress: Callable[[float], None] | None = None) -> None:
        """Append the same `tokens (N,)` to every text: a prompt, or the next line of a conversation.

        `on_progress` is called with the fraction that has been read, now and then.
        """
        if not len(tokens):
            return
        batch = len(self.generators)
        if (self.state == self.state[:, :, :1]).all():
            # All texts are in the same state, as at the start: read the prompt once, and repeat the result.
            logits, state = self.model.feed(tokens[:, None], self.state[:, :, :1], on_progress)
            self.logits, self.state = np.repeat(logits, batch, axis=0), np.repeat(state, batch, axis=2)
        else:
            repeated = np.repeat(tokens[:, None], batch, axis=1)
            self.logits, self.state = self.model.feed(repeated, self.state, on_progress)
        # The next step drops what its window does not reach, which is not known here.
        last_tokens = [token for token in tokens[-LONGEST_REPETITION_WINDOW:].tolist() if token != self.end_id]
        for recent in self.recent:
            recent.extend(last_tokens)

    def step(self, config: SamplingConfig) -> list[Token]:
        """Sample one token for each text and feed it to the model."""
        rows = TextRows(self.logits, self.recent, self.generators)
        tokens = draw_tokens(rows, config, self.banned, self.utf8_masks)
        if self.copy_guard is not None:
            self.copy_guard.draw_again(tokens, rows, config, self._banned_after)
        bits = surprisal_bits(self.logits, tokens)
        self.logits, self.state = self.model.step(tokens, self.state)
        ids = tokens.tolist()
        for token, recent in zip(ids, self.recent, strict=True):
            if token != self.end_id:
                remember(recent, token, config)
        return list(map(Token, ids, bits.tolist()))

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all texts but those at the indices `rows`, and put these in that order."""
        self.state = self.state[:, :, list(rows)]
        self.logits = self.logits[list(rows)]
        self.recent = [self.recent[row] for row in rows]
        self.generators = [self.generators[row] for row in rows]
        if self.copy_guard is not None:
            self.copy_guard.keep(rows)

    def _banned_after(self, recent: Sequence[int]) -> TokenIds:
        """Return the ids that may not follow the tokens `recent`, oldest first."""
        return self.banned if self.utf8_masks is None else self.utf8_masks.banned_after(recent)

    def snapshot(self) -> Snapshot:
        """Return the current point, for `restore`."""
        recent = tuple(np.array(ids, dtype=np.int64) for ids in self.recent)
        return Snapshot(self.state, self.logits, recent, tuple(generator.state for generator in self.generators))

    def restore(self, snapshot: Snapshot) -> None:
        """Return to a snapshot, random generators included: the same settings then give the same tokens again."""
        self.state, self.logits = snapshot.state, snapshot.logits
        self.recent = [ids.tolist() for ids in snapshot.recent]
        self.generators = generators_from(0, len(snapshot.generators))
        for generator, state in zip(self.generators, snapshot.generators, strict=True):
            generator.state = state


def draw_tokens(
    rows: TextRows, config: SamplingConfig, banned: Sequence[int], utf8_masks: Utf8Masks | None = None
) -> Ids:
    """Draw the next token of each of B texts and return their ids `(B,)`; `Generation` describes the arguments."""
    logits, recent_ids, generators = rows
    tokens = sample(next_distributions(logits, config, recent_ids, banned), generators)
    if utf8_masks is not None:
        for row, recent in enumerate(recent_ids):
            if not utf8_masks.allows(int(tokens[row]), recent):
                banned_here = utf8_masks.banned_after(recent)
                probabilities = next_distributions(logits[row : row + 1], config, [recent], banned_here)
                tokens[row] = sample(probabilities, generators[row : row + 1])[0]
    return tokens


def remember(recent: list[int], token: int, config: SamplingConfig) -> None:
    """Append a token to a text's recent ones, and now and then drop those that no repetition penalty reaches."""
    recent.append(token)
    stored = max(REMEMBERED, config.repetition_window)
    if len(recent) > 1.5 * stored:
        del recent[:-stored]


def initial_context_ids(tokenizer: Tokenizer) -> Ids:
    """Return the tokens that every text is read after, so that it begins a document: `<eos>`.

    Without documents, a line break, so that the text begins a line; `(0,)` if the vocabulary has no line break.
    """
    if tokenizer.end_id is not None:
        return np.array([tokenizer.end_id], dtype=np.int64)
    line_break = tokenizer.encode("\n")
    context: Ids = line_break[line_break != tokenizer.unknown_id]
    return context


def begin_generation(model: NumpyLanguageModel, tokenizer: Tokenizer, generators: list[SplitMix]) -> Generation:
    """Return a generation for each random generator, after the tokens that every text is read after."""
    generation = Generation(model, generators, (tokenizer.unknown_id,), tokenizer.end_id, utf8_masks(tokenizer))
    generation.feed(initial_context_ids(tokenizer))
    return generation


def generators_from(seed: int, count: int) -> list[SplitMix]:
    """Return a random generator for each text. Text i is seeded with `seed + i`, so it can be reproduced alone."""
    return [SplitMix(seed + i) for i in range(count)]


def generate_tokens(generation: Generation, config: SamplingConfig, count: int) -> Iterator[list[Token]]:
    """Yield the tokens of `count` steps under fixed settings: for each step a list of one token per text."""
    for _ in range(count):
        yield generation.step(config)
