"""`rnntui sample`: text from a trained model, streamed to stdout."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.options import checkpoints_option, run_option, settings_from, settings_options
from rnntui.cli.terminal import note, tell_unknown, utf8_argument, write_out
from rnntui.config import SamplingConfig
from rnntui.errors import UsageError

if TYPE_CHECKING:
    from rnntui.inference.text_stream import TextStream
    from rnntui.text.tokenizer import Tokenizer


_LONG_PROMPT = 20_000  # tokens; below that, reading it takes a second or three


@dataclass
class _Sample:
    """One text in the making: `pieces` of it that are not yet written, and all its `ids` if they are asked for."""

    number: int
    seed: int
    stream: TextStream
    pieces: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    bits: float = 0.0
    done: bool = False
    seconds: float = 0.0

    def end(self, started: float) -> None:
        """No more tokens come."""
        self.pieces.append(self.stream.finish())
        self.done = True
        self.seconds = time.perf_counter() - started


@click.command("sample")
@run_option
@checkpoints_option
@click.option(
    "--prompt",
    callback=utf8_argument,
    help="Text to go on from [default: standard input if it is no terminal, else a new line].",
)
@click.option("-n", "--length", type=click.IntRange(0), default=500, show_default=True, help="Tokens to write.")
@click.option("--samples", type=click.IntRange(1, 4096), default=1, show_default=True, help="Texts to write.")
@click.option(
    "--stop", multiple=True, callback=utf8_argument, help="End a text before this string; may be given several times."
)
@click.option("--seed", type=click.IntRange(0), help="Make the output repeatable; text i takes seed + i.")
@settings_options(SamplingConfig)
@click.option("--echo/--no-echo", default=True, show_default=True, help="Write the prompt before each text.")
@click.option(
    "--separator", default="\n---\n", callback=utf8_argument, help="What stands between texts [default: a line of ---]."
)
@click.option("--json", "as_json", is_flag=True, help="A JSON line for each text.")
def command(
    run_name: str | None,
    checkpoints: str | None,
    prompt: str | None,
    length: int,
    samples: int,
    stop: tuple[str, ...],
    seed: int | None,
    echo: bool,
    separator: str,
    as_json: bool,
    **values: Any,
) -> None:
    """Write text with a trained model, after a prompt given by --prompt or on standard input.

    A character that the model has never seen becomes <unk>, and stderr says which.
    """
    config = settings_from(SamplingConfig, values)
    use_one_blas_thread()
    from rnntui.inference.generate import Generation, generators_from, initial_context_ids
    from rnntui.inference.loaded_model import load_language_model
    from rnntui.inference.text_stream import TextStream
    from rnntui.runs.lookup import checkpoints_folder, find_run

    started = time.perf_counter()
    run = find_run(run_name, checkpoints_folder(checkpoints, must_exist=True))
    loaded = load_language_model(run)
    tokenizer = loaded.tokenizer
    prompt = _read_prompt() if prompt is None else prompt
    tell_unknown(tokenizer.unknown_characters(prompt), "prompt")
    seed = int.from_bytes(os.urandom(4)) if seed is None else seed

    generation = Generation(loaded.model, generators_from(seed, samples), banned=(tokenizer.unknown_id,))
    generation.feed(initial_context_ids(tokenizer))
    ids = tokenizer.encode(prompt)
    if len(ids) > _LONG_PROMPT:
        note(f"reading a prompt of {len(ids):,} tokens; a run reads some thousand a second")
    generation.feed(ids)
    texts = [_Sample(i, seed + i, TextStream(tokenizer.stream(), stop)) for i in range(samples)]
    described = {"run": run.name, "prompt": prompt, "settings": {**asdict(config), "length": length, "stop": stop}}
    output: _TextOutput | _JsonOutput = _TextOutput(prompt if echo else "", separator)
    if as_json:
        output = _JsonOutput(described, tokenizer)

    live = list(texts)
    for _ in range(length):
        for text, token in zip(live, generation.step(config), strict=True):
            text.pieces.append(text.stream.push(token.id))
            if as_json:
                text.ids.append(token.id)
                text.bits += token.bits
            if text.stream.stopped:
                text.end(started)
        output.show(texts)
        rows = [row for row, text in enumerate(live) if not text.done]
        if not rows:
            break
        if len(rows) < len(live):
            generation.keep(rows)
            live = [live[row] for row in rows]
    for text in live:
        if not text.done:
            text.end(started)
    output.show(texts)
    output.end()


def _read_prompt() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"the prompt on standard input is not UTF-8 at byte {error.start}") from error


class _TextOutput:
    """Texts one after the other; the first that is not done is streamed as it grows."""

    def __init__(self, prompt: str, separator: str) -> None:
        self._prompt = prompt
        self._separator = separator
        self._current = 0
        self._begun = False
        self._last = ""

    def show(self, texts: list[_Sample]) -> None:
        while self._current < len(texts):
            text = texts[self._current]
            if not self._begun:
                self._write((self._separator if self._current else "") + self._prompt)
                self._begun = True
            self._write("".join(text.pieces))
            text.pieces.clear()
            if not text.done:
                return
            self._current, self._begun = self._current + 1, False

    def end(self) -> None:
        if self._last != "\n":
            write_out("\n")

    def _write(self, text: str) -> None:
        if text:
            write_out(text)
            self._last = text[-1]


class _JsonOutput:
    """A JSON line for each text, in order, each as soon as it and those before it are done."""

    def __init__(self, described: dict[str, Any], tokenizer: Tokenizer) -> None:
        self._described = described
        self._tokenizer = tokenizer
        self._current = 0

    def show(self, texts: list[_Sample]) -> None:
        while self._current < len(texts) and texts[self._current].done:
            text = texts[self._current]
            characters = len(self._tokenizer.decode(text.ids))
            line = {
                **self._described,
                "sample": text.number,
                "seed": text.seed,
                "text": "".join(text.pieces),
                "tokens": [self._tokenizer.token_text(i) for i in text.ids],
                "stopped": text.stream.stopped,
                "bits_per_character": text.bits / characters if characters else None,
                "seconds": round(text.seconds, 4),
            }
            write_out(json.dumps(line) + "\n")
            self._current += 1

    def end(self) -> None:
        """Every line is out already."""
