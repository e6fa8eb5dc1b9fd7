"""A run's settings and where it stands, at a glance."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from rnntui.charts.quantities import SCORES, quantity
from rnntui.config import (
    DEFAULT_MINUTES,
    Budget,
    LanguageModelConfig,
    LanguageModelTrainingConfig,
    RecurrentConfig,
    TrainerConfig,
    described_settings,
)
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.formatting import age, count, number, score
from rnntui.runs.folder import RunConfig, Status
from rnntui.sessions.run_watcher import WatchedRun
from rnntui.text.control_chars import one_line
from rnntui.tui.train.kinds import KINDS


class About(Static):
    """A run's settings and where it stands; of a broken run, what is wrong."""

    def show(self, run: WatchedRun | None) -> None:
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


def facts(run: WatchedRun) -> list[tuple[str, str]]:
    """What there is to know of a run: labels with texts."""
    if run.config is None or run.status is None:
        return [("run", run.name), ("problem", run.summary.problem or "it is being written to; look again")]
    config, status = run.config, run.status
    corpus = config.corpus
    sources = corpus.get("sources")
    text = ", ".join(str(source) for source in sources) if isinstance(sources, list) else str(corpus.get("name", ""))
    characters, pairs = corpus.get("characters"), corpus.get("pairs")
    if isinstance(characters, int):
        text += f"; {count(characters)} characters"
    if isinstance(pairs, list) and len(pairs) == 2 and all(isinstance(number, int) for number in pairs):
        text += f"; {pairs[0]:,} pairs, {pairs[1]:,} for validation"
    if isinstance(apart := corpus.get("validation_sources"), list):
        text += f" from {', '.join(map(str, apart))}"
    rows = [
        ("run", run.name),
        ("kind", KINDS[config.kind].title if config.kind in KINDS else config.kind),
        ("model", f"{run.summary.cell} {run.summary.size}, {_shape(config.model)}"),
        ("tokens", _tokens(config)),
        ("corpus", text),
        ("budget", _budget(config.budget)),
        ("training", f"{_batch(config.training)}, rate {config.training.learning_rate:g}{_loss(config.training)}"),
        ("progress", _progress(run)),
    ]
    if status.validation_loss is not None:
        bits = f", {number(status.bits_per_character)} bits/char" if status.bits_per_character is not None else ""
        rows.append(("loss", number(status.validation_loss) + bits))
    if told := scores(status):
        rows.append(("scores", told if run.state == "done" else f"{told} so far"))
    if status.message:
        rows.append(("problem", status.message))
    return rows


def scores(status: Status) -> str:
    """BLEU and chrF of a run's best weights, in words; empty where they are not measured."""
    found = ((quantity(key).label, status.results[key]) for key in SCORES if key in status.results)
    return ", ".join(f"{label} {score(value)}" for label, value in found)


def _tokens(config: RunConfig) -> str:
    tokenizer = config.tokenizer
    kind = "characters" if tokenizer.type == "char" else f"{tokenizer.type} subwords"
    apart = isinstance(tokenizer, Seq2SeqTokenizerConfig) and tokenizer.separate_vocab
    size = f"{config.vocab_size:,} {kind}" if tokenizer.vocab_size else kind
    return size + (", the source its own" if apart else "")


def _shape(model: RecurrentConfig) -> str:
    if isinstance(model, Seq2SeqConfig):
        feeding = ", input feeding" if model.input_feeding else ""
        return (
            f"encoder {model.encoder_hidden} each way, embedding {model.embedding}, "
            f"attention {model.attention}{feeding}, dropout {model.dropout:g}"
        )
    assert isinstance(model, LanguageModelConfig)
    return f"embedding {model.embedding}" + (f", dropout {model.dropout:g}" if model.dropout else "")


def _batch(training: TrainerConfig) -> str:
    if isinstance(training, Seq2SeqTrainingConfig):
        return f"{training.batch_tokens} tokens" if training.batch_tokens else f"{training.batch_size} pairs"
    assert isinstance(training, LanguageModelTrainingConfig)
    return f"{training.batch_size} streams × {training.bptt} steps"


def _loss(training: TrainerConfig) -> str:
    """What makes a training loss another thing than a validation loss."""
    smoothing = training.label_smoothing if isinstance(training, Seq2SeqTrainingConfig) else 0.0
    return f", label smoothing {smoothing:g} in the training loss" if smoothing else ""


def _budget(budget: Budget) -> str:
    for name in described_settings(Budget):
        value = getattr(budget, name)
        if value is not None:
            return f"{value:,g} {name}"
    return f"{DEFAULT_MINUTES:g} minutes"


def _progress(run: WatchedRun) -> str:
    assert run.status is not None
    of = f" of {run.status.steps:,}" if run.status.steps else ""
    spent = f", {age(run.status.seconds)}" if run.status.seconds else ""
    left = run.seconds_left
    return f"step {run.step:,}{of}{spent}" + (f", {age(left)} left" if left is not None else "")
