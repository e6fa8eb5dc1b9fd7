"""`rnntui sample`: text sampled from a trained language model, streamed to stdout."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.inputs import decode_lines, read_text
from rnntui.cli.options import (
    checkpoints_option,
    corpus_options,
    run_option,
    setting_option,
    settings_from,
    settings_options,
)
from rnntui.cli.terminal import escaped_argument, print_note, utf8_argument, warn_unknown_characters, write_out
from rnntui.config import UNLIMITED_LENGTH, GenerationConfig, SamplingConfig
from rnntui.errors import CorpusError, UsageError

if TYPE_CHECKING:
    from rnntui.inference.loaded_model import LoadedLanguageModel
    from rnntui.inference.text_stream import TextStream
    from rnntui.text.tokenizer import Tokenizer


_LONG_PROMPT = 20_000  # tokens; a shorter one is read in three seconds at most


@dataclass
class _Sample:
    """A text being sampled: `pieces` that are not yet written, and the `ids` of all its tokens for JSON."""

    prompt: _Prompt
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


@dataclass(frozen=True)
class _Prompt:
    """A text to continue, and its line number in standard input, from 1; None if it is not a line."""

    text: str
    line_number: int | None = None


@dataclass(frozen=True)
class _Request:
    """The texts to sample after each prompt. Text i of the whole output is sampled with `seed + i`."""

    sampling: SamplingConfig
    length: int
    samples: int
    stop: tuple[str, ...]
    keep_stop: bool
    seed: int


@click.command("sample")
@run_option
@checkpoints_option
@click.option(
    "--prompt",
    callback=utf8_argument,
    help="Text to continue [default: standard input if it is not a terminal, else a new line].",
)
@click.option(
    "--each-line",
    is_flag=True,
    help="Continue each line of standard input on its own; a blank line samples from nothing.",
)
@corpus_options
@setting_option(GenerationConfig, "length", "-n")
@click.option("--samples", type=click.IntRange(1, 4096), default=1, show_default=True, help="Number of texts.")
@click.option(
    "--stop",
    multiple=True,
    callback=escaped_argument,
    help="End a text before this string, in which \\n, \\r, \\t, "
    "\\xNN and \\uNNNN are characters and \\\\ is a backslash; may be repeated.",
)
@click.option("--keep-stop", is_flag=True, help="Write the string that ended a text too.")
@click.option(
    "--seed", type=click.IntRange(0), help="Seed that makes the output repeatable; text i is sampled with seed + i."
)
@settings_options(SamplingConfig)
@click.option("--echo/--no-echo", default=True, show_default=True, help="Write the prompt before each text.")
@click.option(
    "--separator",
    callback=escaped_argument,
    help="Separator between texts, with the escapes of --stop [default: as in the corpus if it has documents, else a "
    "line of ---].",
)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON line for each text.")
def command(
    run_name: str | None,
    checkpoints: str | None,
    prompt: str | None,
    each_line: bool,
    encoding: str,
    errors: Any,
    newlines: Any,
    length: int,
    samples: int,
    stop: tuple[str, ...],
    keep_stop: bool,
    seed: int | None,
    echo: bool,
    separator: str | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Sample text from a trained language model, after a prompt given by --prompt or on standard input.

    A model of documents, such as names, continues the prompt as the beginning of one, and stops at its end.
    A character that the vocabulary lacks becomes <unk>; a warning on stderr names it. With --each-line, the samples of
    each line are written as soon as it is read; the last line break of a line is not part of its prompt.
    """
    sampling = settings_from(SamplingConfig, values)
    GenerationConfig(length=length)  # checks the bounds
    if each_line and prompt is not None:
        raise UsageError("--each-line continues the lines of standard input", hint="leave out --prompt")
    use_one_blas_thread()
    from rnntui.inference.loaded_model import load_language_model
    from rnntui.kinds.language_model import LANGUAGE_MODEL
    from rnntui.runs.lookup import checkpoints_folder, find_run

    run = find_run(run_name, checkpoints_folder(checkpoints, must_exist=True), LANGUAGE_MODEL)
    loaded = load_language_model(run)
    prompts: Iterable[_Prompt]
    if each_line:
        lines = decode_lines(sys.stdin.buffer if sys.stdin else (), encoding, errors, newlines)
        prompts = (_Prompt(line, line_number) for line_number, line in enumerate(lines, 1))
    elif prompt is not None:
        prompts = [_Prompt(read_text(io.BytesIO(prompt.encode()), "utf-8", errors, newlines))]
    else:
        has_input = sys.stdin is not None and not sys.stdin.isatty()
        prompts = [_Prompt(read_text(sys.stdin.buffer, encoding, errors, newlines) if has_input else "")]

    seed = int.from_bytes(os.urandom(4)) if seed is None else seed
    request = _Request(sampling, length, samples, stop, keep_stop, seed)
    output: _TextOutput | _JsonOutput = _TextOutput(
        echo, separator if separator is not None else loaded.documents.separator or "\n---\n"
    )
    if as_json:
        settings = {**asdict(sampling), "length": length, "stop": stop, "keep_stop": keep_stop}
        output = _JsonOutput({"run": run.name, "settings": settings}, loaded.tokenizer)
    try:
        for index, each in enumerate(prompts):
            prompt_of_document = replace(each, text=loaded.documents.prompt(each.text))
            for _ in _sample(loaded, prompt_of_document, request, index * samples, output):
                output.write()
    except CorpusError:  # a line that cannot be decoded, after those before it
        output.end()
        raise
    output.end()


