"""Models of the Python API: language models, translation and classification, each a loaded run."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnntui.config_generation import GenerationConfig, SamplingConfig
from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import RunError, UsageError
from rnntui.inference.classifier import Classification, load_classifier
from rnntui.inference.generate import Generation, begin_generation, generators_from
from rnntui.inference.loaded_model import load_language_model
from rnntui.inference.scoring import Score, score_text
from rnntui.inference.text_state import TextState, load_text_state, save_text_state
from rnntui.inference.text_stream import TextStream, stream_after
from rnntui.inference.translation import Translation
from rnntui.inference.translator import load_translator
from rnntui.processors import usable_cpus
from rnntui.runs.folder import RunFolder


@dataclass(frozen=True)
class GeneratedToken:
    """A token of a generated text.

    Args:
        text: the text that it adds, which is empty for a part of a character, or while a stop string may have begun.
        id: its id in the vocabulary.
        log_prob: its log-probability in nats by the model itself, before temperature and other sampling settings.
        state: the state after it, from which any text can go on.
    """

    text: str
    id: int
    log_prob: float
    state: TextState


def _checked_texts(name: str, texts: Sequence[str]) -> list[str]:
    """Return an argument as a list of strings. Raises `UsageError` if it is none; a string would be read by letters."""
    if isinstance(texts, (str, bytes)):
        raise UsageError(f"{name} must be a list of strings, not a string", hint=f"for one, give [{name}]")
    for text in texts:
        if not isinstance(text, str):
            raise UsageError(f"{name} must be text (got {text!r:.40})")
    return list(texts)


class TextModel:
    """A language model with its tokenizer.

    >>> import rnntui
    >>> model = rnntui.load("shakespeare", kind="language-model")
    >>> text = "".join(token.text for token in model.generate("ROMEO:", length=40, seed=1, temperature=0.5))
    >>> len(text)
    40
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self._weights_time = _weights_time(run)
        self._loaded = load_language_model(run)

    @property
    def name(self) -> str:
        return self.run.name

    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 500,
        stop: str | Sequence[str] = (),
        seed: int | None = None,
        state: TextState | None = None,
        **sampling: Any,
    ) -> Iterator[GeneratedToken]:
        """Yield the tokens of a text, as they are sampled.

        The text is that of `rnntui sample` with the same prompt, seed and settings.

        Args:
            prompt: the text to continue; it follows that of `state`, if there is one.
            length: tokens at most.
            stop: string or strings before which the text ends.
            seed: makes the text repeatable; None goes on with the random generator of `state`, or is a new seed.
            state: the state of a text to go on from, which is not read again.
            sampling: settings of sampling, as in `temperature=0.7` or `top_p=0.9`.

        Raises `rnntui.errors.UsageError` for a setting that is unknown or out of bounds.
        """
        config = SamplingConfig.from_json(sampling)
        GenerationConfig(length=length)  # checks the bounds
        stop = _checked_texts("stop", [stop] if isinstance(stop, str) else stop)
        if "" in stop:
            raise UsageError("stop must not have an empty string", setting="stop")
        generation = self._begin(prompt, seed, state)
        tokenizer = self._loaded.tokenizer
        decoder = tokenizer.stream(prompt) if state is None else stream_after(tokenizer, generation.recent[0])
        return self._tokens(generation, TextStream(decoder, stop), config, length)

    def state_after(self, text: str, state: TextState | None = None) -> TextState:
        """Return the state after a text, which follows that of `state` if there is one.

        >>> import rnntui
        >>> model = rnntui.load("shakespeare")
        >>> state = model.state_after("ROMEO:")
        >>> a, b = ("".join(t.text for t in model.generate(state=state, seed=2, length=20)) for _ in range(2))
        >>> a == b
        True
        """
        return TextState.of(self._begin(text, None, state))

    def score(self, text: str) -> Score:
        """Return the log-probability of a text on its own, in nats, and its bits per character."""
        [text] = _checked_texts("text", [text])
        return score_text(self._loaded, text)

    def save_state(self, state: TextState, path: str) -> None:
        """Write a state to a file, for `load_state` or `rnntui sample --from-state`.

        Raises `rnntui.errors.RunError` if the run has been trained further since it was loaded, as the file would name
        other weights than those of the state.
        """
        self._check_weights()
        save_text_state(Path(path), state, self.run)

    def load_state(self, path: str) -> TextState:
        """Read a state that this model has saved. Raises `rnntui.errors.RunError` for any other file."""
        self._check_weights()
        return load_text_state(Path(path), self.run, self._loaded)

    def _check_weights(self) -> None:
        if _weights_time(self.run) != self._weights_time:
            raise RunError(f"run {self.name} has changed since it was loaded", hint="load it again")

    def _begin(self, text: str, seed: int | None, state: TextState | None) -> Generation:
        """Return a generation of one text, after a state and a text."""
        loaded = self._loaded
        [text] = _checked_texts("prompt", [text])
        if state is not None and state.state.shape != loaded.network.initial_state().shape:
            raise UsageError(f"the state is not one of {self.name}, but of a model of another shape")
        first_seed = int.from_bytes(os.urandom(4)) if seed is None else seed
        generation = begin_generation(loaded.network, loaded.tokenizer, generators_from(first_seed, 1))
        if state is not None:
            state.restore(generation, restores_generator=seed is None)
        ids, _ = loaded.documents.encode(loaded.documents.prompt(text))
        generation.feed(np.array(ids, dtype=np.int64))
        return generation

    def _tokens(
        self, generation: Generation, stream: TextStream, config: SamplingConfig, length: int
    ) -> Iterator[GeneratedToken]:
        end_id, count = self._loaded.tokenizer.end_id, 0
        while not stream.is_over(count >= length):
            [token] = generation.step(config)
            count += 1
            text = stream.push(token.id)
            is_last = token.id == end_id or stream.is_over(count >= length)
            if is_last:
                text += stream.finish()
            yield GeneratedToken(text, token.id, -token.bits * math.log(2), TextState.of(generation))
            if is_last:
                return


