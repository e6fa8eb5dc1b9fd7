"""`rnntui serve` as a process: it starts without torch, answers, and ends in order on a signal."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_runs import make_run

from rnntui.cli.main import run


def start(folder: Path, *flags: str) -> tuple[subprocess.Popen[str], int]:
    """Start the command on the runs of a folder; return the process and the port."""
    code = (
        "import sys; from rnntui.cli.main import run; code = run(sys.argv[1:]);"
        "print('torch' in sys.modules, 'textual' in sys.modules); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, "serve", "--port", "0", "--checkpoints", str(folder), *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    line = process.stderr.readline()
    match = re.search(r"http://127\.0\.0\.1:(\d+)/v1", line)
    assert match, line
    return process, int(match[1])


def test_a_signal_ends_the_server_when_the_stream_has_ended(tmp_path: Path) -> None:
    make_run(tmp_path, "letters")
    process, port = start(tmp_path, "--run", "letters", "--grace", "60")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(
        "POST", "/v1/completions", json.dumps({"model": "letters", "prompt": "a", "max_tokens": 1000, "stream": True})
    )
    with connection.getresponse() as response:
        beginning = response.read(100)
        process.send_signal(signal.SIGTERM)
        events = (beginning + response.read()).decode().split("\n\n")
    connection.close()
    assert events[-2:] == ["data: [DONE]", ""]
    text = "".join(json.loads(event[6:])["choices"][0]["text"] for event in events[:-2])
    assert len(text) == 1000
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0 and out == "False False\n"
    assert " 200 letters 1+1000 tokens" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--run", "nowhere"], "no run 'nowhere'"),
        (["--api-key", ""], "--api-key is empty"),
        (["--api-key", "clé"], "the header of a request cannot carry"),
        (["--api-key", "key\n"], "the header of a request cannot carry"),
        (["--port", "70000"], "--port must be between 0 and 65,535"),
        (["--app", "--run", "a", "--run", "b"], "--app opens one run"),
        (["--app", "--host", "0.0.0.0"], "add --api-key KEY"),
    ],
)
def test_what_is_wrong_with_the_flags(
    tmp_path: Path, flags: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", "--checkpoints", str(tmp_path), *flags]) == 2
    assert problem in capsys.readouterr().err


def test_two_runs_of_one_name_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("mine", "yours"):
        make_run(tmp_path / folder, "letters")
    flags = ["--run", "letters", "--run", str(tmp_path / "yours" / "letters")]
    assert run(["serve", "--checkpoints", str(tmp_path / "mine"), *flags]) == 2
    err = capsys.readouterr().err
    assert "have the same name, letters" in err and "rename one of them" in err


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run(["serve", "--checkpoints", os.fspath(tmp_path), "--port", str(port)]) == 2
    assert f"port {port}" in capsys.readouterr().err


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run(["serve"]) == 2
    assert "pip install 'rnntui[serve]'" in capsys.readouterr().err
