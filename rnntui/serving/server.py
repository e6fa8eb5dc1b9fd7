"""Running the server: a uvicorn server in a thread, and an orderly end on SIGINT, SIGTERM and SIGHUP."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rnntui.errors import RnntuiError, UsageError
from rnntui.serving.http_app import make_app
from rnntui.serving.server_config import ServerConfig
from rnntui.serving.server_state import ServerState

_POLL_SECONDS = 0.02
_CLOSE_SECONDS = 3  # for responses that clients are slow to read, once no engine is busy


def listening_socket(config: ServerConfig) -> socket.socket:
    """Return a socket that listens at the server's address. Raises `UsageError` if that cannot be had."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(1024)
    except (TypeError, UnicodeError, ValueError) as error:  # no name that could be looked up
        listener.close()
        raise UsageError(f"cannot listen on {config.host}: not an address or a name of one", setting="host") from error
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise UsageError(
            f"cannot listen on {config.host}, port {config.port}: {reason}",
            setting="port", hint="choose another with --port, or any free one with --port 0",
        ) from error  # fmt: skip
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@contextmanager
def running_server(state: ServerState, listener: socket.socket) -> Iterator[None]:
    """Serve on a socket while the context is entered; then let requests end, for as long as the settings say.

    New requests are refused meanwhile. Those that have not ended get an error, streams as their last event.
    """
    import uvicorn

    config = uvicorn.Config(
        make_app(state), loop="asyncio", http="h11", ws="none", lifespan="off", log_level="error", access_log=False,
        server_header=False, timeout_keep_alive=30, timeout_graceful_shutdown=_CLOSE_SECONDS,
        proxy_headers=False,  # by default, X-Forwarded-For names the client to whoever connects from this machine
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http", daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RnntuiError("the HTTP server could not start")
            time.sleep(_POLL_SECONDS / 10)
        yield
    finally:
        state.is_stopping = True
        deadline = time.monotonic() + state.config.grace
        while state.is_busy and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        state.stop_engines()
        server.should_exit = True
        thread.join()
        listener.close()


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Give an event that SIGINT, SIGTERM and SIGHUP (a terminal that is closed) set; a second SIGINT interrupts.

    SIGHUP stays ignored where it was before, as under `nohup`.
    """
    stop = threading.Event()
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    hangup = getattr(signal, "SIGHUP", None)  # not every system has it
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        previous[hangup] = signal.getsignal(hangup)

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    for number in previous:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
