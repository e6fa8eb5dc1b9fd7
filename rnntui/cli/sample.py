"""`rnntui sample`: text sampled from a trained language model, streamed to stdout."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.inputs import read_text
from rnntui.cli.line_input import TextReading, is_file_name, open_file, standard_input, stream_lines
from rnntui.cli.options import (
    checkpoints_option,
    corpus_options,
    number_option,
    run_option,
    setting_option,
    settings_from,
    settings_options,
)
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.run_choice import choose_run
from rnntui.cli.sample_output import SampledText, SampleJsonOutput, SamplePrompt, SampleTextOutput
from rnntui.cli.terminal import (
    escaped_argument,
    file_argument,
    new_file_argument,
    print_note,
    utf8_argument,
    warn_unknown_characters,
)
from rnntui.config_generation import (
    LARGEST_SEED,
    UNLIMITED_LENGTH,
    GenerationConfig,
    InferenceConfig,
    NoveltyConfig,
    Precision,
    SamplingConfig,
    new_seed,
)
from rnntui.errors import CorpusError, UsageError
from rnntui.formatting import shell_quote
from rnntui.text.encoding import STDIN_NAME

if TYPE_CHECKING:
    from rnntui.api import TextSampler
    from rnntui.cli.novelty_output import NoveltyOutput
    from rnntui.runs.folder import RunFolder


_PROGRESS_STEPS = 32  # steps between updates of the progress bar
_LONG_PROMPT = 20_000  # tokens; a shorter one is read in three seconds at most


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
@number_option("--samples", bounds=(1, 4096), default=1, show_default=True, help="Number of samples.")
@click.option(
    "--stop",
    multiple=True,
    callback=_stop_strings,
    help="End a text before this string, in which \\n, \\r, \\t, "
    "\\xNN and \\uNNNN are characters and \\\\ is a backslash; may be repeated.",
)
@click.option("--keep-stop", is_flag=True, help="Also write the string that ended a text.")
@number_option(
    "--seed", bounds=(0, LARGEST_SEED), help="Seed that makes the output repeatable; text i is sampled with seed + i."
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
    callback=new_file_argument,
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
    from rnntui.api import SamplingRequest, TextModel
    from rnntui.kinds.language_model import LANGUAGE_MODEL

    if save_state is not None:  # before a long text is generated in vain
        TextModel.check_state_can_be_saved(save_state)
    model = TextModel(choose_run(run_name, checkpoints, LANGUAGE_MODEL), precision)
    reading = TextReading(encoding, errors, newlines)
    prompts: Iterable[SamplePrompt]
    if prompt is not None:
        prompts = [SamplePrompt(read_text(io.BytesIO(prompt.encode()), "utf-8", errors, newlines))]
    elif each_line:
        prompts = _prompts_of_lines(prompt_file, reading)
    else:
        prompts = [SamplePrompt(_prompt_text(prompt_file, reading))]

    state = None if from_state is None else model.load_state(from_state)
    goes_on = state is not None and samples == 1 and not each_line
    if seed is None and not goes_on:
        seed = new_seed()
    copies = _open_novelty(model.run, is_shown=novelty) if novelty or novel else None
    limit = copies.limit(novel) if copies is not None and novel else None
    request = SamplingRequest("", length, stop, keep_stop, seed, samples, state, limit)
    output: SampleTextOutput | SampleJsonOutput = SampleTextOutput(
        echo, separator if separator is not None else model.document_separator or "\n---\n"
    )
    if as_json:
        settings = {**asdict(sampling), "length": length, "stop": stop, "keep_stop": keep_stop}
        settings |= {"precision": model.precision, **({"novel": novel} if novel else {})}
        output = SampleJsonOutput({"run": model.name, "settings": settings}, model)
    sampler: TextSampler | None = None
    try:
        for index, each in enumerate(prompts):
            first_seed = None if seed is None else seed + index * samples
            sampler = model.sampler(replace(request, prompt=each.text, seed=first_seed))
            if copies is not None and sampler.copy_guard is not None:
                copies.guards.append(sampler.copy_guard)
            texts = _texts(each, sampler, first_seed, samples, copies)
            output.add(texts)
            _sample(sampler, texts, length, sampling, output)
    except CorpusError:  # a line that cannot be decoded, after those before it
        output.end()
        raise
    output.end()
    if save_state is not None and sampler is not None:
        model.save_state(model.state_of(sampler), save_state)
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
        print_note(f"{prompt} is the prompt itself; for the text of that file: --prompt-file {shell_quote(prompt)}")


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


def _texts(
    prompt: SamplePrompt, sampler: TextSampler, seed: int | None, count: int, copies: NoveltyOutput | None
) -> list[SampledText]:
    """Return the texts that follow a prompt, which are still empty; `seed` is that of the first."""
    prompt = replace(prompt, text=sampler.prompt)
    novelty = copies if copies is not None and copies.is_shown else None
    return [
        SampledText(prompt, index, None if seed is None else seed + index, novelty=novelty) for index in range(count)
    ]


def _sample(
    sampler: TextSampler,
    texts: list[SampledText],
    length: int,
    sampling: SamplingConfig,
    output: SampleTextOutput | SampleJsonOutput,
) -> None:
    """Sample the texts of a prompt, which are queued in `output`, and write them as they grow.

    A long prompt shows how much of it has been read. So does a long text, but on a terminal, where it is its own
    progress.
    """
    started = time.perf_counter()
    line_number = texts[0].prompt.line_number
    source = "prompt" if line_number is None else f"line {line_number}"
    warn_unknown_characters(sampler.unknown_characters, source)
    if len(sampler.prompt_ids) > _LONG_PROMPT:
        print_note(f"reading a {source} of {len(sampler.prompt_ids):,} tokens, at a few thousand tokens per second")
    with ProgressBar("reading the prompt") as bar:
        sampler.read_prompt(bar.update)
    if not sampler.unfinished:
        for text in texts:
            text.finish(started)
    with ProgressBar("sampling", is_wanted=not sys.stdout.isatty()) as bar:
        output.write()
        while sampler.unfinished:
            if sampler.steps % _PROGRESS_STEPS == 0:
                bar.update(*_progress(sampler, len(texts), length))
            for token in sampler.step(sampling):
                text = texts[token.sample]
                text.add(token, output.needs_tokens)
                if token.end is not None:
                    text.finish(started)
            output.write()


def _progress(sampler: TextSampler, samples: int, length: int) -> tuple[float | None, str]:
    """Return the fraction of a prompt's texts that is done, None if it is not known, and a text that says how much."""
    ended = samples - sampler.unfinished
    text = f"{sampler.steps:,} tokens"
    if samples > 1:
        text += f" of each, {ended:,} of {samples:,} texts ended"
    if length == UNLIMITED_LENGTH:
        return None, text
    return max(sampler.steps / max(length, 1), ended / samples), text
