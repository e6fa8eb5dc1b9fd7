"""The page about a run: what it shows, that it loads nothing, and that a run's texts cannot get out of their places."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from classifier_examples import make_classifier_run
from tiny_runs import make_run

from rnntui.cli.main import run as main
from rnntui.exporting.report_page import report_page
from rnntui.runs.folder import RunFolder

HOSTILE = "</script></pre><script>alert(1)</script><img src=http://evil.example onerror=alert(1)>\x1b[31m\udc80&amp;"
ROWS = [
    {"step": step, "tokens": step * 9, "seconds": step / 2, "train_loss": 4 - step / 100,
     "validation_loss": 4.1 - step / 99, "learning_rate": 0.1, HOSTILE: step, "sample": f"sample {step} {HOSTILE}"}
    for step in range(1, 100, 7)
]  # fmt: skip


class Page(HTMLParser):
    """The elements of a page with their attributes, and its texts by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._open, []).append(data)


def log(run: RunFolder, rows: list[dict]) -> None:
    run.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def check_closed(page: Page) -> None:
    """The page loads nothing, and has no script or style but those that its policy names."""
    [policy] = [a["content"] or "" for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    runs = [a for tag, a in page.elements if tag == "script" and a.get("type") != "application/json"]
    assert len(runs) == 1 and not any(tag in ("img", "iframe", "object", "base") for tag, _ in page.elements)
    for kind, text in (("script", page.texts["script"][-1]), ("style", page.texts["style"][0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name in ("xmlns", "content", "aria-label") or "//" not in (value or ""), (tag, name, value)
            assert name not in ("src", "srcset", "style") and (name != "href" or value == "data:,")


def test_a_language_models_page(tmp_path: Path) -> None:
    run = make_run(tmp_path, "tiny & co")
    log(run, ROWS)
    text = report_page(run)
    page = Page(text)
    check_closed(page)
    assert page.texts["h1"][0] == "tiny & co"
    assert {"Curves", "Samples", "Model", "Training", "Commands"} <= set(page.texts["h2"])
    assert len(page.texts["h3"]) >= len(ROWS) and "step 1" in page.texts["h3"]
    charts = [json.loads(data) for data in re.findall(r'<script type="application/json">(.*?)</script>', text)]
    losses = {curve["name"]: curve for curve in charts[0]["curves"]}
    assert losses["training"]["x"] == [row["step"] for row in ROWS]
    assert losses["validation"]["y"] == pytest.approx([row["validation_loss"] for row in ROWS])
    assert all(charts[0]["left"] <= x <= charts[0]["right"] for x in losses["training"]["left"])
    assert "http://evil.example" in "".join(page.texts["span"])  # as text


def test_a_classifiers_page_has_its_confusion_matrix(tmp_path: Path) -> None:
    labels = (HOSTILE.replace("\udc80", ""), "b", "c")
    run = make_classifier_run(tmp_path, "tiny", ["a", "b"], labels)
    log(run, [{"step": 5, "validation_loss": 1.0, "accuracy": 50.0, "confusion": [[5, 1, 0], [2, 7, 1], [0, 0, 3]]}])
    page = Page(report_page(run))
    check_closed(page)
    assert "Confusion matrix" in page.texts["h2"]
    assert any("b → c: 1 (10%)" in title for title in page.texts["title"])


def test_a_run_without_metrics_or_with_broken_ones_has_a_page(tmp_path: Path) -> None:
    run = make_run(tmp_path, "tiny")
    check_closed(Page(report_page(run)))
    run.metrics_file.write_bytes(b'{"step": 1, "train_loss": 1e999, "validation_loss": "x"}\n\xff\n[1]\n{"step": 2}')
    check_closed(Page(report_page(run)))


def test_the_shipped_translators_page_shows_attention() -> None:
    folder = Path(__file__).resolve().parents[2] / "checkpoints" / "en-es"
    page = Page(report_page(RunFolder(folder)))
    check_closed(page)
    assert "Attention" in page.texts["h2"] and any("←" in title for title in page.texts["title"])


def test_the_command_writes_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    make_run(tmp_path / "checkpoints", "tiny")
    monkeypatch.chdir(tmp_path)
    assert main(["report", "tiny"]) == 0 and main(["report", "tiny", "--html", "-"]) == 0
    assert capsysbinary.readouterr().out == (tmp_path / "tiny.html").read_bytes()
    assert main(["report", "tiny"]) == 2


@pytest.mark.skipif(not (os.environ.get("RNNTUI_CHROMIUM") or shutil.which("chromium")), reason="needs chromium")
def test_a_browser_runs_the_page(tmp_path: Path) -> None:
    """Headless Chromium, after the scripts have run: the slider chooses among the samples, and nothing hostile ran."""
    run = make_run(tmp_path, "tiny")
    log(run, ROWS)
    (tmp_path / "page.html").write_text(report_page(run), encoding="utf-8")
    command = [os.environ.get("RNNTUI_CHROMIUM") or "chromium", "--headless=new", "--no-sandbox", "--disable-gpu",
               f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", (tmp_path / "page.html").as_uri()]  # fmt: skip
    dom = Page(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.decode())
    hidden = [a for tag, a in dom.elements if tag == "article" and a.get("class") == "hidden"]
    assert len(hidden) == len(ROWS) - 1
    assert any(a.get("class") == "steps shown" for _, a in dom.elements)
    check_closed(dom)


def test_a_run_that_is_shown_keeps_its_status(tmp_path: Path) -> None:
    run = make_run(tmp_path, "tiny")
    run.write_status(replace(run.read_status(), state="failed", message=HOSTILE))
    page = Page(report_page(run))
    check_closed(page)
    assert any("alert(1)" in text for text in page.texts["td"])
