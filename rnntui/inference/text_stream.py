"""Tokens to text as they come: whole characters only, ending before a stop string."""

from __future__ import annotations

from collections.abc import Sequence

from rnntui.text.tokenizer import StreamDecoder


class TextStream:
    """Decodes one text token by token and watches for stop strings.

    Text that may be the start of a stop string is held back until that is settled; the stop string itself and what
    follows it are never given out. Of several, the one that is complete first ends the text, however its tokens fall.
    """

    def __init__(self, decoder: StreamDecoder, stops: Sequence[str] = ()) -> None:
        self._decoder = decoder
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    def push(self, token: int) -> str:
        """The text that this token settles; may be empty. After `stopped` there is no more."""
        return self._settle(self._decoder.push(token))

    def finish(self) -> str:
        """The text still held back, once no more tokens come."""
        text = self._settle(self._decoder.finish())
        if not self.stopped:
            text, self._held = text + self._held, ""
        return text

    def _settle(self, text: str) -> str:
        if self.stopped:
            return ""
        if not self._stops:
            return text
        self._held += text
        found = [(at + len(stop), at) for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            _, start = min(found)
            text, self._held = self._held[:start], ""
            return text
        keep = max(_overlap(self._held, stop) for stop in self._stops)
        cut = len(self._held) - keep
        text, self._held = self._held[:cut], self._held[cut:]
        return text


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` are the start of `stop`."""
    for size in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
