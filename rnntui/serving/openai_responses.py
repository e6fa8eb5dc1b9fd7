"""Responses of the OpenAI API: whole ones, and the chunks of a stream."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rnntui.serving.generation_job import Echo, OutputQueue, Piece, ScoredToken
from rnntui.serving.openai_requests import OpenAIRequest

DONE = b"data: [DONE]\n\n"


def sse_event(values: object) -> bytes:
    """Return a server-sent event whose data is a JSON text, in ASCII.

    Clients that read lines by httpx 0.28 (huggingface_hub 2.4) end an event at U+0085, U+2028 and U+2029 as well.
    """
    return b"data: " + json.dumps(values, separators=(",", ":")).encode() + b"\n\n"


@dataclass(eq=False)
class _Choice:
    """A choice as far as it has arrived."""

    text: list[str] = field(default_factory=list)
    tokens: list[ScoredToken] = field(default_factory=list)
    finish: str | None = None
    length: int = 0  # characters that were streamed
    has_begun: bool = False  # to be streamed


class ResponseBuilder:
    """Makes the response of a request from its pieces.

    Args:
        request: the request.
        fingerprint: of the weights, `system_fingerprint` in the response.
        echoes: for each prompt, what its choices begin with.
    """

    def __init__(self, request: OpenAIRequest, fingerprint: str, echoes: Sequence[Echo]) -> None:
        self._request = request
        self._is_chat = request.endpoint == "chat/completions"
        self._choices = [_Choice() for _ in range(request.choices * len(echoes))]
        self._echoes = [echo for echo in echoes for _ in range(request.choices)]
        self._head = {
            "id": f"{'chatcmpl' if self._is_chat else 'cmpl'}-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": request.model,
            "system_fingerprint": fingerprint,
        }

    def add(self, piece: Piece) -> None:
        """Add a piece to the whole response."""
        choice = self._choices[piece.choice]
        choice.text.append(piece.text)
        choice.tokens += piece.tokens
        choice.finish = piece.finish

    def whole(self, output: OutputQueue) -> dict[str, Any]:
        """Return the response of all pieces that were added."""
        choices = []
        for index, choice in enumerate(self._choices):
            text = "".join(choice.text)
            content: dict[str, Any] = {"text": self._echoes[index].text + text}
            if self._is_chat:
                text = text.removeprefix(" ")  # the one behind the label
                content = {"message": {"role": "assistant", "content": text, "refusal": None}}
            logprobs = self._logprobs(choice.tokens, 0, self._echoes[index])
            choices.append({"index": index, **content, "logprobs": logprobs, "finish_reason": choice.finish})
        kind = "chat.completion" if self._is_chat else "text_completion"
        return {**self._head, "object": kind, "choices": choices, "usage": usage(output)}

    def first_chunks(self) -> Iterator[bytes]:
        """Yield the events that begin a stream."""
        for index in range(len(self._choices)):
            if self._is_chat:
                yield self._chunk(index, {"delta": {"role": "assistant", "content": "", "refusal": None}}, None, None)
            elif self._echoes[index].text and not self._has_scores:
                yield self._chunk(index, {"text": self._echoes[index].text}, None, None)

    def chunk(self, piece: Piece) -> bytes:
        """Return the event of a piece."""
        choice = self._choices[piece.choice]
        # Without log-probabilities, the prompt was streamed before.
        echo = self._echoes[piece.choice] if self._has_scores and not choice.has_begun else Echo()
        logprobs = self._logprobs(piece.tokens, choice.length, echo)
        text = echo.text + piece.text
        content: dict[str, Any] = {"text": text}
        if self._is_chat:
            shown = text if choice.length else text.removeprefix(" ")
            content = {"delta": {"content": shown} if shown or piece.tokens else {}}
        choice.length += len(text)
        choice.has_begun = True
        return self._chunk(piece.choice, content, logprobs, piece.finish)

    def usage_chunk(self, output: OutputQueue) -> bytes:
        """Return the event with the numbers of tokens."""
        return sse_event({**self._head, "object": self._chunk_kind, "choices": [], "usage": usage(output)})

    @property
    def _chunk_kind(self) -> str:
        return "chat.completion.chunk" if self._is_chat else "text_completion"

    def _chunk(self, index: int, content: dict[str, Any], logprobs: object, finish: str | None) -> bytes:
        choice = {"index": index, **content, "logprobs": logprobs, "finish_reason": finish}
        event: dict[str, object] = {**self._head, "object": self._chunk_kind, "choices": [choice]}
        if self._request.includes_usage:
            event["usage"] = None
        return sse_event(event)

    @property
    def _has_scores(self) -> bool:
        return self._request.alternatives is not None

    def _logprobs(self, tokens: Sequence[ScoredToken], start: int, echo: Echo) -> dict[str, Any] | None:
        """Return the log-probabilities of tokens, those of an echo first, whose text begins at `start`."""
        if not self._has_scores:
            return None
        if self._is_chat:
            content = [
                {**_chat_token(token), "top_logprobs": [_chat_token(other) for other in token.alternatives]}
                for token in tokens
            ]
            return {"content": content, "refusal": None}
        offsets = []
        offset, end = start, start + len(echo.text)
        for index, token in enumerate(tokens):
            if index < echo.tokens:
                offsets.append(min(offset, end))
                offset += len(echo.pieces[index] if echo.pieces else token.text)
            else:
                offset = end if index == echo.tokens else offset
                offsets.append(offset)
                offset += len(token.text)
        return {
            "tokens": [_shown(token) for token in tokens],
            "token_logprobs": [token.log_probability for token in tokens],
            "top_logprobs": [{_shown(other): other.log_probability for other in token.alternatives} for token in tokens]
            if self._request.alternatives
            else None,
            "text_offset": offsets,
        }


def usage(output: OutputQueue) -> dict[str, int]:
    """Return the numbers of tokens of a request."""
    prompt, completion = output.prompt_tokens, output.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _chat_token(token: ScoredToken) -> dict[str, Any]:
    return {"token": _shown(token), "logprob": token.log_probability, "bytes": list(token.data or token.text.encode())}


def _shown(token: ScoredToken) -> str:
    """Return the text of a token; that of a part of a character is written as the API does, `bytes:\\xe2`."""
    if token.text or not token.data:
        return token.text
    return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token.data)
