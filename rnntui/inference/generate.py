"""Generation: texts that grow token by token, whose every point can be kept and returned to.

The sampling settings are handed in at each step, so a change acts on the very next token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from rnntui.config import SamplingConfig
from rnntui.inference.cells import Array
from rnntui.inference.numpy_language_model import Ids, NumpyLanguageModel
from rnntui.inference.sampling import next_distribution, sample, surprisal_bits
from rnntui.inference.splitmix import SplitMix
from rnntui.text.tokenizer import Tokenizer

# Tokens of the past kept for a repetition penalty, whatever its window is now: it may be widened while a text runs.
REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Token:
    """A token drawn. `bits` is its information under the model's own distribution, before any setting."""

    id: int
    bits: float


@dataclass(frozen=True)
class Snapshot:
    """A point of a generation to return to: the model's state, and little beside it."""

    state: Array
    logits: Array
    recent: tuple[Ids, ...]
    generators: tuple[int, ...]


@dataclass
class Generation:
    """B texts growing side by side, one random generator each.

    `state (L, S, B, H)` and `logits (B, V)` stand after the last token; `recent` holds each text's tokens so far,
    as far back as a repetition penalty may look.
    """

    model: NumpyLanguageModel
    generators: list[SplitMix]
    banned: Sequence[int] = ()
    state: Array = field(init=False)
    logits: Array = field(init=False)
    recent: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        batch = len(self.generators)
        self.state = self.model.initial_state(batch)
        self.logits = self.model.initial_logits(batch)
        self.recent = [[] for _ in self.generators]

    def feed(self, tokens: Ids) -> None:
        """Let every text go on with the same tokens `(N,)`: a prompt, or the next line of a conversation."""
        if not len(tokens):
            return
        batch = len(self.generators)
        if (self.state == self.state[:, :, :1]).all():
            # The texts stand at one point, as at the start: read the prompt once, for all of them.
            logits, state = self.model.feed(tokens[:, None], self.state[:, :, :1])
            self.logits, self.state = np.repeat(logits, batch, axis=0), np.repeat(state, batch, axis=2)
        else:
            self.logits, self.state = self.model.feed(np.repeat(tokens[:, None], batch, axis=1), self.state)
        last = tokens[-REMEMBERED:].tolist()
        for past in self.recent:
            past.extend(last)

    def step(self, config: SamplingConfig) -> list[Token]:
        """Draw one token for each text and let the model read it."""
        drawn = []
        for logits, generator, past in zip(self.logits, self.generators, self.recent, strict=True):
            token = sample(next_distribution(logits, config, past, self.banned), generator)
            drawn.append(Token(token, surprisal_bits(logits, token)))
            past.append(token)
            remembered = max(REMEMBERED, config.repetition_window)
            if len(past) > 1.5 * remembered:
                del past[:-remembered]
        self.logits, self.state = self.model.step(np.array([t.id for t in drawn]), self.state)
        return drawn

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the texts only, in the order of their `rows`."""
        self.state = self.state[:, :, list(rows)]
        self.logits = self.logits[list(rows)]
        self.recent = [self.recent[row] for row in rows]
        self.generators = [self.generators[row] for row in rows]

    def snapshot(self) -> Snapshot:
        """This point, to `restore` later."""
        past = tuple(np.array(tokens, dtype=np.int64) for tokens in self.recent)
        return Snapshot(self.state, self.logits, past, tuple(g.state for g in self.generators))

    def restore(self, point: Snapshot) -> None:
        """Return to a point; what follows is what would have followed then."""
        self.state, self.logits = point.state, point.logits
        self.recent = [tokens.tolist() for tokens in point.recent]
        self.generators = generators_from(0, len(point.generators))
        for generator, drawn in zip(self.generators, point.generators, strict=True):
            generator.state = drawn


def initial_context_ids(tokenizer: Tokenizer) -> Ids:
    """What a text is read after, `(0,)` or more: a line break, so that it stands at the start of a line."""
    line_break = tokenizer.encode("\n")
    known: Ids = line_break[line_break != tokenizer.unknown_id]
    return known


def generators_from(seed: int, count: int) -> list[SplitMix]:
    """A random generator for each text; text i takes `seed + i`, so that any one can be had again alone."""
    return [SplitMix(seed + i) for i in range(count)]


def tokens(generation: Generation, config: SamplingConfig, count: int) -> Iterator[list[Token]]:
    """`count` steps with settings that stay."""
    for _ in range(count):
        yield generation.step(config)
