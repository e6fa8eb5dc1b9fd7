"""Description of a run: everything about it as labelled texts, the most important first."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from rnntui.atomic_files import parse_json
from rnntui.config import Budget
from rnntui.errors import RnntuiError, RunError
from rnntui.formatting import format_bytes, format_count, format_duration, format_loss, shell_quote
from rnntui.kinds.metrics import ORIGIN_LOSS, Metric
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import KINDS, kind_or_default, title_of
from rnntui.kinds.samples import Sample, sample_from_json, sample_parts
from rnntui.runs.folder import RunFolder
from rnntui.runs.listing import RunSummary, summarize_run
from rnntui.runs.lookup import checkpoints_folder, is_shipped
from rnntui.runs.management import file_sizes
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_status import RunStatus
from rnntui.runs.weights_header import WeightsHeader, read_weights_header
from rnntui.settings import Settings, flag_of, settings_of
from rnntui.untrusted_files import open_regular

COMMANDS = "Commands"
"""Title of the section of commands that use a run, which can be copied."""

_TAIL_BYTES = 1 << 18  # of the metrics, searched for the last sample


class Fact(NamedTuple):
    """A labelled text."""

    label: str
    text: str


class Section(NamedTuple):
    """Facts under a heading."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class RunDetails:
    """Contents of the files that describe a run; an unreadable status is read as that of a stopped run.

    Args:
        run: the run's folder.
        summary: its summary.
        config: its config.
        status: its status.
        budget: its present budget, which a resumption may have changed.
        header: header of its weights; None if it has none yet.
    """

    run: RunFolder
    summary: RunSummary
    config: RunConfig
    status: RunStatus
    budget: Budget
    header: WeightsHeader | None

    @property
    def kind(self) -> ModelKind | None:
        """The kind of the run; None if this version does not know it."""
        return KINDS.get(self.config.kind)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics of its kind other than loss and bits per character."""
        return self.kind.metrics if self.kind else ()


def read_details(run: RunFolder) -> RunDetails:
    """Read the files that describe a run. Raises `RunError` if its config cannot be read."""
    config = run.read_config()
    summary = summarize_run(run, is_shipped(run))
    try:
        status = run.read_status()
    except RunError:  # the summary tells
        status = RunStatus("stopped")
    return RunDetails(run, summary, config, status, current_budget(run, config), read_weights_header(run.weights_file))


def current_budget(run: RunFolder, config: RunConfig) -> Budget:
    """Return the budget of a run: that of its last resumption, which its resume file holds, else that of its config."""
    header = read_weights_header(run.resume_file)
    try:
        return Budget.from_json(parse_json(header.metadata["progress"])["budget"]) if header else config.budget
    except (RnntuiError, ValueError, KeyError, TypeError):
        return config.budget


def describe_run(details: RunDetails) -> list[Section]:
    """Return everything known about a run, progress and results first. Texts may hold any characters."""
    sections = (
        Section("Progress", _progress_facts(details)),
        Section("Model", _model_facts(details)),
        Section("Training", _training_facts(details)),
        Section("Files", _file_facts(details)),
        Section(COMMANDS, _command_facts(details)),
        Section("Last sample", _sample_facts(details)),
    )
    filled = (Section(title, tuple(fact for fact in facts if fact.text)) for title, facts in sections)
    return [section for section in filled if section.facts]


def budget_text(budget: Budget, config: RunConfig) -> str:
    """Return the present budget of a run, and its first one if a resumption has changed it."""
    return budget.summary + ("" if budget == config.budget else f" (at first {config.budget.summary})")


def model_text(summary: RunSummary, config: RunConfig) -> str:
    """Return the cell and size of a model with its other options."""
    return ", ".join(filter(None, (f"{summary.cell} {summary.size}", config.model.summary)))


def progress_text(status: RunStatus) -> str:
    """Return the progress of a training, as in "step 300 of 1,000 (30%), 2 min, 150.0 k tokens"."""
    total = f" of {status.steps:,} ({100 * status.step // status.steps}%)" if status.steps else ""
    return f"step {status.step:,}{total}, {format_duration(status.seconds)}, {format_count(status.tokens)} tokens"


def option_texts(settings: Settings) -> dict[str, str]:
    """Return the values of settings by flag, as they are written on the command line; unset ones are left out."""
    texts = {}
    for name, setting in settings_of(type(settings)).items():
        value = getattr(settings, name)
        if value != "" and (value is not None or setting.none):
            texts[flag_of(setting.option_name)] = _value_text(value, setting.none)
    return texts


def last_sample(run: RunFolder) -> Sample | None:
    """Return the last sample that a run has logged; None if there is none near the end of its metrics."""
    try:
        with open_regular(run.metrics_file) as file:
            file.seek(max(0, run.metrics_file.stat().st_size - _TAIL_BYTES))
            lines = file.read(_TAIL_BYTES).splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        if b'"sample"' in line:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                sample = sample_from_json(parse_json(line)["sample"])
                if sample is not None:
                    return sample
    return None


def _progress_facts(details: RunDetails) -> tuple[Fact, ...]:
    summary, status, config = details.summary, details.status, details.config
    step = details.header.step if details.header else None
    scores = [f"{m.label} {m.text(summary.metrics[m.key])}" for m in details.metrics if m.key in summary.metrics]
    keys = {metric.key for metric in (*details.metrics, ORIGIN_LOSS)}
    final = [f"{key.replace('_', '-')} {loss:.4f}" for key, loss in status.results.items() if key not in keys]
    unit = kind_or_default(config.kind).loss_unit
    loss = "" if summary.validation_loss is None else f"{format_loss(summary.validation_loss)} {unit}"
    state = f"{summary.state}, shipped with rnntui" if summary.shipped else summary.state
    return (
        Fact("note", summary.note),
        Fact("state", f"{state}, {_time_text(summary.updated)}"),
        Fact("problem", summary.problem or status.message),
        Fact("budget", budget_text(details.budget, config)),
        Fact("progress", progress_text(status)),
        Fact("scores", ", ".join(scores)),
        Fact("bits per character", format_loss(summary.bits_per_character)),
        Fact("validation loss", loss),
        Fact("final losses", ", ".join(final)),
        Fact("forgetting", config.forgetting(status.results)),
        Fact("best step", f"{step:,}" if step is not None else ""),
        Fact("selection", config.training.selection_note),
    )


def _model_facts(details: RunDetails) -> tuple[Fact, ...]:
    config, header = details.config, details.header
    size = f"{header.parameters:,} ({', '.join(header.types)})" if header else ""
    return (
        Fact("kind", title_of(config.kind)),
        Fact("model", model_text(details.summary, config)),
        Fact("parameters", size),
        Fact("vocabulary", config.tokenizer.summary),
        Fact("corpus", config.corpus.summary),
        Fact("trained on from", config.origin.summary if config.origin else ""),
    )


def _training_facts(details: RunDetails) -> tuple[Fact, ...]:
    training = details.config.training
    options = [f"{flag.removeprefix('--')} {text}" for flag, text in option_texts(training).items()]
    return (
        Fact("batch", training.batch_summary),
        Fact("options", ", ".join(options)),
        Fact("note on losses", training.loss_note),
    )


def _file_facts(details: RunDetails) -> tuple[Fact, ...]:
    run, config = details.run, details.config
    sizes = file_sizes(run)
    files = [f"{path} {format_bytes(size)}" for path, size in sorted(sizes.items(), key=lambda item: -item[1])]
    versions = [f"{library} {version}" for library, version in config.versions.items()]
    return (
        Fact("folder", str(run.path)),
        Fact("size", format_bytes(sum(sizes.values()))),
        Fact("files", ", ".join(files)),
        Fact("created", _time_text(config.created)),
        Fact("versions", ", ".join(versions)),
    )


def _command_facts(details: RunDetails) -> tuple[Fact, ...]:
    run, kind = details.run, details.kind
    if kind is None:
        return ()
    folder = run.path.parent
    is_default = folder.resolve() == checkpoints_folder(None).resolve()
    name = shell_quote(run.name if is_default or details.summary.shipped else str(run.path))
    where = "" if is_default else f" --checkpoints {shell_quote(str(folder))}"
    can_resume = run.resume_file.is_file() and run.training_ids.is_file()
    has_weights = details.header is not None
    return (
        Fact(kind.use.command, f"rnntui {kind.use.command} --run {name}" if has_weights else ""),
        Fact("chat", f"rnntui chat {name}" if has_weights else ""),
        Fact("curves", f"rnntui curves {name}"),
        Fact("resume", f"rnntui {kind.command} --resume --name {shell_quote(run.name)}{where}" if can_resume else ""),
    )


def _sample_facts(details: RunDetails) -> tuple[Fact, ...]:
    sample = last_sample(details.run)
    if sample is None or details.kind is None:
        return ()
    return tuple(Fact(field.key, text) for field, text in sample_parts(sample, details.kind.sample_fields))


def _value_text(value: object, none: str) -> str:
    if value is None:
        return none
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _time_text(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M") if seconds else ""
    except (OverflowError, ValueError, OSError):
        return ""
