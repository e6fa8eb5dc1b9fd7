"""The texts that a run wrote while it learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from rnntui.text.control_chars import one_line
from rnntui.text.translated import Translated

if TYPE_CHECKING:
    from rnntui.charts.metrics_history import Sample

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
            table.add_row(f"{sample.step:,}", _shown(sample.text))
        self.query_one(Static).update(table if wanted else Text("no sample texts yet", style="dim"))
        self.border_title = "Samples" if until is None else f"Samples until step {until:,.0f}"


def _shown(text: str) -> Text:
    """A sample as it is shown; a translation below its source, and above what was expected."""
    translated = Translated.from_line(text)
    if translated is None:
        return Text(one_line(text))
    source, translation, reference = map(one_line, translated)
    return Text.assemble(source, "\n→ ", (translation, "bold"), (f"\n  reference: {reference}", "dim"))
