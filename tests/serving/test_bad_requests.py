"""Wrong values in every field of every request: status 4xx with an error in JSON, and never a failure of the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from serving_host import ServingHost, serving
from tiny_runs import make_run

from rnntui.serving.openai_requests import _KNOWN, _UNSUPPORTED

WRONG: list[Any] = [True, -1, 1.5, 10**400, "", ["", None], [10**400], {"a": 1}]
BODIES = [
    b"", b"{", b"null", b"[]", b"\xff", b"[" * 2000, b'{"model": "letters", "seed": NaN}',
    b'{"model": "letters", "temperature": 1e999}', b'{"model": "letters", "n": ' + b"9" * 5000 + b"}",
]  # fmt: skip
REQUESTS: dict[str, dict[str, Any]] = {
    "completions": {"model": "letters", "max_tokens": 1, "prompt": "a"},
    "chat/completions": {"model": "dialogue", "max_tokens": 1, "messages": [{"role": "user", "content": "a"}]},
}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHost]:
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder, "letters")
    make_run(folder, "dialogue", seed=2, speakers=("A", "B"))
    with serving(folder, max_tokens=4, max_prompt=30, max_body=20) as host:
        yield host


def status(host: ServingHost, path: str, body: object) -> int:
    """The status of a response, which must be a text or an error of the client's with a message."""
    answer = host.request(path, body)
    assert answer.status == 200 or 400 <= answer.status < 500, (path, body, answer.body)
    assert answer.status == 200 or (answer.json["error"] and len(answer.body) < 1000), (path, body, answer.body)
    return answer.status


@pytest.mark.parametrize("endpoint", _KNOWN)
def test_a_field_of_the_openai_api(host: ServingHost, endpoint: str) -> None:
    for field in (*_KNOWN[endpoint], *_UNSUPPORTED):  # type: ignore[index]
        statuses = {status(host, f"/v1/{endpoint}", {**REQUESTS[endpoint], field: value}) for value in WRONG}
        assert 400 in statuses or 404 in statuses, field
    for field in ("role", "content", "name"):
        for value in WRONG:
            status(host, "/v1/chat/completions", {**REQUESTS["chat/completions"], "messages": [{field: value}]})
    for body in BODIES:
        assert status(host, f"/v1/{endpoint}", body) == 400
    assert not any(record.note for record in host.log)


def test_a_field_of_the_libretranslate_api(host: ServingHost) -> None:
    for field in ("q", "source", "target", "format", "alternatives", "api_key"):
        for value in WRONG:
            assert status(host, "/translate", {"q": "a", "source": "en", "target": "es", field: value}) == 400
    for body in BODIES:
        assert status(host, "/translate", body) == 400
