"""An app around the Train tab alone, processes that are none, and runs with metrics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from textual.app import App, ComposeResult
from textual.widgets import Footer
from tiny_runs import make_run

from rnntui.config import Budget
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.kinds.pair_corpus_info import PairCorpusInfo
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_status import RunStatus
from rnntui.sessions.training_process import Training
from rnntui.tui import app as app_module
from rnntui.tui.messages import OpenRun
from rnntui.tui.preferences import Preferences
from rnntui.tui.tabs import TabContext
from rnntui.tui.train.tab import Launch, TrainTab

NARROW, WIDE = (80, 24), (140, 40)


class Host(App[None]):
    """Shows the Train tab; keeps what it was told."""

    CSS_PATH = Path(app_module.__file__).with_name("rnntui.tcss")

    def __init__(self, checkpoints: Path, launch: Launch | None = None) -> None:
        super().__init__()
        context = TabContext(checkpoints, Preferences())
        self.tab = TrainTab(context, launch) if launch else TrainTab(context)
        self.chats: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.tab
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#runs").focus()

    def on_open_run(self, event: OpenRun) -> None:
        self.chats.append(event.path)

    @property
    def names(self) -> list[str]:
        """The runs in the list, from top to bottom, as far as they are known."""
        return [Path(option.id).name for option in self.tab.runs.options if option.id]

    @property
    def rows(self) -> list[str]:
        """What stands in the list."""
        return [str(option.prompt) for option in self.tab.runs.options]

    @property
    def notices(self) -> list[str]:
        """Every notice so far that is still shown, with its title."""
        return [f"{notice.title}: {notice.message}" for notice in self._notifications]

    def text(self, selector: str) -> str:
        """What a part of the screen shows, as plain text."""
        region = self.screen.query_one(selector).region
        lines = self.screen._compositor.render_strips()[region.y : region.bottom]
        return "\n".join(line.text[region.x : region.right].rstrip() for line in lines)


class FakeProcess:
    """Stands for a process: it ends when told."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code

    def wait(self) -> int:
        assert self.code is not None
        return self.code


@dataclass
class FakeLauncher:
    """Keeps what it was asked to start."""

    folder: Path
    calls: list[list[str]] = field(default_factory=list)
    processes: list[FakeProcess] = field(default_factory=list)
    outputs: list[Path] = field(default_factory=list)

    def __call__(self, arguments: Sequence[str], doing: str, name: str, path: str | None) -> Training:
        self.calls.append(list(arguments))
        self.processes.append(FakeProcess(4_000_000 + len(self.calls)))
        self.outputs.append(self.folder / f"output-{len(self.calls)}")
        self.outputs[-1].write_text("")
        return Training(doing, name, self.outputs[-1], cast(Any, self.processes[-1]), path)


def row(step: int, **values: object) -> str:
    """A line of `metrics.jsonl`."""
    return json.dumps({"step": step, "tokens": 10 * step, "seconds": step / 10, **values}) + "\n"


def metrics(steps: int, every: int = 10) -> str:
    """A training of so many steps."""
    return "".join(
        row(step, train_loss=3.0 - step / 1000, learning_rate=0.004, gradient_norm=0.5, tokens_per_second=9000.0)
        + row(step, validation_loss=3.1 - step / 1000, bits_per_character=4.0, sample=f"text of step {step}")
        for step in range(every, steps + 1, every)
    )


def make_logged(folder: Path, name: str, steps: int = 100) -> RunFolder:
    """A run that has logged so many steps."""
    run = make_run(folder, name)
    run.metrics_file.write_text(metrics(steps))
    return run


def pair_metrics(steps: int, every: int = 10) -> str:
    """A Seq2Seq training of so many steps, whose BLEU is best half way."""
    return "".join(
        row(step, train_loss=5.0 - step / 1000, learning_rate=0.001, gradient_norm=0.5, tokens_per_second=900.0)
        + row(step, validation_loss=4.5 - step / 1000, bits_per_character=3.0,
              bleu=30.0 - abs(step - steps / 2) / 10, chrf=50.0 - abs(step - steps / 2) / 10,
              sample={"source": f"The cat, {step}.", "translation": f"El gato, {step}.",
                      "reference": f"La gata, {step}."})
        for step in range(every, steps + 1, every)
    )  # fmt: skip


def make_pairs_logged(folder: Path, name: str, steps: int = 100, **settings: Any) -> RunFolder:
    """A Seq2Seq run that has logged so many steps; it has no weights."""
    run = RunFolder(folder / name)
    run.path.mkdir(parents=True)
    corpus = PairCorpusInfo(name=name, sources=(f"{name}.tsv",), pairs=(2900, 100))
    run.write_config(
        RunConfig(
            kind=SEQ2SEQ.id, model=Seq2SeqConfig(), training=Seq2SeqTrainingConfig(**settings),
            budget=Budget(steps=steps),
            tokenizer=Seq2SeqTokenizerConfig(vocab_size=1000), corpus=corpus, created=0.0,
        )
    )  # fmt: skip
    run.metrics_file.write_text(pair_metrics(steps))
    results = {"teacher_forced": 4.4, "bleu": 30.25, "chrf": 50.5}
    run.write_status(
        RunStatus("done", step=steps, steps=steps, validation_loss=4.4, bits_per_character=2.9, results=results)
    )
    return run
