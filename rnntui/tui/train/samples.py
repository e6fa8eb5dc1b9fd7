"""What a run says of itself: the texts it wrote while it learned, and its settings at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from rnntui.config import (
    DEFAULT_MINUTES,
    Budget,
    LoopSettings,
    ModelConfig,
    RecurrentSettings,
    TrainingConfig,
    described_settings,
)
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTraining
from rnntui.figures import age, count, number
from rnntui.text.visible import one_line
from rnntui.tui.train.watch import Seen

if TYPE_CHECKING:
    from rnntui.charts.series import Sample

_SHOWN = 50  # texts at most


class Samples(VerticalScroll):
    """A run's sample texts, the newest first, each with its step."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._showing: tuple[list[Sample], float | None] | None = None

    def compose(self) -> ComposeResult:
        yield Static("", expand=True)

    def show(self, samples: Sequence[Sample], until: float | None = None) -> None:
        """Show these texts; with `until`, only those of that step and before: what the run wrote there is on top."""
        wanted = [sample for sample in samples if until is None or sample.step <= until][-_SHOWN:]
        if (wanted, until) == self._showing:
            return
        self._showing = wanted, until
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(justify="right", style="dim", no_wrap=True)
        table.add_column(ratio=1, overflow="fold")
        for sample in reversed(wanted):
            table.add_row(f"{sample.step:,}", Text(one_line(sample.text)))
        self.query_one(Static).update(table if wanted else Text("no sample texts yet", style="dim"))
        self.border_title = "Samples" if until is None else f"Samples until step {until:,.0f}"


class About(Static):
    """A run's settings and where it stands; of a broken run, what is wrong."""

    def show(self, run: Seen | None) -> None:
        """Show this run, or nothing."""
        if run is None:
            self.update("")
            return
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(style="dim", no_wrap=True, width=9)
        table.add_column(ratio=1, overflow="fold")
        for label, text in facts(run):
            table.add_row(label, Text(one_line(text)))
        self.update(table)


def facts(run: Seen) -> list[tuple[str, str]]:
    """What there is to know of a run: labels with texts."""
    if run.config is None or run.status is None:
        return [("run", run.name), ("problem", run.summary.problem or "it is being written to; look again")]
    config, status = run.config, run.status
    corpus = config.corpus
    sources = corpus.get("sources")
    text = ", ".join(str(source) for source in sources) if isinstance(sources, list) else str(corpus.get("name", ""))
    characters = corpus.get("characters")
    if isinstance(characters, int):
        text += f"; {count(characters)} characters"
    kind = "characters" if config.tokenizer.tokenizer == "char" else f"{config.tokenizer.tokenizer} subwords"
    shape = f"{run.summary.cell} {run.summary.size}, {_shape(config.model)}"
    rows = [
        ("run", run.name),
        ("model", shape),
        ("tokens", f"{config.vocab_size:,} {kind}" if config.tokenizer.vocab_size else kind),
        ("corpus", text),
        ("budget", _budget(config.budget)),
        ("training", f"{_batch(config.training)}, rate {config.training.learning_rate:g}"),
        ("progress", _progress(run)),
    ]
    if status.validation_loss is not None:
        bits = f", {number(status.bits_per_character)} bits/char" if status.bits_per_character is not None else ""
        rows.append(("loss", number(status.validation_loss) + bits))
    if status.message:
        rows.append(("problem", status.message))
    return rows


def _shape(model: RecurrentSettings) -> str:
    if isinstance(model, Seq2SeqConfig):
        feeding = ", input feeding" if model.input_feeding else ""
        return f"embedding {model.embedding}, attention {model.attention}{feeding}, dropout {model.dropout:g}"
    assert isinstance(model, ModelConfig)
    return f"embedding {model.embedding}" + (f", dropout {model.dropout:g}" if model.dropout else "")


def _batch(training: LoopSettings) -> str:
    if isinstance(training, Seq2SeqTraining):
        return f"{training.batch_tokens} tokens" if training.batch_tokens else f"{training.batch_size} pairs"
    assert isinstance(training, TrainingConfig)
    return f"{training.batch_size} streams × {training.bptt} steps"


def _budget(budget: Budget) -> str:
    for name in described_settings(Budget):
        value = getattr(budget, name)
        if value is not None:
            return f"{value:,g} {name}"
    return f"{DEFAULT_MINUTES:g} minutes"


def _progress(run: Seen) -> str:
    assert run.status is not None
    of = f" of {run.status.steps:,}" if run.status.steps else ""
    spent = f", {age(run.status.seconds)}" if run.status.seconds else ""
    left = run.seconds_left
    return f"step {run.step:,}{of}{spent}" + (f", {age(left)} left" if left is not None else "")
