"""Requests and runs that hold escapes: answers and the log do not pass them on to a terminal."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hostile_texts import FORBIDDEN, NAMES, TEXT
from serving_host import serving
from tiny_runs import make_run

from rnntui.serving.request_log import RequestRecord
from rnntui.text.char_tokenizer import CharTokenizer

FIRST, SECOND = NAMES


def test_a_server_answers_and_logs_without_escapes(tmp_path: Path) -> None:
    make_run(tmp_path, FIRST, tokenizer=CharTokenizer(sorted({*TEXT})))
    with serving(tmp_path) as host:
        listed = host.request("/v1/models")
        assert listed.json["data"][0]["id"] == FIRST
        missing = host.request("/v1/completions", {"model": TEXT, "prompt": "a"})
        lost = host.request(f"/v1/models/{quote(SECOND)}")
        body = {"model": FIRST, "prompt": ".", "max_tokens": 200, "seed": 1, "temperature": 1.9}
        whole = host.request("/v1/completions", body)
        streamed = host.request("/v1/completions", {**body, "stream": True})
        assert (missing.status, lost.status, whole.status) == (404, 404, 200)
        text = "".join(event["choices"][0]["text"] for event in streamed.events if event != "[DONE]")
        assert text == whole.json["choices"][0]["text"] and set(text) & FORBIDDEN
        for answer in (listed, missing, lost, whole, streamed):
            assert "".join(answer.headers.values()).isprintable()
            assert not {*answer.body} & {*range(10), *range(11, 32)}, "JSON escapes them"
    assert not {character for record in host.log for character in record.line} & FORBIDDEN
    assert len(host.log) == 5


FORGED = "10.0.0.9 POST /v1/completions 200 letters 5+100 tokens 0.010 s"


def test_no_header_names_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # which uvicorn reads
    with serving(tmp_path) as host:
        for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
            host.request("/health", headers={header: FORGED, "X-Forwarded-Proto": "https"})
    assert {record.client for record in host.log} == {"127.0.0.1"}


def test_parts_of_a_log_line_are_words_of_bounded_length(tmp_path: Path) -> None:
    with serving(tmp_path) as host:
        host.request(f"/{quote(FORGED)}")
        host.request("/v1/completions", {"model": FORGED, "prompt": "a"})
        host.request("/health", method="X" * 5000)
        host.request("/" + "%E2%98%83" * 5000)
    lines = [record.line.split(" ") for record in host.log]
    assert [(line[0], line[3]) for line in lines] == [("127.0.0.1", status) for status in ("404", "404", "405", "404")]
    assert [len(line) for line in lines] == [6, 7, 6, 6], "the time and its unit at the end"
    record = RequestRecord(*[FORGED * 100] * 3, model=FORGED * 100, note=FORGED * 100)
    assert len(record.line) < 700


def test_an_address_with_a_slash_at_the_end_is_not_answered_with_one_of_the_header_host(tmp_path: Path) -> None:
    make_run(tmp_path, "letters")
    with serving(tmp_path) as host:
        listed = host.request("/v1/models/", headers={"Host": "localhost:1"})
        assert (listed.status, listed.json["data"][0]["id"]) == (200, "letters")
        assert host.request("/translate/", {}).json["error"], "in the form of its API"
        assert host.request("/", headers={"Host": "localhost/translate?:1"}).status == 200
