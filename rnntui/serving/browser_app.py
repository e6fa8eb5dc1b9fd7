"""The terminal app in a browser, through textual-serve: a page of our own, and only for those who may use it."""

from __future__ import annotations

import asyncio
import hashlib
import html
import logging
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from threading import Event

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from textual_serve.server import Server

from rnntui.serving.access import foreign_request_problem, is_right_key
from rnntui.serving.server_config import ServerConfig

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_PAGE = Path(__file__).with_name("browser_app.html")
_COOKIE = "rnntui-key"
_FONT_SIZES = range(6, 73)
_SHUTDOWN_SECONDS = 30.0  # for the apps to save their texts, all of them at once on a disk that may be slow
_KEY_PAGE = '<form>Key: <input name="key" type="password" autofocus></form>'


class BrowserApp:
    """Serves the app: every page that is opened runs an `rnntui chat` of its own, until the page is closed.

    textual-serve runs the app and passes its output and the keys on. Its own server would let any web page that the
    user visits connect to the app, which can write files and start trainings, and its page loads a font from the
    network; so routes and page are ours.

    Args:
        config: the address; whoever is not on this machine needs the key.
        chat_arguments: arguments of `rnntui chat`.
        api_key: the key, given once as `/?key=KEY`; empty for none.
    """

    def __init__(self, config: ServerConfig, chat_arguments: Sequence[str], api_key: str) -> None:
        self._config = config
        self._api_key = api_key
        self._sessions: set[asyncio.Task[web.StreamResponse]] = set()
        command = shlex.join([sys.executable, "-m", "rnntui", "chat", *chat_arguments])
        self._textual = Server(command, config.host, config.port, title="rnntui")
        logging.getLogger("textual-serve").setLevel(logging.ERROR)
        logging.getLogger("aiohttp.server").addFilter(_is_of_the_server)

    def make_app(self) -> web.Application:
        """Return the web application."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._answer(request, handler)

        app = web.Application(middlewares=[guard])
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/ws", self._session),
                web.get("/download/{key}", self._textual.handle_download),
                web.static("/static", self._textual.statics_path),
            ]
        )
        return app

    async def serve(self, listener: socket.socket, stop: Event) -> None:
        """Serve on a socket until `stop` is set; then the apps that are open save their texts and end."""
        runner = web.AppRunner(self.make_app(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            await asyncio.to_thread(stop.wait)
        finally:
            for session in self._sessions:
                session.cancel()  # which lets the app end by itself
            if self._sessions:
                await asyncio.wait(self._sessions, timeout=_SHUTDOWN_SECONDS)
            await runner.cleanup()

    async def _session(self, request: web.Request) -> web.StreamResponse:
        """Run an app for a page, until either ends."""
        session = asyncio.create_task(self._textual.handle_websocket(request))
        self._sessions.add(session)
        session.add_done_callback(self._sessions.discard)
        return await session

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin", "")
        problem = foreign_request_problem(self._config.host, request.host, origin, needs_key=bool(self._api_key))
        if problem:
            raise web.HTTPForbidden(text=problem)
        if self._api_key:
            given = request.query.get("key", "")
            if is_right_key(given, self._api_key):
                response = web.Response(status=302, headers={"Location": "/"})
                response.set_cookie(_COOKIE, _token(self._api_key), httponly=True, samesite="Strict")
                return response
            if not is_right_key(request.cookies.get(_COOKIE, ""), _token(self._api_key)):
                return web.Response(status=401, text=_KEY_PAGE, content_type="text/html")
        return await handler(request)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        size = request.query.get("fontsize", "")
        font_size = size if size.isdecimal() and len(size) < 4 and int(size) in _FONT_SIZES else "16"
        text = _PAGE.read_text("utf-8").replace("{{font_size}}", html.escape(font_size))
        # Whatever a library may want to load: nothing comes from elsewhere.
        policy = (
            "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src data:"
        )
        headers = {"Content-Security-Policy": f"{policy}; connect-src 'self'; frame-ancestors 'none'"}
        return web.Response(text=text, content_type="text/html", headers=headers)


def _is_of_the_server(record: logging.LogRecord) -> bool:
    """Return False for a request that is not HTTP, for which whoever reaches the server could fill the terminal."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _token(key: str) -> str:
    """Return what stands for the key in the cookie, whose characters are few."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
