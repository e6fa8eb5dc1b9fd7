"""The app in a real pseudo-terminal, with the shipped model and its own thread."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pexpect = pytest.importorskip("pexpect")


@pytest.fixture
def app(tmp_path: Path) -> object:
    environment = {
        **os.environ, "RNNTUI_SETTINGS": str(tmp_path / "settings.json"), "TERM": "xterm-256color",
        "RNNTUI_CHECKPOINTS": str(tmp_path / "none"),
    }  # fmt: skip
    # The app saves the text every ten seconds; a test need not wait so long.
    code = "import rnntui.tui.chat.tab as tab; tab.AUTOSAVE_INTERVAL = 1.0; from rnntui.cli.main import main; main()"
    command = [sys.executable, "-c", code, "chat", "shakespeare"]
    child = pexpect.spawn(
        command[0], command[1:], cwd=tmp_path, env=environment, dimensions=(24, 80), timeout=60, encoding="utf-8"
    )
    child.delaybeforesend = 0
    yield child
    child.close(force=True)


def libraries(process: int) -> str:
    maps = Path(f"/proc/{process}/maps")
    return maps.read_text() if maps.exists() else ""


def test_writing_steering_stopping_saving_and_leaving(app: Any, tmp_path: Path) -> None:
    app.expect("ready")
    app.send("\x1bl")  # Alt+L, as most terminals send it
    app.expect("learning from you")
    app.send("\x1bl")
    app.expect("forgotten")
    app.send("ROMEO:\r")
    app.expect("tokens/s")
    app.send("\x1b[19~")  # F8: wild
    app.expect(r"1\.20")
    app.send("\x1b")
    app.expect("ready")
    app.send("\x13")  # Ctrl+S
    app.expect("Save the text as")
    app.send("\r")
    app.expect("Saved")
    text = (tmp_path / "shakespeare-1.txt").read_text()
    assert text.startswith("ROMEO:") and len(text) > len("ROMEO:")
    assert re.search(r'"temperature": 1\.2', (tmp_path / "shakespeare-1.jsonl").read_text())
    assert "libtorch" not in libraries(app.pid)
    app.send("\x11")  # Ctrl+Q
    app.expect(pexpect.EOF)
    app.wait()
    assert app.exitstatus == 0
    assert "the text is saved" in app.before
    assert [path.read_text() for path in (tmp_path / "texts").glob("*.txt")] == [text]


def test_a_killed_app_has_kept_its_text(app: Any, tmp_path: Path) -> None:
    app.expect("ready")
    app.send("JULIET:\r")
    end = time.monotonic() + 40
    while not (kept := list((tmp_path / "texts").glob("*.txt"))):
        assert time.monotonic() < end
        app.expect([r".", pexpect.TIMEOUT], timeout=0.2)
    app.kill(9)
    assert kept[0].read_text().startswith("JULIET:")
