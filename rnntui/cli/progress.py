"""Progress of a training on stderr: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Iterator
from typing import IO, Any, Protocol

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from rnntui.charts.metric_charts import metric_of
from rnntui.formatting import shell_quote
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.kinds.metrics import ORIGIN_LOSS
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import kind_or_default
from rnntui.kinds.samples import Sample, sample_parts
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import kind_id_of
from rnntui.runs.metrics_log import metrics_rows
from rnntui.sessions.training_log import trim_log
from rnntui.text.control_chars import one_line
from rnntui.training.events import Evaluated, Evaluating, Event, Finished, Started, Stepped

_LINE_SECONDS = 10.0  # between plain lines
_MIN_EVALUATIONS = 3  # after the start, for advice on validation
_FAR_ABOVE = 1.25  # ratio of a validation loss to the training loss that is not of overfitting, at the first evaluation
_MIN_BAR = 10  # columns, with the space around it


class TrainingDisplay(Protocol):
    """Display for the events of a training: lines, or a bar in the terminal's last line."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def show(self, event: Event) -> None: ...

    def show_note(self, text: str) -> None:
        """Show a text at once; called from any thread."""
        ...


class Reporter:
    """Reports a training to a display inside its `with` block.

    No method raises where the terminal or the pipe has been closed: the training must go on and save.
    """

    def __init__(self, run: RunFolder, display: TrainingDisplay) -> None:
        self.run = run
        self._display = display
        self._work = "step"

    def __enter__(self) -> Reporter:
        with contextlib.suppress(OSError):
            self._display.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def report(self, event: Event) -> None:
        """Show an event."""
        self._work = "evaluation" if isinstance(event, Evaluating) else "step"
        with contextlib.suppress(OSError):
            self._display.show(event)

    def acknowledge_stop(self) -> None:
        """Answer a request to stop; called from any thread."""
        with contextlib.suppress(OSError):
            self._display.show_note(f"stopping after this {self._work}; Ctrl-C again stops at once")

    def end(self) -> None:
        """End the display where the process is about to end at once; called from any thread."""
        with contextlib.suppress(OSError):
            self._display.stop()

    def interrupted_lines(self) -> list[str]:
        """Return what is lost where the training was ended at once, and the command that continues it."""
        return interrupted_lines(self.run)


def make_reporter(stream: IO[str], run: RunFolder) -> Reporter:
    """Return the reporter of a training: a live bar on a terminal, plain lines elsewhere."""
    return Reporter(run, _LiveBar(Console(file=stream), run) if stream.isatty() else _PlainLines(stream, run))


class _PlainLines:
    """Prints a line for every event, and for steps and evaluations under way one in ten seconds at most."""

    def __init__(self, stream: IO[str], run: RunFolder) -> None:
        self._run = run
        self._stream = stream
        self._step_time = -math.inf  # of the last line of a step
        self._line_time = time.monotonic()  # of the last line
        self._is_open = True

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def show(self, event: Event) -> None:
        now = time.monotonic()
        if isinstance(event, Evaluating) and (event.fraction == 1 or now - self._line_time < _LINE_SECONDS):
            return
        if isinstance(event, Stepped):
            if now - self._step_time < _LINE_SECONDS:
                return
            self._step_time = now
        for line in describe(event, self._run):
            self._print(line)

    def show_note(self, text: str) -> None:
        self._print(f"rnntui: {text}")

    def _print(self, line: str) -> None:
        try:
            if self._is_open:
                self._line_time = time.monotonic()
                print(one_line(line), file=self._stream, flush=True)
                trim_log(self._stream)
        except OSError:
            self._is_open = False  # the reader has closed the pipe, as `| head` does; training continues


