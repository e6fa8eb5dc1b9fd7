"""Continuous batching: texts join a running batch and leave it between two steps of the model.

Orca (Yu et al. 2022, section 4, "iteration-level scheduling") does this for Transformers. For a recurrent model it is
simpler: a text's whole memory is its column of the state, so joining and leaving is adding and dropping a column.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np

from rnntui.config_generation import SamplingConfig
from rnntui.inference.cells import Array
from rnntui.inference.generate import REMEMBERED, TextRows, draw_tokens, remember
from rnntui.inference.loaded_model import LoadedLanguageModel
from rnntui.inference.numpy_language_model import Ids
from rnntui.inference.splitmix import SplitMix
from rnntui.inference.utf8_masks import utf8_masks
from rnntui.serving.api_errors import unexpected_failure
from rnntui.serving.batched_model import BatchedModel
from rnntui.serving.generation_job import GenerationJob, OutputQueue, ScoredToken
from rnntui.serving.text_writer import TextWriter, TokenScorer

# Steps of prompts that are read between two steps of the texts that are generated. A step of a prompt costs less than
# one of a text, so a long prompt slows the others down by a few times, and does not stop them.
_CHUNK = 8
_IDLE_CHUNK = 256  # where no text is being generated

_MAX_SETTINGS = 1000  # that are remembered


@dataclass(eq=False)
class _Prompt:
    """A prompt that is being read. `state (L, C, 1, H + K)` and `hidden (1, H + K)` are those after `position`."""

    job: GenerationJob
    state: Array
    hidden: Array
    position: int = 0
    scored: list[ScoredToken] = field(default_factory=list)

    @property
    def unread(self) -> int:
        return len(self.job.prompt) - self.position


@dataclass(eq=False)
class _Text:
    """A text that is being generated: a row of the batch. Texts with equal settings have the same `sampling` object."""

    job: GenerationJob
    sampling: SamplingConfig
    writer: TextWriter
    recent: list[int]
    generator: SplitMix


class _WaitingText(NamedTuple):
    """A text whose prompt has been read, with its state `(L, C, 1, H + K)` and logits `(1, V)`."""

    text: _Text
    state: Array
    logits: Array


_Item = TypeVar("_Item", _Prompt, _Text)


class ContinuousBatch:
    """All texts of one model, in one step at a time. Not safe for threads: the engine's thread alone uses it.

    A request that raises an exception, such as for lack of memory, ends with an error, and the others go on: what
    failed for several texts together is computed again for each alone.

    Args:
        loaded: the model.
        max_rows: number of texts generated together; others wait.
    """

    def __init__(self, loaded: LoadedLanguageModel, max_rows: int) -> None:
        self._model = BatchedModel(loaded.network, max_rows)
        self._tokenizer = loaded.tokenizer
        self._masks = utf8_masks(loaded.tokenizer)
        self._scorer = TokenScorer(loaded.tokenizer)
        self._max_rows = max_rows
        self._queued: deque[GenerationJob] = deque()
        self._prompts: list[_Prompt] = []
        self._settings: dict[SamplingConfig, SamplingConfig] = {}
        self._waiting: deque[_WaitingText] = deque()
        self._texts: list[_Text] = []
        self._ended: list[_Text] = []  # not delivered yet
        self._failed: list[OutputQueue] = []  # not delivered yet
        network = loaded.network
        self._initial_state = network.initial_state()
        self._state = self._initial_state[:, :, :0]
        self._logits = np.empty((0, network.vocab_size), dtype=self._state.dtype)

    @property
    def has_work(self) -> bool:
        """True if there is anything to do."""
        return bool(self._queued or self._prompts or self._waiting or self._texts or self._ended or self._failed)

    @property
    def row_count(self) -> int:
        """Number of texts that are being generated."""
        return len(self._texts)

    @property
    def text_count(self) -> int:
        """Number of texts that have not ended."""
        unread = sum(job.choices for job in (*self._queued, *(prompt.job for prompt in self._prompts)))
        return unread + len(self._waiting) + len(self._texts)

    @property
    def outputs(self) -> list[OutputQueue]:
        """The outputs of all requests that have not ended."""
        jobs = [*self._queued, *(prompt.job for prompt in self._prompts)]
        jobs += [each.job for each in (*(waiting.text for waiting in self._waiting), *self._texts, *self._ended)]
        return list(dict.fromkeys(job.output for job in jobs))

    def add(self, job: GenerationJob) -> None:
        """Add a prompt; it is read and continued as soon as there is a place."""
        self._queued.append(job)

    def drop_cancelled(self) -> None:
        """Drop everything that belongs to requests whose client has left."""
        self._queued = deque(job for job in self._queued if not job.output.is_cancelled)
        self._prompts = [prompt for prompt in self._prompts if not prompt.job.output.is_cancelled]
        self._waiting = deque(each for each in self._waiting if not each.text.job.output.is_cancelled)
        if any(text.job.output.is_cancelled for text in self._texts):
            self._keep([row for row, text in enumerate(self._texts) if not text.job.output.is_cancelled])

    def clear(self) -> None:
        """Drop everything."""
        self._queued.clear()
        self._prompts.clear()
        self._waiting.clear()
        self._ended.clear()
        self._failed.clear()
        self._keep([])

    def advance(self) -> None:
        """Read a chunk of the prompts, and generate one token of every text."""
        self._admit()
        self._read_prompts()
        self._join()
        self._generate()

    def deliver(self) -> list[OutputQueue]:
        """Move the text that has been generated to the outputs, and return those that have something new."""
        outputs = dict.fromkeys(self._failed)
        self._failed.clear()
        for text in [*self._ended, *self._texts]:
            piece = text.writer.take()
            if piece is not None:
                text.job.output.put(piece)
                outputs[text.job.output] = None
        self._ended.clear()
        return list(outputs)

    @property
    def has_urgent_output(self) -> bool:
        """True if a text has ended, or a client has not had a piece yet."""
        return bool(self._ended or self._failed) or any(
            text.job.output.first_piece_seconds is None for text in self._texts
        )

    def _admit(self) -> None:
        places = self._max_rows - len(self._texts) - len(self._waiting) - len(self._prompts)
        while self._queued and places > 0:
            job = self._queued.popleft()
            initial = self._model.network.last_hidden(self._initial_state)
            self._prompts.append(_Prompt(job, self._initial_state, initial))
            places -= 1

    def _read_prompts(self) -> None:
        steps = _CHUNK if self._texts else _IDLE_CHUNK
        while self._prompts:
            for prompt in self._prompts:
                if not prompt.unread:
                    self._isolate([prompt], self._begin_texts)
            self._prompts = unread = [prompt for prompt in self._prompts if prompt.unread]
            if not unread or not steps:
                return
            count = min(steps, *(prompt.unread for prompt in unread))
            self._isolate(unread, partial(self._read_chunk, count))
            steps -= count

    def _read_chunk(self, count: int, prompts: Sequence[_Prompt]) -> None:
        """Read the next `count` tokens of prompts, which have as many."""
        tokens = np.stack([each.job.prompt[each.position : each.position + count] for each in prompts], axis=1)
        state = np.concatenate([prompt.state for prompt in prompts], axis=2)
        exact = any(prompt.job.is_reproducible for prompt in prompts)
        hidden, state = self._model.read(tokens, state, exact)
        scored = [self._scored(prompt, hidden[:, row]) for row, prompt in enumerate(prompts)]
        for row, prompt in enumerate(prompts):  # nothing below raises, so a chunk is read by all of them or by none
            prompt.scored += scored[row]
            prompt.position += count
            prompt.state, prompt.hidden = state[:, :, row : row + 1], hidden[-1, row : row + 1]

    def _scored(self, prompt: _Prompt, hidden: Array) -> list[ScoredToken]:
        """Score the tokens that follow, if that is wanted; `hidden (T, H + K)` are the hidden states after them."""
        first = prompt.job.scored_from
        if first is None:
            return []
        predicting = np.concatenate((prompt.hidden, hidden[:-1]))
        logits = self._model.logits(predicting, exact=False)
        read = prompt.job.prompt[prompt.position : prompt.position + len(hidden)].tolist()
        return [
            self._scorer.score(logits[index], token, prompt.job.alternatives or 0)
            for index, token in enumerate(read)
            if prompt.position + index >= first
        ]

    def _begin_texts(self, prompts: Sequence[_Prompt]) -> None:
        """Put the choices of a prompt that has been read into the line for the batch."""
        [prompt] = prompts
        job = prompt.job
        logits = self._model.logits(prompt.hidden, job.is_reproducible)
        remembered = job.prompt[-max(REMEMBERED, job.sampling.repetition_window) :].tolist()
        last = [token for token in remembered if token != self._tokenizer.end_id]
        if len(self._settings) > _MAX_SETTINGS:
            self._settings.clear()
        sampling = self._settings.setdefault(job.sampling, job.sampling)
        for choice in range(job.choices):
            writer = TextWriter(self._tokenizer, job, job.first_choice + choice)
            if prompt.scored:
                writer.add_prompt(prompt.scored)
            if not job.length:
                writer.end_at_once()
            text = _Text(job, sampling, writer, list(last), SplitMix(job.seed + choice))
            self._waiting.append(_WaitingText(text, prompt.state, logits))

    def _join(self) -> None:
        places = self._max_rows - len(self._texts)
        joining = [self._waiting.popleft() for _ in range(min(places, len(self._waiting)))]
        self._ended += [each.text for each in joining if each.text.writer.finish]
        joining = [each for each in joining if not each.text.writer.finish]
        if joining:
            self._texts += [each.text for each in joining]
            self._state = np.concatenate([self._state, *(each.state for each in joining)], axis=2)
            self._logits = np.concatenate([self._logits, *(each.logits for each in joining)])

    def _generate(self) -> None:
        if not self._texts:
            return
        tokens = self._draw()
        for row, (token, text) in enumerate(zip(tokens.tolist(), self._texts, strict=True)):
            try:
                self._push(row, token, text)
            except Exception as error:
                self._fail(text.job.output, error)
        going_on = [row for row, text in enumerate(self._texts) if not (text.writer.finish or self._has_failed(text))]
        if len(going_on) < len(self._texts):
            self._ended += [text for text in self._texts if text.writer.finish and not self._has_failed(text)]
            self._keep(going_on)
            tokens = tokens[going_on]
        if going_on:
            self._step(tokens)

    def _push(self, row: int, token: int, text: _Text) -> None:
        """Add the token that was drawn for a text to it."""
        scored = None
        if text.job.alternatives is not None:
            scored = self._scorer.score(self._logits[row], token, text.job.alternatives)
        if token != self._tokenizer.end_id:
            remember(text.recent, token, text.sampling)
        text.writer.push(token, scored)
        text.job.output.completion_tokens += 1

    def _step(self, tokens: Ids) -> None:
        """Feed the tokens `(B,)` to the model; those that it cannot read end their requests."""
        exact = any(text.job.is_reproducible for text in self._texts)
        try:
            self._logits, self._state = self._model.step(tokens, self._state, exact)
            return
        except Exception as error:
            if len(tokens) == 1:
                self._fail(self._texts[0].job.output, error)
                self._keep([])
                return
        rows, logits, states = [], [self._logits[:0]], [self._state[:, :, :0]]
        for row, text in enumerate(self._texts):
            try:
                result = self._model.step(tokens[row : row + 1], self._state[:, :, row : row + 1], exact)
            except Exception as error:
                self._fail(text.job.output, error)
                continue
            rows.append(row)
            logits.append(result[0])
            states.append(result[1])
        self._keep(rows)
        self._logits, self._state = np.concatenate(logits), np.concatenate(states, axis=2)
        self._keep([row for row, text in enumerate(self._texts) if not self._has_failed(text)])

    def _draw(self) -> Ids:
        """Draw the next token of every text, `(B,)`; texts with the same settings together."""
        rows_by_settings: dict[int, list[int]] = {}  # by identity, as a hash of the fields takes as long as the drawing
        for row, text in enumerate(self._texts):
            rows_by_settings.setdefault(id(text.sampling), []).append(row)
        tokens = np.zeros(len(self._texts), dtype=np.int64)  # 0 for those that fail
        for rows in rows_by_settings.values():
            states = [self._texts[row].generator.state for row in rows]
            try:
                tokens[rows] = self._drawn(rows)
            except Exception:
                for row, state in zip(rows, states, strict=True):
                    text = self._texts[row]
                    text.generator.state = state
                    try:
                        tokens[row] = self._drawn([row])[0]
                    except Exception as error:
                        self._fail(text.job.output, error)
        return tokens

    def _drawn(self, rows: list[int]) -> Ids:
        """Draw the next tokens of texts that have the same settings."""
        texts = [self._texts[row] for row in rows]
        logits = self._logits if len(rows) == len(self._texts) else self._logits[rows]
        drawn = TextRows(logits, [text.recent for text in texts], [text.generator for text in texts])
        return draw_tokens(drawn, texts[0].sampling, (self._tokenizer.unknown_id,), self._masks)

    def _isolate(self, items: Sequence[_Item], compute: Callable[[Sequence[_Item]], None]) -> None:
        """Compute something that changes nothing if it raises; then, for each item alone, and end those that raise."""
        try:
            compute(items)
            return
        except Exception as error:
            if len(items) == 1:
                self._fail(items[0].job.output, error)
                self.drop_cancelled()
                return
        for item in items:
            try:
                compute([item])
            except Exception as error:
                self._fail(item.job.output, error)
        self.drop_cancelled()

    def _fail(self, output: OutputQueue, error: Exception) -> None:
        """End a request with an error; nothing more is computed for it."""
        if not output.is_cancelled:
            output.put(unexpected_failure(error))
            output.cancel()
            self._failed.append(output)

    @staticmethod
    def _has_failed(text: _Text) -> bool:
        return text.job.output.is_cancelled

    def _keep(self, rows: list[int]) -> None:
        if len(rows) < len(self._texts):
            self._texts = [self._texts[row] for row in rows]
            self._state = np.ascontiguousarray(self._state[:, :, rows])
            self._logits = self._logits[rows]
