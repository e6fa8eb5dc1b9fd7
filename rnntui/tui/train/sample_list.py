"""List of the samples that a run wrote at its validations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from rnntui.kinds.samples import TEXT_FIELDS, Sample, SampleField, sample_parts
from rnntui.text.control_chars import one_line

if TYPE_CHECKING:
    from rnntui.charts.metrics_history import LoggedSample

_MAX_SAMPLES = 50


class SampleList(VerticalScroll):
    """Samples of a run, the newest first, each with its step."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._content: tuple[list[LoggedSample], float | None] | None = None

    def compose(self) -> ComposeResult:
        yield Static("", expand=True)

    def show(
        self,
        samples: Sequence[LoggedSample],
        fields: Sequence[SampleField] = TEXT_FIELDS,
        until: float | None = None,
    ) -> None:
        """Show samples.

        Args:
            samples: all samples of a run.
            fields: the fields of a sample of the run's kind.
            until: last step whose sample is shown; None for all.
        """
        visible = [sample for sample in samples if until is None or sample.step <= until][-_MAX_SAMPLES:]
        if (visible, until) == self._content:
            return
        self._content = visible, until
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(justify="right", style="dim", no_wrap=True)
        table.add_column(ratio=1, overflow="fold")
        for sample in reversed(visible):
            table.add_row(f"{sample.step:,}", _sample_text(sample.sample, fields))
        self.query_one(Static).update(table if visible else Text("no sample texts yet", style="dim"))
        self.border_title = "Samples" if until is None else f"Samples until step {until:,.0f}"


_EMPHASIS = {"normal": "", "strong": "bold", "weak": "dim"}


def _sample_text(sample: Sample, fields: Sequence[SampleField]) -> Text:
    """Return a sample with its fields one below the other."""
    lines = [(field.prefix + one_line(text), _EMPHASIS[field.emphasis]) for field, text in sample_parts(sample, fields)]
    return Text("\n").join(Text(text, style) for text, style in lines)
