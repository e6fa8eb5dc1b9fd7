"""The OpenAI API: `/v1/models`, `/v1/completions`, `/v1/chat/completions`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.serving.api_errors import ApiError
from rnntui.serving.disconnection import CLIENT_LEFT, EventStream, unless_disconnected
from rnntui.serving.engine_cache import Lease, lease_in_thread
from rnntui.serving.generation_job import Echo, OutputQueue
from rnntui.serving.openai_requests import Endpoint, OpenAIRequest, jobs_of, prompts_of
from rnntui.serving.openai_responses import DONE, ResponseBuilder, sse_event
from rnntui.serving.request_body import read_json
from rnntui.serving.request_log import RequestRecord
from rnntui.serving.served_models import language_models, model_json
from rnntui.serving.server_state import ServerState

if TYPE_CHECKING:
    from rnntui.serving.generation_engine import GenerationEngine


async def list_models(request: Request) -> Response:
    """`/v1/models`: the language models."""
    state: ServerState = request.app.state.server
    return JSONResponse({"object": "list", "data": await asyncio.to_thread(language_models, state.runs)})


async def show_model(request: Request) -> Response:
    """`/v1/models/NAME`: one language model."""
    state: ServerState = request.app.state.server
    name = request.path_params["name"]
    run = await asyncio.to_thread(state.runs.find, name, LANGUAGE_MODEL)
    return JSONResponse(model_json(name, state.runs.facts_of(run)))


async def completions(request: Request) -> Response:
    """`/v1/completions`: continuations of prompts."""
    return await _respond(request, "completions")


async def chat_completions(request: Request) -> Response:
    """`/v1/chat/completions`: the next message of a dialogue."""
    return await _respond(request, "chat/completions")


@dataclass(eq=False)
class _Exchange:
    """A request that was submitted to an engine, and its response."""

    request: OpenAIRequest
    lease: Lease[GenerationEngine]
    output: OutputQueue
    builder: ResponseBuilder
    record: RequestRecord

    def end(self) -> None:
        """Tell the engine that no more is wanted, and complete the record for the log."""
        self.lease.engine.cancel(self.output)
        self.lease.end()
        self.record.amount = f"{self.output.prompt_tokens}+{self.output.completion_tokens} tokens"
        self.record.first_piece_seconds = self.output.first_piece_seconds

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the server-sent events of a stream; an error in its midst is an event too."""
        try:
            for event in self.builder.first_chunks():
                yield event
            try:
                async for pieces in self.output.pieces():
                    # In one part: each costs more to send than to make.
                    yield b"".join(map(self.builder.chunk, pieces))
            except ApiError as error:
                self.record.note = error.message
                yield sse_event(error.to_json())
                return
            if self.request.includes_usage:
                yield self.builder.usage_chunk(self.output)
            yield DONE
        except (asyncio.CancelledError, GeneratorExit):
            self.record.note = CLIENT_LEFT
            raise

    async def whole(self) -> Response:
        """Return the whole response once it is there."""
        try:
            async for pieces in self.output.pieces():
                for piece in pieces:
                    self.builder.add(piece)
            return JSONResponse(self.builder.whole(self.output))
        finally:
            self.end()


async def _respond(request: Request, endpoint: Endpoint) -> Response:
    state: ServerState = request.app.state.server
    record: RequestRecord = request.scope["rnntui.record"]
    parsed = OpenAIRequest.parse(endpoint, await read_json(request, state.config.max_body), state.config)
    record.model = parsed.model
    lease = await lease_in_thread(lambda: state.generation(state.runs.find(parsed.model, LANGUAGE_MODEL)))
    try:
        exchange = await _submitted(parsed, state, lease, record)
    except BaseException:
        lease.end()
        raise
    if parsed.is_streamed:
        return EventStream(exchange.events(), exchange.end)
    return await unless_disconnected(request, exchange.whole)


async def _submitted(
    parsed: OpenAIRequest, state: ServerState, lease: Lease[GenerationEngine], record: RequestRecord
) -> _Exchange:
    """Submit the prompts of a request to the engine. Raises `ApiError`."""
    engine, config = lease.engine, state.config
    texts = parsed.choices * len(prompts_of(parsed, engine.loaded))
    if texts > config.max_batch + config.max_queue:
        raise ApiError(400, f"A request may have {config.max_batch + config.max_queue} choices at most.", "n")
    output = OutputQueue(texts)
    jobs = await asyncio.to_thread(jobs_of, parsed, engine.loaded, output)
    builder = ResponseBuilder(parsed, engine.fingerprint, [job.echo or Echo() for job in jobs])
    engine.submit(jobs)
    return _Exchange(parsed, lease, output, builder, record)
