"""Streaming decoder: tokens to text as they arrive, whole characters only, up to a stop string."""

from __future__ import annotations

from collections.abc import Sequence

from rnntui.text.tokenizer import StreamDecoder


class TextStream:
    """Decodes one text token by token, and ends it before the first stop string.

    Text that may be the start of a stop string is held back until that is decided; the stop string itself and what
    follows it are never returned. Of several stop strings, the one that is complete first ends the text, however the
    text is split into tokens.
    """

    def __init__(self, decoder: StreamDecoder, stops: Sequence[str] = ()) -> None:
        self._decoder = decoder
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    def push(self, token: int) -> str:
        """Return the text that this token releases, which may be empty; always empty once `stopped`."""
        return self._release(self._decoder.push(token))

    def finish(self) -> str:
        """Return the text still held back, after the last token."""
        text = self._release(self._decoder.finish())
        if not self.stopped:
            text, self._held = text + self._held, ""
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
            _, start = min(matches)  # the match that ends first
            text, self._held = self._held[:start], ""
            return text
        overlap = max(_overlap(self._held, stop) for stop in self._stops)
        cut = len(self._held) - overlap
        text, self._held = self._held[:cut], self._held[cut:]
        return text


def _overlap(text: str, stop: str) -> int:
    """The number of characters at the end of `text` that are the start of `stop`."""
    for size in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
