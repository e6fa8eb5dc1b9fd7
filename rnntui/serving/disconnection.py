"""Requests whose client leaves before the response: nothing more is computed for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

CLIENT_LEFT = "the client left"
"""Note in the log."""


async def unless_disconnected(request: Request, respond: Callable[[], Awaitable[Response]]) -> Response:
    """Return the response, or give up on it when the client has left; the body must have been read."""
    response = asyncio.ensure_future(respond())
    left = asyncio.ensure_future(_disconnection(request))
    try:
        await asyncio.wait((response, left), return_when=asyncio.FIRST_COMPLETED)
        return response.result() if response.done() else response_to_nobody(request)
    finally:
        for task in (response, left):
            task.cancel()


def response_to_nobody(request: Request) -> Response:
    """Return the response to a client that has left, with nginx's number for it in logs."""
    request.scope["rnntui.record"].note = CLIENT_LEFT
    return Response(status_code=499)


async def _disconnection(request: Request) -> None:
    """Return when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


class EventStream(StreamingResponse):
    """Server-sent events; `on_end` is called at the end even of a stream that the client left before its first event.

    Such a stream's iterator is never begun, and so has no `finally` of its own.
    """

    def __init__(self, events: AsyncIterator[bytes], on_end: Callable[[], None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._on_end()
