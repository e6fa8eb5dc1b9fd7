"""Status line of a pane: its parts, shortened and left out by importance where there is little room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from rnntui.text.control_chars import one_line, truncate

if TYPE_CHECKING:
    from rnntui.sessions.chat_pane import ChatPane
    from rnntui.sessions.conversation import Conversation

_SHOWN_UNREAD = 64  # tokens; fewer are read before a percentage could be seen
_SEPARATOR = " · "
_TITLE_GAP = 3  # cells
_MIN_TITLE = 12  # cells; less of a title says nothing


@dataclass(frozen=True)
class StatusPart:
    """A part in forms of decreasing length; of the parts that do not fit, the one of the highest `rank` goes first."""

    forms: tuple[str, ...]
    rank: int


@dataclass(frozen=True)
class StatusKeys:
    """Keys that the line names: to other versions of the last turn, to end the learning, to list the branches."""

    versions: str
    learning: str
    branches: str


def status_text(pane: ChatPane, width: int, rows: int, keys: StatusKeys, *, shows_temperature: bool) -> str:
    """Return the status of a pane.

    Args:
        pane: the pane, whose model may still be loading.
        width: cells of a row.
        rows: rows to fill at most; the title has the rest of the last one.
        keys: the keys that it names.
        shows_temperature: False where a slider beside it shows the temperature.
    """
    conversation = pane.conversation
    if conversation is None:
        return pane.problem or f"{one_line(pane.run_name)}  opening …"
    parts = [
        StatusPart((one_line(conversation.name),), 0),
        StatusPart(_state(conversation), 1),
        *_numbers(conversation, shows_temperature),
    ]
    if conversation.learns:
        parts.insert(
            2, StatusPart((f"learning from you ({keys.learning}: forget)", "learning from you", "learning"), 1)
        )
    if pane.colouring:
        parts.insert(2, StatusPart(pane.colouring, 1))
    if conversation.version is not None:
        index, count = conversation.version
        plain = f"version {index}/{count}"
        parts.append(StatusPart((f"{plain} ({keys.versions})", plain, f"{index}/{count}"), 2))
    lines = fit_parts(parts, width, rows)
    count = sum(1 for _ in conversation.tree.branches())
    if count > 1:  # where that takes no room from anything else
        branches = f"{count} branches ({keys.branches})"
        more = fit_parts([*parts, StatusPart((branches,), 6)], width, rows)
        if _SEPARATOR.join(more) == _SEPARATOR.join([*lines, branches]):
            lines = more
    return with_title(lines, pane.title, width)


def _state(conversation: Conversation) -> tuple[str, ...]:
    if conversation.unread > _SHOWN_UNREAD:
        total = max(1, len(conversation.transcript))
        return (f"reading {1 - conversation.unread / total:.0%}",)
    if conversation.problem:
        return (conversation.problem,)
    if not conversation.is_generating:
        return ("ready",)
    speed = conversation.tokens_per_second
    return (f"writing {speed:,.0f} tokens/s", f"{speed:,.0f} tokens/s", "writing") if speed else ("writing",)


def _numbers(conversation: Conversation, shows_temperature: bool) -> list[StatusPart]:
    parts = [StatusPart((f"T {conversation.sampling.temperature:g}",), 5)] if shows_temperature else []
    bits = conversation.transcript.bits_per_character(conversation.loaded.tokenizer.unknown_id)
    if bits is not None:
        parts.append(StatusPart((f"{bits:.2f} bits/char",), 3))
    seeds = [turn.seed for turn in conversation.transcript.turns if turn.seed is not None]
    if seeds:
        parts.append(StatusPart((f"seed {seeds[-1]}",), 4))
    return parts


def fit_parts(parts: Sequence[StatusPart], width: int, rows: int) -> list[str]:
    """Return rows of parts that fit; the least important part is shortened, then left out, until all others do."""
    chosen = [0] * len(parts)  # the form of each part; one too many if it is left out
    while True:
        texts = [part.forms[form] for part, form in zip(parts, chosen, strict=True) if form < len(part.forms)]
        lines = _wrapped(texts, width)
        if len(lines) <= max(1, rows) and all(cell_len(line) <= width for line in lines):
            return lines
        movable = [index for index, part in enumerate(parts) if part.rank and chosen[index] < len(part.forms)]
        if not movable:
            return lines[: max(1, rows)]
        # First all are shortened, then they go.
        last = [index for index in movable if chosen[index] < len(parts[index].forms) - 1] or movable
        chosen[max(last, key=lambda index: parts[index].rank)] += 1


def _wrapped(texts: Sequence[str], width: int) -> list[str]:
    lines: list[str] = []
    for text in texts:
        if lines and cell_len(lines[-1]) + cell_len(_SEPARATOR) + cell_len(text) <= width:
            lines[-1] += _SEPARATOR + text
        else:
            lines.append(text)
    return lines


def with_title(lines: Sequence[str], title: str, width: int) -> str:
    """Return the rows as one text, with the title at the right of the last one, as far as there is room."""
    *before, last = lines
    room = width - cell_len(last) - _TITLE_GAP
    if title and room >= min(_MIN_TITLE, cell_len(title)):
        title = truncate(title, room, cell_len)
        last += " " * (width - cell_len(last) - cell_len(title)) + title
    return "\n".join([*before, last])
