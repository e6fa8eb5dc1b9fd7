"""`rnntui sample`: text sampled from a trained language model, streamed to stdout."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.inputs import read_text
from rnntui.cli.line_input import TextReading, is_file_name, open_file, standard_input, stream_lines
from rnntui.cli.options import (
    checkpoints_option,
    corpus_options,
    run_option,
    setting_option,
    settings_from,
    settings_options,
)
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.run_choice import choose_run
from rnntui.cli.sample_output import SampledText, SampleJsonOutput, SamplePrompt, SampleTextOutput
from rnntui.cli.terminal import escaped_argument, file_argument, print_note, utf8_argument, warn_unknown_characters
from rnntui.config_generation import (
    UNLIMITED_LENGTH,
    GenerationConfig,
    InferenceConfig,
    NoveltyConfig,
    Precision,
    SamplingConfig,
)
from rnntui.errors import CorpusError, UsageError
from rnntui.text.encoding import STDIN_NAME

if TYPE_CHECKING:
    from rnntui.cli.novelty_output import NoveltyOutput
    from rnntui.inference.generate import Generation
    from rnntui.inference.loaded_model import LoadedLanguageModel
    from rnntui.inference.text_state import TextState
    from rnntui.runs.folder import RunFolder


_PROGRESS_STEPS = 32  # steps between updates of the progress bar
_LONG_PROMPT = 20_000  # tokens; a shorter one is read in three seconds at most


@dataclass(frozen=True)
class _Request:
    """The texts to sample after each prompt. Text i of the whole output is sampled with `seed + i`.

    With a state, the prompt follows the text that this is of; a seed of None then lets its random generator go on.
    `novel` is the longest copy that is allowed, 0 for any, and `novelty` has the index for it and reports on copies.
    `save` is called with the last text once it is complete.
    """

    sampling: SamplingConfig
    length: int
    samples: int
    stop: tuple[str, ...]
    keep_stop: bool
    seed: int | None
    state: TextState | None
    save: Callable[[Generation], None]
    novel: int = 0
    novelty: NoveltyOutput | None = None


def _stop_strings(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Decode the strings of --stop. A click callback; raises `UsageError` for an empty one, which would never end."""
    stops = escaped_argument(context, parameter, value)
    if "" in stops:
        raise UsageError("--stop must not be empty", setting="stop", hint=r"for the end of a line, --stop '\n'")
    return stops


