"""Decoding of one generated text: whole characters, stop strings, and the tokens that belong to the text so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from rnntui.inference.cells import Array
from rnntui.inference.text_stream import TextStream
from rnntui.serving.generation_job import FinishReason, GenerationJob, Piece, ScoredToken
from rnntui.text.tokenizer import StreamDecoder, Tokenizer


class _PieceRecorder:
    """A stream decoder that remembers the text of its last token, which `TextStream` may hold back."""

    def __init__(self, decoder: StreamDecoder) -> None:
        self._decoder = decoder
        self.piece = ""

    def push(self, token: int) -> str:
        self.piece = self._decoder.push(token)
        return self.piece

    @property
    def is_incomplete(self) -> bool:
        return self._decoder.is_incomplete


class TextWriter:
    """Collects the text of a choice between two calls of `take`.

    Tokens are reported with the text that they belong to: those of a stop string never, those of text that is held
    back later.
    """

    def __init__(self, tokenizer: Tokenizer, job: GenerationJob, choice: int) -> None:
        self.finish: FinishReason | None = None
        self._choice = choice
        self._job = job
        self._end_id = tokenizer.end_id
        self._decoder = _PieceRecorder(tokenizer.stream(job.after))
        self._stream = TextStream(self._decoder, job.stops)
        self._text: list[str] = []
        self._tokens: list[ScoredToken] = []
        self._held: deque[tuple[int, int, ScoredToken]] = deque()  # start and end in the text
        self._decoded = self._released = 0  # characters
        self._count = 0
        self._has_news = False

    def push(self, token: int, scored: ScoredToken | None) -> None:
        """Add a token; `scored` if log-probabilities are wanted."""
        self._has_news = True
        self._count += 1
        if token == self._end_id:
            self._end("stop")
            return
        text = self._stream.push(token)
        if text:
            self._text.append(text)
        if scored is not None:
            self._add(scored, len(text))
        if self._stream.stopped:
            self.finish = "stop"
        elif self._count >= self._job.length:
            self._end("length")

    def add_prompt(self, tokens: Sequence[ScoredToken]) -> None:
        """Report tokens of the prompt, before those of the text."""
        self._tokens += tokens
        self._has_news = True

    def end_at_once(self) -> None:
        """End a text of no tokens."""
        self._has_news = True
        self._end("length")

    def take(self) -> Piece | None:
        """Return what has come since the last call; None if nothing has that the client would see."""
        if not self._has_news or not (self._text or self._tokens or self.finish):
            return None
        piece = Piece(self._choice, "".join(self._text), tuple(self._tokens), self.finish)
        self._text, self._tokens, self._has_news = [], [], False
        return piece

    def _end(self, reason: FinishReason) -> None:
        self.finish = reason
        rest = self._stream.finish()
        self._text.append(rest)
        self._release(len(rest), everything=True)

    def _add(self, scored: ScoredToken, released: int) -> None:
        start = self._decoded
        self._decoded += len(self._decoder.piece)
        self._held.append((start, self._decoded, scored._replace(text=self._decoder.piece)))
        self._release(released)

    def _release(self, characters: int, everything: bool = False) -> None:
        self._released += characters
        while self._held:
            start, end, token = self._held[0]
            is_cut = self._stream.stopped and start < self._released
            if not (everything or is_cut or (end <= self._released and not self._stream.stopped)):
                break
            self._tokens.append(token)
            self._held.popleft()


class TokenScorer:
    """Log-probabilities under the model's own distribution, before any sampling setting."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._texts: dict[int, tuple[str, bytes]] = {}

    def score(self, logits: Array, token: int, alternatives: int) -> ScoredToken:
        """Return a token with the most probable ones in its place; `logits (V,)` are those that predict it."""
        largest = float(logits.max())
        total = largest + float(np.log(np.exp(logits - largest, dtype=np.float64).sum()))
        best: list[ScoredToken] = []
        if alternatives:
            count = min(alternatives, len(logits))
            top = np.argpartition(-logits, count - 1)[:count]
            best = [self._named(int(i), float(logits[i]) - total) for i in top[np.argsort(-logits[top], kind="stable")]]
        return self._named(token, float(logits[token]) - total)._replace(alternatives=tuple(best))

    def _named(self, token: int, log_probability: float) -> ScoredToken:
        if token not in self._texts:
            byte = self._tokenizer.byte_tokens.get(token)
            text = self._tokenizer.stream("x").push(token) or self._tokenizer.token_text(token)
            self._texts[token] = ("", bytes([byte])) if byte is not None and byte >= 0x80 else (text, text.encode())
        text, data = self._texts[token]
        return ScoredToken(text, log_probability, data=data)
