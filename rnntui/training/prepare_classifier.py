"""Creation of classifier runs from labelled texts, and lookup of the run to resume.

Torch is imported late, so that problems with the texts are reported at once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnntui.config import Budget
from rnntui.config_classifier import (
    CHARACTER_RECIPE,
    FEWEST_STEPS,
    ClassifierConfig,
    ClassifierTokenizerConfig,
    ClassifierTrainingConfig,
)
from rnntui.errors import CorpusError, UsageError
from rnntui.formatting import few_names, few_names_with_verb
from rnntui.kinds.classifier import CLASSIFIER
from rnntui.kinds.labelled_corpus_info import LabelledColumns, LabelledCorpusInfo, LabelledLayout
from rnntui.runs.creation import check_name, library_versions
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import find_run, kind_id_of
from rnntui.runs.resumable_run import TrainingText, configs_on, find_resumable_run
from rnntui.runs.run_config import RunConfig
from rnntui.runs.weights_file import save_arrays
from rnntui.text.classifier_tokens import ClassifierTokenizer
from rnntui.text.label_split import split_labelled
from rnntui.text.labelled_corpus import LabelledCorpus, LabelledText, count_labels
from rnntui.text.ngram_features import NgramFeatures, NgramVocabulary
from rnntui.text.ngram_hashes import text_batches
from rnntui.text.stored_rows import Report, TextColumn, reported, select_rows
from rnntui.text.tokenizer_choice import choose_tokenizer
from rnntui.training.classifier_continuation import ClassifierContinuation
from rnntui.training.classifier_start import ClassifierStart
from rnntui.training.labelled_dataset import write_labelled
from rnntui.training.prepare_run import check_hardware, publish_staged_run, staged_run

Section = TypeVar("Section", ClassifierConfig, ClassifierTokenizerConfig, ClassifierTrainingConfig)

_UNBALANCED = 3.0  # ratio of the most frequent label to the mean, above which macro F1 selects


@dataclass(frozen=True)
class ClassifierRequest:
    """Settings of a new run, as `rnntui train-classifier` takes them.

    `columns` are those named by the user, `given` the names of the settings that the user set; others may follow from
    the texts.
    """

    model: ClassifierConfig
    tokenizer: ClassifierTokenizerConfig
    training: ClassifierTrainingConfig
    budget: Budget
    columns: LabelledColumns = LabelledColumns()
    given: frozenset[str] = frozenset()


class _Part(NamedTuple):
    """The texts of a part of the split, and the ids of their labels."""

    texts: Sequence[str]
    labels: NDArray[np.int64]


def create_classifier_run(
    texts: LabelledCorpus,
    validation: LabelledCorpus | None,
    request: ClassifierRequest,
    checkpoints: Path,
    name: str | None,
    report: Report | None = None,
) -> tuple[RunFolder, list[str]]:
    """Create a run folder that is ready to train; it appears complete, or not at all.

    Args:
        texts: The labelled texts to train on.
        validation: Labelled texts to validate on; None holds out a part of `texts` that shares no text with the rest.
        request: All settings.
        checkpoints: The folder of runs.
        name: Name of the run; None takes the texts', with a number if that is taken.
        report: Receives a message every few seconds.

    Returns the run, and messages for the user. Raises `UsageError` if the name is taken or no folder can have it,
    `CorpusError` if there are too few texts or labels.
    """
    if name is not None:
        check_name(name, checkpoints)
    training_rows, validation_rows, messages = _split(texts, validation, request.training)
    start = open_classifier_start(request, checkpoints)
    counts: Mapping[str, int] = count_labels(training_rows)
    if isinstance(start, ClassifierContinuation):
        counts = start.labels(counts)
        messages.append(start.note(tuple(counts)))
    elif start is not None and start.note:
        messages.append(start.note)
    label_ids = {label: index for index, label in enumerate(counts)}
    training, held_out = (
        _Part(TextColumn(rows, 0), np.fromiter((label_ids[row.label] for row in rows), np.int64))
        for rows in (training_rows, validation_rows)
    )
    request = _resolved(request, training, start, messages)
    check_hardware(request.training)
    with staged_run(checkpoints) as staged:
        if isinstance(start, ClassifierContinuation):
            start.stage(staged, len(counts))
            tokenizer, ngrams = start.tokenizer, start.ngrams()
        else:
            request, tokenizer = _tokenizer(request, training.texts, staged, start)
            ngrams = NgramVocabulary.train(training.texts, training.labels, request.model.ngrams)
        if request.model.ngrams != "none":
            save_arrays(staged.ngrams_file, ngrams.to_arrays(), {})
        limit = request.training.max_text_tokens
        largest_id = tokenizer.tokenizer.vocab_size - 1
        encoders = [_Encoder(tokenizer, ngrams, limit, report) for _ in range(2)]
        files = [
            write_labelled(path, encoder.encode(part.texts), part.labels, largest_id)
            for path, part, encoder in zip(
                (staged.training_ids, staged.validation_ids), (training, held_out), encoders, strict=True
            )
        ]
        if cut := encoders[0].cut:
            texts_are = "1 training text is" if cut == 1 else f"{cut:,} training texts are"
            messages.append(f"{texts_are} cut off after {limit:,} tokens (--max-text-tokens)")
        config = RunConfig(
            kind=CLASSIFIER.id,
            model=request.model,
            training=request.training,
            budget=request.budget,
            tokenizer=replace(request.tokenizer, vocab_size=tokenizer.tokenizer.vocab_size),
            corpus=LabelledCorpusInfo(
                name=texts.name,
                sources=texts.display_names,
                fingerprint=texts.fingerprint(),
                training=files[0],
                validation=files[1],
                labels=tuple(counts),
                label_counts=tuple(counts.values()),
                rows=(len(training.texts), len(held_out.texts)),
                validation_sources=validation.display_names if validation else None,
                label_column=request.columns.label,
                text_column=request.columns.text,
                layouts=texts.layouts,
                max_tokens=limit if cut else None,
            ),
            created=time.time(),
            versions=library_versions(),
            origin=start.origin if start is not None else None,
        )
        run = publish_staged_run(staged, config, name)
    dropped = [texts.dropped, *([validation.dropped] if validation else [])]
    return run, [*messages, *(rows.message for rows in dropped if rows.count)]


class _Encoder:
    """Encodes texts in batches; `cut` is the number of those that were cut off after `limit` tokens."""

    def __init__(
        self, tokenizer: ClassifierTokenizer, ngrams: NgramVocabulary, limit: int, report: Report | None
    ) -> None:
        self._tokenizer, self._ngrams, self._limit, self._report = tokenizer, ngrams, limit, report
        self.cut = 0

    def encode(self, texts: Sequence[str]) -> Iterator[tuple[list[NDArray[np.int64]], NgramFeatures]]:
        """Yield the token ids and the n-gram features of each batch."""
        for batch in text_batches(reported(texts, len(texts), "encoded texts", self._report)):
            encoded = [self._tokenizer.encode(text) for text in batch]
            self.cut += sum(len(ids) > self._limit for ids in encoded)
            yield [ids[: self._limit] for ids in encoded], self._ngrams.features(batch)


def open_classifier_start(
    request: ClassifierRequest, checkpoints: Path
) -> ClassifierStart | ClassifierContinuation | None:
    """Open the language model or the classifier that a run begins with; None if it begins with random weights.

    Raises `UsageError` if the run is of another kind, or a setting that the user gave is not its own, `RunError` if
    there is no such run, or it has no weights or is broken.
    """
    if not request.training.from_run:
        return None
    source = find_run(request.training.from_run, checkpoints, None)
    if kind_id_of(source) == CLASSIFIER.id:
        continuation = ClassifierContinuation(request.training.from_run, checkpoints)
        continuation.tokenizer_config(request.tokenizer, request.given)
        continuation.model_config(request.model, request.given)
        return continuation
    start = ClassifierStart(request.training.from_run, checkpoints)
    if "tokenizer" in request.given and request.tokenizer.type != start.tokenizer.kind:
        raise UsageError(
            f"--tokenizer {request.tokenizer.type} is not that of --from {start.name}, {start.tokenizer.kind}",
            setting="tokenizer",
            hint="leave --tokenizer out",
        )
    start.model_config(request.model, request.given)
    return start


def _tokenizer(
    request: ClassifierRequest, texts: Sequence[str], staged: RunFolder, start: ClassifierStart | None
) -> tuple[ClassifierRequest, ClassifierTokenizer]:
    """Train the tokenizer, or take that of the language model that the run begins with, whose weights it saves too.

    Returns the request with what follows from that language model.
    """
    if start is None:
        tokenizer = ClassifierTokenizer.train(texts, request.tokenizer)
        tokenizer.tokenizer.save(staged.path)
        return request, tokenizer
    model = start.model_config(request.model, request.given)
    start.copy_tokenizer(staged.path)
    save_arrays(staged.pretrained_file, start.weights(model), {})
    settings = replace(request.tokenizer, lowercase=False)
    return replace(request, model=model, tokenizer=settings), ClassifierTokenizer(start.tokenizer, False)


def layouts_of_labelled_run(name: str | None, checkpoints: Path, files: Sequence[str]) -> tuple[LabelledLayout, ...]:
    """Return the layouts in which a run to resume read its files; empty if no run has files of these names.

    Args:
        name: the name of the run; None takes the newest on these files.
        checkpoints: the folder of runs.
        files: the names of the files.
    """
    config = next(configs_on(CLASSIFIER, files, name, checkpoints), None)
    return (config.corpus_as(LabelledCorpusInfo).layouts or ()) if config is not None else ()


def resumable_classifier_run(
    texts: LabelledCorpus | None,
    name: str | None,
    checkpoints: Path,
    accept_change: Callable[[str], None] | None = None,
) -> RunFolder:
    """Return the classifier run that `--resume` selects; see `find_resumable_run`."""
    text = None
    if texts is not None:  # read already, and without line ends
        text = TrainingText(
            texts.name, texts.display_names, lambda: {"universal": texts.fingerprint()}, accept_change=accept_change
        )
    return find_resumable_run(CLASSIFIER, text, name, checkpoints)


def _split(
    texts: LabelledCorpus, validation: LabelledCorpus | None, settings: ClassifierTrainingConfig
) -> tuple[Sequence[LabelledText], Sequence[LabelledText], list[str]]:
    """Return the rows for training, those for validation, and messages. Raises `CorpusError` if there are too few."""
    names = few_names(texts.display_names)
    if validation is None:
        training, held_out = split_labelled(texts.rows, settings.validation_fraction, settings.seed)
        if not held_out:
            raise CorpusError(
                f"{names}: cannot hold out a validation set from {len(texts.rows):,} texts",
                hint="add texts, or give a separate validation set (--validation-texts)",
            )
        return training, held_out, []
    known = {row.label for row in texts.rows}
    held_out = select_rows(validation.rows, np.flatnonzero([row.label in known for row in validation.rows]))
    unknown = sorted({row.label for row in validation.rows} - known)
    if not held_out:
        raise CorpusError(
            f"{few_names_with_verb(validation.display_names, 'shares', 'share')} no label with {names}: the validation "
            f"texts have {', '.join(unknown[:5])}, the training texts {', '.join(sorted(known)[:5])}",
            hint="give validation texts with labels of the training texts",
        )
    messages = []
    if unknown:
        count = len(validation.rows) - len(held_out)
        rows = "1 validation text is" if count == 1 else f"{count:,} validation texts are"
        messages.append(f"{rows} left out, whose labels are not in training: {', '.join(unknown[:5])}")
    return texts.rows, held_out, messages


def _resolved(
    request: ClassifierRequest,
    part: _Part,
    start: ClassifierStart | ClassifierContinuation | None,
    messages: list[str],
) -> ClassifierRequest:
    """Return the request with every "auto" replaced and the settings that suit its tokens; say what was chosen."""
    training, tokenizer = request.training, request.tokenizer
    if training.selection_metric == "auto":
        counts = np.bincount(part.labels)
        is_unbalanced = counts.max() > _UNBALANCED * counts.mean()
        training = replace(training, selection_metric="macro_f1" if is_unbalanced else "accuracy")
    if isinstance(start, ClassifierContinuation):
        tokenizer = start.tokenizer_config(tokenizer, request.given)
        training = start.training_config(training, request.given)
    elif start is not None:
        tokenizer = replace(tokenizer, type=start.tokenizer.kind)
    elif str(tokenizer.type) == "auto":
        choice = choose_tokenizer(part.texts, part.labels)
        tokenizer = replace(tokenizer, type=choice.type)
        messages.append(choice.reason)
    request = replace(request, training=training, tokenizer=tokenizer)
    request = _with_character_recipe(request) if tokenizer.type == "char" else request
    if isinstance(start, ClassifierContinuation):  # after the recipe, which has sizes and a treatment of case, too
        request = replace(request, model=start.model_config(request.model, request.given), tokenizer=tokenizer)
    return _with_enough_epochs(request, len(part.texts))


def _with_enough_epochs(request: ClassifierRequest, texts: int) -> ClassifierRequest:
    """Return the request with as many epochs as make `FEWEST_STEPS`, where texts are few and the user set no number."""
    training = request.training
    if "max_epochs" in request.given or training.max_epochs is None:
        return request
    fewest = math.ceil(FEWEST_STEPS / math.ceil(texts / training.batch_size))
    return replace(request, training=replace(training, max_epochs=max(training.max_epochs, float(fewest))))


def _with_character_recipe(request: ClassifierRequest) -> ClassifierRequest:
    """Return the request with the settings that suit characters, where the user set none."""
    recipe = {name: value for name, value in CHARACTER_RECIPE.items() if name not in request.given}

    def updated(section: Section) -> Section:
        return replace(section, **{name: value for name, value in recipe.items() if hasattr(section, name)})

    return replace(
        request,
        model=updated(request.model),
        tokenizer=updated(request.tokenizer),
        training=updated(request.training),
    )
