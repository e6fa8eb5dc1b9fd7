"""Progress of a training on stderr: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import math
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from rnntui.charts.metric_charts import metric_of
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import kind_or_default
from rnntui.kinds.samples import Sample, sample_parts
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import kind_id_of
from rnntui.runs.metrics_log import read_metrics
from rnntui.text.control_chars import one_line
from rnntui.training.events import Evaluated, Event, Finished, Started, Stepped

_LINE_SECONDS = 10.0  # between plain lines
_MIN_EVALUATIONS = 3  # after the start, for advice on validation
_FAR_ABOVE = 1.25  # ratio of a validation loss to the training loss that is not of overfitting, at the first evaluation
_MIN_BAR = 10  # columns, with the space around it

Report = Callable[[Event], None]


def make_reporter(stream: IO[str], run: RunFolder) -> AbstractContextManager[Report]:
    """Return a context manager whose value is the training's `report`; it may own the terminal's last line."""
    return _live(Console(file=stream), run) if stream.isatty() else _plain(stream, run)


@contextmanager
def _plain(stream: IO[str], run: RunFolder) -> Iterator[Report]:
    last_time = 0.0
    is_open = True

    def report(event: Event) -> None:
        nonlocal last_time, is_open
        if isinstance(event, Stepped):
            if time.monotonic() - last_time < _LINE_SECONDS:
                return
            last_time = time.monotonic()
        try:
            for line in describe(event, run) if is_open else ():
                print(line, file=stream, flush=True)
        except OSError:
            is_open = False  # the reader has closed the pipe, as `| head` does; training continues

    yield report


@contextmanager
def _live(console: Console, run: RunFolder) -> Iterator[Report]:
    bar = _BarWithNote(
        TextColumn("{task.fields[position]}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[numbers]}"),
        console=console,
        refresh_per_second=8,
        transient=True,
    )
    task = bar.add_task("", total=None, position="starting", numbers="")

    def report(event: Event) -> None:
        if isinstance(event, Stepped):
            position = f"{event.step:,}/{event.steps:,}" if event.steps else f"{event.step:,}/…"
            numbers = _numbers(event, console.width - len(position) - _MIN_BAR)
            bar.update(task, total=event.steps, completed=event.step, position=position, numbers=numbers)
            bar.note = f"training at {event.slowdown}" if event.slowdown else ""
            return
        for index, line in enumerate(describe(event, run)):
            if isinstance(event, Evaluated) and index == 1:
                # Sampled text must not be read as markup, and takes one line at most.
                bar.console.print(Text(line, style="dim"), overflow="ellipsis", no_wrap=True)
            else:
                # Wrapped by the terminal and not by us, so that a command in it can be copied.
                bar.console.print(Text(line), soft_wrap=True)

    def report_if_open(event: Event) -> None:
        with contextlib.suppress(OSError):
            report(event)

    # Writing to a terminal that was closed fails; the training must still save.
    with contextlib.suppress(OSError):
        bar.start()
    try:
        yield report_if_open
    finally:
        with contextlib.suppress(OSError):
            bar.stop()


class _BarWithNote(Progress):
    """A progress bar with an optional line below it."""

    note = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        yield from super().get_renderables()
        if self.note:
            yield Text(self.note, style="yellow", overflow="ellipsis", no_wrap=True)


def _numbers(event: Stepped, width: int) -> str:
    """Return as many of a step's numbers as fit into a width, the most important ones first."""
    numbers = [
        _left(event.seconds_left),
        f"loss {event.train_loss:.3f}",
        _rate(event.tokens_per_second),
        f"norm {event.gradient_norm:.2f}",
    ]
    while len(numbers) > 1 and len("  ".join(numbers)) > width:
        numbers.pop()
    return "  ".join(numbers)


