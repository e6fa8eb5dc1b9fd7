"""The OpenAI API over HTTP: texts, streams, errors, the key, and who is let in."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from serving_host import ServingHost, serving
from tiny_runs import CHARACTERS, make_document_run, make_run, subwords, word_tokenizer

from rnntui.serving.disconnection import EventStream
from rnntui.text.char_tokenizer import CharTokenizer

MODEL = {"model": "letters"}
CHAT = {"model": "dialogue", "messages": [{"role": "user", "content": "hello there"}]}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHost]:
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder, "letters")
    make_run(folder, "dialogue", seed=2, speakers=("A", "B"))
    with serving(folder, max_queue=40, max_batch=8, max_tokens=1000, max_prompt=300, max_body=4) as host:
        yield host


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHost]:
    folder = tmp_path_factory.mktemp("tokenizers")
    make_run(folder, "characters")
    make_run(folder, "words", tokenizer=word_tokenizer())
    make_run(folder, "pieces", tokenizer=subwords())
    make_document_run(folder, CharTokenizer(CHARACTERS[1:], has_end=True), "line")
    with serving(folder, max_queue=40) as host:
        yield host


def complete(host: ServingHost, **fields: Any) -> Any:
    answer = host.request("/v1/completions", {**MODEL, "max_tokens": 20, **fields})
    assert answer.status == 200, answer.body
    return answer.json


def test_models_are_listed(host: ServingHost) -> None:
    models = host.request("/v1/models").json
    assert models["object"] == "list" and {each["id"] for each in models["data"]} == {"letters", "dialogue"}
    assert host.request("/v1/models/letters").json["object"] == "model"
    assert host.request("/v1/models/other").status == 404


def test_a_completion_has_the_form_of_the_api(host: ServingHost) -> None:
    response = complete(host, prompt="the sea", seed=1)
    [choice] = response["choices"]
    assert response["object"] == "text_completion" and response["id"].startswith("cmpl-")
    assert choice["finish_reason"] == "length" and choice["logprobs"] is None and len(choice["text"]) == 20
    assert response["usage"] == {"prompt_tokens": 7, "completion_tokens": 20, "total_tokens": 27}
    assert complete(host, prompt="the sea", seed=1)["choices"] == response["choices"]
    assert complete(host, prompt="the sea", seed=2)["choices"] != response["choices"]


def test_prompts_choices_echo_and_seeds(host: ServingHost) -> None:
    response = complete(host, prompt=["ab", "cd"], n=2, seed=5, echo=True)
    texts = [choice["text"] for choice in response["choices"]]
    assert [text[:2] for text in texts] == ["ab", "ab", "cd", "cd"] and len(set(texts)) == 4
    assert [choice["index"] for choice in response["choices"]] == [0, 1, 2, 3]
    assert complete(host, prompt="ab", seed=6, echo=True)["choices"][0]["text"] == texts[1]
    assert response["usage"]["completion_tokens"] == 80


def test_a_stream_gives_the_same_text_in_chunks(host: ServingHost) -> None:
    fields = {"prompt": "the", "seed": 3, "max_tokens": 60, "n": 2, "echo": True}
    whole = complete(host, **fields)
    answer = host.request(
        "/v1/completions", {**MODEL, **fields, "stream": True, "stream_options": {"include_usage": True}}
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    *chunks, usage, done = answer.events
    assert done == "[DONE]" and usage["choices"] == [] and usage["usage"] == whole["usage"]
    for choice in whole["choices"]:
        own = [chunk["choices"][0] for chunk in chunks if chunk["choices"][0]["index"] == choice["index"]]
        assert "".join(each["text"] for each in own) == choice["text"]
        assert [each["finish_reason"] for each in own if each["finish_reason"]] == ["length"]


def test_a_stream_is_ascii_for_clients_that_end_lines_at_other_characters(host: ServingHost) -> None:
    prompt = "one\u2028two\u2029three\u0085four é"
    fields = {"prompt": prompt, "echo": True, "stream": True, "max_tokens": 1}
    with host.stream("/v1/completions", {**MODEL, **fields}) as response:
        data = response.read()
    assert data.isascii()
    lines = [line.removeprefix("data: ") for line in data.decode().splitlines() if line]
    assert "".join(json.loads(line)["choices"][0]["text"] for line in lines[:-1]).startswith(prompt)


def test_log_probabilities_of_a_completion_and_of_its_prompt(host: ServingHost) -> None:
    fields = {"prompt": "sea", "seed": 1, "logprobs": 2, "echo": True}
    [choice] = complete(host, **fields)["choices"]
    logprobs = choice["logprobs"]
    assert "".join(logprobs["tokens"]) == choice["text"] and choice["text"].startswith("sea")
    assert logprobs["text_offset"] == list(range(23)) and all(len(top) == 2 for top in logprobs["top_logprobs"])
    streamed = host.request("/v1/completions", {**MODEL, **fields, "max_tokens": 20, "stream": True}).events[:-1]
    offsets = [at for chunk in streamed for at in chunk["choices"][0]["logprobs"]["text_offset"]]
    assert offsets == logprobs["text_offset"]


@pytest.mark.parametrize(
    "prompt", ["a\u202e", "sea\n", "\n", "", "\u65e5\u672c\U0001f600 the", " the  sea\t", [3, 4, 5], [0, 0, 3]]
)
@pytest.mark.parametrize("kind", ["characters", "words", "pieces", "line"])
def test_an_echo_is_the_prompt_exactly_with_and_without_log_probabilities(
    tokenizers: ServingHost, kind: str, prompt: str | list[int]
) -> None:
    fields = {"model": kind, "prompt": prompt, "seed": 1, "max_tokens": 4, "echo": True}
    plain, scored = (complete(tokenizers, **fields, **more)["choices"][0] for more in ({}, {"logprobs": 1}))
    assert scored["text"] == plain["text"]
    if isinstance(prompt, str):
        assert plain["text"].startswith(prompt)
    logprobs = scored["logprobs"]
    offsets, tokens = logprobs["text_offset"], logprobs["tokens"]
    assert offsets == sorted(offsets) and len(offsets) == len(tokens) and offsets[-1] <= len(plain["text"])
    [rest] = complete(tokenizers, **{**fields, "echo": False, "logprobs": 0})["choices"]
    first = offsets[-len(rest["logprobs"]["tokens"])]
    assert plain["text"].endswith(rest["text"]) and first == len(plain["text"]) - len(rest["text"])
    answer = tokenizers.request("/v1/completions", {**fields, "logprobs": 1, "stream": True})
    chunks = [event["choices"][0] for event in answer.events[:-1]]
    assert "".join(chunk["text"] for chunk in chunks) == plain["text"]
    assert [at for chunk in chunks for at in chunk["logprobs"]["text_offset"]] == offsets


def test_a_chat_answers_one_line_and_streams_the_same(host: ServingHost) -> None:
    answer = host.request("/v1/chat/completions", {**CHAT, "seed": 4, "logprobs": True, "top_logprobs": 1}).json
    [choice] = answer["choices"]
    text = choice["message"]["content"]
    assert answer["object"] == "chat.completion" and choice["message"]["role"] == "assistant"
    assert "\n" not in text and choice["finish_reason"] in ("stop", "length")
    assert "".join(each["token"] for each in choice["logprobs"]["content"]).removeprefix(" ") == text
    events = host.request("/v1/chat/completions", {**CHAT, "seed": 4, "stream": True}).events
    assert events[0]["choices"][0]["delta"]["role"] == "assistant" and events[-1] == "[DONE]"
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events[:-1]) == text


def test_content_in_parts_and_earlier_turns_are_read(host: ServingHost) -> None:
    turns = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": [{"type": "text", "text": "three"}]},
    ]
    answer = host.request("/v1/chat/completions", {**CHAT, "messages": turns, "max_completion_tokens": 3}).json
    assert answer["usage"]["prompt_tokens"] == len("A: one\nB: two\nA: three\nB:")


ERRORS: list[tuple[dict[str, Any], int, str | None, str | None]] = [
    ({"model": None}, 400, "model", "missing_required_parameter"),
    ({"model": 3}, 400, "model", "invalid_type"),
    ({"model": "none"}, 404, "model", "model_not_found"),
    ({"temperature": -1}, 400, "temperature", "decimal_below_min_value"),
    ({"temperature": 10**400}, 400, "temperature", "invalid_value"),
    ({"temperature": "hot"}, 400, "temperature", "invalid_type"),
    ({"temperature": True}, 400, "temperature", "invalid_type"),
    ({"top_p": 1.5}, 400, "top_p", "decimal_above_max_value"),
    ({"top_k": 1.5}, 400, "top_k", "invalid_type"),
    ({"max_tokens": 1001}, 400, "max_tokens", "integer_above_max_value"),
    ({"n": 0}, 400, "n", "integer_below_min_value"),
    ({"n": 50}, 400, "n", None),
    ({"logprobs": 6}, 400, "logprobs", "integer_above_max_value"),
    ({"stop": ""}, 400, "stop", "string_below_min_length"),
    ({"stop": [1]}, 400, "stop", "invalid_type"),
    ({"stream": "yes"}, 400, "stream", "invalid_type"),
    ({"prompt": []}, 400, "prompt", "invalid_type"),
    ({"prompt": [1, 10_000]}, 400, "prompt", "invalid_value"),
    ({"prompt": "a" * 301}, 400, "prompt", "context_length_exceeded"),
    ({"suffix": "end"}, 400, "suffix", "unsupported_parameter"),
    ({"presence_penalty": 0.5}, 400, "presence_penalty", "unsupported_parameter"),
    ({"best_of": 3}, 400, "best_of", "unsupported_parameter"),
    ({"colour": "red"}, 400, None, None),
]


def test_what_is_wrong_is_told_in_the_form_of_the_api(host: ServingHost) -> None:
    for fields, status, param, code in ERRORS:
        answer = host.request("/v1/completions", {**MODEL, "prompt": "a", **fields})
        error = answer.json["error"]
        assert (answer.status, error["param"], error["code"]) == (status, param, code), fields
        assert error["type"] == "invalid_request_error" and error["message"]


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"model": "letters"}, 404, "model"),
        ({"messages": []}, 400, "messages"),
        ({"messages": "hello"}, 400, "messages"),
        ({"messages": ["hello"]}, 400, "messages[0]"),
        ({"messages": [{"role": "user"}]}, 400, "messages[0].content"),
        ({"messages": [{"role": "king", "content": "a"}]}, 400, "messages[0].role"),
        ({"messages": [{"role": "system", "content": "be brief"}]}, 400, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400, "messages"),
        ({"top_logprobs": 2}, 400, "top_logprobs"),
        ({"tools": [{"type": "function"}]}, 400, "tools"),
        ({"response_format": {"type": "json_object"}}, 400, "response_format"),
    ],
)
def test_what_a_chat_cannot_do_is_an_error(host: ServingHost, fields: dict[str, Any], status: int, param: str) -> None:
    answer = host.request("/v1/chat/completions", {**CHAT, **fields})
    assert (answer.status, answer.json["error"]["param"]) == (status, param)


def test_values_that_ask_for_nothing_are_accepted(host: ServingHost) -> None:
    answer = complete(
        host, prompt="a", presence_penalty=0, frequency_penalty=0.0, logit_bias={}, best_of=1, suffix=None, user="me",
        stop=None, seed=None, min_p=0.05, top_k=5, repetition_penalty=1.2, repetition_window=10,
    )  # fmt: skip
    assert len(answer["choices"]) == 1 and answer["usage"]["completion_tokens"] > 0


def test_bodies_and_paths_that_are_wrong(host: ServingHost) -> None:
    assert host.request("/v1/completions", b"{").json["error"]["code"] == "invalid_json"
    assert host.request("/v1/completions", [1]).status == 400
    for body in (b'{"model": "\\ud800"}', b'{"model": "letters", "prompt": "\xed\xa0\x80", "echo": true}'):
        assert host.request("/v1/completions", body).json["error"]["code"] == "invalid_json"
    huge = b'{"model": "letters", "temperature": 1' + b"0" * 400 + b"}"
    assert host.request("/v1/completions", huge).json["error"]["param"] == "temperature"
    assert host.request("/v1/completions", b" " * 5000).status == 413
    assert host.request("/v1/completions", b" " * 60_000).status == 413
    assert host.request("/v1/completions").status == 405
    assert host.request("/v1/embeddings", {}).json["error"]["code"] == "unknown_url"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "attacker.example"}, 403),
        ({"Origin": "https://attacker.example"}, 403),
        ({"Host": "localhost"}, 200),
        ({}, 200),
    ],
)
def test_other_web_pages_are_refused(host: ServingHost, headers: dict[str, str], status: int) -> None:
    assert host.request("/v1/models", headers=headers).status == status


def test_the_log_has_numbers_and_no_text(host: ServingHost) -> None:
    lines = len(host.log)
    complete(host, prompt="secret words")
    deadline = time.monotonic() + 5
    while len(host.log) == lines and time.monotonic() < deadline:  # it is written after the answer
        time.sleep(0.01)
    line = host.log[-1].line
    assert "/v1/completions 200 letters 12+20 tokens" in line and "first token" in line
    assert "secret" not in line and "\n" not in line


def test_a_client_that_leaves_frees_its_place(host: ServingHost) -> None:
    with host.stream("/v1/completions", {**MODEL, "prompt": "a", "n": 8, "max_tokens": 1000}) as response:
        assert response.read(10)
    deadline = time.monotonic() + 5
    while host.state.is_busy and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not host.state.is_busy


async def test_a_stream_that_was_left_before_its_first_event_is_ended() -> None:
    ended: list[bool] = []

    async def events() -> AsyncIterator[bytes]:
        raise AssertionError("nobody reads this")
        yield b""

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        await asyncio.Event().wait()  # the client does not read

    await EventStream(events(), lambda: ended.append(True))({"type": "http"}, receive, send)
    assert ended == [True]


def test_a_client_that_leaves_while_it_sends_is_no_fault(host: ServingHost, capfd: pytest.CaptureFixture[str]) -> None:
    requests = len(host.log)
    with socket.create_connection(("127.0.0.1", host.port)) as connection:
        connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    deadline = time.monotonic() + 5
    while len(host.log) == requests and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "499" in host.log[-1].line and host.log[-1].line.endswith("the client left")
    assert "Traceback" not in capfd.readouterr().err


def test_a_run_that_is_deleted_takes_no_other_with_it(tmp_path: Path) -> None:
    make_run(tmp_path, "letters")
    make_run(tmp_path, "others")
    with serving(tmp_path) as host:
        shutil.rmtree(tmp_path / "others")
        assert [model["id"] for model in host.request("/v1/models").json["data"]] == ["letters"]


def test_weights_that_a_training_improves_are_used_at_once_and_end_no_request(tmp_path: Path) -> None:
    run = make_run(tmp_path, "letters")
    with serving(tmp_path, max_tokens=5_000) as host:
        with host.stream("/v1/completions", {**MODEL, "prompt": "a", "max_tokens": 5_000}) as response:
            response.read(200)
            for time_ns in (1, 2):
                os.utime(run.weights_file, ns=(time_ns, time_ns))
                assert complete(host, prompt="a")["choices"][0]["text"]
            rest = response.read()
            assert rest.endswith(b"data: [DONE]\n\n") and b"error" not in rest
        assert all(record.status == 200 for record in host.log)


def test_no_file_is_read_in_the_event_loop_and_a_config_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, open_file, readers = make_run(tmp_path, "letters"), os.open, []

    def opened(path: Path, flags: int) -> int:
        readers.append((Path(path).name, threading.current_thread().name))
        return open_file(path, flags)

    with serving(tmp_path) as host:
        complete(host, prompt="a")
        monkeypatch.setattr(os, "open", opened)
        for path in ("/v1/models", "/v1/models/letters", "/languages"):
            assert host.request(path).status == 200
        complete(host, prompt="a")
        assert host.request("/detect", {"q": "a"}).status == 501
        assert readers == []
        os.utime(run.config_file, (1, 1))
        complete(host, prompt="a")
        assert [name for name, _ in readers] == ["config.json"] and "http" not in dict(readers).values()


def test_a_full_queue_is_status_429(tmp_path: Any) -> None:
    make_run(tmp_path, "letters")
    endless = 1_000_000  # tokens, which no machine has written by then
    body = {**MODEL, "prompt": "a", "n": 24, "max_tokens": endless}
    with (
        serving(tmp_path, max_queue=40, max_batch=8, max_tokens=endless, grace=0.05) as host,
        host.stream("/v1/completions", body),
        host.stream("/v1/completions", body),
    ):
        refused = host.request("/v1/completions", {**MODEL, "prompt": "a", "n": 40})
        assert refused.status == 429 and refused.json["error"]["code"] == "rate_limit_exceeded"
        assert refused.headers["retry-after"]


def test_a_key_is_asked_for(tmp_path: Any) -> None:
    make_run(tmp_path, "letters")
    with serving(tmp_path, api_key="open sesame") as host:
        assert host.request("/health").status == 200
        assert host.request("/v1/models").status == 401
        wrong = host.request("/v1/models", headers={"Authorization": "Bearer wrong"})
        assert (wrong.status, wrong.json["error"]["code"]) == (401, "invalid_api_key")
        assert host.request("/v1/models", headers={"Authorization": "Bearer open sesame"}).status == 200
        assert host.request("/languages").status == 400
        assert host.request("/languages?api_key=wrong").status == 403
        assert host.request("/languages?api_key=open%20sesame").json == []


def test_the_end_of_the_server_ends_streams_with_an_error(tmp_path: Any) -> None:
    make_run(tmp_path, "letters")
    with ExitStack() as stack:
        with serving(tmp_path, max_tokens=10_000_000, grace=0.05) as host:
            body = {**MODEL, "prompt": "a", "max_tokens": 10_000_000}
            response = stack.enter_context(host.stream("/v1/completions", body))
            beginning = response.read(200)
        rest = beginning + response.read()  # raises if the body does not end as it should
        assert json.loads(rest.split(b"data: ")[-1])["error"]["code"] == "server_shutting_down"
