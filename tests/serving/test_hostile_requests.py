"""Requests and runs that hold escapes: answers and the log do not pass them on to a terminal."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from hostile_texts import FORBIDDEN, NAMES, TEXT
from serving_host import serving
from tiny_runs import make_run

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
