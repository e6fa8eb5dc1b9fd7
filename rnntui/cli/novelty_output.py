"""Novelty on the command line: the index, opened or built, and the report on copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.terminal import print_note, write_note, write_table
from rnntui.formatting import format_bytes
from rnntui.text.control_chars import one_line

if TYPE_CHECKING:
    from rnntui.config import ReadingConfig
    from rnntui.inference.copy_guard import CopyGuard, CopyLimit
    from rnntui.inspection.novelty_index import NoveltyIndex
    from rnntui.inspection.novelty_report import NoveltyReport
    from rnntui.runs.folder import RunFolder


def open_index(run: RunFolder) -> NoveltyIndex:
    """Return the novelty index of a run; it is built if there is none, which a note and a progress bar say."""
    from rnntui.inspection.novelty_index import open_novelty_index

    return open_novelty_index(run) or build_index(run)


def build_index(run: RunFolder, sources: Sequence[str] = (), reading: ReadingConfig | None = None) -> NoveltyIndex:
    """Build the novelty index of a run, with a progress bar and a note; see `build_novelty_index`."""
    from rnntui.inspection.novelty_index import build_novelty_index

    with ProgressBar("indexing the training text", is_immediate=True) as bar:
        index = build_novelty_index(run, bar.update, sources, reading)
    print_note(
        f"indexed the training text of {run.name}, {index.text.size:,} characters, in {index.folder} "
        f"({format_bytes(index.bytes)})"
    )
    return index


def generated_report(run: RunFolder) -> NoveltyReport:
    """Return the report on texts that a run's model generates; its index is built if it has none."""
    from rnntui.config_generation import SamplingConfig
    from rnntui.inference.loaded_model import load_language_model
    from rnntui.inspection.novelty_report import DEFAULT_LENGTH, DEFAULT_TEXTS, generate_texts, novelty_report

    index = open_index(run)
    with ProgressBar("sampling") as bar:
        loaded = load_language_model(run)
        texts = generate_texts(loaded, DEFAULT_TEXTS, DEFAULT_LENGTH, SamplingConfig(), on_progress=bar.update)
    return novelty_report(index, texts)


def note_unseen_copies(index: NoveltyIndex) -> None:
    """Write to stderr which texts copies are not looked for in, if there are any."""
    if index.unseen_copies:
        print_note(index.unseen_copies)


class NoveltyOutput:
    """Collects generated texts, and reports on their copies at the end.

    Args:
        index: the index of the run.
        is_shown: print a report on stderr; a limit alone has none.
    """

    def __init__(self, index: NoveltyIndex, is_shown: bool) -> None:
        self.index = index
        self.is_shown = is_shown
        self.guards: list[CopyGuard] = []
        self._texts: list[str] = []

    def limit(self, longest: int) -> CopyLimit:
        """Return the limit that a sampler keeps copies within, in characters."""
        from rnntui.inference.copy_guard import CopyLimit

        return CopyLimit(self.index.text, longest)

    def add(self, text: str) -> None:
        """Add a text, without its prompt."""
        self._texts.append(text)

    def figures(self, text: str) -> dict[str, Any]:
        """Return the figures of a text, without its prompt, for JSON."""
        from rnntui.inspection.novelty_report import novelty_report

        return novelty_report(self.index, [text]).text_json()

    def print_report(self, is_json: bool) -> None:
        """Write what was copied to stderr, unless JSON lines have it, and where the limit could not be kept."""
        from rnntui.inspection.novelty_report import novelty_report

        if self.is_shown and self._texts and not is_json:
            print_report(novelty_report(self.index, self._texts))
        exceeded = sum(guard.exceeded for guard in self.guards)
        if exceeded:
            print_note(
                f"--novel: {exceeded:,} {'token' if exceeded == 1 else 'tokens'} copied more than allowed, because "
                f"every other token would have, too; allow longer copies"
            )


def write_report(report: NoveltyReport) -> None:
    """Write a report to stdout: a table, sentences and the longest copy."""
    from rnntui.cli.evaluate_output import plain_table

    table = plain_table("", *report.headings())
    for row in report.table():
        table.add_row(*row)
    write_table(table)
    for line in filter(None, (report.judgement(), report.quotation(), report.unseen_copies())):
        print_note(line)


def print_report(report: NoveltyReport) -> None:
    """Write a report to stderr: a table, a sentence and the longest copy."""
    rows = [("", *report.headings()), *report.table()]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += filter(None, (report.judgement(), report.quotation()))
    write_note("\n" + "".join(f"rnntui: {one_line(line)}\n" for line in lines))
