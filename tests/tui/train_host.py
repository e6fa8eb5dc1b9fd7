"""An app with the Train tab alone; Seq2Seq models and classifiers with metrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fake_training import row
from textual._path import CSSPathType
from textual.app import App, ComposeResult

import rnntui.tui
from rnntui.config import Budget
from rnntui.config_classifier import ClassifierConfig, ClassifierTokenizerConfig, ClassifierTrainingConfig
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.kinds.classifier import CLASSIFIER
from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.kinds.pair_corpus_info import PairCorpusInfo
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_status import RunStatus
from rnntui.sessions.training_session import Launcher
from rnntui.tui.footer import KeyFooter
from rnntui.tui.messages import OpenRun
from rnntui.tui.preferences import Preferences
from rnntui.tui.tabs import TabContext
from rnntui.tui.train.tab import TrainTab

STYLESHEETS: CSSPathType = [Path(rnntui.tui.__file__).with_name(name) for name in ("rnntui.tcss", "dialogs.tcss")]
NARROW, WIDE = (80, 24), (140, 40)


class Host(App[None]):
    """Shows the Train tab, and records the runs that it asks to open."""

    CSS_PATH = STYLESHEETS

    def __init__(self, checkpoints: Path, launcher: Launcher | None = None) -> None:
        super().__init__()
        context = TabContext(checkpoints, Preferences())
        self.tab = TrainTab(context, launcher) if launcher else TrainTab(context)
        self.opened: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.tab
        yield KeyFooter()

    def on_mount(self) -> None:
        self.query_one("#runs").focus()

    def on_open_run(self, event: OpenRun) -> None:
        self.opened.append(event.path)

    @property
    def names(self) -> list[str]:
        """Names of the runs in the list, from top to bottom."""
        return [Path(option.id).name for option in self.tab.run_list.options if option.id]

    @property
    def rows(self) -> list[str]:
        """The rows of the list as text."""
        return [str(option.prompt) for option in self.tab.run_list.options]

    @property
    def notices(self) -> list[str]:
        """The notices that are still shown, each with its title."""
        return [f"{notice.title}: {notice.message}" for notice in self._notifications]

    def text(self, selector: str) -> str:
        """Return the part of the screen that a widget covers, as plain text."""
        region = self.screen.query_one(selector).region
        lines = self.screen._compositor.render_strips()[region.y : region.bottom]
        return "\n".join(line.text[region.x : region.right].rstrip() for line in lines)


def pair_metrics(steps: int, every: int = 10) -> str:
    """Return the metrics of a Seq2Seq training of so many steps, whose BLEU is best half way."""
    return "".join(
        row(step, train_loss=5.0 - step / 1000, learning_rate=0.001, gradient_norm=0.5, tokens_per_second=900.0)
        + row(step, validation_loss=4.5 - step / 1000, bits_per_character=3.0,
              bleu=30.0 - abs(step - steps / 2) / 10, chrf=50.0 - abs(step - steps / 2) / 10,
              sample={"source": f"The cat, {step}.", "translation": f"El gato, {step}.",
                      "reference": f"La gata, {step}."})
        for step in range(every, steps + 1, every)
    )  # fmt: skip


def make_pairs_logged(folder: Path, name: str, steps: int = 100, **settings: Any) -> RunFolder:
    """Make a Seq2Seq run without weights that has logged so many steps."""
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


def make_classifier_logged(folder: Path, name: str, labels: Sequence[str], steps: int = 100) -> RunFolder:
    """Make a classifier's run without weights that has logged so many steps; evaluation i has i + 5 texts right."""
    run = RunFolder(folder / name)
    run.path.mkdir(parents=True)
    count = len(labels)
    corpus = LabelledCorpusInfo(name=name, sources=(f"{name}.tsv",), labels=tuple(labels), rows=(100, 10 * count))
    run.write_config(
        RunConfig(
            kind=CLASSIFIER.id, model=ClassifierConfig(), training=ClassifierTrainingConfig(),
            budget=Budget(steps=steps), tokenizer=ClassifierTokenizerConfig(type="char", vocab_size=50),
            corpus=corpus, created=0.0,
        )
    )  # fmt: skip
    run.metrics_file.write_text("".join(classifier_row(step, count) for step in range(20, steps + 1, 20)))
    run.write_status(
        RunStatus("stopped", step=steps, steps=steps, validation_loss=0.5, results={"accuracy": 90.0, "macro_f1": 89.5})
    )
    return run


def classifier_row(step: int, labels: int, **values: Any) -> str:
    """Return the rows of an evaluation: of 10 texts of each label, all but a few are right, fewer with every step."""
    right = min(10, 5 + step // 20)
    counts = [[0] * labels for _ in range(labels)]
    for index in range(labels):
        counts[index][index] += right
        counts[index][(index + 1) % labels] += 10 - right
    return row(step, train_loss=1.0, learning_rate=0.001, gradient_norm=0.5, tokens_per_second=900.0) + row(
        step, validation_loss=1 / right, accuracy=10.0 * right, macro_f1=10.0 * right, confusion=counts,
        sample={"text": f"text {step}", "predicted": "a", "label": "b"}, **values,
    )  # fmt: skip
