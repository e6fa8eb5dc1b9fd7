"""The app in a pseudo-terminal: time to the first frame, and typing latency while a model generates.

Linux only: processor time and memory of the app are read from `/proc`. Run by `tui.py`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from common import alternate, print_table, verdict

from rnntui.processors import usable_cpus
from rnntui.sessions.training_process import launch_training

ROOT = Path(__file__).resolve().parent.parent
SIZE = (24, 80)
KEYS = "абвгдежзийклмнопрстуфхцчшщъыьэюяґєіїђѓ"  # letters that Shakespeare never wrote
FIRST_PAINT = 0.6  # seconds
SPEED = 2_000  # characters a second
KEY_TO_FRAME = 50.0  # milliseconds, 95th percentile
BESIDE_TRAINING = 100.0  # milliseconds, 95th percentile, while a training wants every core
VIEW = 0.30  # of one core
TICKS = os.sysconf("SC_CLK_TCK")


class Terminal:
    """A program in a pseudo-terminal of `size` rows and columns, with all its output."""

    def __init__(self, command: list[str], settings: Path, size: tuple[int, int] = SIZE) -> None:
        self.output = b""
        self._status: int | None = None
        niceness = own_niceness()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            set_niceness(os.getpid(), niceness)
            os.chdir(ROOT)
            environment = {**os.environ, "RNNTUI_SETTINGS": str(settings), "TERM": "xterm-256color"}
            environment.pop("RNNTUI_CHECKPOINTS", None)
            # Bytecode as after the first start, whatever the caller's settings: compiling takes some 60 ms.
            environment.pop("PYTHONDONTWRITEBYTECODE", None)
            environment["PYTHONPYCACHEPREFIX"] = str(settings.with_name("bytecode"))
            os.execvpe(command[0], command, environment)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))

    def read(self, seconds: float) -> None:
        """Read its output of so many seconds, or only the first of it."""
        ready, _, _ = select.select([self._fd], [], [], max(0.0, seconds))
        if ready:
            try:
                self.output += os.read(self._fd, 1 << 16)
            except OSError:  # Linux's word for the other end's being closed
                return

    def wait_for(self, wanted: bytes, seconds: float = 120.0) -> float:
        """Return the seconds until it writes something. Raises `TimeoutError` if it does not."""
        began, seen = time.perf_counter(), len(self.output)
        while wanted not in self.output[max(0, seen - len(wanted)) :]:
            if time.perf_counter() - began > seconds:
                raise TimeoutError(f"{wanted!r} never came")
            self.read(0.05)
        return time.perf_counter() - began

    def send(self, keys: str) -> None:
        """Press keys."""
        os.write(self._fd, keys.encode())

    def drain(self, seconds: float) -> None:
        """Read its output for so many seconds."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.read(end - time.perf_counter())

    def forget(self, kept: int = 1 << 16) -> None:
        """Forget all but the last bytes of its output, of which a long session has very many."""
        self.output = self.output[-kept:] if kept else b""

    def main_thread_seconds(self) -> float:
        """Return the processor seconds of the main thread, which does all drawing; generation has its own thread."""
        fields = Path(f"/proc/{self.pid}/task/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Return its resident memory in megabytes."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0

    def loaded(self, library: str) -> bool:
        """Return True if a shared library of that name is in its memory."""
        return library in Path(f"/proc/{self.pid}/maps").read_text()

    def exit_code(self) -> int | None:
        """Return its exit code, or minus the number of the signal that ended it; None while it runs."""
        if self._status is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def close(self) -> None:
        """Terminate the program, unless it has ended."""
        if self.exit_code() is None:
            os.kill(self.pid, signal.SIGKILL)
            _, status = os.waitpid(self.pid, 0)
            self._status = os.waitstatus_to_exitcode(status)
        os.close(self._fd)


def own_niceness() -> str:
    """Return the niceness of this session, where Linux schedules by sessions; else ""."""
    with contextlib.suppress(OSError, IndexError):
        return Path("/proc/self/autogroup").read_text(encoding="ascii").split()[-1]
    return ""


def set_niceness(pid: int, niceness: str) -> None:
    """Give the session of a process, which would begin with 0, a niceness that `own_niceness` returned."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(niceness, encoding="ascii")


def rnntui(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "rnntui", *arguments]


def start(rounds: int) -> None:
    """Measure and print the time from the shell to the first frame."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "settings.json"

        def seconds(command: list[str], wanted: bytes) -> float:
            began = time.perf_counter()
            terminal = Terminal(command, settings)
            terminal.wait_for(wanted)
            took = time.perf_counter() - began
            terminal.close()
            return took

        hello = "from textual.app import App; from textual.widgets import Label\n" \
                "class A(App):\n def compose(self): yield Label('Continue')\nA().run()"  # fmt: skip
        python = [sys.executable, "-c"]
        contestants = {
            "rnntui chat, first frame": lambda: seconds(rnntui("chat"), b"Type below"),
            "rnntui chat, all of it": lambda: seconds(rnntui("chat"), b"Continue"),
            "rnntui chat, model open": lambda: seconds(rnntui("chat", "shakespeare"), b"ready"),
            "the smallest Textual app": lambda: seconds([*python, hello], b"Continue"),
            "import torch": lambda: seconds([*python, "import torch; print('Continue')"], b"Continue"),
        }
        measurements = alternate(contestants, rounds)
    rows = [
        [name, f"{statistics.median(times):.3f}", f"{min(times):.3f}", f"{max(times):.3f}"]
        + ([f"<= {FIRST_PAINT:g}", verdict(statistics.median(times) <= FIRST_PAINT)] if "first" in name else ["", ""])
        for name, times in measurements.items()
    ]
    columns = ["from a cold shell", "median, s", "least", "most", "target", ""]
    print_table(f"start, {rounds} rounds", columns, rows)


def typing(seconds: float, characters: int) -> None:
    """Measure and print typing while the shipped model writes as fast as it can into a long text."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "settings.json"
        text = (ROOT / "corpora" / "shakespeare.txt").read_text(encoding="utf-8")[:characters]
        turn = {"role": "prompt", "text": text}
        texts = settings.with_name("texts")
        texts.mkdir()
        (texts / "long.jsonl").write_text(json.dumps(turn) + "\n", encoding="utf-8")
        app = Terminal(rnntui("chat", "shakespeare", "--reopen"), settings)
        app.wait_for(b"ready")
        app.drain(1.0)
        app.send("\t\t" + "\t" * 7 + "\x1b[F")  # text, temperature and so on to length: End means no end
        app.drain(0.5)
        app.send("\t\x1b[F\t\t")  # chars/s: End is full speed; then past the seed to the prompt
        app.drain(0.5)
        app.send("\x0e")
        app.drain(2.0)
        times, memory = [], [app.memory()]
        busy, began = app.main_thread_seconds(), time.perf_counter()
        key = 0
        while time.perf_counter() - began < seconds:
            wanted = KEYS[key % len(KEYS)]
            if key and key % len(KEYS) == 0:
                app.send("\x15")  # empty the prompt, so that each letter is new on the screen
                app.drain(0.3)
            app.send(wanted)
            times.append(app.wait_for(wanted.encode(), 5.0) * 1000)
            app.drain(0.15)
            memory.append(app.memory())
            key += 1
        took = time.perf_counter() - began
        share = (app.main_thread_seconds() - busy) / took
        torch = app.loaded("libtorch")
        app.send("\x1b")
        app.drain(1.0)
        app.send("\x11")
        app.drain(2.0)
        app.close()
        newest = max(texts.glob("*.txt"), key=lambda path: path.stat().st_mtime)
        written = len(newest.read_text(encoding="utf-8")) - len(text)
    times.sort()
    speed = written / (took + 3.0)  # it wrote for two seconds before and one after
    p95 = times[int(len(times) * 0.95)]
    rows: list[list[object]] = [
        ["characters a second written", f"{speed:,.0f}", f">= {SPEED:,}", verdict(speed >= SPEED)],
        ["key to frame, median, ms", f"{statistics.median(times):.1f}", "", ""],
        ["key to frame, 95%, ms", f"{p95:.1f}", f"<= {KEY_TO_FRAME:g}", verdict(p95 <= KEY_TO_FRAME)],
        ["key to frame, most, ms", f"{times[-1]:.1f}", "", ""],
        ["the view, part of one core", f"{share:.2f}", f"<= {VIEW:g}", verdict(share <= VIEW)],
        ["memory at the start, MB", f"{memory[0]:.1f}", "", ""],
        ["memory at the end, MB", f"{memory[-1]:.1f}", "flat", ""],
        ["torch in the app", "yes" if torch else "no", "no", verdict(not torch)],
    ]  # fmt: skip
    title = f"typing {len(times)} keys in {took:.0f} s while the shipped model writes into {characters:,} characters"
    print_table(title, ["in a pseudo-terminal of 80×24", "", "target", ""], rows)


def typing_beside_training(rounds: int, keys: int) -> None:
    """Measure and print typing while the shipped model writes and a training wants every core.

    Alone, beside a training as the app starts it, and beside one that does not give way, in turns.
    """
    cores = str(usable_cpus())
    corpus = str(ROOT / "corpora" / "prideprejudice.txt")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        arguments = ["train", corpus, "--threads", cores, "--minutes", "60", "--checkpoints", str(folder / "runs")]

        @contextlib.contextmanager
        def training(gives_way: bool) -> Iterator[None]:
            process = launch_training([*arguments, "--name", f"run-{time.time_ns()}"], "starting", "run").process
            if not gives_way:
                os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0))
                set_niceness(process.pid, own_niceness())
            try:
                time.sleep(15.0)  # until it trains
                yield
            finally:
                process.kill()
                process.wait()

        times: dict[str, list[float]] = {"alone": [], "beside a training": [], "beside one that does not give way": []}
        app = Terminal(rnntui("chat", "shakespeare"), folder / "settings.json")
        app.wait_for(b"ready")
        app.drain(1.0)
        app.send("\t" * 9 + "\x1b[F")  # length: End means no end
        app.drain(0.5)
        app.send("\t" * 3 + "ROMEO:\r")
        app.drain(1.0)
        for _ in range(rounds):
            conditions = dict(zip(times, (contextlib.nullcontext(), training(True), training(False)), strict=True))
            for name, condition in conditions.items():
                with condition:
                    times[name] += _letters(app, keys)
        app.close()
    rows: list[list[object]] = []
    for name, found in times.items():
        found.sort()
        p95 = found[int(len(found) * 0.95)]
        judged = [f"<= {BESIDE_TRAINING:g}", verdict(p95 <= BESIDE_TRAINING)] if "give" not in name else ["", ""]
        rows.append([name, f"{statistics.median(found):.1f}", f"{p95:.1f}", f"{found[-1]:.1f}", *judged])
    columns = ["key to frame, ms", "median", "95%", "most", "95%, target", ""]
    print_table(f"typing {rounds} × {keys} keys while a training has {cores} threads", columns, rows)


def _letters(app: Terminal, keys: int) -> list[float]:
    """Type letters that the model never writes, and return the milliseconds until the screen shows each."""
    times = []
    for key in range(keys):
        wanted = KEYS[key % len(KEYS)]
        if key % len(KEYS) == 0:
            app.send("\x15")  # empty the prompt, so that each letter is new on the screen
            app.drain(0.5)
        app.forget(0)
        app.send(wanted)
        times.append(app.wait_for(wanted.encode(), 30.0) * 1000)
        app.drain(0.15)
    return times
