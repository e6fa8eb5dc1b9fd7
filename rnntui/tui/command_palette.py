"""Command palette: the commands of the key table, found by the words of their names, keys and help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.markup import escape

from rnntui.tui.widgets.colours import MUTED


@dataclass(frozen=True)
class Command:
    """A command of the palette.

    Args:
        id: id of its row in the key table, or another unique one.
        label: its name.
        help: what it does.
        keys: names of the keys that do the same, or "".
        run: called if it is chosen.
        tab: title of the tab that it belongs to, if that is not the one shown.
    """

    id: str
    label: str
    help: str
    keys: str
    run: Callable[[], Awaitable[None]]
    tab: str = ""

    @property
    def title(self) -> str:
        """The name, with that of the tab if it is another one."""
        return f"{self.tab}: {self.label}" if self.tab else self.label


class HasCommands(Protocol):
    """An app with commands for the palette, the most useful ones first."""

    def commands(self) -> Iterable[Command]:
        """Return the commands."""


def match_score(query: str, label: str, details: Sequence[str] = ()) -> float:
    """Return how well a command matches, 0 to 1; 0 if a word of the query is in neither label nor details.

    The words may come in any order and any case, and each may be part of a word. A match at the start of the label
    counts most, then one at the start of a word of it, one anywhere in it, and one in the details, in the same order.
    """
    words = query.casefold().split()
    if not words:
        return 0.0
    return min(_word_score(word, label.casefold(), " ".join(details).casefold()) for word in words)


def _word_score(word: str, label: str, details: str) -> float:
    for text, scores in ((label, (1.0, 0.9, 0.7)), (details, (0.5, 0.5, 0.3))):
        if text.startswith(word):
            return scores[0]
        if f" {word}" in text:
            return scores[1]
        if word in text:
            return scores[2]
    return 0.0


class CommandProvider(Provider):
    """Finds the app's commands, and shows their keys."""

    async def search(self, query: str) -> Hits:
        """Yield the commands that have every word of the query."""
        for command in self._commands():
            score = match_score(query, command.title, (command.keys, command.help))
            if score:
                # Commands of the tab that is shown come first among equals.
                score -= 0.05 if command.tab else 0.0
                yield Hit(
                    score, self._prompt(command, query), command.run, text=command.title, help=escape(command.help)
                )

    async def discover(self) -> Hits:
        """Yield the commands of the tab that is shown and those of the app, recently used ones first."""
        for command in self._commands():
            if not command.tab:
                yield DiscoveryHit(self._prompt(command), command.run, text=command.title, help=escape(command.help))

    def _commands(self) -> Iterable[Command]:
        return cast(HasCommands, self.app).commands()

    def _prompt(self, command: Command, query: str = "") -> Content:
        title = Content(command.title)
        if self.match_style is not None:
            for word in query.casefold().split():
                start = command.title.casefold().find(word)
                if start >= 0:
                    title = title.stylize(self.match_style, start, start + len(word))
        return Content.assemble(title, (f"  {command.keys}", f"{MUTED} not bold"))
