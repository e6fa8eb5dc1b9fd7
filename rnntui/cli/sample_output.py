"""Output of `rnntui sample`: texts as they grow, or JSON lines."""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rnntui.cli.terminal import write_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from rnntui.api import SampledToken, TextModel
    from rnntui.cli.novelty_output import NoveltyOutput

    Write = Callable[[str], None]


@dataclass(frozen=True)
class SamplePrompt:
    """A text to continue, and its line number in standard input, from 1; None if it is not a line."""

    text: str
    line_number: int | None = None


@dataclass
class SampledText:
    """A text being sampled: `pieces` that are not yet written, and the `ids` of all its tokens for JSON.

    `seed` is None where the random generator of a saved state goes on.
    """

    prompt: SamplePrompt
    index: int
    seed: int | None
    pieces: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    bits: float = 0.0
    novelty: NoveltyOutput | None = None
    generated: list[str] = field(default_factory=list)  # the whole text, if its novelty is measured
    is_ended: bool = False  # by the end of a document
    is_stopped: bool = False  # by that, or by a stop string
    done: bool = False
    seconds: float = 0.0

    def add(self, token: SampledToken, has_ids: bool) -> None:
        """Add a token; its id is kept if `has_ids`."""
        self.pieces.append(token.text)
        if self.novelty is not None:
            self.generated.append(token.text)
        if has_ids:
            self.ids.append(token.id)
            self.bits += token.bits
        self.is_ended = token.end == "document"
        self.is_stopped = token.end in ("document", "stop")

    def finish(self, started: float) -> None:
        """Complete the text; `started` is the time at which sampling started."""
        if self.novelty is not None:
            self.novelty.add("".join(self.generated))
        self.done = True
        self.seconds = time.perf_counter() - started


class SampleTextOutput:
    """Writes texts one after the other; the first that is not done is streamed as it grows."""

    needs_tokens = False

    def __init__(self, echo: bool, separator: str, write: Write = write_out) -> None:
        self._echo = echo
        self._write_out = write
        self._separator = separator
        self._queue: deque[SampledText] = deque()
        self._is_begun = False
        self._is_first = True
        self._last_character = ""

    def add(self, texts: list[SampledText]) -> None:
        """Write these texts after all others."""
        self._queue.extend(texts)

    def write(self) -> None:
        """Write what has been sampled since the last call."""
        while self._queue:
            text = self._queue[0]
            if not self._is_begun:
                self._write(("" if self._is_first else self._separator) + (text.prompt.text if self._echo else ""))
                self._is_begun, self._is_first = True, False
            self._write("".join(text.pieces))
            text.pieces.clear()
            if not text.done:
                return
            self._queue.popleft()
            self._is_begun = False

    def end(self) -> None:
        """End the last line, if there is a text."""
        if not self._is_first and self._last_character != "\n":
            self._write_out("\n")

    def _write(self, text: str) -> None:
        if text:
            self._write_out(text)
            self._last_character = text[-1]


class SampleJsonOutput:
    """Writes a JSON line for each text, in order, as soon as it and those before it are done."""

    needs_tokens = True

    def __init__(self, header: dict[str, Any], model: TextModel, write: Write = write_out) -> None:
        self._header = header
        self._model = model
        self._write_out = write
        self._queue: deque[SampledText] = deque()

    def add(self, texts: list[SampledText]) -> None:
        """Write these texts after all others."""
        self._queue.extend(texts)

    def write(self) -> None:
        """Write the texts that are done."""
        while self._queue and self._queue[0].done:
            self._write_out(json_line(self._queue.popleft(), self._header, self._model))

    def end(self) -> None:
        """Do nothing: every line is written already."""


def json_line(text: SampledText, header: dict[str, Any], model: TextModel) -> str:
    """Return the JSON line of a text that is done; `header` has the run and the settings."""
    characters = len(model.decode(text.ids)) + text.is_ended
    line = {
        "run": header["run"],
        "prompt": text.prompt.text,
        **({} if text.prompt.line_number is None else {"line": text.prompt.line_number}),
        "settings": header["settings"],
        "sample": text.index,
        "seed": text.seed,
        "text": "".join(text.pieces),
        "tokens": [model.token_text(i) for i in text.ids],
        "stopped": text.is_stopped,
        "bits_per_character": text.bits / characters if characters else None,
        "seconds": round(text.seconds, 4),
        **({} if text.novelty is None else {"novelty": text.novelty.figures("".join(text.generated))}),
    }
    return json.dumps(line) + "\n"
