"""`rnntui sample`: text sampled from a trained language model, streamed to stdout."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.job_record import file_stamp
from rnntui.cli.line_input import TextReading
from rnntui.cli.line_output import LineOutput, open_output, output_options, run_identity
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
from rnntui.cli.run_choice import choose_run_in, existing_checkpoints_folder
from rnntui.cli.sample_blocks import BLOCK, BlockJob, SampleBlock, block_texts, blocks_of, prompt_name, sample_blocks
from rnntui.cli.sample_output import SampledText, SampleJsonOutput, SampleTextOutput
from rnntui.cli.sample_prompts import check_prompt, read_prompts
from rnntui.cli.terminal import (
    escaped_argument,
    file_argument,
    new_file_argument,
    print_note,
    utf8_argument,
    warn_unknown_characters,
)
from rnntui.config import PoolConfig
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
from rnntui.processors import usable_cpus

if TYPE_CHECKING:
    from rnntui.api import SamplingRequest, TextModel, TextSampler
    from rnntui.cli.novelty_output import NoveltyOutput
    from rnntui.runs.folder import RunFolder


MAX_SAMPLES = 10_000_000
"""Texts after a prompt at most."""

_LONG_OUTPUT = 200_000  # tokens from which on the start of a process costs less than it gains
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
@number_option("--samples", bounds=(1, MAX_SAMPLES), default=1, show_default=True, help="Number of samples.")
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
    help="Go on from a saved state, without reading the text again, by default with the run that saved it; without "
    "--seed, as if it had never stopped.",
)  # fmt: skip
@setting_option(NoveltyConfig, "novel")
@click.option(
    "--novelty",
    is_flag=True,
    help="Report on stderr, or in the JSON lines, what was copied from the training text, beside held-out text.",
)
@output_options
@settings_options(PoolConfig)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON line for each text.")
@click.pass_context
def command(
    context: click.Context,
    /,
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
    output: str | None,
    resume: bool,
    jobs: int | None,
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
    check_prompt(prompt, prompt_file, each_line)
    if save_state is not None and (each_line or samples > 1):
        raise UsageError("--save-state is for a single text", hint="leave out --samples and --each-line")
    use_one_blas_thread()
    from rnntui.api import SamplingRequest, TextModel

    if save_state is not None:  # before a long text is generated in vain
        TextModel.check_state_can_be_saved(save_state)
    model = TextModel(_chosen_run(run_name, checkpoints, from_state), precision)
    prompts, prompt_count = read_prompts(prompt, prompt_file, each_line, TextReading(encoding, errors, newlines))
    total = None if prompt_count is None else prompt_count * samples
    state = None if from_state is None else model.load_state(from_state)
    goes_on = state is not None and samples == 1 and not each_line
    is_single = save_state is not None or goes_on
    copies = _open_novelty(model.run, is_shown=novelty) if novelty or novel else None
    refusal = _resume_refusal(is_single, has_copies=copies is not None, as_json=as_json)
    has_one_process = is_single or copies is not None
    if jobs not in (None, 1) and has_one_process:
        raise UsageError("--jobs: a single text, --novelty and --novel need one process", setting="jobs")
    limit = copies.limit(novel) if copies is not None and novel else None
    drawn = {} if seed is not None or goes_on else {"seed": new_seed()}
    # More texts may follow, but where the seeds of the next prompt would then be others.
    ignored = () if each_line else ("samples",)
    with open_output(context, _identity(model.run, from_state), refusal, drawn, ignored) as lines:
        if drawn:
            seed = _drawn_seed(lines, drawn["seed"], total)
        request = SamplingRequest("", length, stop, keep_stop, seed, 1, state, limit)
        header = _header(model, sampling, request, novel) if as_json else None
        separator = separator if separator is not None else model.document_separator or "\n---\n"
        text_output = SampleTextOutput(echo, separator, lines.write)
        blocks = blocks_of(prompts, samples, seed)
        processes = jobs or _automatic_jobs(prompt_count, samples, length)
        if not has_one_process and (processes > 1 or lines.path is not None or samples > BLOCK):
            job = BlockJob(model.run, precision, replace(request, state=None), from_state, sampling, header)
            with _ending(text_output), ProgressBar("sampling", is_wanted=not lines.is_terminal) as bar:
                report = partial(_show_texts, bar, total)
                sample_blocks(job, blocks, processes, lines, None if as_json else text_output, report)
            return
        writer: SampleTextOutput | SampleJsonOutput = text_output
        if header is not None:
            writer = SampleJsonOutput(header, model, lines.write)
        sampler = _stream_blocks(model, blocks, request, sampling, writer, copies, is_shown=lines.is_terminal)
    if save_state is not None and sampler is not None:
        model.save_state(model.state_of(sampler), save_state)
    if copies is not None:
        copies.print_report(is_json=as_json)


def _chosen_run(name: str | None, checkpoints: str | None, from_state: str | None) -> RunFolder:
    """Return the run with a name, else the one that saved the state, else the one that `choose_run` returns."""
    from rnntui.api import TextModel
    from rnntui.kinds.language_model import LANGUAGE_MODEL

    folder = existing_checkpoints_folder(checkpoints)
    if from_state is not None and name is None:
        run = TextModel.run_of_state(from_state, folder)
        if run is not None:
            if sys.stderr.isatty():
                print_note(f"run {run.name} (which saved the state)")
            return run
    return choose_run_in(folder, name, LANGUAGE_MODEL)


def _stream_blocks(
    model: TextModel,
    blocks: Iterable[SampleBlock],
    request: SamplingRequest,
    sampling: SamplingConfig,
    writer: SampleTextOutput | SampleJsonOutput,
    copies: NoveltyOutput | None,
    is_shown: bool,
) -> TextSampler | None:
    """Sample blocks in this process, and write their texts as they grow; return the sampler of the last one."""
    sampler: TextSampler | None = None
    with _ending(writer):
        for block in blocks:
            sampler = model.sampler(replace(request, prompt=block.prompt.text, seed=block.seed, samples=block.count))
            if copies is not None and sampler.copy_guard is not None:
                copies.guards.append(sampler.copy_guard)
            texts = block_texts(block, sampler, copies if copies is not None and copies.is_shown else None)
            writer.add(texts)
            _sample(sampler, texts, request.length, sampling, writer, is_shown)
    return sampler


def _header(model: TextModel, sampling: SamplingConfig, request: SamplingRequest, novel: int) -> dict[str, Any]:
    """Return what the JSON lines of all texts have in common."""
    settings = {
        **asdict(sampling), "length": request.length, "stop": request.stops, "keep_stop": request.keep_stop,
        "precision": model.precision,
    }  # fmt: skip
    return {"run": model.name, "settings": settings | ({"novel": novel} if novel else {})}


@contextlib.contextmanager
def _ending(output: SampleTextOutput | SampleJsonOutput) -> Iterator[None]:
    """End the output, also before the error of a line that cannot be decoded, after those before it."""
    try:
        yield
    except CorpusError:
        output.end()
        raise
    output.end()


def _resume_refusal(is_single: bool, has_copies: bool, as_json: bool) -> str:
    """Return why the output of these flags cannot be gone on with; empty if it can."""
    if is_single:
        return "a single text that goes on from a state, or saves one, is sampled in one go"
    if has_copies:
        return "--novelty and --novel need all texts in one go"
    return "" if as_json else "a text can have several lines; with --json it has one"


def _identity(run: RunFolder, from_state: str | None) -> dict[str, Any]:
    """Return what tells the model, and the state that texts go on from, from others."""
    state = {} if from_state is None else {"contents of --from-state": file_stamp(Path(from_state))}
    return run_identity(run) | state


def _drawn_seed(output: LineOutput, drawn: int, total: int | None) -> int:
    """Return the seed where none is given: that of the job that is gone on with, else the one drawn now.

    Raises `UsageError` if that job's is not known, though texts are missing of `total`.
    """
    recorded = output.record.get("seed")
    if output.done and recorded is None and (total is None or output.done < total):
        raise UsageError(f"{output.path} does not say by which seed it was begun", setting="seed", hint="give --seed")
    return drawn if recorded is None else int(recorded)


def _automatic_jobs(prompts: int | None, samples: int, length: int) -> int:
    """Return the number of processes for so many prompts with so many texts each: one, unless there is much to do."""
    if prompts is None or prompts * samples * length < _LONG_OUTPUT:
        return 1
    return min(usable_cpus(), prompts * -(-samples // BLOCK))


def _open_novelty(run: RunFolder, is_shown: bool) -> NoveltyOutput:
    """Open the novelty index of a run; `is_shown` for a report on copies."""
    from rnntui.cli.novelty_output import NoveltyOutput, note_unseen_copies, open_index

    index = open_index(run)
    note_unseen_copies(index)
    return NoveltyOutput(index, is_shown)


def _sample(
    sampler: TextSampler,
    texts: list[SampledText],
    length: int,
    sampling: SamplingConfig,
    output: SampleTextOutput | SampleJsonOutput,
    is_shown: bool,
) -> None:
    """Sample the texts of a prompt, which are queued in `output`, and write them as they grow.

    A long prompt shows how much of it has been read. So does a long text, unless it `is_shown` on a terminal: there it
    is its own progress.
    """
    started = time.perf_counter()
    source = prompt_name(texts[0].prompt)
    if texts[0].index == 0:
        warn_unknown_characters(sampler.unknown_characters, source)
    if len(sampler.prompt_ids) > _LONG_PROMPT:
        print_note(f"reading a {source} of {len(sampler.prompt_ids):,} tokens, at a few thousand tokens per second")
    with ProgressBar("reading the prompt") as bar:
        sampler.read_prompt(bar.update)
    if not sampler.unfinished:
        for text in texts:
            text.finish(started)
    with ProgressBar("sampling", is_wanted=not is_shown) as bar:
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


def _show_texts(bar: ProgressBar, total: int | None, done: int) -> None:
    """Show how many texts are done; `total` is None if it is not known."""
    bar.update(None if not total else done / total, f"{done:,}{f' of {total:,}' if total else ''} texts")


def _progress(sampler: TextSampler, samples: int, length: int) -> tuple[float | None, str]:
    """Return the fraction of a prompt's texts that is done, None if it is not known, and a text that says how much."""
    ended = samples - sampler.unfinished
    text = f"{sampler.steps:,} tokens"
    if samples > 1:
        text += f" of each, {ended:,} of {samples:,} texts ended"
    if length == UNLIMITED_LENGTH:
        return None, text
    return max(sampler.steps / max(length, 1), ended / samples), text
