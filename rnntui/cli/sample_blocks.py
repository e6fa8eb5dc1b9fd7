"""Texts of `rnntui sample` in blocks of a fixed size, with the same result by one process or by several."""

from __future__ import annotations

import time
from collections import deque
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rnntui.cli.sample_output import SampledText, SamplePrompt, json_line
from rnntui.cli.terminal import print_note
from rnntui.errors import UsageError
from rnntui.text.control_chars import unknown_characters_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rnntui.api import SamplingRequest, TextSampler
    from rnntui.cli.line_output import LineOutput
    from rnntui.cli.sample_output import SampleTextOutput
    from rnntui.config_generation import Precision, SamplingConfig
    from rnntui.runs.folder import RunFolder

BLOCK = 128
"""Texts that are sampled side by side. The same for any number of processes, as rounding depends on it."""


@dataclass(frozen=True)
class SampleBlock:
    """Some of the texts after a prompt: `count` of them, from index `first` on, the first of them with `seed`."""

    prompt: SamplePrompt
    first: int
    count: int
    seed: int | None


@dataclass(frozen=True)
class BlockTexts:
    """The texts of a block: JSON lines, or the texts themselves; and a note on the prompt, empty for none."""

    json_lines: list[str]
    texts: list[SampledText]
    note: str


@dataclass(frozen=True)
class BlockJob:
    """Samples blocks; each process loads its own.

    Args:
        run: the language model.
        precision: of its weights.
        request: what all blocks have in common.
        state_file: file with the state that the texts go on from; None for none.
        sampling: settings of sampling.
        header: the run and the settings in JSON lines; None for texts.
    """

    run: RunFolder
    precision: Precision
    request: SamplingRequest
    state_file: str | None
    sampling: SamplingConfig
    header: dict[str, Any] | None

    def load(self, workers: int) -> Callable[[SampleBlock], BlockTexts]:
        """Load the model, and return the function that samples a block; it has one thread, whatever `workers` is."""
        from rnntui.api import TextModel

        model = TextModel(self.run, self.precision)
        state = None if self.state_file is None else model.load_state(self.state_file)
        request, header = replace(self.request, state=state), self.header

        def sample(block: SampleBlock) -> BlockTexts:
            started = time.perf_counter()
            sampler = model.sampler(replace(request, prompt=block.prompt.text, seed=block.seed, samples=block.count))
            unknown = sampler.unknown_characters if block.first == 0 else []
            note = f"{prompt_name(block.prompt)}: {unknown_characters_message(unknown)}" if unknown else ""
            sampler.read_prompt()
            texts = block_texts(block, sampler)
            ends = set(range(block.count))
            while sampler.unfinished:
                for token in sampler.step(self.sampling):
                    texts[token.sample].add(token, header is not None)
                    if token.end is not None:
                        ends.discard(token.sample)
                        texts[token.sample].finish(started)
            for index in ends:  # nothing was to be sampled
                texts[index].finish(started)
            if header is None:
                return BlockTexts([], texts, note)
            return BlockTexts([json_line(text, header, model) for text in texts], [], note)

        return sample


def prompt_name(prompt: SamplePrompt) -> str:
    """Return what a prompt is called in notes."""
    return "prompt" if prompt.line_number is None else f"line {prompt.line_number}"


def blocks_of(prompts: Iterable[SamplePrompt], samples: int, seed: int | None) -> Iterator[SampleBlock]:
    """Yield the blocks of `samples` texts for each prompt; text i of all is sampled with `seed + i`."""
    for number, prompt in enumerate(prompts):
        for first in range(0, samples, BLOCK):
            block_seed = None if seed is None else seed + number * samples + first
            yield SampleBlock(prompt, first, min(BLOCK, samples - first), block_seed)


def block_texts(block: SampleBlock, sampler: TextSampler, novelty: Any = None) -> list[SampledText]:
    """Return the texts of a block, which are still empty."""
    prompt = replace(block.prompt, text=sampler.prompt)
    return [
        SampledText(prompt, block.first + index, None if block.seed is None else block.seed + index, novelty=novelty)
        for index in range(block.count)
    ]


def sample_blocks(
    job: BlockJob,
    blocks: Iterable[SampleBlock],
    processes: int,
    output: LineOutput,
    writer: SampleTextOutput | None,
    report: Callable[[int], None],
) -> None:
    """Sample blocks in a pool of processes, or in this one, and write their texts in order.

    JSON lines that the output has already are left out. Raises `UsageError` if it has more than all blocks have, or was
    begun with other prompts.

    Args:
        job: samples a block.
        blocks: the blocks.
        processes: number of processes.
        output: receives JSON lines.
        writer: writes texts to the output; None for JSON lines.
        report: is called with the number of texts that are written.
    """
    done = skipped = 0
    asked: deque[str] = deque()  # the prompts of blocks that are read and not written yet

    def remaining() -> Iterator[SampleBlock]:
        nonlocal skipped
        read = 0
        for block in blocks:
            for _ in range(min(block.count, output.done - read)):
                output.check_done(block.prompt.text, prompt_name(block.prompt))
            read += block.count
            if read <= output.done:
                skipped = read
            else:
                asked.append(block.prompt.text)
                yield block
        if read < output.done:
            raise UsageError(
                f"{output.path} has {output.done:,} texts already, and these prompts and --samples make {read:,}",
                setting="samples",
                hint="ask for more, or name another --output",
            )

    def write(result: BlockTexts) -> None:
        nonlocal done
        if result.note:
            print_note(result.note)
        prompt = asked.popleft()
        if writer is None:
            done = done or skipped
            new = result.json_lines[max(0, output.done - done) :]
            output.write("".join(new), [prompt] * len(new))
        else:
            writer.add(result.texts)
            writer.write()
        done += len(result.json_lines) + len(result.texts)
        report(done)

    if processes == 1:
        sample = None
        for block in remaining():
            sample = sample or job.load(workers=1)
            write(sample(block))
        return
    from rnntui.cli.process_pool import map_in_processes

    with closing(map_in_processes(job, remaining(), processes)) as results:
        for result in results:
            write(result)
