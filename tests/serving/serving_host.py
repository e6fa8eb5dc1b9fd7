"""A server on tiny models in this process, and requests to it by the standard library alone."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnntui.serving.request_log import RequestRecord
from rnntui.serving.served_models import ServedRuns
from rnntui.serving.server import listening_socket, running_server
from rnntui.serving.server_config import ServerConfig
from rnntui.serving.server_state import ServerState


@dataclass
class Answer:
    """The response to a request."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The data of server-sent events; the last one, `[DONE]`, as a string."""
        texts = [part.removeprefix("data: ") for part in self.body.decode().split("\n\n") if part]
        return [text if text == "[DONE]" else json.loads(text) for text in texts]


@dataclass
class ServingHost:
    """A running server."""

    state: ServerState
    port: int
    log: list[RequestRecord] = field(default_factory=list)

    def request(
        self, path: str, body: object = None, headers: dict[str, str] | None = None, method: str = ""
    ) -> Answer:
        """Send a request, with a JSON body unless it is bytes already."""
        connection = self.connect()
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method or ("GET" if body is None else "POST"), path, data, headers or {})
        response = connection.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        connection.close()
        return answer

    @contextmanager
    def stream(self, path: str, body: object) -> Iterator[http.client.HTTPResponse]:
        """Send a request and give the response while it is streamed; then leave, whether it has ended or not."""
        connection = self.connect()
        connection.request("POST", path, json.dumps({**body, "stream": True}) if isinstance(body, dict) else None)
        with connection.getresponse() as response:
            yield response
        connection.close()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)


@contextmanager
def serving(folder: Path, api_key: str = "", translations: Any = None, **settings: Any) -> Iterator[ServingHost]:
    """Serve the runs of a folder; `translations` makes the engine of a Seq2Seq run."""
    config = ServerConfig(**{"port": 0, "grace": 0.2, **settings})
    log: list[RequestRecord] = []
    state = ServerState(config, ServedRuns(folder, [path.name for path in folder.iterdir()]), api_key, log.append)
    if translations is not None:
        state.make_translation_engine = translations
    with listening_socket(config) as listener:
        port = listener.getsockname()[1]
        with running_server(state, listener):
            yield ServingHost(state, port, log)