class _LiveBar:
    """Shows a bar in the terminal's last line, and evaluations above it."""

    def __init__(self, console: Console, run: RunFolder) -> None:
        self._run = run
        self._bar = _BarWithNotes(
            TextColumn("{task.fields[position]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[numbers]}"),
            console=console,
            refresh_per_second=8,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, position="starting", numbers="")
        self._echo = ControlKeyEcho()

    def start(self) -> None:
        self._echo.hide()
        self._bar.start()

    def stop(self) -> None:
        self._bar.stop()
        self._echo.restore()

    def show(self, event: Event) -> None:
        bar = self._bar
        if isinstance(event, Stepped):
            position = f"{event.step:,}/{event.steps:,}" if event.steps else f"{event.step:,}/…"
            numbers = _numbers(event, bar.console.width - len(position) - _MIN_BAR)
            self._draw(event.steps, event.step, position, numbers)
            bar.slowdown = f"training at {event.slowdown}" if event.slowdown else ""
            return
        if isinstance(event, Evaluating):
            position, percent = _evaluation_text(event)
            self._draw(1.0, event.fraction, position, percent)
            return
        if isinstance(event, Evaluated):  # the next step may take long
            self._draw(None, 0.0, f"step {event.step:,}", "")
            bar.refresh()
        for index, line in enumerate(describe(event, self._run)):
            if isinstance(event, Evaluated) and event.sample and index == 1:
                # Sampled text must not be read as markup, and takes one line at most.
                bar.console.print(Text(one_line(line), style="dim"), overflow="ellipsis", no_wrap=True)
            else:
                # Wrapped by the terminal and not by us, so that a command in it can be copied.
                bar.console.print(Text(one_line(line)), soft_wrap=True)

    def _draw(self, total: float | None, completed: float, position: str, numbers: str) -> None:
        self._bar.tasks[0].total = total  # `update` takes None for no change
        self._bar.update(self._task, completed=completed, position=position, numbers=numbers)

    def show_note(self, text: str) -> None:
        self._bar.note = text  # drawn by the bar's own thread, also while this one's is in a long step


class ControlKeyEcho:
    """Turns off that the terminal echoes Ctrl-C as ^C: after a bar of full width it would take a line of its own."""

    def __init__(self) -> None:
        self._settings: list[Any] | None = None

    def hide(self) -> None:
        """Turn the echo off, where standard input is a terminal that has it."""
        try:
            import termios
        except ImportError:  # Windows
            return
        # `termios.error`, which a pipe raises, as with a text on standard input, is no OSError.
        with contextlib.suppress(termios.error, OSError, ValueError, TypeError):
            self._settings = termios.tcgetattr(sys.stdin)
            settings = termios.tcgetattr(sys.stdin)
            settings[3] &= ~termios.ECHOCTL
            termios.tcsetattr(sys.stdin, termios.TCSANOW, settings)

    def restore(self) -> None:
        """Return to the terminal's own setting."""
        if self._settings is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSANOW, self._settings)
            self._settings = None


class _BarWithNotes(Progress):
    """A progress bar with up to two lines below it."""

    slowdown = note = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        yield from super().get_renderables()
        for text in (self.slowdown, self.note):
            if text:
                yield Text(text, style="yellow", overflow="ellipsis", no_wrap=True)


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
    if isinstance(event, Evaluating):
        return [f"step {event.step:,}  {'  '.join(_evaluation_text(event))}"]
    if isinstance(event, Evaluated):
        # Short enough for 80 columns.
        train = f"train {event.train_loss:.4f}  " if event.train_loss is not None else ""
        mark = "  best" if event.best and event.step else ""
        metrics = "  ".join(_short_metric_text(*item) for item in event.metrics.items())
        bits = event.bits_per_character
        figures = metrics or ("" if bits is None else f"{bits:.4f} bits per character")
        line = f"step {event.step:,}  {train}val {event.validation_loss:.4f}  {figures}{mark}"
        sample = [f"  | {_sample_line(event.sample, _kind_of(run))}"] if event.sample else []
        return [line, *sample, *([event.note] if event.note else [])]
    return _describe_end(event, run)


def _evaluation_text(event: Evaluating) -> tuple[str, str]:
    return "final evaluation" if event.is_final else "evaluation", f"{event.fraction:.0%}"


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


def resume_command(run: RunFolder) -> str:
    """Return the command line that resumes a run."""
    flags = f"--name {shell_quote(run.name)} --checkpoints {shell_quote(str(run.path.parent))}"
    return f"rnntui {_kind_of(run).command} --resume {flags}"


