"""Beam search over many sources: batches of similar length, threads, ties resolved in double precision."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from rnntui.config_seq2seq import BeamConfig
from rnntui.inference.beam_search import BeamSearch, Hypothesis, SearchResult
from rnntui.inference.numpy_language_model import Ids
from rnntui.inference.numpy_seq2seq import NumpySeq2Seq
from rnntui.inference.utf8_masks import Utf8Masks
from rnntui.kinds.pair_corpus_info import PairLengths
from rnntui.text.vocabulary import Vocabulary

BATCH = 64  # sources in a batch, at most
_BATCH_TOKENS = 4096  # source tokens in a batch at most, padding included: a very long one has a batch to itself
_DEFAULT_MAX_TOKENS = 200  # of a translation, where the run does not record the lengths it was trained on


class SearchJob(NamedTuple):
    """A source `(S,)`, with its end token, and the settings of its search; False if it has no placeholders to copy."""

    source: Ids
    settings: BeamConfig
    has_placeholders: bool = True


@dataclass(eq=False, repr=False)
class SearchOptions:
    """Options of a search, which do not change its result but for near ties.

    Args:
        resolve_ties: search again in double precision where rounding may have decided. Without, translation is faster,
            and still repeatable for the same lines in the same order.
        is_cancelled: called before every decoder step; once it returns True, `CancelledError` is raised.
        workers: number of batches searched at the same time, each by a thread; the result is the same.
        on_progress: called after every batch, in the calling thread, with the fraction of the source tokens that have
            been searched for; an exception that it raises ends the search.
    """

    resolve_ties: bool = True
    is_cancelled: Callable[[], bool] | None = None
    workers: int = 1
    on_progress: Callable[[float], None] | None = None


class BatchedSearch:
    """Searches for the targets of many sources with one model.

    Args:
        model: encoder and decoder.
        target: the vocabulary of the targets.
        training_lengths: of the pairs that the model was trained on, if known; they limit the length of a target.
    """

    def __init__(self, model: NumpySeq2Seq, target: Vocabulary, training_lengths: PairLengths | None) -> None:
        self._model, self._target, self._training_lengths = model, target, training_lengths
        self._placeholder_ids = target.placeholder_ids()
        byte_tokens = target.byte_tokens()
        self._utf8_masks = Utf8Masks(byte_tokens, target.size) if byte_tokens else None
        self._exact_lock = threading.Lock()  # for the model in float64 is made when it is first needed

    def search(self, jobs: Sequence[SearchJob], options: SearchOptions) -> list[list[Hypothesis]]:
        """Return the hypotheses of each job, best first. Each gets those that it would get alone, in any order."""
        hypotheses: list[list[Hypothesis]] = [[] for _ in jobs]
        batches = list(_batches(jobs))
        is_abandoned = threading.Event()

        def is_unwanted() -> bool:
            return is_abandoned.is_set() or (options.is_cancelled is not None and options.is_cancelled())

        def search_batch(batch: list[int]) -> None:
            _, settings, has_placeholders = jobs[batch[0]]
            banned = [*self._target.banned_ids, *([] if has_placeholders else self._placeholder_ids)]
            sources = [jobs[index].source for index in batch]
            results = self._search(self._model, sources, settings, banned, is_unwanted)
            for index, result in zip(batch, results, strict=True):
                hypotheses[index] = result.hypotheses
                if options.resolve_ties and result.near_tie:
                    with self._exact_lock:
                        model = self._model.exact
                    [exact] = self._search(model, [jobs[index].source], settings, banned, is_unwanted)
                    hypotheses[index] = exact.hypotheses

        searched_tokens, all_tokens = 0, sum(len(job.source) for job in jobs)

        def report(batch: list[int]) -> None:
            nonlocal searched_tokens
            searched_tokens += sum(len(jobs[index].source) for index in batch)
            if options.on_progress is not None:
                options.on_progress(searched_tokens / all_tokens)

        if options.workers == 1 or len(batches) == 1:
            for batch in batches:
                search_batch(batch)
                report(batch)
        else:
            with ThreadPoolExecutor(options.workers) as pool:
                # The batches of the longest sources take longest, so they begin first.
                try:
                    longest_first = batches[::-1]
                    for batch, _ in zip(longest_first, pool.map(search_batch, longest_first), strict=True):
                        report(batch)
                except BaseException:
                    is_abandoned.set()  # the other workers stop at their next step, and this one waits for them
                    raise
        return hypotheses

    def _search(
        self,
        model: NumpySeq2Seq,
        sources: list[Ids],
        settings: BeamConfig,
        banned: Sequence[int],
        is_cancelled: Callable[[], bool] | None,
    ) -> list[SearchResult]:
        max_lengths = [settings.max_length or self._default_max_length(len(source)) for source in sources]
        beam_search = BeamSearch(model, settings, self.target_text, banned, is_cancelled, self._utf8_masks)
        return beam_search.search(sources, max_lengths)

    def _default_max_length(self, source_length: int) -> int:
        if self._training_lengths is None:
            return _DEFAULT_MAX_TOKENS
        return self._training_lengths.max_target_length(source_length)

    def target_text(self, ids: list[int]) -> str:
        """Return the text of a target's ids, in one line: line breaks that the model may write become spaces."""
        return " ".join(self._target.decode(ids).splitlines()).strip()


def _batches(jobs: Sequence[SearchJob]) -> Iterator[list[int]]:
    """Yield batches of indices of sources of similar length and the same settings, shortest first."""
    by_settings: dict[tuple[BeamConfig, bool], list[int]] = {}
    for index, job in enumerate(jobs):
        by_settings.setdefault((job.settings, job.has_placeholders), []).append(index)
    batches = [batch for indices in by_settings.values() for batch in _of_similar_length(indices, jobs)]
    yield from sorted(batches, key=lambda batch: len(jobs[batch[-1]].source))


def _of_similar_length(indices: list[int], jobs: Sequence[SearchJob]) -> Iterator[list[int]]:
    batch: list[int] = []
    for index in sorted(indices, key=lambda index: len(jobs[index].source)):
        if batch and (len(batch) == BATCH or (len(batch) + 1) * len(jobs[index].source) > _BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
