"""`rnntui sample`: text sampled from a trained language model, streamed to stdout."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.options import checkpoints_option, run_option, setting_option, settings_from, settings_options
from rnntui.cli.terminal import print_note, utf8_argument, warn_unknown_characters, write_out
from rnntui.config import UNLIMITED_LENGTH, GenerationConfig, SamplingConfig
from rnntui.errors import UsageError

if TYPE_CHECKING:
    from rnntui.inference.text_stream import TextStream
    from rnntui.text.tokenizer import Tokenizer


_LONG_PROMPT = 20_000  # tokens; a shorter one is read in three seconds at most


@dataclass
class _Sample:
    """A text being sampled: `pieces` that are not yet written, and the `ids` of all its tokens for JSON."""

    index: int
    seed: int
    stream: TextStream
    pieces: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    bits: float = 0.0
    is_ended: bool = False  # by the end of a document
    done: bool = False
    seconds: float = 0.0

    def finish(self, started: float) -> None:
        """Complete the text; `started` is the time at which sampling started."""
        self.pieces.append(self.stream.finish())
        self.done = True
        self.seconds = time.perf_counter() - started


@click.command("sample")
@run_option
@checkpoints_option
@click.option(
    "--prompt",
    callback=utf8_argument,
    help="Text to continue [default: standard input if it is not a terminal, else a new line].",
)
@setting_option(GenerationConfig, "length", "-n")
@click.option("--samples", type=click.IntRange(1, 4096), default=1, show_default=True, help="Number of texts.")
@click.option("--stop", multiple=True, callback=utf8_argument, help="End a text before this string; may be repeated.")
@click.option(
    "--seed", type=click.IntRange(0), help="Seed that makes the output repeatable; text i is sampled with seed + i."
)
@settings_options(SamplingConfig)
@click.option("--echo/--no-echo", default=True, show_default=True, help="Write the prompt before each text.")
@click.option(
    "--separator",
    callback=utf8_argument,
    help="Separator between texts [default: as in the corpus if it has documents, else a line of ---].",
)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON line for each text.")
def command(
    run_name: str | None,
    checkpoints: str | None,
    prompt: str | None,
    length: int,
    samples: int,
    stop: tuple[str, ...],
    seed: int | None,
    echo: bool,
    separator: str | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Sample text from a trained language model, after a prompt given by --prompt or on standard input.

    A model of documents, such as names, continues the prompt as the beginning of one, and stops at its end.
    A character that the vocabulary lacks becomes <unk>; a warning on stderr names it.
    """
    sampling = settings_from(SamplingConfig, values)
    GenerationConfig(length=length)  # checks the bounds
    use_one_blas_thread()
    import numpy as np

    from rnntui.inference.generate import Generation, generators_from, initial_context_ids
    from rnntui.inference.loaded_model import load_language_model
    from rnntui.inference.text_stream import TextStream
    from rnntui.kinds.language_model import LANGUAGE_MODEL
    from rnntui.runs.lookup import checkpoints_folder, find_run

    started = time.perf_counter()
    run = find_run(run_name, checkpoints_folder(checkpoints, must_exist=True), LANGUAGE_MODEL)
    loaded = load_language_model(run)
    tokenizer = loaded.tokenizer
    documents = loaded.documents
    prompt = documents.prompt(_read_prompt() if prompt is None else prompt)
    warn_unknown_characters(documents.unknown_characters(prompt), "prompt")
    seed = int.from_bytes(os.urandom(4)) if seed is None else seed

    banned, end_id = (tokenizer.unknown_id,), tokenizer.end_id
    generation = Generation(loaded.network, generators_from(seed, samples), banned=banned, end_id=end_id)
    generation.feed(initial_context_ids(tokenizer))
    ids = np.array(documents.encode(prompt)[0], dtype=np.int64)
    if len(ids) > _LONG_PROMPT:
        print_note(f"reading a prompt of {len(ids):,} tokens; a model reads some thousand a second")
    generation.feed(ids)
    texts = [_Sample(i, seed + i, TextStream(tokenizer.stream(), stop)) for i in range(samples)]
    header = {"run": run.name, "prompt": prompt, "settings": {**asdict(sampling), "length": length, "stop": stop}}
    output: _TextOutput | _JsonOutput = _TextOutput(
        prompt if echo else "", separator if separator is not None else documents.separator or "\n---\n"
    )
    if as_json:
        output = _JsonOutput(header, tokenizer)

    unfinished = list(texts)
    for _ in itertools.count() if length == UNLIMITED_LENGTH else range(length):
        for text, token in zip(unfinished, generation.step(sampling), strict=True):
            text.pieces.append(text.stream.push(token.id))
            if as_json:
                text.ids.append(token.id)
                text.bits += token.bits
            text.is_ended = token.id == end_id
            if text.stream.stopped or text.is_ended:
                text.finish(started)
        output.write(texts)
        rows = [row for row, text in enumerate(unfinished) if not text.done]
        if not rows:
            break
        if len(rows) < len(unfinished):
            generation.keep(rows)
            unfinished = [unfinished[row] for row in rows]
    for text in unfinished:
        if not text.done:
            text.finish(started)
    output.write(texts)
    output.end()


def _read_prompt() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"the prompt on standard input is not UTF-8 at byte {error.start}") from error


class _TextOutput:
    """Writes texts one after the other; the first that is not done is streamed as it grows."""

    def __init__(self, prompt: str, separator: str) -> None:
        self._prompt = prompt
        self._separator = separator
        self._current = 0
        self._is_begun = False
        self._last_character = ""

    def write(self, texts: list[_Sample]) -> None:
        while self._current < len(texts):
            text = texts[self._current]
            if not self._is_begun:
                self._write((self._separator if self._current else "") + self._prompt)
                self._is_begun = True
            self._write("".join(text.pieces))
            text.pieces.clear()
            if not text.done:
                return
            self._current, self._is_begun = self._current + 1, False

    def end(self) -> None:
        if self._last_character != "\n":
            write_out("\n")

    def _write(self, text: str) -> None:
        if text:
            write_out(text)
            self._last_character = text[-1]


class _JsonOutput:
    """Writes a JSON line for each text, in order, as soon as it and those before it are done."""

    def __init__(self, header: dict[str, Any], tokenizer: Tokenizer) -> None:
        self._header = header
        self._tokenizer = tokenizer
        self._current = 0

    def write(self, texts: list[_Sample]) -> None:
        while self._current < len(texts) and texts[self._current].done:
            text = texts[self._current]
            characters = len(self._tokenizer.decode(text.ids)) + text.is_ended
            line = {
                **self._header,
                "sample": text.index,
                "seed": text.seed,
                "text": "".join(text.pieces),
                "tokens": [self._tokenizer.token_text(i) for i in text.ids],
                "stopped": text.stream.stopped or text.is_ended,
                "bits_per_character": text.bits / characters if characters else None,
                "seconds": round(text.seconds, 4),
            }
            write_out(json.dumps(line) + "\n")
            self._current += 1

    def end(self) -> None:
        """Do nothing: every line is written already."""