def _sample(
    loaded: LoadedLanguageModel, prompt: _Prompt, request: _Request, first: int, output: _TextOutput | _JsonOutput
) -> Iterator[None]:
    """Sample the texts of a prompt, queued in `output`, the `first` of them with that index; yield after each token."""
    import numpy as np

    from rnntui.inference.generate import begin_generation, generators_from
    from rnntui.inference.text_stream import TextStream

    started = time.perf_counter()
    tokenizer, documents, length = loaded.tokenizer, loaded.documents, request.length
    source = "prompt" if prompt.line_number is None else f"line {prompt.line_number}"
    warn_unknown_characters(documents.unknown_characters(prompt.text), source)
    seed = request.seed + first
    generation = begin_generation(loaded.network, tokenizer, generators_from(seed, request.samples))
    ids = np.array(documents.encode(prompt.text)[0], dtype=np.int64)
    if len(ids) > _LONG_PROMPT:
        print_note(f"reading a {source} of {len(ids):,} tokens; a model reads some thousand a second")
    generation.feed(ids)
    unfinished = [
        _Sample(prompt, i, seed + i, TextStream(tokenizer.stream(), request.stop, request.keep_stop))
        for i in range(request.samples)
    ]
    output.add(unfinished)
    steps = 0
    while True:
        rows = []
        for row, text in enumerate(unfinished):
            # A character that is begun is completed, which takes three more tokens at most.
            is_long_enough = length != UNLIMITED_LENGTH and steps >= length and not text.stream.is_incomplete
            if text.stream.stopped or text.is_ended or is_long_enough:
                text.finish(started)
            else:
                rows.append(row)
        yield
        if not rows:
            return
        if len(rows) < len(unfinished):
            generation.keep(rows)
            unfinished = [unfinished[row] for row in rows]
        for text, token in zip(unfinished, generation.step(request.sampling), strict=True):
            text.pieces.append(text.stream.push(token.id))
            text.is_ended = token.id == tokenizer.end_id
            if output.needs_tokens:
                text.ids.append(token.id)
                text.bits += token.bits
        steps += 1


class _TextOutput:
    """Writes texts one after the other; the first that is not done is streamed as it grows."""

    needs_tokens = False

    def __init__(self, echo: bool, separator: str) -> None:
        self._echo = echo
        self._separator = separator
        self._queue: deque[_Sample] = deque()
        self._is_begun = False
        self._is_first = True
        self._last_character = ""

    def add(self, texts: list[_Sample]) -> None:
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
            write_out("\n")

    def _write(self, text: str) -> None:
        if text:
            write_out(text)
            self._last_character = text[-1]


class _JsonOutput:
    """Writes a JSON line for each text, in order, as soon as it and those before it are done."""

    needs_tokens = True

    def __init__(self, header: dict[str, Any], tokenizer: Tokenizer) -> None:
        self._header = header
        self._tokenizer = tokenizer
        self._queue: deque[_Sample] = deque()

    def add(self, texts: list[_Sample]) -> None:
        """Write these texts after all others."""
        self._queue.extend(texts)

    def write(self) -> None:
        """Write the texts that are done."""
        while self._queue and self._queue[0].done:
            text = self._queue.popleft()
            characters = len(self._tokenizer.decode(text.ids)) + text.is_ended
            line = {
                "run": self._header["run"],
                "prompt": text.prompt.text,
                **({} if text.prompt.line_number is None else {"line": text.prompt.line_number}),
                "settings": self._header["settings"],
                "sample": text.index,
                "seed": text.seed,
                "text": "".join(text.pieces),
                "tokens": [self._tokenizer.token_text(i) for i in text.ids],
                "stopped": text.stream.stopped or text.is_ended,
                "bits_per_character": text.bits / characters if characters else None,
                "seconds": round(text.seconds, 4),
            }
            write_out(json.dumps(line) + "\n")

    def end(self) -> None:
        """Do nothing: every line is written already."""
