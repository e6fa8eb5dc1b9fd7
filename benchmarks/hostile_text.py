"""Escapes in every place where texts of others are shown, on a pseudo-terminal: how many come through.

    python benchmarks/hostile_text.py

Needs the extra `dev` and the tests of this repository, whose matrix of commands it runs first (tests/faults). Then come
what is too slow for a test: trainings of each kind on hostile corpora, names and labels, with their live progress; a
search for settings; the log of a server; an exported program; and the app itself, in which a model writes escapes,
lists and dialogs are opened, and a chart is saved. An escape has come through if its bytes reach the terminal, or if an
emulated terminal is told to do what only an escape could tell it.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "faults")]

from hostile_texts import ESCAPES, NAMES, TEXT, own_problems, problems_on_terminal  # noqa: E402
from pseudo_terminal import PseudoTerminal  # noqa: E402
from test_hostile_text import BARS, COMMANDS, LABEL, LINE, make_hostile_folder  # noqa: E402

FIRST, SECOND = NAMES
SIZES = ("--hidden", "8", "--embedding", "8", "--batch-size", "4", "--eval-tokens", "256", "--steps", "15")


def spawned(folder: Path, arguments: tuple[str, ...], **environment: str) -> Any:
    """Start a command of this interpreter on a pseudo-terminal."""
    variables = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **environment}
    return pexpect.spawn(sys.executable, [*arguments], cwd=folder, env=variables, dimensions=(40, 140), timeout=600)


def whole_output(child: Any) -> bytes:
    """Return all that a process writes until it ends."""
    child.expect(pexpect.EOF)
    child.close()
    return bytes(child.before)


def trainings(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return command lines of trainings, whose files they write."""
    (folder / f"corpus{SECOND}.txt").write_text(TEXT * 60)
    (folder / f"pairs{SECOND}.tsv").write_text("".join(f"{n} {LINE}\t{n} {LINE}\n" for n in range(60)))
    rows = [f"{n} {LINE}\t{label}\n" for n in range(60) for label in (f"one{LABEL}", f"{LABEL}two")]
    (folder / f"labels{SECOND}.tsv").write_text("".join(rows))
    name = ("--name", "trained", "--checkpoints", f"runs{FIRST}")
    others = (*SIZES, *name[2:])
    corpus = (f"corpus{SECOND}.txt", *SIZES, "--learning-rate", "0.01")
    return {
        "training of a language model": ("train", *corpus, *name),
        "training of a Seq2Seq model": ("train-seq2seq", f"pairs{SECOND}.tsv", "--tokenizer", "char", *others),
        "training of a classifier": ("train-classifier", f"labels{SECOND}.tsv", *others),
        "resumed training": ("train", "--resume", *name, "--steps", "50"),
        "search for settings": ("tune", f"corpus{SECOND}.txt", "--trials", "1", "--trial-minutes", "0.02"),
    }


def served(folder: Path) -> bytes:
    """Return the log of a server that was asked for hostile paths and models."""
    child = spawned(folder, ("-m", "rnntui", "serve", "--port", "0", "--run", FIRST))
    child.expect(rb"at http://127.0.0.1:(\d+)/v1")
    start, port = bytes(child.before) + bytes(child.after), int(child.match[1])
    for path in ("/%1b]0;owned%07", "/v1/models/%C2%9b2J", "/%E2%80%AE"):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20).close()
        except urllib.error.HTTPError as error:
            error.close()
    time.sleep(1)
    child.kill(signal.SIGINT)
    return start + whole_output(child)


def exported(folder: Path) -> bytes:
    """Return what an exported program prints."""
    spawned(folder, ("-m", "rnntui", "export", FIRST, "--single-file", "program.py")).expect(pexpect.EOF)
    return whole_output(spawned(folder, ("program.py", LINE, "--length", "300", "--temperature", "5")))


def app(folder: Path) -> bytes:
    """Return what the app writes while a model writes escapes, and lists, dialogs and tabs with them are shown."""
    child = spawned(folder, ("-m", "rnntui", "chat", FIRST), RNNTUI_SETTINGS=str(folder / "settings.json"))
    output = b""
    child.expect(b"x1b")
    output += bytes(child.before) + bytes(child.after)
    for keys in (
        b".\r",
        b"\x1b",
        b"\x1b[15~",
        b"\x1b",
        b"\x13",
        b"\x1b",
        b"\x1bOR",
        b"\r",
        b"\x1bOQ",
        b"\x0f",
        b"\x1b",
    ):
        child.send(keys)
        seconds = time.monotonic() + 3
        while time.monotonic() < seconds:
            try:
                output += child.read_nonblocking(65536, timeout=0.5)
            except pexpect.TIMEOUT:
                continue
    child.send(b"\x11")
    return output + whole_output(child)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="regular expression of the places to try")
    only = re.compile(parser.parse_args().only or "")
    through: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory(prefix="hostile-") as scratch:
        folder = make_hostile_folder(Path(scratch))
        terminal = PseudoTerminal(folder)
        for place, arguments in COMMANDS.items():
            if only.search(place):
                through[place] = problems_on_terminal(terminal.run(*arguments).data, has_bar=place in BARS)
        terminal.close()
        for place, arguments in trainings(folder).items():
            if only.search(place):
                output = whole_output(spawned(folder, ("-m", "rnntui", *arguments)))
                print(f"{place}: {len(output):,} bytes", file=sys.stderr, flush=True)
                through[place] = problems_on_terminal(output, has_bar=True)
        others: dict[str, Callable[[Path], bytes]] = {"log of a server": served, "exported program": exported}
        for place, work in others.items():
            if only.search(place):
                through[place] = problems_on_terminal(work(folder))
        if only.search("app"):
            through["app"] = own_problems(app(folder))
    for place, problems in through.items():
        if problems:
            print(f"{place}: {'; '.join(problems)}")
    count = sum(map(bool, through.values()))
    print(f"{len(ESCAPES)} escapes in {len(through)} places: through in {count}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
