"""Sentences about the attention of Seq2Seq runs, for people who see such a matrix for the first time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnntui.charts.attention_grid import UNSEEN_WEIGHT, token_label
from rnntui.inspection.attention_focus import AttentionFocus

_CLEAR_SHARE = 2.0  # times the share by chance, from which a diagonal is worth a sentence
_CLEAR_ORDER = 0.5
_DIFFUSE = 0.3  # bits of target tokens that are listed


def focus_sentences(runs: Sequence[AttentionFocus], has_same_pairs: bool) -> list[str]:
    """Return what is seen of each run, and what sets several apart.

    Args:
        runs: at least one.
        has_same_pairs: False where the runs were probed with different pairs, so that figures compare badly.
    """
    sentences = [" ".join(_sentences(run, with_name=len(runs) > 1)) for run in runs]
    if len(runs) > 1:
        sentences.append(" ".join(_comparison(runs, has_same_pairs)))
    return sentences


def _sentences(run: AttentionFocus, with_name: bool) -> Iterator[str]:
    prefix = f"{run.name}: a" if with_name else "A"
    yield (
        f"{prefix} target token spreads its attention over {run.entropy:.2f} bits on average, as if evenly over "
        f"{2**run.entropy:.1f} of {run.source_length:.1f} source tokens ({run.tokens:,} target tokens)."
    )
    yield _direction(run)
    if run.agreement:
        chance = run.agreement.expected / run.agreement.tokens
        guided = f"; training guided it there (--guided-alignment {run.guided:g})" if run.guided else ""
        yield (
            f"For {run.agreed:.0%} of the target tokens, the source token with the most attention is the one that IBM "
            f"model 1 aligns with it ({chance:.0%} by chance{guided})."
        )
    if run.unseen:
        figures = [
            _quoted(each.token) + (f" ({each.figure:.0%} of {each.count:,})" if each.count > 1 else "")
            for each in run.unseen_tokens
        ]
        listed = f": {', '.join(figures)}" if figures else ""
        yield (
            f"{_percent(run.unseen)} of the source tokens are unseen, as no target token gives them "
            f"{UNSEEN_WEIGHT:.0%} of its attention{listed}."
        )
    else:
        yield f"Every source token is seen: some target token gives it {UNSEEN_WEIGHT:.0%} of its attention or more."
    diffuse = [each for each in run.diffuse_tokens if each.figure >= _DIFFUSE]
    if diffuse:
        tokens = ", ".join(f"{_quoted(each.token)} {each.figure:.1f}" for each in diffuse)
        yield f"The target tokens that look around most, in bits: {tokens}."


def _direction(run: AttentionFocus) -> str:
    order = "" if run.order is None else f"; target and source places correlate by {run.order:+.2f}"
    share, name = max((run.diagonal, "diagonal"), (run.antidiagonal, "anti-diagonal"))
    if share < _CLEAR_SHARE * run.chance:
        return f"{share:.0%} of the attention is on the {name}, hardly more than by chance ({run.chance:.0%}){order}."
    meaning = ""
    if run.order is not None and abs(run.order) >= _CLEAR_ORDER:
        meaning = ", so the source is read " + ("in order" if run.order > 0 else "backwards")
    return f"{share:.0%} of the attention is on the {name} ({run.chance:.0%} by chance){order}{meaning}."


def _comparison(runs: Sequence[AttentionFocus], has_same_pairs: bool) -> Iterator[str]:
    sharpest, widest = min(runs, key=lambda run: run.entropy), max(runs, key=lambda run: run.entropy)
    yield (
        f"The sharpest attention is that of {sharpest.name} ({sharpest.attention}, {sharpest.entropy:.2f} bits), the "
        f"most spread that of {widest.name} ({widest.attention}, {widest.entropy:.2f} bits)."
    )
    agreeing = [run for run in runs if run.agreed is not None]
    if len(agreeing) > 1:
        closest = max(agreeing, key=lambda run: run.agreed or 0.0)
        yield f"Closest to the alignment of IBM model 1 is {closest.name} ({closest.attention}, {closest.agreed:.0%})."
    if not has_same_pairs:
        yield "The runs looked at different targets or pairs; --pairs FILE gives all of them the same."


def _percent(share: float) -> str:
    return "less than 1%" if 0 < share < 0.005 else f"{share:.0%}"


def _quoted(token: str) -> str:
    return f"“{token_label(token)}”"
