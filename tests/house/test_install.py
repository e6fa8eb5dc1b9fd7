"""The wheel in a fresh environment without torch: what `pip install rnntui` brings, what works with it, and offline."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from socket_watch import SocketWatch

from rnntui.cli.main import COMMANDS
from rnntui.runs.lookup import SHIPPED

ROOT = Path(__file__).resolve().parents[2]
MAX_BYTES = 120e6
LONGEST = 600  # seconds for a process, each of which ends by itself: on a busy machine they take minutes

USE = """
import asyncio, contextlib, io, json, sys
from pathlib import Path
from rnntui.cli.main import run

def call(arguments, stdin):
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()))
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
    return [code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode()]

async def write_in_the_app():
    from rnntui.tui.app import RnntuiApp
    app = RnntuiApp(Path("checkpoints"), "shakespeare")
    async with app.run_test() as pilot:
        session = app.tabs["chat"].session
        while not session.conversations:
            await pilot.pause(0.02)
        await pilot.press(*"ROMEO", "enter")
        while len(session.conversations[0].transcript.text) < 20:
            await pilot.pause(0.02)
        return session.conversations[0].transcript.text

results = [call(arguments, stdin) for arguments, stdin in json.load(sys.stdin)]
text = asyncio.run(write_in_the_app())
json.dump([results, text, sorted({"torch", "psutil", "sacrebleu", "lxml"} & {*sys.modules})], sys.stdout)
"""
NEEDS_TORCH = "needs torch and sacrebleu and psutil and lxml, not installed here; pip install 'rnntui[train]'"

USES: list[tuple[list[str], str, int, str]] = [
    (["sample", "--run", "shakespeare", "--prompt", "ROMEO:", "-n", "40", "--seed", "1"], "", 0, "ROMEO:"),
    (["sample", "--run", "chat", "-n", "10"], "A: Hello!\n", 0, "Hello!"),
    (["score", "--run", "chat"], "Hello!\n", 0, "\t"),
    (["score", "--dynamic", "--json"], "To be\n", 0, "bits_per_character"),
    (["translate", "Where is the station?"], "", 0, "¿Dónde está la estación?\n"),
    (["translate", "--json"], "Good morning.\nHow are you?\n", 0, "attention"),
    (["classify"], "Let him seek it.\n", 0, "Austen"),
    (["classify", "--explain", "Let him seek it."], "", 0, "Austen"),
    (["classify", "--runs", "shakespeare,chat"], "O Romeo, Romeo!\n", 0, "shakespeare"),
    (["runs", "--json"], "", 0, "en-es"),
    (["show", "shakespeare"], "", 0, "corpora/shakespeare.txt"),
    (["show", "chat", "shakespeare"], "", 0, "tokenizer"),
    (["curves", "chat"], "", 0, "Loss of chat"),
    (["curves", "en-es", "--svg", "-"], "", 0, "<svg"),
    (["evaluate", "--run", "authors", "-"], "Let him seek it.\tAusten\nI am here.\tchat\n" * 4, 0, "macro F1"),
    (["export", "shakespeare", "--single-file", "model.py"], "", 0, "model.py"),
    (["note", "mine", "good"], "", 0, ""),
    (["rename", "mine", "hers"], "", 0, ""),
    (["delete", "--yes", "hers"], "", 0, ""),
    (["inspect", "step", "shakespeare", "ROMEO:"], "", 0, "cell"),
    (["index", "shakespeare"], "", 1, "corpora/shakespeare.txt"),
    (["verify", "shakespeare"], "", 0, "shakespeare: whole"),
    (["export", "shakespeare", "--onnx", "onnx"], "", 0, "saved onnx"),
    (["inspect", "gradients", "shakespeare", "--places", "2", "--steps", "10"], "", 0, "Gradient that is left"),
    (["report", "chat", "--html", "chat.html"], "", 0, ""),
    (["serve"], "", 2, "pip install 'rnntui[serve]'"),
    (["licenses"], "", 0, "tatoeba.org"),
    (["completion", "bash"], "", 0, "complete -o nosort"),
    (["chat"], "", 2, "chat needs a terminal"),
    (["train", "no.txt"], "", 2, f"training {NEEDS_TORCH}"),
    (["train-seq2seq", "no.tsv"], "", 2, f"training {NEEDS_TORCH}"),
    (["tune", "no.txt"], "", 2, f"tuning {NEEDS_TORCH}"),
    (["train-classifier", "no.tsv"], "", 2, f"training {NEEDS_TORCH}"),
    (["evaluate", "--run", "shakespeare", "-"], "To be", 2, f"evaluating a language model {NEEDS_TORCH}"),
]
"""Arguments, standard input, exit code, and a part of the output."""


def uv() -> str:
    """Return uv's path: in the environment of the tests, else on the path."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    assert found, "uv is missing: pip install -c constraints.txt -e '.[dev]'"
    return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A virtual environment with the wheel and its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    venv = folder / "venv"
    for command in (
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        [uv(), "venv", "--quiet", "--python", sys.executable, str(venv)],
        [uv(), "pip", "install", "--quiet", "--python", str(venv), "-c", "constraints.txt", "{wheel}"],
    ):
        wheel = next(map(str, folder.glob("*.whl")), "")
        filled = [part.format(wheel=wheel) for part in command]
        result = subprocess.run(filled, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LONGEST)
        assert result.returncode == 0, result.stderr
    yield venv
    shutil.rmtree(folder)  # more than 100 MB


@pytest.mark.timeout(2 * LONGEST)  # with the installation
def test_every_command_that_needs_no_torch_works_without_it_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    assert {arguments[0] for arguments, *_ in USES} == COMMANDS.keys()
    packages = next(installed.glob("lib/python*/site-packages"))
    assert sum(file.stat().st_size for file in packages.rglob("*") if file.is_file()) < MAX_BYTES
    assert not list(packages.glob("torch*"))
    assert {path.name for path in (packages / "rnntui" / "shipped").iterdir()} == {*SHIPPED}
    shutil.copytree(packages / "rnntui" / "shipped" / "shakespeare", tmp_path / "checkpoints" / "mine")
    (tmp_path / "watch").mkdir()
    watch = SocketWatch(tmp_path / "watch")
    environment = watch.environment() | {"RNNTUI_SETTINGS": str(tmp_path / "settings.json")}
    environment.pop("RNNTUI_CHECKPOINTS", None)
    result = subprocess.run(
        [str(installed / "bin" / "python"), "-P", "-c", USE],
        input=json.dumps([use[:2] for use in USES]), cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=LONGEST, env=environment,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    results, text, heavy = json.loads(result.stdout)
    for (arguments, _, code, part), (its_code, out, err) in zip(USES, results, strict=True):
        assert its_code == code and part in out + err, (arguments, its_code, out[:400], err)
    assert text.startswith("ROMEO") and heavy == []
    assert watch.attempts == [], "the internet is used by no command but serve"
    assert list((tmp_path / "checkpoints").iterdir()) == []
    script = [str(installed / "bin" / "rnntui"), "--version"]
    assert subprocess.run(script, capture_output=True, text=True, check=True).stdout.startswith("rnntui ")
