"""Attention of Seq2Seq runs side by side: a table of figures, the matrices of single pairs, sentences, JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnntui.charts.attention_rows import attention_rows
from rnntui.charts.attention_svg import attention_svg
from rnntui.charts.styled_text import LABEL, TITLE, VALUE, Row, cell_width
from rnntui.errors import UsageError
from rnntui.inspection.attention_focus import AttentionFocus, TokenFigure
from rnntui.inspection.attention_measures import entropy_bits, unseen_sources
from rnntui.inspection.attention_report import focus_sentences
from rnntui.inspection.forced_attention import AttendedPair, AttentionProbe
from rnntui.inspection.inspection import Cancelled, InspectionRequest
from rnntui.runs.folder import RunFolder
from rnntui.text.control_chars import one_line, truncate
from rnntui.text.parallel_corpus import Pair

_MAX_MATRICES = 4  # of the sentences of a text
_EXAMPLE_TOKENS = 12  # source tokens of the pair whose matrix is shown, at most, where there is such a pair
_HEADINGS = ("attention", "bits", "diagonal", "anti-diag.", "order", "IBM 1", "unseen")


@dataclass(frozen=True, eq=False)
class AttentionComparison:
    """The attention of runs, side by side. `shown` are the indices of the pairs whose matrices are drawn."""

    runs: Sequence[AttentionFocus]
    shown: Sequence[int]
    origin: str

    def rows(self, width: int) -> list[Row]:
        rows = [[(truncate(f"Attention over {self.origin}", width, cell_width), TITLE)], *_figures(self.runs, width)]
        for index in self.shown:
            for run in self.runs:
                if index < len(run.pairs):
                    rows += [[("", LABEL)], *attention_rows(run.table(run.pairs[index]), width)]
        return rows

    def summary(self) -> list[str]:
        return focus_sentences(self.runs, has_same_pairs=self._has_same_pairs)

    def svg(self) -> str:
        return attention_svg(
            [run.table(run.pairs[index]) for index in self.shown for run in self.runs if index < len(run.pairs)]
        )

    def to_json(self) -> dict[str, Any]:
        return {"origin": self.origin, "runs": [_json(run, self.shown) for run in self.runs]}

    @property
    def _has_same_pairs(self) -> bool:
        texts = [[pair.text for pair in run.pairs] for run in self.runs]
        return all(other == texts[0] for other in texts[1:])


def inspect_attention(request: InspectionRequest, cancelled: Cancelled) -> AttentionComparison:
    """Return the attention of runs over typed sources, a line each, else over their held-out pairs.

    Raises `UsageError` if a run has no attention, or if there is neither a text nor held-out pairs.
    """
    probes = [AttentionProbe.load(run) for run in request.runs]
    lines = [line for line in request.text.splitlines() if line.strip()]
    if lines:
        attended = [[pair for line in lines for pair in probe.attend_text(line, cancelled)] for probe in probes]
        for probe, pairs in zip(probes, attended, strict=True):
            if not pairs:
                raise UsageError(f"run {probe.run.name} has nothing to translate here: the text passes unchanged")
        indices = range(min(_MAX_MATRICES, max(map(len, attended))))
        return AttentionComparison(_focus(probes, attended, ()), indices, "a text")
    attended = [probe.attend_held_out(cancelled) for probe in probes]
    for probe, pairs in zip(probes, attended, strict=True):
        if not pairs:
            raise UsageError(
                f"run {probe.run.name}: its folder has no held-out pairs", hint="give a source sentence, or pairs"
            )
    shown = [_example(attended[0])]
    return AttentionComparison(_focus(probes, attended, ()), shown, f"{len(attended[0]):,} held-out pairs")


def inspect_attention_over_pairs(
    runs: Sequence[RunFolder], pairs: Sequence[Pair], origin: str, cancelled: Cancelled
) -> AttentionComparison:
    """Return the attention of runs over pairs of texts, whose targets are forced.

    Args:
        runs: Seq2Seq runs with attention.
        pairs: at least one.
        origin: what the pairs are, for a title.
        cancelled: asked at each batch.
    """
    probes = [AttentionProbe.load(run) for run in runs]
    attended = [probe.attend_pairs(pairs, cancelled) for probe in probes]
    shown = [_example(attended[0])]
    return AttentionComparison(_focus(probes, attended, pairs), shown, f"{len(attended[0]):,} {origin}")


def _focus(
    probes: Sequence[AttentionProbe], attended: Sequence[list[AttendedPair]], pairs: Sequence[Pair]
) -> list[AttentionFocus]:
    """Measure the attention of each run; a run without its training pairs is compared with an aligner of `pairs`."""
    runs = []
    for probe, each in zip(probes, attended, strict=True):
        is_forced = any(pair.ids is not None for pair in each)
        runs.append(AttentionFocus.of(probe, each, probe.aligner(pairs) if is_forced else None))
    return runs


def _example(pairs: Sequence[AttendedPair]) -> int:
    """Return the index of the pair that is shown: one of median length, but not too long for a picture."""
    lengths = np.array([len(pair.sources) for pair in pairs])
    wanted = min(float(np.median(lengths)), _EXAMPLE_TOKENS)
    return int(np.abs(lengths - wanted).argmin())


def _figures(runs: Sequence[AttentionFocus], width: int) -> list[Row]:
    """Return a table of the runs' figures; columns that there is no room for are left out, the last ones first."""
    table = [_HEADINGS, *(_cells(run) for run in runs)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    names = ["run", *(one_line(run.name) for run in runs)]
    room = max(8, min(max(map(cell_width, names)), width - widths[0] - 2))
    columns, used = 0, room
    while columns < len(widths) and used + widths[columns] + 2 <= width:
        used += widths[columns] + 2
        columns += 1
    rows: list[Row] = []
    for index, (name, cells) in enumerate(zip(names, table, strict=True)):
        shown = truncate(name, room, cell_width)
        shown += " " * (room - cell_width(shown))
        figures = "".join(f"  {cell:>{size}}" for cell, size in zip(cells[:columns], widths, strict=False))
        rows.append([(shown, VALUE if index else LABEL), (figures, VALUE if index else LABEL)])
    return rows


def _cells(run: AttentionFocus) -> tuple[str, ...]:
    order = "–" if run.order is None else f"{run.order:+.2f}"
    agreed = "–" if run.agreed is None else f"{run.agreed:.2f}"
    shares = (f"{run.diagonal:.2f}", f"{run.antidiagonal:.2f}")
    return (run.attention, f"{run.entropy:.2f}", *shares, order, agreed, f"{run.unseen:.2f}")


def _json(run: AttentionFocus, shown: Sequence[int]) -> dict[str, Any]:
    return {
        "run": run.name,
        "attention": run.attention,
        "guided_alignment": run.guided,
        "pairs": len(run.pairs),
        "target_tokens": run.tokens,
        "entropy_bits": round(run.entropy, 4),
        "diagonal": round(run.diagonal, 4),
        "anti_diagonal": round(run.antidiagonal, 4),
        "diagonal_by_chance": round(run.chance, 4),
        "order": None if run.order is None else round(run.order, 4),
        "alignment_agreement": None if run.agreed is None else round(run.agreed, 4),
        "alignment_agreement_by_chance": (
            round(run.agreement.expected / run.agreement.tokens, 4) if run.agreement else None
        ),
        "unseen": round(run.unseen, 4),
        "unseen_tokens": [_token_json(token, "unseen") for token in run.unseen_tokens],
        "diffuse_tokens": [_token_json(token, "entropy_bits") for token in run.diffuse_tokens],
        "examples": [_pair_json(run.pairs[index]) for index in shown if index < len(run.pairs)],
    }


def _token_json(token: TokenFigure, key: str) -> dict[str, Any]:
    return {"token": token.token, key: round(token.figure, 4), "count": token.count}


def _pair_json(pair: AttendedPair) -> dict[str, Any]:
    unseen = unseen_sources(pair.weights).tolist()
    return {
        "source_tokens": pair.sources,
        "target_tokens": pair.targets,
        "attention": pair.weights.round(4).tolist(),
        "entropy_bits": entropy_bits(pair.weights).round(4).tolist(),
        "coverage": pair.weights.sum(axis=0).round(4).tolist(),
        "unseen": [token for token, is_unseen in zip(pair.sources, unseen, strict=True) if is_unseen],
    }
