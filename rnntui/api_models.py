"""Models of the Python API: language models, translation and classification, each a loaded run.

What computes is imported when a model is loaded, so that each command that uses this imports its own kind alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rnntui.api_arguments import (
    checked_callable,
    checked_file,
    checked_instance,
    checked_seed,
    checked_text,
    checked_texts,
    checked_token_ids,
    checked_workers,
)
from rnntui.config_generation import GenerationConfig, InferenceConfig, Precision, SamplingConfig
from rnntui.errors import RunError, UsageError
from rnntui.runs.folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    from rnntui.config_seq2seq import SplitSentences
    from rnntui.inference.classifier import Classification
    from rnntui.inference.explanation import Explanation
    from rnntui.inference.loaded_model import LoadedLanguageModel
    from rnntui.inference.scoring import LearningScorer, Score
    from rnntui.inference.text_sampler import SamplingRequest, TextSampler
    from rnntui.inference.text_state import TextState
    from rnntui.inference.translation import Translation


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


class TextModel:
    """A language model with its tokenizer.

    Args:
        run: a run of a language model.
        precision: of the weights when texts are generated; see `InferenceConfig`. Scores are always those in float32.

    >>> import rnntui
    >>> model = rnntui.load("shakespeare", kind="language-model")
    >>> text = "".join(token.text for token in model.generate("ROMEO:", length=40, seed=1, temperature=0.5))
    >>> len(text)
    40
    """

    def __init__(self, run: RunFolder, precision: Precision = "auto") -> None:
        from rnntui.inference.loaded_model import load_language_model

        checked_instance("run", run, RunFolder)
        InferenceConfig(precision=precision)  # checks it
        self.run = run
        self._weights_time = _weights_time(run)
        self._loaded = load_language_model(run, precision=precision)

    def __repr__(self) -> str:
        return f"TextModel({self.name!r})"

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def precision(self) -> str:
        """Precision of the weights when texts are generated."""
        return self._loaded.network.precision

    @property
    def document_separator(self) -> str:
        """The text between two documents; empty if the model was trained on one long text."""
        return self._loaded.documents.separator

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
            length: tokens at most; 10,000,000: no limit.
            stop: string or strings before which the text ends.
            seed: makes the text repeatable; None goes on with the random generator of `state`, or is a new seed.
            state: the state of a text to go on from, which is not read again.
            sampling: settings of sampling, as in `temperature=0.7` or `top_p=0.9`.

        Raises `rnntui.errors.UsageError` for a setting that is unknown or out of bounds.
        """
        from rnntui.inference.text_sampler import SamplingRequest

        config = SamplingConfig.from_json(sampling)
        stops = checked_texts("stop", [stop] if isinstance(stop, str) else stop)
        if "" in stops:
            raise UsageError("stop must not have an empty string", setting="stop")
        request = SamplingRequest(prompt, length, tuple(stops), seed=seed, state=state)
        sampler = self.sampler(request)
        sampler.read_prompt()
        return self._tokens(sampler, config)

    def sampler(self, request: SamplingRequest) -> TextSampler:
        """Return what samples the texts of a request, several at a time; `generate` is the simple way for one.

        Raises `rnntui.errors.UsageError` if its state is that of another model.
        """
        from rnntui.inference.text_sampler import SamplingRequest, TextSampler

        checked_instance("request", request, SamplingRequest)
        checked_text("prompt", request.prompt)
        checked_seed("seed", request.seed)
        GenerationConfig(length=request.length)
        if request.state is not None:
            self._check_state(request.state)
        return TextSampler(self._loaded, request)

    def state_after(self, text: str, state: TextState | None = None) -> TextState:
        """Return the state after a text, which follows that of `state` if there is one.

        >>> import rnntui
        >>> model = rnntui.load("shakespeare")
        >>> state = model.state_after("ROMEO:")
        >>> a, b = ("".join(t.text for t in model.generate(state=state, seed=2, length=20)) for _ in range(2))
        >>> a == b
        True
        """
        from rnntui.inference.text_sampler import SamplingRequest

        sampler = self.sampler(SamplingRequest(checked_text("text", text), state=state))
        sampler.read_prompt()
        return self.state_of(sampler)

    def state_of(self, sampler: TextSampler) -> TextState:
        """Return the state after the text of a sampler of this model; if it has several, after the first unfinished."""
        from rnntui.inference.text_sampler import TextSampler

        checked_instance("sampler", sampler, TextSampler)
        return sampler.state(self._fingerprint)

    def score(self, text: str) -> Score:
        """Return the log-probability of a text on its own, in nats, and its bits per character, as `rnntui score`."""
        [score] = self.score_texts([checked_text("text", text)])
        return score

    def score_texts(self, texts: Sequence[str], *, on_progress: Callable[[float], None] | None = None) -> list[Score]:
        """Score texts as `score` does; each gets the score that it would get alone, in a fraction of the time.

        Args:
            texts: the texts.
            on_progress: called with the fraction that is done, now and then.
        """
        from rnntui.inference.scoring import score_texts

        checked = checked_texts("texts", texts)
        checked_callable("on_progress", on_progress)
        return score_texts(self._exact, checked, on_progress)

    def learning_scorer(self) -> LearningScorer:
        """Return a scorer that learns from each text once it has scored it (dynamic evaluation), for the next one."""
        from rnntui.inference.scoring import LearningScorer

        return LearningScorer(self._exact)

    def unknown_characters(self, text: str) -> list[str]:
        """Return the distinct characters of a text that are not in the vocabulary, in the order of their appearance."""
        return self._loaded.tokenizer.unknown_characters(checked_text("text", text))

    def token_text(self, token_id: int) -> str:
        """Return the text of a token by its id, as a list of tokens shows it."""
        [checked] = checked_token_ids("token_id", [token_id], self._loaded.tokenizer.vocab_size)
        return self._loaded.tokenizer.token_text(checked)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of tokens by their ids."""
        ids = checked_token_ids("token_ids", token_ids, self._loaded.tokenizer.vocab_size)
        return self._loaded.tokenizer.decode(ids)

    def save_state(self, state: TextState, path: str | Path) -> None:
        """Write a state to a file, for `load_state` or `rnntui sample --from-state`.

        Raises `rnntui.errors.UsageError` for a state of another model, `RunError` if the run has been trained further
        since it was loaded, as nothing could go on from the file.
        """
        from rnntui.inference.text_state import save_text_state

        file = checked_file("path", path)
        self._check_state(state)
        self._check_weights()
        save_text_state(file, state, self.run)

    def load_state(self, path: str | Path) -> TextState:
        """Read a state that this model has saved.

        Raises `rnntui.errors.UsageError` if there is no such file, `rnntui.errors.RunError` for any other file.
        """
        from rnntui.inference.text_state import load_text_state

        file = checked_file("path", path)
        self._check_weights()
        return load_text_state(file, self._fingerprint, self._loaded)

    @staticmethod
    def run_of_state(path: str | Path, checkpoints: str | Path) -> RunFolder | None:
        """Return the run that saved a state: by name, of a folder of runs or shipped, if it still has those weights.

        Raises `rnntui.errors.UsageError` if the folder cannot be read.
        """
        from rnntui.inference.text_state import run_of_state

        file, folder = checked_file("path", path), checked_file("checkpoints", checkpoints)
        try:
            return run_of_state(file, folder)
        except OSError as error:
            raise UsageError(f"checkpoints is no folder that can be read: {error.strerror}") from error

    @staticmethod
    def check_state_can_be_saved(path: str | Path) -> None:
        """Raise `rnntui.errors.RnntuiError` if a state cannot be saved there, or would replace a file that is none."""
        from rnntui.inference.text_state import check_state_can_be_saved

        check_state_can_be_saved(checked_file("path", path))

    @cached_property
    def _exact(self) -> LoadedLanguageModel:
        """The model in float32."""
        if self._loaded.network.precision == "fp32":
            return self._loaded
        from rnntui.inference.loaded_model import load_language_model

        self._check_weights()
        return load_language_model(self.run, precision="fp32")

    @cached_property
    def _fingerprint(self) -> str:
        """The fingerprint of the weights that were loaded, which every state of this model carries.

        Computed when a state is first wanted, as it reads the weights again. If they were replaced by then, no other
        model has it: the states are good for this object alone.
        """
        if self._is_changed:
            return f"{self.run.path.resolve()} as of {self._weights_time}"
        from rnntui.runs.fingerprint import run_fingerprint

        return run_fingerprint(self.run)

    @property
    def _is_changed(self) -> bool:
        return _weights_time(self.run) != self._weights_time

    def _check_weights(self) -> None:
        if self._is_changed:
            raise RunError(f"run {self.name} has changed since it was loaded", hint="load it again")

    def _check_state(self, state: TextState) -> None:
        from rnntui.inference.text_state import TextState

        checked_instance("state", state, TextState)
        if state.fingerprint != self._fingerprint:
            raise UsageError(
                f"the state is not one of {self.name}, but of another model or of other weights of it",
                setting="state", hint="read the text again with state_after",
            )  # fmt: skip

    def _tokens(self, sampler: TextSampler, config: SamplingConfig) -> Iterator[GeneratedToken]:
        fingerprint = self._fingerprint
        while sampler.unfinished:
            [token] = sampler.step(config)
            yield GeneratedToken(token.text, token.id, -token.bits * math.log(2), sampler.state(fingerprint))


def _weights_time(run: RunFolder) -> int:
    """Return when a run's weights were written, in nanoseconds; 0 if it has none."""
    return run.weights_file.stat().st_mtime_ns if run.weights_file.is_file() else 0


