"""Streaming decoder: tokens to text as they arrive, whole characters only, up to a stop string or with it."""

from __future__ import annotations

from collections.abc import Sequence

from rnntui.text.tokenizer import StreamDecoder, Tokenizer

_REPLAYED = 8  # tokens that tell a decoder where it is: within a character of up to 4 bytes, or after a space


class TextStream:
    """Decodes one text token by token, and ends it before the first stop string.

    Text that may be the start of a stop string is held back until that is decided; what follows the stop string is
    never returned, and the stop string itself only with `keep_stop`. A character that is incomplete at the end is left
    out. Of several stop strings, the one that is complete first ends the text, however the
    text is split into tokens.
    """

    def __init__(self, decoder: StreamDecoder, stops: Sequence[str] = (), keep_stop: bool = False) -> None:
        self._decoder = decoder
        self._keep_stop = keep_stop
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    @property
    def is_incomplete(self) -> bool:
        """True while bytes of a character wait for the rest of it."""
        return self._decoder.is_incomplete

    def is_over(self, is_long_enough: bool) -> bool:
        """Return True if the text needs no more tokens; a character that is begun is completed.

        That takes three more tokens at most.
        """
        return self.stopped or (is_long_enough and not self.is_incomplete)

    def push(self, token: int) -> str:
        """Return the text that this token releases, which may be empty; always empty once `stopped`."""
        return self._release(self._decoder.push(token))

    def finish(self) -> str:
        """Return the text still held back, after the last token."""
        text, self._held = self._held, ""
        return text

    def _release(self, text: str) -> str:
        """Add decoded text to what is held back, and return as much as cannot be the start of a stop string."""
        if self.stopped:
            return ""
        if not self._stops:
            return text
        self._held += text
        matches = [(start + len(stop), start) for stop in self._stops if (start := self._held.find(stop)) >= 0]
        if matches:
            self.stopped = True
            end, start = min(matches)  # the match that ends first
            text, self._held = self._held[: end if self._keep_stop else start], ""
            return text
        overlap = max(_overlap(self._held, stop) for stop in self._stops)
        cut = len(self._held) - overlap
        text, self._held = self._held[:cut], self._held[cut:]
        return text


def stream_after(tokenizer: Tokenizer, recent: Sequence[int]) -> StreamDecoder:
    """Return a decoder for what follows a text, by the last token ids of that."""
    decoder = tokenizer.stream()
    for token in recent[-_REPLAYED:]:
        decoder.push(token)
    return decoder


def _overlap(text: str, stop: str) -> int:
    """The number of characters at the end of `text` that are the start of `stop`."""
    for size in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
