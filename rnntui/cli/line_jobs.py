"""Jobs that answer lines of input in batches: in this process, or in a pool of processes if the input is long."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rnntui.cli.line_input import Lines, NumberedLine, line_batches, skip_lines
from rnntui.cli.terminal import print_note, warn_unknown_characters
from rnntui.processors import usable_cpus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from rnntui.cli.line_output import LineOutput
    from rnntui.cli.progress_bar import ProgressBar

_BACKLOG = 16  # lines that arrive together: their writer does not wait for answers
_SHARES = 4  # batches for each process at least, so that none is left with much more than the others


class UnknownCharacters(NamedTuple):
    """Characters of a line, called `label`, that one of several models does not know."""

    label: str
    model: str
    characters: tuple[str, ...]


class LineResult(NamedTuple):
    """The answer to a batch of lines.

    Args:
        output: what is written.
        notes: for stderr.
        counts: added up by name.
        unknown: characters to warn of, once for each model however many lines have them.
    """

    output: str | bytes
    notes: tuple[str, ...] = ()
    counts: Mapping[str, int] = {}
    unknown: tuple[UnknownCharacters, ...] = ()


class LineFunction(Protocol):
    """Answers a batch of lines; `on_progress` is called with the fraction of it that is done."""

    def __call__(
        self, batch: list[NumberedLine], on_progress: Callable[[float], None] | None = None, /
    ) -> LineResult: ...


class LineJob(Protocol):
    """What answers lines. It can be pickled; each process loads its own."""

    def load(self, workers: int) -> LineFunction:
        """Load the model; the function computes with `workers` threads."""
        ...


@dataclass(frozen=True)
class LineJobOptions:
    """How a job is divided.

    Args:
        jobs: processes; 1 also means a single thread; None for as many as usable CPUs if the input is long.
        long_input: lines from which on the start of a process costs less than it gains.
        max_batch: lines in a batch at most; fewer where several processes share a short input.
    """

    jobs: int | None
    long_input: int
    max_batch: int


def run_line_job(
    job: LineJob, source: Lines, output: LineOutput, bar: ProgressBar, options: LineJobOptions
) -> Counter[str]:
    """Write the answers to all lines, in their order, and return the sums of their counts.

    Lines whose answers `output` has already are left out. An input that arrives at once is found to be long once
    `long_input` lines of it are answered; a writer that waits for answers gets each as soon as it is there.
    """
    done, counts = output.done, Counter[str]()
    named: defaultdict[str, set[str]] = defaultdict(set)
    cpus = usable_cpus()
    is_auto = options.jobs is None and cpus > 1
    processes = options.jobs or 1
    if is_auto and source.count is not None and source.count - done >= options.long_input:
        processes = cpus
    max_batch = options.max_batch
    if processes > 1 and source.count is not None:
        max_batch = max(_BACKLOG, min(max_batch, (source.count - done) // (_SHARES * processes)))
    asked: deque[list[str]] = deque()  # the texts of batches that are read and not answered yet
    batches = _noted(line_batches(skip_lines(source, done, output.check_done), max_batch), asked)

    def write(result: LineResult) -> None:
        nonlocal done
        for note in result.notes:
            print_note(note)
        for label, model, characters in result.unknown:
            new = [character for character in characters if character not in named[model]]
            named[model].update(new)
            warn_unknown_characters(new, f"{label}, {model}")
        texts = asked.popleft()
        output.write(result.output, texts)
        counts.update(result.counts)
        done += len(texts)
        bar.show_lines(done, source.count)

    if processes == 1:
        compute: LineFunction | None = None
        for batch in batches:
            if is_auto and done - output.done >= options.long_input and len(batch) >= _BACKLOG:
                batches, processes = chain([batch], batches), cpus
                break
            if compute is None:
                compute = job.load(workers=options.jobs or cpus)
            write(compute(batch, bar.lines_of_batch(done, len(batch), source.count)))
        else:
            if compute is None:
                job.load(workers=1)  # a broken model is an error without any line, too
            return counts
    from rnntui.cli.process_pool import map_in_processes

    with closing(map_in_processes(job, batches, processes)) as results:
        for result in results:
            write(result)
    return counts


def _noted(batches: Iterable[list[NumberedLine]], asked: deque[list[str]]) -> Iterator[list[NumberedLine]]:
    """Yield batches, after adding their texts to `asked`."""
    for batch in batches:
        asked.append([line.text for line in batch])
        yield batch