def _weights_time(run: RunFolder) -> int:
    """Return when a run's weights were written, in nanoseconds; 0 if it has none."""
    return run.weights_file.stat().st_mtime_ns if run.weights_file.is_file() else 0


class TranslationModel:
    """A Seq2Seq model with its vocabularies.

    >>> import rnntui
    >>> rnntui.load("en-es", kind="seq2seq").translate(["Good morning."])[0].text
    'Buenos días.'
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self._translator = load_translator(run)

    @property
    def name(self) -> str:
        return self.run.name

    def translate(self, lines: Sequence[str], **beam: Any) -> list[Translation]:
        """Translate lines; each gets the translation that it would get alone, in `text` and with others beside it.

        Args:
            lines: texts without line breaks; a blank one stays blank.
            beam: settings of beam search, as in `beam=5` or `n_best=3`.

        Raises `rnntui.errors.UsageError` for a setting that is unknown or out of bounds.
        """
        settings = BeamConfig.from_json(beam)
        settings.check()
        lines = _checked_texts("lines", lines)
        return self._translator.translate(lines, settings, workers=usable_cpus())


class ClassificationModel:
    """A classifier with its labels.

    >>> import rnntui
    >>> model = rnntui.load("authors", kind="classifier")
    >>> [result] = model.classify(["To be, or not to be, that is the question."])
    >>> result.label in model.labels
    True
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self._classifier = load_classifier(run)

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels."""
        return self._classifier.labels

    def classify(self, texts: Sequence[str]) -> list[Classification]:
        """Classify texts: the best label, its probability, and all labels with theirs."""
        return self._classifier.classify(_checked_texts("texts", texts), workers=usable_cpus())
