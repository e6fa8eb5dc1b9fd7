"""Copy guard: keeps generated texts from copying more than so many characters in a row from the training text.

A token that would make the copy at the end of a text longer is not sampled; another one is drawn instead, as if the
first had been banned. Only what was generated counts: of a copy that begins in the prompt, the part after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from rnntui.config_generation import SamplingConfig
from rnntui.inference.generate import TextRows
from rnntui.inference.sampling import Ids, TokenIds, next_distributions, sample
from rnntui.inference.text_stream import stream_after
from rnntui.text.tokenizer import Tokenizer


class SearchableText(Protocol):
    """The training text."""

    def contains(self, text: str) -> bool:
        """Return True if it has this stretch."""
        ...


class CopyLimit(NamedTuple):
    """The longest copy of a training text that is allowed, in characters."""

    source: SearchableText
    longest: int


class CopyGuard:
    """The ends of the texts of a `Generation`, and what may follow them.

    Args:
        source: the training text.
        tokenizer: that of the model.
        longest: the longest copy that is allowed, in characters.
        texts: number of texts.
        generated: what was generated before, the same for all texts.
    """

    def __init__(
        self, source: SearchableText, tokenizer: Tokenizer, longest: int, texts: int, generated: str = ""
    ) -> None:
        self._source = source
        self._tokenizer = tokenizer
        self._longest = longest
        self.ends = [generated[-longest:]] * texts
        """The last characters that were generated of each text, as many as a copy may have."""
        self.refused = 0
        """Tokens that were refused so far."""
        self.exceeded = 0
        """Places at which every token was refused, so that one was sampled all the same."""

    def draw_again(
        self, tokens: Ids, rows: TextRows, config: SamplingConfig, banned_after: Callable[[Sequence[int]], TokenIds]
    ) -> None:
        """Replace the tokens that would copy too much, in place, and remember all.

        Args:
            tokens: `(B,)`, as they were drawn.
            rows: the texts. Every token drawn again takes one more number from a text's random generator.
            config: settings of the sampling.
            banned_after: returns the ids that are never drawn after those of a text, oldest first.
        """
        logits, recent, generators = rows
        for row, ids in enumerate(recent):
            first = token = int(tokens[row])
            refused: list[int] = []
            while not self._allows(self.ends[row], text := self._text_of(ids, token)):
                refused.append(token)
                self.refused += 1
                banned = {*refused, *banned_after(ids)}
                if len(banned) == logits.shape[1]:
                    token, text = first, self._text_of(ids, first)
                    self.exceeded += 1
                    break
                probabilities = next_distributions(logits[row : row + 1], config, [ids], sorted(banned))
                token = int(sample(probabilities, generators[row : row + 1])[0])
            tokens[row] = token
            self.ends[row] = (self.ends[row] + text)[-self._longest :]

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all texts but those at the indices `rows`, and put these in that order."""
        self.ends = [self.ends[row] for row in rows]

    def _allows(self, end: str, text: str) -> bool:
        """Return True if no copy at the end of a text becomes longer than it may with the text of a token."""
        after, size = end + text, self._longest + 1
        first = max(size, len(end) + 1)  # the first end of a stretch that is too long and has some of the token
        return not any(self._source.contains(after[end - size : end]) for end in range(first, len(after) + 1))

    def _text_of(self, recent: Sequence[int], token: int) -> str:
        """Return the characters that a token completes after others."""
        if token == self._tokenizer.end_id:
            return ""
        return stream_after(self._tokenizer, recent).push(token)
