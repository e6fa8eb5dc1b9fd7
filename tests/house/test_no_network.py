"""Commands that train use no internet. `test_install.py` has the same of all others but `serve`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from socket_watch import SocketWatch

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--hidden", "8", "--embedding", "8", "--batch-size", "4", "--eval-tokens", "256", "--evaluations", "1")
SHORT = (*QUICK, "--steps", "2", "--threads", "1", "--sample-length", "8")

COMMANDS = (
    ("train", "text.txt", "--name", "text", "--ngram-prior", "2", "--tensorboard", *SHORT),
    ("train-seq2seq", "pairs.tsv", "--name", "pairs", "--tokenizer", "char", "--bleu-pairs", "2", *SHORT),
    ("train-classifier", "labels.tsv", "--name", "labels", *QUICK, "--steps", "2", "--threads", "1"),
    ("evaluate", "text.txt", "--run", "text"),
    ("evaluate", "pairs.tsv", "--run", "pairs"),
    ("tune", "text.txt", "--trial-steps", "2", "--trials", "1", *QUICK, "--threads", "1", "--ngram-prior", "0"),
)
RUN = """
import json, socket, sys
from rnntui.cli.main import run
codes = [run(command) for command in json.load(sys.stdin)]
try:
    socket.create_connection(("127.0.0.1", 9))
except PermissionError:
    codes.append("refused")
print(json.dumps(codes), file=sys.stderr)
"""


def test_training_evaluating_and_tuning_open_no_internet_socket(tmp_path: Path) -> None:
    words = ("one", "two", "three", "seven")
    (tmp_path / "text.txt").write_text("".join(f"{word} {word} and then\n" for word in words * 40), "utf-8")
    rows = [f"{word} {other}" for word in words for other in words * 4]
    (tmp_path / "pairs.tsv").write_text("".join(f"{row} {i}\t{row} {i}\n" for i, row in enumerate(rows)), "utf-8")
    (tmp_path / "labels.tsv").write_text("".join(f"{row} {i}\t{row[:1]}\n" for i, row in enumerate(rows)), "utf-8")
    (tmp_path / "watch").mkdir()
    watch = SocketWatch(tmp_path / "watch")
    result = subprocess.run(
        [sys.executable, "-c", RUN], input=json.dumps(COMMANDS), cwd=tmp_path, env=watch.environment(str(ROOT)),
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert json.loads(result.stderr.splitlines()[-1]) == [0] * len(COMMANDS) + ["refused"], result.stderr
    assert watch.attempts == ["socket.getaddrinfo 127.0.0.1 9 0 1 0"], "that of the test, to see that it is refused"
