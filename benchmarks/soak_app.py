"""The app under load in a pseudo-terminal: a training, four streams, a chart, a translation. See `soak.py`."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from soak_samples import Sampler, Times, metric_rows, with_probe
from tui_live import KEYS, ROOT, Terminal, own_niceness, rnntui, set_niceness

SIZE = (45, 160)  # rows, columns: four panes side by side
CHAT, TRAIN, TRANSLATE, ADD_PANE, NEW = "\x1bOQ", "\x1bOR", "\x1bOS", "\x1b[17~", "\x1b[24~"
END, ENTER, TAB, CONTINUE, STOP, QUIT, CLEAR, ERASE = "\x1b[F", "\r", "\t", "\x0e", "\x1b", "\x11", "\x15", "\x7f"
RUN = "soak"
_TAIL = 1 << 16  # bytes of output that are kept, for the case that the app ends by itself
ESCAPES = re.compile(r"\x1b\[[0-9;?<=>]*[a-zA-Z]")
STEP = re.compile(rb"step ([\d,]+) of")


def _kernel_messages(pid: int) -> list[str]:
    """Return what the kernel says of a process that it killed; nothing where that may not be read."""
    done = subprocess.run(["dmesg"], capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if re.search(rf"\b{pid}\b|[Oo]ut of memory|oom", line)][-20:]


class AppSession:
    """A person who goes from tab to tab for hours: writes in four panes, watches the loss, types to translate."""

    def __init__(
        self, folder: Path, corpus: Path, minutes: float, path: Path, probe: Path | None = None, shared: bool = False
    ) -> None:
        self.is_shared = shared
        self.folder, self.corpus, self.minutes = folder, corpus, minutes
        self.run = folder / "checkpoints" / RUN
        self.run.parent.mkdir(exist_ok=True)
        self.lags = {name: Times() for name in ("chat", "train", "translate")}
        self.lost_keys: list[str] = []
        self._tail = b""  # of the output
        self.place, self.shown_step = "start", 0
        self.sampler = Sampler(path, self._facts)
        command = with_probe(rnntui("chat", "shakespeare", "--checkpoints", str(folder / "checkpoints")), probe)
        self.app = Terminal(command, folder / "settings.json", SIZE)
        self._letters = itertools.cycle(KEYS)
        self._sentences = self._english()

    def _english(self) -> Iterator[str]:
        lines = (ROOT / "corpora" / "en-es.tsv").read_text(encoding="utf-8").splitlines()
        sentences = [line.split("\t")[0] for line in lines]
        chance = random.Random(1)
        while True:
            yield chance.choice(sentences)

    def _facts(self) -> dict[str, Any]:
        status: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            status = json.loads((self.run / "status.json").read_text(encoding="utf-8"))
        return {
            "place": self.place,
            "lost_keys": self.lost_keys,
            "lags_ms": {name: times.take() for name, times in self.lags.items()},
            "metrics": metric_rows(self.run / "metrics.jsonl"),
            "status": {key: status.get(key) for key in ("state", "step")},
            "shown_step": self.shown_step,
        }

    # -- keys ----------------------------------------------------------------------------------------------------

    def press(self, *keys: str, pause: float = 0.3) -> None:
        """Press keys one after another."""
        for key in keys:
            self.app.send(key)
            self.app.drain(pause)
        self.app.forget()

    def press_until(self, key: str, wanted: bytes) -> None:
        """Press a key, and wait until the screen shows something, and has settled."""
        self.app.send(key)
        self.app.wait_for(wanted)
        self.app.drain(3.0)
        self.app.forget(0)

    def measure_letter(self, times: Times) -> None:
        """Type a letter that nobody else writes, and measure how long it takes until the screen shows it."""
        letter = next(self._letters)
        self._tail = (self._tail + self.app.output)[-_TAIL:]
        self.app.forget(0)
        self.app.send(letter)
        try:
            times.add(self.app.wait_for(letter.encode(), 30.0) * 1000)
        except TimeoutError:
            self.lost_keys.append(f"{self.place} at {self.sampler.elapsed:.0f} s")

    # -- tabs ----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Open the models, add the panes, start the training from its form."""
        self.app.wait_for(b"ready")
        self.app.drain(2.0)
        self.press(*[TAB] * 9, END, *[TAB] * 3, pause=0.4)  # the slider of the length: no end; then on to the prompt
        for _ in range(3):
            self.press(ADD_PANE, pause=1.5)
        self.press_until(TRAIN, b"by age")
        self.press_until("n", b"Start a run")
        self.press(str(self.corpus), TAB, RUN, *[TAB] * 4, f"{self.minutes:.2f}", pause=0.5)
        self.press(ENTER, pause=1.0)
        self._await_training()

    def _await_training(self) -> None:
        end = time.monotonic() + 300
        training: psutil.Process | None = None
        while not (self.run / "status.json").exists():
            if time.monotonic() > end:
                raise TimeoutError("the training did not start")
            self.app.drain(0.5)
            self.app.forget()
            if training is None:
                children = psutil.Process(self.app.pid).children()
                training = next((child for child in children if "train" in child.cmdline()), None)
                if training is not None and self.is_shared:
                    set_niceness(training.pid, own_niceness())
        if training is not None:
            self.sampler.processes["training"] = training

    def chat(self, seconds: float) -> None:
        """Begin new texts, let four models write, and type meanwhile."""
        self.press(CHAT, STOP, NEW, pause=0.5)
        self.press("ROMEO:", ENTER, pause=0.5)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.measure_letter(self.lags["chat"])
            self.app.drain(0.4)
        self.press(CLEAR)

    def watch(self, seconds: float) -> None:
        """Watch the loss for a while, and filter the list."""
        self.press(TRAIN, pause=1.0)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.app.drain(1.0)
            steps = STEP.findall(self.app.output)
            if steps:
                self.shown_step = int(steps[-1].replace(b",", b""))
            self.app.forget()
        self.press("/", pause=0.5)
        for _ in range(3):
            self.measure_letter(self.lags["train"])
            self.app.drain(0.3)
        self.press(STOP, STOP, pause=0.5)

    def translate(self, seconds: float) -> None:
        """Type sentences, which are translated as they grow; every so often begin a new text."""
        self.press(TRANSLATE, pause=1.5)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for letter in next(self._sentences):
                self.app.send(letter)
                self.app.drain(0.08)
            self.app.drain(1.0)
            self.measure_letter(self.lags["translate"])
            self.press(ERASE, ENTER, pause=0.2)
            self.app.forget()

    # -- the session ---------------------------------------------------------------------------------------------

    def run_for(self, seconds: float) -> None:
        """Go from tab to tab for so long, then close the app, stop the training, and write what is left."""
        self.sampler.processes["app"] = psutil.Process(self.app.pid)
        with self.sampler.running():
            try:
                self.begin()
                self.sampler.write(event="begun")
                for number in itertools.count():
                    if self.sampler.elapsed > seconds:
                        break
                    for place, seconds_there in ((self.chat, 15), (self.watch, 15), (self.translate, 25)):
                        self.place = f"{place.__name__} {number}"
                        place(seconds_there)
                    if self.app.exit_code() is not None:
                        break
                    if number % 5 == 4:
                        self.press(NEW, pause=1.0)
            finally:
                self._end()

    def _note_death(self) -> None:
        """Write why the app ended by itself: exit code or signal, and all that it wrote last, traceback included."""
        self.app.drain(1.0)
        raw = (self._tail + self.app.output)[-_TAIL:]
        self.sampler.write(
            event="died",
            place=self.place,
            exit_code=self.app.exit_code(),
            output=ESCAPES.sub("", raw.decode("utf-8", "replace")),
            kernel=_kernel_messages(self.app.pid),
        )
        self.sampler.path.with_suffix(".screen").write_bytes(raw)

    def _end(self) -> None:
        training = self.sampler.processes.get("training")
        died = self.app.exit_code()
        if died is not None:
            self._note_death()
        else:
            self.app.send(STOP + QUIT)
        deadline = time.monotonic() + 20
        while self.app.exit_code() is None and time.monotonic() < deadline:
            self.app.drain(0.2)
        code = self.app.exit_code()
        self.app.close()
        outlived = training is not None and training.is_running()
        if training is not None and outlived:
            training.send_signal(signal.SIGINT)
            with contextlib.suppress(psutil.TimeoutExpired):
                training.wait(120)
        facts = self._facts()
        self.sampler.write(
            event="end",
            app_closed=code is not None and died is None,
            exit_code=code,
            training_outlived_the_app=outlived,
            **facts,
        )
