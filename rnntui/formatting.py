"""Formatting of losses, scores, counts, durations and names of files for people; words for a shell."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence


def few_names(names: Sequence[str]) -> str:
    """Return the names of files for a message: of more than two, the first and the number of the others."""
    return ", ".join(names) if len(names) <= 2 else f"{names[0]} and {len(names) - 1:,} more files"


def few_names_with_verb(names: Sequence[str], one: str, several: str) -> str:
    """Return names of files and a verb in their number, as in `a.txt is` or `a.txt and 2 more files are`."""
    return f"{few_names(names)} {one if len(names) == 1 else several}"


def shell_quote(word: str) -> str:
    r"""Return a word for a command line that is shown to be copied.

    One with control characters, or others that show nothing, is written as `$'a\x1bb'`, which bash and zsh read.
    """
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(c if c.isprintable() and c not in "\\'" else _shell_escape(ord(c)) for c in word) + "'"


def shell_join(words: Iterable[str]) -> str:
    """Return a command line that is shown to be copied."""
    return " ".join(map(shell_quote, words))


def _shell_escape(point: int) -> str:
    if point < 0x80 or 0xDC80 <= point <= 0xDCFF:  # a byte; of a file name that is not UTF-8
        return f"\\x{point & 0xFF:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def format_loss(loss: float | None) -> str:
    """Return a loss in nats or bits: 1.4416; empty for None."""
    return "" if loss is None else f"{loss:.4f}"


def format_count(count: int) -> str:
    """Return a count with its unit: 1.2 M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= limit:
            return f"{count / limit:.1f} {unit}"
    return str(count)


def format_duration(seconds: float) -> str:
    """Return a duration in its largest unit: 3 h."""
    if seconds > 1e10:
        return "ages"
    for limit, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= limit:
            return f"{seconds / limit:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def format_bytes(size: int) -> str:
    """Return a size in bytes with its decimal unit: 2.5 MB."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= limit:
            return f"{size / limit:.1f} {unit}"
    return f"{size} bytes"


def format_percent(share: float, least: float = 1e-6) -> str:
    """Return a share of one in two digits: 22%, 0.028%; below `least`, that it is less. No share gives 0%."""
    percent = 100 * share
    if not 0 < share < least:
        decimals = 0 if percent >= 10 or not percent else min(1 - math.floor(math.log10(percent)), 12)
        return f"{percent:.{decimals}f}%"
    return f"less than {100 * least:.12f}".rstrip("0") + "%"
