"""Commands in a real shell and a real terminal: pipes, signals, progress."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest
from forks import Forks

from rnntui.runs.folder import RunFolder

if sys.platform == "win32":
    pytest.skip("pseudo-terminals and signals need Unix", allow_module_level=True)

import pexpect

QUICK = "--hidden 24 --embedding 8 --batch-size 4 --bptt 16 --eval-tokens 512"
ENDLESS = f"train fox.txt {QUICK} --steps 1000000"
TEXT = "the quick brown fox jumps over the lazy dog\n" * 200


def terminal(line: str, folder: Path) -> pexpect.spawn:
    command = ["-c", f"exec {sys.executable} -m rnntui {line}"]
    child = pexpect.spawn("bash", command, cwd=str(folder), timeout=60, preexec_fn=_allow_interrupts)
    child.setwinsize(24, 80)
    return child


def _allow_interrupts() -> None:
    """Undo that a background process, as of these tests, ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "fox.txt"
    path.write_text(TEXT)
    return path


def test_a_closed_pipe_ends_an_unlimited_sample_quietly(shell, trained: Path) -> None:
    result = shell(f"rnntui sample --checkpoints {trained} -n 10000000 --seed 1 | head -c 100; echo ${{PIPESTATUS[0]}}")
    assert result.stderr == b""
    assert len(result.stdout) > 100 and result.stdout.endswith(b"0\n")


def test_every_byte_of_a_sample_reaches_a_pipe_as_utf8_in_any_locale(shell, trained: Path) -> None:
    result = shell(f"LC_ALL=C PYTHONUTF8=0 rnntui sample --checkpoints {trained} -n 0 --prompt 中文 --seed 1")
    assert result.stdout.decode() == "中文\n"


def test_ctrl_c_saves_and_says_how_to_resume(rnntui, corpus: Path) -> None:
    child = terminal(f"{ENDLESS} 2> log", corpus.parent)
    _wait_until(lambda: "bits per character" in _read(corpus.parent / "log"))
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    _assert_it_resumes(rnntui, corpus)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_and_says_how_to_resume(rnntui, forks: Forks, corpus: Path, number: int) -> None:
    folder, log = str(corpus.parent), corpus.parent / "log"
    forks.start(f"os.chdir({folder!r}); sys.stderr = open('log', 'w', 1); print(run({ENDLESS.split()!r}), flush=True)")
    _wait_until(lambda: "bits per character" in _read(log))
    forks.signal(number)
    assert [*forks.output()][-1] == "130"
    _assert_it_resumes(rnntui, corpus)


def _assert_it_resumes(rnntui, corpus: Path) -> None:
    """The last line of the log names the command that resumes the run, and it does."""
    program, *resume = shlex.split(_read(corpus.parent / "log").splitlines()[-1].partition(": ")[2])
    assert program == "rnntui" and resume[:4] == ["train", "--resume", "--name", "fox"]
    run = RunFolder(corpus.parent / "checkpoints" / "fox")
    assert run.read_status().state == "stopped"
    step = run.read_status().step
    assert rnntui(*resume, "--steps", step + 10).code == 0
    assert run.read_status().state == "done" and run.read_status().step == step + 10


def test_neither_a_hangup_under_nohup_nor_a_reader_that_leaves_ends_training(shell, corpus: Path) -> None:
    train = f"rnntui train fox.txt {QUICK} --steps 400"
    trained = "until [ -s checkpoints/fox/metrics.jsonl ]; do sleep 0.2; done"
    hang_up = f"{{ {trained}; kill -HUP $pid; wait $pid; echo $? > code; }}"
    shell(f"trap '' HUP; {{ {train} 2>&1 & pid=$!; {hang_up}; }} | head -n 1")
    assert (corpus.parent / "code").read_text() == "0\n"
    assert RunFolder(corpus.parent / "checkpoints" / "fox").read_status().state == "done"


def test_a_corpus_from_a_process_substitution(rnntui, corpus: Path) -> None:
    # bash passes <(cat fox.txt) as such a path.
    reader, writer = os.pipe()
    os.write(writer, corpus.read_bytes())  # less than a pipe's buffer
    os.close(writer)
    result = rnntui("train", f"/dev/fd/{reader}", *QUICK.split(), "--steps", "5", "--name", "piped")
    os.close(reader)
    assert result.code == 0, result.err


def test_an_interrupt_before_training_begins_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "corpus")
    child = terminal("train - --steps 5 < ../corpus", tmp_path / "pipe")
    writer = os.open(tmp_path / "corpus", os.O_WRONLY)
    os.write(writer, b"text\n" * 20_000)  # more than the pipe holds: the command has read some of it
    time.sleep(0.2)  # a signal between two reads would be handled after the second, for which there is nothing
    child.sendintr()
    child.expect("interrupted")
    child.expect(pexpect.EOF)
    child.close()
    os.close(writer)
    assert child.exitstatus == 130
    assert list((tmp_path / "pipe").iterdir()) == []


def test_on_a_terminal_progress_is_live(corpus: Path) -> None:
    child = terminal(f"train fox.txt {QUICK} --steps 400 --evaluations 3", corpus.parent)
    child.expect(r"parameters on cpu in")
    child.expect(r"tokens/s")
    child.expect(r"left")
    child.expect(r"val \d")
    child.expect(r"done in")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_control_characters_of_a_sample_are_escaped_on_a_terminal_and_exact_in_a_pipe(
    rnntui, shell, tmp_path: Path
) -> None:
    (tmp_path / "colours.txt").write_text("\x1b[31mred\x1b[0m\n" * 300)
    assert rnntui("train", "colours.txt", *QUICK.split(), "--steps", "150", "--learning-rate", "0.01").code == 0
    line = "sample --run colours -n 60 --temperature 0"
    assert b"\x1b[31m" in shell(f"rnntui {line} < /dev/null").stdout
    child = terminal(line, tmp_path)
    child.expect(pexpect.EOF)
    assert b"\\x1b[31m" in child.before and b"\x1b" not in child.before


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _wait_until(ready) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)