class TranslationModel:
    """A Seq2Seq model with its vocabularies.

    Args:
        run: a run of a Seq2Seq model.
        split_sentences: whether the sentences of a line are translated one by one; see `LineConfig`.

    >>> import rnntui
    >>> rnntui.load("en-es", kind="seq2seq").translate(["Good morning."])[0].text
    'Buenos días.'
    """

    def __init__(self, run: RunFolder, split_sentences: SplitSentences = "auto") -> None:
        from rnntui.config_seq2seq import LineConfig
        from rnntui.inference.translator import load_translator

        checked_instance("run", run, RunFolder)
        LineConfig(split_sentences=split_sentences)  # checks it
        self.run = run
        self._translator = load_translator(run, split_sentences)

    def __repr__(self) -> str:
        return f"TranslationModel({self.name!r})"

    @property
    def name(self) -> str:
        return self.run.name

    def translate(
        self,
        lines: Sequence[str],
        *,
        on_progress: Callable[[float], None] | None = None,
        workers: int | None = None,
        **beam: Any,
    ) -> list[Translation]:
        """Translate lines; each gets the translation that it would get alone, in `text` and with others beside it.

        Args:
            lines: texts without line breaks; a blank one stays blank.
            on_progress: called with the fraction that is done, now and then.
            workers: number of threads, which changes no result; None for one for each usable CPU.
            beam: settings of beam search, as in `beam=5` or `n_best=3`.

        Raises `rnntui.errors.UsageError` for a setting that is unknown or out of bounds.
        """
        from rnntui.config_seq2seq import BeamConfig
        from rnntui.processors import usable_cpus

        settings = BeamConfig.from_json(beam)
        settings.check()
        texts = checked_texts("lines", lines)
        checked_callable("on_progress", on_progress)
        return self._translator.translate(
            texts, settings, workers=checked_workers("workers", workers) or usable_cpus(), on_progress=on_progress
        )

    def warnings_for(self, line: str, label: str = "the line") -> list[str]:
        """Return messages about a line that is not as the model's training data was; `label` names it in them."""
        return self._translator.warnings_for(checked_text("line", line), checked_text("label", label))


