"""Real clients against the server: openai, llm, huggingface_hub, libretranslatepy; skipped where they are missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pair_runs import copy_rows, make_pair_run, write_weights
from serving_host import ServingHost, serving
from tiny_runs import make_run


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHost]:
    folder = tmp_path_factory.mktemp("clients")
    runs = folder / "checkpoints"
    make_run(runs, "letters")
    make_run(runs, "dialogue", seed=2, speakers=("A", "B"))
    if find_spec("libretranslatepy") is not None:
        write_weights(make_pair_run(folder, copy_rows(40), "en-es"))
    with serving(runs, api_key="sesame") as host:
        yield host


def test_the_openai_client(host: ServingHost) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"http://127.0.0.1:{host.port}/v1", api_key="sesame", max_retries=0) as client:
        assert {model.id for model in client.models.list()} == {"letters", "dialogue"}
        fields: dict[str, Any] = {"model": "letters", "prompt": "the", "max_tokens": 30, "seed": 1, "logprobs": 2}
        whole = client.completions.create(**fields, extra_body={"min_p": 0.01, "top_k": 40}).choices[0]
        assert len(whole.text) == 30 and "".join(whole.logprobs.tokens) == whole.text
        stream = client.completions.create(**fields, stream=True, extra_body={"min_p": 0.01, "top_k": 40})
        assert "".join(chunk.choices[0].text for chunk in stream) == whole.text
        messages = [{"role": "user", "content": "hello"}]
        answer = client.chat.completions.create(model="dialogue", messages=messages, seed=2, logprobs=True)
        chunks = client.chat.completions.create(model="dialogue", messages=messages, seed=2, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert text == answer.choices[0].message.content
        # The line break that ended the answer was generated too.
        assert 0 <= answer.usage.completion_tokens - len(answer.choices[0].logprobs.content) <= 1
        with pytest.raises(openai.NotFoundError, match="does not exist") as error:
            client.completions.create(model="other", prompt="a")
        assert error.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError, match="'system' messages are not supported"):
            client.chat.completions.create(model="dialogue", messages=[{"role": "system", "content": "be brief"}])
    stranger = openai.OpenAI(base_url=f"http://127.0.0.1:{host.port}/v1", api_key="wrong", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
        stranger.models.list()


def test_the_hugging_face_client(host: ServingHost) -> None:
    hub = pytest.importorskip("huggingface_hub")
    client = hub.InferenceClient(base_url=f"http://127.0.0.1:{host.port}/v1", api_key="sesame")
    fields: dict[str, Any] = {"model": "dialogue", "messages": [{"role": "user", "content": "hello"}], "seed": 2}
    answer = client.chat_completion(**fields).choices[0].message.content
    chunks = client.chat_completion(**fields, stream=True)
    assert answer and "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == answer


def test_the_libretranslate_client(host: ServingHost) -> None:
    api = pytest.importorskip("libretranslatepy").LibreTranslateAPI(f"http://127.0.0.1:{host.port}", "sesame")
    assert [language["code"] for language in api.languages()] == ["en", "es"]
    translated = api.translate("abc\n\ncab", "en", "es")
    assert isinstance(translated, str) and translated.count("\n") == 2
    assert "sesame" not in host.log[-1].line


@pytest.mark.skipif(find_spec("llm") is None, reason="llm is not installed")
def test_the_llm_command(host: ServingHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_USER_PATH", str(tmp_path))
    (tmp_path / "keys.json").write_text('{"rnntui": "sesame"}')
    models = [("letters", "  completion: true\n"), ("dialogue", "")]
    (tmp_path / "extra-openai-models.yaml").write_text(
        "".join(
            f"- model_id: {name}\n  model_name: {name}\n  api_key_name: rnntui\n"
            f"  api_base: http://127.0.0.1:{host.port}/v1\n{more}"
            for name, more in models
        )
    )
    texts = []
    for name, length in (("letters", 30), ("dialogue", 10)):
        command = [sys.executable, "-m", "llm", "-m", name, "the", "-o", "max_tokens", str(length), "-o", "seed", "1"]
        result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        texts.append(result.stdout)
    expected = host.request(
        "/v1/completions", {"model": "letters", "prompt": "the", "max_tokens": 30, "seed": 1},
        {"Authorization": "Bearer sesame"},
    )  # fmt: skip
    assert texts[0] == expected.json["choices"][0]["text"] + "\n" and texts[1].strip()
