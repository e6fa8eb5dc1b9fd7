"""The ASGI application: routes, errors in the form of each API, and what every request has to pass first."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rnntui.serving import libretranslate_routes, openai_routes
from rnntui.serving.access import foreign_request_problem, is_right_key
from rnntui.serving.api_errors import ApiError, server_is_stopping, unexpected_failure
from rnntui.serving.disconnection import response_to_nobody
from rnntui.serving.request_log import RequestRecord
from rnntui.serving.server_state import ServerState

_LIBRETRANSLATE_PATHS = ("/translate", "/languages", "/detect")
_OPEN_PATHS = ("/", "/health")  # need no key


def make_app(state: ServerState) -> ASGIApp:
    """Return the application of a server."""
    app = Starlette(
        routes=[
            Route("/", _index),
            Route("/health", _health),
            Route("/v1/models", openai_routes.list_models),
            Route("/v1/models/{name:path}", openai_routes.show_model),
            Route("/v1/completions", openai_routes.completions, methods=["POST"]),
            Route("/v1/chat/completions", openai_routes.chat_completions, methods=["POST"]),
            Route("/translate", libretranslate_routes.translate, methods=["POST"]),
            Route("/detect", libretranslate_routes.detect, methods=["POST"]),
            Route("/languages", libretranslate_routes.languages),
        ],
        exception_handlers={
            ApiError: _api_error,
            HTTPException: _http_error,
            ClientDisconnect: _client_left,
            Exception: _unexpected_error,
        },
    )
    app.state.server = state
    app.router.redirect_slashes = False  # to an address that is made of the header Host, and without TLS
    return RequestGuard(app, state)


class RequestGuard:
    """ASGI middleware: refuses requests without the key, from foreign web pages, and at the end; logs every request."""

    def __init__(self, app: ASGIApp, state: ServerState) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client") or ("-",)
        record = scope["rnntui.record"] = RequestRecord(client[0], scope["method"], scope["path"])
        scope["path"] = scope["path"].rstrip("/") or "/"

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
            await send(message)

        try:
            problem = self._problem(scope, Headers(scope=scope))
            if problem is not None:
                await error_response(scope["path"], problem)(scope, receive, send_and_note)
            else:
                await self._app(scope, receive, send_and_note)
        finally:
            self._state.write_log(record)

    def _problem(self, scope: Scope, headers: Mapping[str, str]) -> ApiError | None:
        address, host, origin = self._state.config.host, headers.get("host", ""), headers.get("origin", "")
        if problem := foreign_request_problem(address, host, origin, needs_key=bool(self._state.api_key)):
            return ApiError(403, problem, code="forbidden")
        if self._state.is_stopping:
            return server_is_stopping()
        if not self._state.api_key or scope["path"] in _OPEN_PATHS:
            return None
        scheme, _, key = headers.get("authorization", "").partition(" ")
        has_key = scheme.lower() == "bearer" and is_right_key(key.strip(), self._state.api_key)
        scope["rnntui.has_key"] = has_key
        if has_key or scope["path"] in _LIBRETRANSLATE_PATHS:  # their key may be in the body
            return None
        if not key:
            return ApiError(401, "You didn't provide an API key. Send it as: Authorization: Bearer KEY.", code=None)
        return ApiError(401, "Incorrect API key provided.", code="invalid_api_key")


def error_response(path: str, error: ApiError) -> Response:
    """Return an error in the form of the API that the path belongs to."""
    body = {"error": error.message} if path in _LIBRETRANSLATE_PATHS else error.to_json()
    return JSONResponse(body, status_code=error.status, headers=error.headers)


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(request.scope["path"], error)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path, method = request.scope["path"], request.method
    if error.status_code == 405:
        problem = ApiError(405, f"Not allowed to {method} on {path}.", code="method_not_supported")
    else:
        problem = ApiError(404, f"Unknown request URL: {method} {path}.", code="unknown_url")
    response = error_response(path, problem)
    response.headers.update(error.headers or {})
    return response


async def _client_left(request: Request, error: Exception) -> Response:
    return response_to_nobody(request)


async def _unexpected_error(request: Request, error: Exception) -> Response:
    request.scope["rnntui.record"].note = f"{type(error).__name__}: {error}"
    return error_response(request.scope["path"], unexpected_failure(error))


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _index(request: Request) -> Response:
    state: ServerState = request.app.state.server
    paths = [route.path for route in request.app.routes if isinstance(route, Route)]
    return JSONResponse({"name": "rnntui", "needs_key": bool(state.api_key), "endpoints": paths})