def interrupted_lines(run: RunFolder) -> list[str]:
    """Return what is lost where training was ended at once, and the command that continues it."""
    lost = "nothing had been saved yet"
    if run.resume_file.is_file():
        lost = f"the steps after the last save, at step {run.read_status().step:,}, are lost"
    return [f"stopped at once; {lost}", f"continue with: {resume_command(run)}"]


def _describe_end(event: Finished, run: RunFolder) -> list[str]:
    kind = _kind_of(run)
    if event.reason == "interrupted":
        total = f" of {event.steps:,}" if event.steps else ""
        return [
            f"stopped at step {event.step:,}{total} and saved in {run.path}",
            f"continue exactly from here with: {resume_command(run)}",
        ]
    reason = f" ({event.stop_reason})" if event.stop_reason else ""
    lines = [
        f"done in {clock_text(event.seconds)} at step {event.step:,}{reason}; the best model, of step "
        f"{event.best_step:,}, is in {run.path}"
    ]
    if event.losses:
        losses = ", ".join(f"{name.replace('_', '-')} {loss:.4f}" for name, loss in event.losses.items())
        bits = event.bits_per_character
        lines.append(f"validation loss: {losses}" + ("" if bits is None else f"; {bits:.4f} bits per character"))
    metrics = [_metric_text(*item) for item in event.metrics.items() if item[0] != ORIGIN_LOSS.key]
    if metrics:
        lines.append("validation: " + ", ".join(metrics))
    if event.evaluation_note:
        lines.append(event.evaluation_note)
    if forgetting := run.read_config().forgetting(event.metrics):
        lines.append(forgetting)
    lines += _untrained_advice(event, run) + _validation_advice(event, run)
    lines.append(f"{kind.use.phrase}: rnntui {kind.use.command} --run {shell_quote(str(run.path))}")
    if event.seconds_late:
        lines.append(f"the run ended {clock_text(event.seconds_late)} after its budget: the machine was slow or busy")
    return lines


def _untrained_advice(event: Finished, run: RunFolder) -> list[str]:
    """Return a line of advice where the best model is that from before training."""
    if event.best_step or not event.step:
        return []
    origin = run.read_config().origin
    before = f"those of {one_line(origin.run)}" if origin is not None else "random ones"
    return [
        f"no step made the model better: the run has the weights from before training, {before}; try a lower "
        f"--learning-rate than {run.read_config().training.learning_rate:g}, or more steps"
    ]


def _validation_advice(event: Finished, run: RunFolder) -> list[str]:
    """Return a line of advice where the held-out end of a text is probably another text than the rest.

    That is so if the first evaluation was the best one, and its loss was far above the training loss already.
    """
    corpus = run.read_config().corpus
    if not isinstance(corpus, TextCorpusInfo) or corpus.validation_from != "end":
        return []
    train_losses: dict[int, float] = {}
    evaluations: list[tuple[int, float]] = []
    # The first evaluations decide: of a long run, the rest is not read.
    for row in metrics_rows(run.metrics_file):
        step, losses = row.get("step"), (row.get("train_loss"), row.get("validation_loss"))
        if type(step) is not int:  # the file may hold anything
            continue
        if isinstance(losses[0], float):
            train_losses[step] = losses[0]
        elif step and isinstance(losses[1], float):
            evaluations.append((step, losses[1]))
            if len(evaluations) == _MIN_EVALUATIONS or event.best_step > evaluations[0][0]:
                break
    if len(evaluations) < _MIN_EVALUATIONS:
        return []
    (step, loss), train_loss = evaluations[0], train_losses.get(evaluations[0][0], math.inf)
    if event.best_step > step or loss < _FAR_ABOVE * train_loss:
        return []
    return [
        f"the first evaluation was the best, with a validation loss of {loss:.2f} and a training loss of "
        f"{train_loss:.2f}: the end of the text may differ from the rest; --validation-from spread holds out parts "
        f"from all of it"
    ]


def _rate(tokens_per_second: float) -> str:
    return f"{tokens_per_second:,.0f} tokens/s" if tokens_per_second else "… tokens/s"


def _left(seconds: float | None) -> str:
    return f"{clock_text(seconds)} left" if seconds is not None else "timing the first steps"


def clock_text(seconds: float) -> str:
    """Return a duration in minutes and seconds, with hours if there are some: 4:59, 1:04:59."""
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
