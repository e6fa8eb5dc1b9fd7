"""The LibreTranslate API over HTTP, with a translator that reverses the letters of each word."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from classifier_examples import make_classifier_run
from fake_translator import FakeTranslator
from serving_host import ServingHost, serving

from rnntui.runs.folder import RunFolder
from rnntui.serving.languages import LanguageDetector, make_language_detector
from rnntui.serving.server_config import ServerConfig
from rnntui.serving.translation_engine import TranslationEngine


class CountingTranslator(FakeTranslator):
    """Such a translator as the engine calls it."""

    def translate(self, lines: Any, settings: Any, is_cancelled: Any = None, workers: int = 1) -> Any:  # type: ignore[override]
        return super().translate(lines, settings, is_cancelled)


TRANSLATOR = CountingTranslator()


def make_translator_run(folder: Path, name: str) -> None:
    (folder / name).mkdir()
    (folder / name / "config.json").write_text(json.dumps({"kind": "seq2seq"}))
    (folder / name / "model.safetensors").write_bytes(b"")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHost]:
    folder = tmp_path_factory.mktemp("runs")
    for name in ("en-es", "en-de-2", "dates", "fr-de"):
        make_translator_run(folder, name)
    with serving(folder, translations=lambda run, config: TranslationEngine(TRANSLATOR, config)) as host:  # type: ignore[arg-type]
        yield host


def test_languages_are_those_of_the_runs_names(host: ServingHost) -> None:
    assert host.request("/languages").json == [
        {"code": "de", "name": "German", "targets": []},
        {"code": "en", "name": "English", "targets": ["de", "es"]},
        {"code": "es", "name": "Spanish", "targets": []},
        {"code": "fr", "name": "French", "targets": ["de"]},
    ]


@pytest.mark.parametrize(
    ("q", "translated"),
    [("go home", "og emoh"), ("one\n\ntwo\r\n", "eno\n\nowt\r\n"), ("", ""), (["ab", "cd\nef"], ["ba", "dc\nfe"])],
)
def test_texts_are_translated_line_by_line(host: ServingHost, q: Any, translated: Any) -> None:
    answer = host.request("/translate", {"q": q, "source": "en", "target": "es"})
    assert answer.json == {"translatedText": translated}


def test_a_form_is_as_good_as_json(host: ServingHost) -> None:
    assert host.request("/translate", b"q=go+home&source=en&target=de").json == {"translatedText": "og emoh"}


@pytest.mark.parametrize("body", [b"", {"q": "go home"}])
def test_fields_are_read_from_the_address_too(host: ServingHost, body: Any) -> None:
    address = "/translate?q=go+%68ome&source=en&target=de" if not body else "/translate?q=not+this&source=en&target=de"
    assert host.request(address, body).json == {"translatedText": "og emoh"}
    assert "translate" in host.log[-1].line and "q=" not in host.log[-1].line  # no text in the log


def test_alternatives(host: ServingHost) -> None:
    answer = host.request("/translate", {"q": "ab", "source": "en", "target": "es", "alternatives": 2}).json
    assert answer == {"translatedText": "ba", "alternatives": ["ba!", "ba!!"]}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"q": None}, 400),
        ({"q": 3}, 400),
        ({"source": None}, 400),
        ({"source": "it"}, 400),
        ({"source": "fr"}, 400),
        ({"source": "es", "target": "en"}, 400),
        ({"format": "html"}, 400),
        ({"alternatives": "many"}, 400),
        ({"alternatives": "9" * 5000}, 400),
        ({"target": "\ud800"}, 400),
        ({"source": "auto", "target": "de"}, 501),
    ],
)
def test_errors_have_the_form_of_the_api(host: ServingHost, fields: dict[str, Any], status: int) -> None:
    answer = host.request("/translate", {"q": "ab", "source": "en", "target": "es", **fields})
    assert answer.status == status and list(answer.json) == ["error"], answer.body


def test_an_unknown_format_is_told_with_the_fields_that_there_are(host: ServingHost) -> None:
    fields = {"q": "<b>go</b>", "source": "en", "target": "es"}
    error = host.request("/translate", {**fields, "format": "html"}).json["error"]
    assert error.startswith("html format is not supported: format must be text, or absent.")
    assert error.endswith("fields are q, source, target, alternatives and api_key")
    assert all(name in error for name in fields)
    for accepted in ("text", "", None):
        assert host.request("/translate", {**fields, "format": accepted}).status == 200


def test_a_client_that_leaves_frees_the_translator(tmp_path: Path) -> None:
    make_translator_run(tmp_path, "en-es")
    translator = CountingTranslator(gate=threading.Event())  # which never opens
    engine = TranslationEngine(translator, ServerConfig())  # type: ignore[arg-type]
    with serving(tmp_path, translations=lambda run, config: engine) as host:
        connection = host.connect()
        connection.request("POST", "/translate", b"q=go+home&source=en&target=es")
        assert wait_until(lambda: bool(translator.asked))
        connection.close()
        assert wait_until(lambda: not engine.is_busy)
        assert wait_until(lambda: bool(host.log)) and host.log[-1].line.endswith("the client left")


def wait_until(condition: Callable[[], bool]) -> bool:
    """Return True as soon as a condition is true, False if it is not within 5 seconds."""
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


def test_no_detector_no_detection(host: ServingHost) -> None:
    answer = host.request("/detect", b"q=hello")
    assert answer.status == 501 and "classifier whose labels are language codes" in answer.json["error"]
    assert answer.json["error"].endswith("name the source: en, fr")
    assert wait_until(lambda: "/detect" in host.log[-1].line)  # it is logged after the answer
    assert "1 lines" not in host.log[-1].line


def test_without_a_detector_auto_is_the_only_source_language(host: ServingHost, tmp_path: Path) -> None:
    undetected = {"confidence": 0.0, "language": "en"}
    fields = {"q": "ab", "source": "auto", "target": "es"}
    answer = host.request("/translate", fields).json
    assert answer == {"translatedText": "ba", "detectedLanguage": undetected}
    answer = host.request("/translate", {**fields, "q": ["ab", "cd"]}).json
    assert answer == {"translatedText": ["ba", "dc"], "detectedLanguage": [undetected] * 2}
    for target, problem in (("en", "not available as a target"), ("it", "it is not supported")):
        refused = host.request("/translate", {**fields, "target": target})
        assert refused.status == 400 and problem in refused.json["error"]
    make_translator_run(tmp_path, "en-es")
    with serving(tmp_path) as other:
        assert other.request("/detect", {"q": "hello"}).json == [undetected]


def test_a_classifier_of_languages_detects_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_classifier_run(tmp_path, "languages", ["the sea", "el mar"], ["en", "es"])
    loaded: list[RunFolder] = []

    def make(run: RunFolder) -> LanguageDetector:
        loaded.append(run)
        return make_language_detector(run)

    monkeypatch.setattr("rnntui.serving.server_state.make_language_detector", make)
    for name in ("de-en", "de-es", "fr-it"):
        make_translator_run(tmp_path, name)
    with serving(tmp_path, translations=lambda run, config: TranslationEngine(TRANSLATOR, config)) as host:  # type: ignore[arg-type]
        [first, *_] = host.request("/detect", {"q": "the sea"}).json
        assert host.request("/detect", {"q": "the sea"}).json[0] == first and len(loaded) == 1
        assert first["language"] in ("en", "es") and 50 <= first["confidence"] <= 100
        assert host.request("/detect", {"q": " "}).status == 400
        fields = {"q": ["the sea"], "source": "auto", "target": first["language"]}
        assert host.request("/translate", fields).status == 400, "from the language that was detected"
        answer = host.request("/translate", {**fields, "q": " "}).json
        assert answer == {"translatedText": "", "detectedLanguage": {"confidence": 0.0, "language": "de"}}
