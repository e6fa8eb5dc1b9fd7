"""The app in a real pseudo-terminal, with the shipped model and its own thread."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pexpect = pytest.importorskip("pexpect")


_AUTOSAVE = "import rnntui.tui.chat.tab as tab; tab.AUTOSAVE_INTERVAL = {seconds}; "
# Alt+Z blocks the event loop, as writing to a terminal does that takes nothing more.
_BLOCKING = (
    "import threading; import rnntui.tui.app as app; import rnntui.tui.keys as keys; "
    "keys.KEYS['chat'] += (keys.Key('chat.block', 'alt+z', 'block', '', ''),); "
    "tab.ChatTab.action_block = lambda self: threading.Event().wait(); "
)
_MAIN = "from rnntui.cli.main import main; main()"


def spawn(tmp_path: Path, code: str) -> Any:
    environment = {
        **os.environ, "RNNTUI_SETTINGS": str(tmp_path / "settings.json"), "TERM": "xterm-256color",
        "RNNTUI_CHECKPOINTS": str(tmp_path / "none"),
    }  # fmt: skip
    child = pexpect.spawn(
        sys.executable, ["-c", code, "chat", "shakespeare"],
        cwd=tmp_path, env=environment, dimensions=(24, 80), timeout=60, encoding="utf-8",
    )  # fmt: skip
    child.delaybeforesend = 0
    return child


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Any]:
    # The app saves the text every ten seconds; a test need not wait so long.
    child = spawn(tmp_path, _AUTOSAVE.format(seconds=1.0) + _MAIN)
    yield child
    child.close(force=True)


@pytest.fixture
def slow_saving_app(tmp_path: Path) -> Iterator[Any]:
    """The app as it is before the text has been saved for the first time."""
    child = spawn(tmp_path, _AUTOSAVE.format(seconds=3600.0) + _BLOCKING + _MAIN)
    yield child
    if not child.closed:
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


def saved_text(tmp_path: Path) -> str:
    (file,) = (tmp_path / "texts").glob("*.txt")
    return file.read_text()


def typed(tmp_path: Path) -> dict[str, str]:
    """What was typed beside the text: the unsent line, and the text as it was being edited."""
    (file,) = (tmp_path / "texts").glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return {name: line[name] for line in lines for name in ("unsent", "edited") if name in line}


def write_and_type(app: Any, line: str) -> None:
    """Let the model write without end, and type a line that is not sent."""
    app.expect("ready")
    app.send("JULIET:\r")
    app.expect("tokens/s")
    app.send(line)
    app.expect(line)


def test_a_signal_sent_twice_saves_all_that_is_typed_and_restores_the_terminal(
    slow_saving_app: Any, tmp_path: Path
) -> None:
    app = slow_saving_app
    write_and_type(app, "Romeo?")
    app.kill(signal.SIGTERM)
    app.kill(signal.SIGTERM)
    app.expect("the text is saved; continue it with: rnntui chat --reopen")
    assert "\x1b[?1049l" in app.before and "\x1b[?1003l" in app.before and "\x1b[?25h" in app.before
    app.expect(pexpect.EOF)
    app.wait()
    assert app.exitstatus == 128 + signal.SIGTERM
    assert saved_text(tmp_path).startswith("JULIET:") and typed(tmp_path) == {"unsent": "Romeo?"}


def test_closing_the_terminal_saves_an_edit_in_a_dialog(slow_saving_app: Any, tmp_path: Path) -> None:
    app = slow_saving_app
    write_and_type(app, "Romeo?")
    app.send("\x1b[21~")  # F10
    app.expect("the model continues from its end")
    app.send("XYZ")
    app.expect("Z")
    process = app.pid
    os.close(app.child_fd)  # as a terminal does that is closed
    _, status = os.waitpid(process, 0)
    app.closed, app.terminated, app.child_fd = True, True, -1
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    text = saved_text(tmp_path)
    assert text.startswith("JULIET:") and typed(tmp_path) == {"unsent": "Romeo?", "edited": f"{text}XYZ"}


def test_a_signal_saves_though_the_event_loop_is_blocked(slow_saving_app: Any, tmp_path: Path) -> None:
    app = slow_saving_app
    write_and_type(app, "Romeo?")
    app.send("\x1bz")  # blocks it, see the fixture
    time.sleep(0.5)
    app.kill(signal.SIGHUP)
    app.expect(pexpect.EOF)
    app.wait()
    assert app.exitstatus == 128 + signal.SIGHUP
    assert saved_text(tmp_path).startswith("JULIET:") and typed(tmp_path) == {"unsent": "Romeo?"}