@click.command("sample")
@run_option
@checkpoints_option
@click.option(
    "--prompt",
    callback=utf8_argument,
    help="Text to continue [default: standard input if it is not a terminal, else a new line].",
)
@click.option(
    "--prompt-file", metavar="FILE", callback=file_argument,
    help="File with the text to continue, instead of --prompt.",
)  # fmt: skip
@click.option(
    "--each-line",
    is_flag=True,
    help="Continue each line of the file or of standard input on its own; a blank line is an empty prompt.",
)
@corpus_options
@setting_option(GenerationConfig, "length", "-n")
@click.option("--samples", type=click.IntRange(1, 4096), default=1, show_default=True, help="Number of samples.")
@click.option(
    "--stop",
    multiple=True,
    callback=_stop_strings,
    help="End a text before this string, in which \\n, \\r, \\t, "
    "\\xNN and \\uNNNN are characters and \\\\ is a backslash; may be repeated.",
)
@click.option("--keep-stop", is_flag=True, help="Also write the string that ended a text.")
@click.option(
    "--seed", type=click.IntRange(0), help="Seed that makes the output repeatable; text i is sampled with seed + i."
)
@settings_options(SamplingConfig)
@setting_option(InferenceConfig, "precision")
@click.option("--echo/--no-echo", default=True, show_default=True, help="Write the prompt before each text.")
@click.option(
    "--separator",
    callback=escaped_argument,
    help="Separator between texts, with the escapes of --stop [default: as in the corpus if it has documents, else a "
    "line of ---].",
)
@click.option(
    "--save-state",
    metavar="FILE",
    callback=file_argument,
    help="Save the state of the model after the text, from which --from-state goes on.",
)
@click.option(
    "--from-state", metavar="FILE", callback=file_argument,
    help="Go on from a saved state, without reading the text again; without --seed, as if it had never stopped.",
)  # fmt: skip
@setting_option(NoveltyConfig, "novel")
@click.option(
    "--novelty",
    is_flag=True,
    help="Report on stderr, or in the JSON lines, what was copied from the training text, beside held-out text.",
)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON line for each text.")
def command(
    run_name: str | None,
    checkpoints: str | None,
    prompt: str | None,
    prompt_file: str | None,
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
    save_state: str | None,
    from_state: str | None,
    as_json: bool,
    precision: Precision,
    novel: int,
    novelty: bool,
    **values: Any,
) -> None:
    """Sample text from a trained language model, after a prompt: --prompt, --prompt-file or standard input.

    A model of documents, such as names, continues the prompt as the beginning of a document, and stops at its end.
    A character that is not in the vocabulary becomes <unk>; a warning on stderr names it. With --each-line, the samples
    of each line are written as soon as it is read; the line break at its end is not part of the prompt.

    --novelty and --novel use an index of the training text (rnntui index), which is built if there is none. Only
    generated text counts as a copy: of one that begins in the prompt, the part after it.
    """
    sampling = settings_from(SamplingConfig, values)
    GenerationConfig(length=length)  # checks the bounds
    NoveltyConfig(novel=novel)
    _check_prompt(prompt, prompt_file, each_line)
    if save_state is not None and (each_line or samples > 1):
        raise UsageError("--save-state is for a single text", hint="leave out --samples and --each-line")
    use_one_blas_thread()
    from rnntui.inference.loaded_model import load_language_model
    from rnntui.inference.text_state import TextState, check_state_can_be_saved, load_text_state, save_text_state
    from rnntui.kinds.language_model import LANGUAGE_MODEL

    if save_state is not None:  # before a long text is generated in vain
        check_state_can_be_saved(Path(save_state))
    run = choose_run(run_name, checkpoints, LANGUAGE_MODEL)
    loaded = load_language_model(run, precision=precision)
    reading = TextReading(encoding, errors, newlines)
    prompts: Iterable[SamplePrompt]
    if prompt is not None:
        prompts = [SamplePrompt(read_text(io.BytesIO(prompt.encode()), "utf-8", errors, newlines))]
    elif each_line:
        prompts = _prompts_of_lines(prompt_file, reading)
    else:
        prompts = [SamplePrompt(_prompt_text(prompt_file, reading))]

    state = None if from_state is None else load_text_state(Path(from_state), run, loaded)
    goes_on = state is not None and samples == 1 and not each_line
    if seed is None and not goes_on:
        seed = int.from_bytes(os.urandom(4))

    def save(generation: Generation) -> None:
        if save_state is not None:
            save_text_state(Path(save_state), TextState.of(generation), run)

    copies = _open_novelty(run, is_shown=novelty) if novelty or novel else None
    request = _Request(sampling, length, samples, stop, keep_stop, seed, state, save, novel, copies)
    output: SampleTextOutput | SampleJsonOutput = SampleTextOutput(
        echo, separator if separator is not None else loaded.documents.separator or "\n---\n"
    )
    if as_json:
        settings = {**asdict(sampling), "length": length, "stop": stop, "keep_stop": keep_stop}
        settings |= {"precision": loaded.network.precision, **({"novel": novel} if novel else {})}
        output = SampleJsonOutput({"run": run.name, "settings": settings}, loaded.tokenizer)
    try:
        for index, each in enumerate(prompts):
            prompt_of_document = replace(each, text=loaded.documents.prompt(each.text))
            for _ in _sample(loaded, prompt_of_document, request, index * samples, output):
                output.write()
    except CorpusError:  # a line that cannot be decoded, after those before it
        output.end()
        raise
    output.end()
    if copies is not None:
        copies.print_report(is_json=as_json)


def _check_prompt(prompt: str | None, prompt_file: str | None, each_line: bool) -> None:
    """Raise `UsageError` if the flags of the prompt exclude each other; note a prompt that is the name of a file."""
    if prompt is None:
        return
    if each_line:
        raise UsageError("--each-line continues the lines of a file or of standard input", hint="leave out --prompt")
    if prompt_file is not None:
        raise UsageError("give --prompt or --prompt-file, not both")
    if is_file_name(prompt):
        print_note(f"{prompt} is the prompt itself; for the text of that file: --prompt-file {shlex.quote(prompt)}")


def _open_novelty(run: RunFolder, is_shown: bool) -> NoveltyOutput:
    """Open the novelty index of a run; `is_shown` for a report on copies."""
    from rnntui.cli.novelty_output import NoveltyOutput, open_index

    return NoveltyOutput(open_index(run), is_shown)


def _prompts_of_lines(path: str | None, reading: TextReading) -> Iterator[SamplePrompt]:
    """Yield the lines of a file as prompts; None for standard input."""
    with contextlib.ExitStack() as stack:
        stream = standard_input() if path is None else stack.enter_context(open_file(Path(path)))
        for number, line in enumerate(stream_lines(stream, reading, path or STDIN_NAME), 1):
            yield SamplePrompt(line, number)