def describe(event: Event, run: RunFolder) -> list[str]:
    """Return an event as lines of plain text."""
    if isinstance(event, Started):
        action = f"resumes at step {event.step:,}" if event.step else "starts"
        size = f"{event.parameters:,} parameters on {event.device} in {event.precision}"
        note = run.read_config().training.selection_note
        return [
            f"run {one_line(event.name)} {action}: {size}",
            *([f"run {one_line(event.name)} selects weights by {note}"] if note else []),
        ]
    if isinstance(event, Stepped):
        total = f" of {event.steps:,}" if event.steps else ""
        return [
            f"step {event.step:,}{total}  train loss {event.train_loss:.4f}  gradient norm {event.gradient_norm:.2f}  "
            f"{_rate(event.tokens_per_second)}  {_left(event.seconds_left)}",
            *([f"training at {event.slowdown}"] if event.slowdown else []),
        ]
    if isinstance(event, Evaluated):
        # Short enough for 80 columns.
        train = f"train {event.train_loss:.4f}  " if event.train_loss is not None else ""
        mark = "  best" if event.best and event.step else ""
        metrics = "  ".join(_short_metric_text(*item) for item in event.metrics.items())
        figures = metrics or f"{event.bits_per_character:.4f} bits per character"
        line = f"step {event.step:,}  {train}val {event.validation_loss:.4f}  {figures}{mark}"
        return [line, f"  | {_sample_line(event.sample, _kind_of(run))}"] if event.sample else [line]
    return _describe_end(event, run)


def _metric_text(name: str, value: float) -> str:
    metric = metric_of(name)
    return f"{metric.label} {metric.text(value)}"


def _short_metric_text(name: str, value: float) -> str:
    metric = metric_of(name)
    return f"{metric.short or metric.label} {value:.{metric.short_decimals}f}"


def _sample_line(sample: Sample, kind: ModelKind) -> str:
    """Return a sample in one line, its fields side by side."""
    parts = [field.prefix + one_line(text) for field, text in sample_parts(sample, kind.sample_fields)]
    return "  ".join(parts)


def _kind_of(run: RunFolder) -> ModelKind:
    return kind_or_default(kind_id_of(run))


def _describe_end(event: Finished, run: RunFolder) -> list[str]:
    flags = f"--name {shlex.quote(run.name)} --checkpoints {shlex.quote(str(run.path.parent))}"
    kind = _kind_of(run)
    if event.reason == "interrupted":
        total = f" of {event.steps:,}" if event.steps else ""
        return [
            f"stopped at step {event.step:,}{total} and saved in {run.path}",
            f"continue exactly from here with: rnntui {kind.command} --resume {flags}",
        ]
    reason = f" ({event.stop_reason})" if event.stop_reason else ""
    lines = [
        f"done in {_clock(event.seconds)} at step {event.step:,}{reason}; the best model, of step {event.best_step:,}, "
        f"is in {run.path}"
    ]
    if event.losses and event.bits_per_character is not None:
        losses = ", ".join(f"{name.replace('_', '-')} {loss:.4f}" for name, loss in event.losses.items())
        lines.append(f"validation loss: {losses}; {event.bits_per_character:.4f} bits per character")
    if event.metrics:
        lines.append("validation: " + ", ".join(_metric_text(*item) for item in event.metrics.items()))
    lines += _validation_advice(event, run)
    lines.append(f"{kind.use.phrase}: rnntui {kind.use.command} --run {shlex.quote(str(run.path))}")
    return lines


def _validation_advice(event: Finished, run: RunFolder) -> list[str]:
    """Return a line of advice where the held-out end of a text is probably another text than the rest.

    That is so if the first evaluation was the best one, and its loss was far above the training loss already.
    """
    corpus = run.read_config().corpus
    if not isinstance(corpus, TextCorpusInfo) or corpus.validation_from != "end":
        return []
    train_losses: dict[int, float] = {}
    evaluations: list[tuple[int, float]] = []
    for row in read_metrics(run.metrics_file):
        if "train_loss" in row:
            train_losses[row["step"]] = row["train_loss"]
        elif row.get("step") and "validation_loss" in row:
            evaluations.append((row["step"], row["validation_loss"]))
    if len(evaluations) < _MIN_EVALUATIONS:
        return []
    (step, loss), train_loss = evaluations[0], train_losses.get(evaluations[0][0], math.inf)
    if event.best_step > step or loss < _FAR_ABOVE * train_loss:
        return []
    return [
        f"the first evaluation was the best, with a validation loss of {loss:.2f} beside {train_loss:.2f} in training: "
        f"is the end of the text another text than the rest? --validation-from spread holds out parts of all of it"
    ]


def _rate(tokens_per_second: float) -> str:
    return f"{tokens_per_second:,.0f} tokens/s" if tokens_per_second else "… tokens/s"


def _left(seconds: float | None) -> str:
    return f"{_clock(seconds)} left" if seconds is not None else "timing the first steps"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