class ClassificationModel:
    """A classifier with its labels.

    >>> import rnntui
    >>> model = rnntui.load("authors", kind="classifier")
    >>> [result] = model.classify(["To be, or not to be, that is the question."])
    >>> result.label in model.labels
    True
    """

    def __init__(self, run: RunFolder) -> None:
        from rnntui.inference.classifier import load_classifier

        checked_instance("run", run, RunFolder)
        self.run = run
        self._classifier = load_classifier(run)

    def __repr__(self) -> str:
        return f"ClassificationModel({self.name!r})"

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels."""
        return self._classifier.labels

    def classify(
        self,
        texts: Sequence[str],
        *,
        on_progress: Callable[[float], None] | None = None,
        workers: int | None = None,
    ) -> list[Classification]:
        """Classify texts: the best label, its probability, and all labels with theirs.

        Args:
            texts: the texts; a blank one gets no label.
            on_progress: called with the fraction that is done, now and then.
            workers: number of threads, which changes no result; None for one for each usable CPU.
        """
        from rnntui.processors import usable_cpus

        checked = checked_texts("texts", texts)
        checked_callable("on_progress", on_progress)
        return self._classifier.classify(
            checked, workers=checked_workers("workers", workers) or usable_cpus(), on_progress=on_progress
        )

    def explain(self, text: str, label: str | None = None) -> Explanation:
        """Return the share of each token in the decision for a label, by default for the most probable one.

        Raises `rnntui.errors.UsageError` if the text is too long, or there is no such label.
        """
        if label is not None:
            checked_text("label", label)
        return self._classifier.explain(checked_text("text", text), label)

    def warnings_for(self, text: str, label: str = "the text") -> list[str]:
        """Return messages about a text that is not as the training data was; `label` names it in them."""
        return self._classifier.warnings_for(checked_text("text", text), checked_text("label", label))