def _prompt_text(path: str | None, reading: TextReading) -> str:
    """Return the text of a file; None for standard input, from which nothing is read where it is a terminal."""
    if path is not None:
        with open_file(Path(path)) as file:
            return read_text(file, *reading, path)
    has_input = sys.stdin is not None and not sys.stdin.isatty()
    return read_text(sys.stdin.buffer, *reading) if has_input else ""


def _progress(steps: int, request: _Request, unfinished: int) -> tuple[float | None, str]:
    """Return the fraction of a prompt's texts that is done, None if it is not known, and a text that says how much."""
    ended = request.samples - unfinished
    text = f"{steps:,} tokens"
    if request.samples > 1:
        text += f" of each, {ended:,} of {request.samples:,} texts ended"
    if request.length == UNLIMITED_LENGTH:
        return None, text
    return max(steps / max(request.length, 1), ended / request.samples), text


def _begin(
    loaded: LoadedLanguageModel, prompt: SamplePrompt, request: _Request, first: int
) -> tuple[Generation, list[SampledText]]:
    """Let the model read a prompt, and return the texts that follow it, the `first` of them with that index."""
    import numpy as np

    from rnntui.inference.generate import begin_generation, generators_from
    from rnntui.inference.text_stream import TextStream, stream_after

    tokenizer, documents = loaded.tokenizer, loaded.documents
    source = "prompt" if prompt.line_number is None else f"line {prompt.line_number}"
    warn_unknown_characters(documents.unknown_characters(prompt.text), source)
    seed = None if request.seed is None else request.seed + first
    generation = begin_generation(loaded.network, tokenizer, generators_from(seed or 0, request.samples))
    if request.state is not None:
        request.state.restore(generation, restores_generator=seed is None)
    if request.novel and request.novelty is not None:
        from rnntui.inference.copy_guard import CopyGuard

        generated = request.state.generated if request.state is not None and not prompt.text else ""
        guard = CopyGuard(request.novelty.index.text, tokenizer, request.novel, request.samples, generated)
        generation.copy_guard = guard
        request.novelty.guards.append(guard)
    ids = np.array(documents.encode(prompt.text)[0], dtype=np.int64)
    if len(ids) > _LONG_PROMPT:
        print_note(f"reading a {source} of {len(ids):,} tokens, at a few thousand tokens per second")
    with ProgressBar("reading the prompt") as bar:
        generation.feed(ids, bar.update)
    unfinished = []
    for index in range(request.samples):
        decoder = tokenizer.stream(prompt.text)
        if request.state is not None:
            decoder = stream_after(tokenizer, generation.recent[index])
        stream = TextStream(decoder, request.stop, request.keep_stop)
        text = SampledText(prompt, index, None if seed is None else seed + index, stream)
        text.novelty = request.novelty if request.novelty is not None and request.novelty.is_shown else None
        unfinished.append(text)
    return generation, unfinished


def _sample(
    loaded: LoadedLanguageModel,
    prompt: SamplePrompt,
    request: _Request,
    first: int,
    output: SampleTextOutput | SampleJsonOutput,
) -> Iterator[None]:
    """Sample the texts of a prompt, queued in `output`, the `first` of them with that index; yield after each token.

    A long prompt shows how much of it has been read. So does a long text, but on a terminal, where it is its own
    progress.
    """
    started = time.perf_counter()
    length = request.length
    generation, unfinished = _begin(loaded, prompt, request, first)
    output.add(unfinished)
    steps = 0
    with ProgressBar("sampling", is_wanted=not sys.stdout.isatty()) as bar:
        while True:
            rows = []
            is_long_enough = length != UNLIMITED_LENGTH and steps >= length
            for row, text in enumerate(unfinished):
                if text.is_ended or text.stream.is_over(is_long_enough):
                    text.finish(started)
                else:
                    rows.append(row)
            if steps % _PROGRESS_STEPS == 0:
                bar.update(*_progress(steps, request, len(rows)))
            if not rows:
                request.save(generation)
                yield
                return
            yield
            if len(rows) < len(unfinished):
                generation.keep(rows)
                unfinished = [unfinished[row] for row in rows]
            for text, token in zip(unfinished, generation.step(request.sampling), strict=True):
                text.add(text.stream.push(token.id))
                text.is_ended = token.id == loaded.tokenizer.end_id
                if output.needs_tokens:
                    text.ids.append(token.id)
                    text.bits += token.bits
            steps += 1
