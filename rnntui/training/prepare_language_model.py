"""Creation of language model runs from a corpus, and lookup of the run to resume; torch is imported late, for speed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rnntui.config import Budget, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.errors import CorpusError, UsageError
from rnntui.formatting import few_names, few_names_with_verb
from rnntui.kinds.corpus_info import DocumentUnit, TextCorpusInfo
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.runs.creation import check_name, library_versions
from rnntui.runs.folder import RunFolder
from rnntui.runs.resumable_run import TrainingText, configs_on, find_resumable_run
from rnntui.runs.run_config import RunConfig, RunOrigin
from rnntui.runs.weights_file import save_arrays
from rnntui.text.character_counts import CharacterFile
from rnntui.text.chat_exports import converted_chat, speakers_note
from rnntui.text.control_chars import unknown_characters_message
from rnntui.text.corpus import Corpus
from rnntui.text.corpus_split import CorpusSplit, Origin
from rnntui.text.document_detection import detect_documents
from rnntui.text.document_split import split_documents
from rnntui.text.ngram_counts import counted_once
from rnntui.text.repeated_files import copies_message, readings, shared_files_message, without_repeats
from rnntui.text.text_split import TextSplit
from rnntui.text.token_ids import CorpusStats, TokenFile, corpus_fingerprints, corpus_stats, write_token_file
from rnntui.text.tokenizer import Tokenizer
from rnntui.text.tokenizer_factory import make_tokenizer, with_subwords
from rnntui.text.turns import speaker_labels_of
from rnntui.text.word_tokenizer import WordTokenizer
from rnntui.training.encode_corpus import CorpusEncoder, encoding_key
from rnntui.training.language_model_start import LanguageModelStart
from rnntui.training.prepare_run import check_hardware, publish_staged_run, staged_run
from rnntui.training.recipe import TrainingTokens, choose_recipe


@dataclass(frozen=True)
class LanguageModelRequest:
    """Settings of a new run, as `rnntui train` takes them, and its validation text if that is a text of its own.

    `given` are the names of the options that the user set; others may follow from the run that is trained on.
    """

    model: LanguageModelConfig
    tokenizer: TokenizerConfig
    training: LanguageModelTrainingConfig
    budget: Budget
    validation: Corpus | None = None
    given: frozenset[str] = frozenset()


def create_language_model_run(
    corpus: Corpus,
    request: LanguageModelRequest,
    checkpoints: Path,
    name: str | None,
    notify: Callable[[str], None] = lambda message: None,
) -> RunFolder:
    """Create a run folder that is ready to train; it appears complete, or not at all.

    Args:
        corpus: The text; a part of it is held out for validation, unless the request has a validation text. A chat
            export is converted to a dialogue.
        request: All settings.
        checkpoints: The folder of runs.
        name: Name of the run; None takes the corpus's, with a number if that is taken.
        notify: Receives messages for the user, such as what was taken for a document.

    Raises `UsageError` if the name is taken or no folder can have it, `CorpusError` if the text cannot be read or is
    too small.
    """
    if name is not None:
        check_name(name, checkpoints)
    turns, wanted_size = request.training.turns, request.tokenizer.vocab_size
    corpus, message = without_repeats(corpus)
    if message:
        notify(message)
    if request.validation is not None:
        request = replace(request, validation=without_repeats(request.validation)[0])
    corpus, message = converted_chat(corpus, turns)
    if message:
        notify(f"{message}; {speakers_note(corpus.speakers, turns)}")
    if request.validation is not None:
        validation, message = converted_chat(request.validation, "none" if turns == "none" else "auto")
        request = replace(request, validation=validation)
        if message:
            notify(message)
    run = _create_run(corpus, request, checkpoints, name, notify)
    config = run.read_config()
    speakers = speaker_labels_of(config.corpus)
    if speakers is not None and corpus.speakers is None:
        notify(f"a dialogue: {speakers_note(speakers, turns)}")
    if config.origin is None and config.tokenizer.type != "char" and config.vocab_size < (wanted_size or 0):
        notify(f"the text yields a vocabulary of only {config.vocab_size:,} tokens, not {wanted_size:,}")
    return run


def _create_run(
    corpus: Corpus,
    request: LanguageModelRequest,
    checkpoints: Path,
    name: str | None,
    notify: Callable[[str], None],
) -> RunFolder:
    """Create the run of texts that are converted already; see `create_language_model_run`."""
    request, start = open_language_model_start(request, checkpoints)
    model = request.model.resolved(request.tokenizer.type)
    with staged_run(checkpoints) as staged, _characters_of(staged, request) as characters:
        stats = corpus_stats(corpus, characters)
        validation_fingerprint = corpus_stats(request.validation).fingerprint if request.validation else ""
        speakers = stats.speakers if request.training.turns != "none" else None
        unit = request.training.documents
        unit = detect_documents(corpus, stats) if unit == "auto" else unit
        if start is not None:
            unit = start.document_unit(unit, request.training.documents != "auto")
        split = _split(corpus, stats, unit, request)
        check_hardware(request.training)
        request = replace(request, tokenizer=with_subwords(request.tokenizer, split.training_characters))
        trained = partial(make_tokenizer, stats, request.tokenizer, split, unit)
        vocabulary = partial(start.vocabulary, stats, unit) if start else trained
        key = "" if start or characters else _encoding_key(stats, request, unit)
        encoder = CorpusEncoder(staged, checkpoints, request.tokenizer.type, notify)
        tokenizer, training, validation = encoder.encode(split, key, vocabulary, characters)
        if request.validation is not None:
            validation = _write_validation_text(request.validation, tokenizer, unit, staged.validation_ids, notify)
        _check_tokens(training.tokens, "training", request, corpus)
        _check_tokens(validation.tokens, "validation", request, corpus)
        _check_memory(model, request.training, tokenizer.vocab_size)
        tokens_of_epoch = round(training.tokens / (1 - request.training.mix))
        tokens = TrainingTokens(request.tokenizer.type, tokens_of_epoch, tokenizer.vocab_size)
        recipe = choose_recipe(request.model, request.training, request.budget, tokens)
        model = recipe.model
        origin = start.stage(staged, model, tokenizer, request.training) if start else None
        _write_prior(staged, training, origin, tokenizer.vocab_size, model.ngram_prior)
        unknown_share = _unknown_share(validation, staged.validation_ids) if tokenizer.kind == "word" else 0.0
        config = RunConfig(
            kind=LANGUAGE_MODEL.id,
            model=model,
            training=replace(request.training, max_epochs=recipe.max_epochs),
            budget=request.budget,
            tokenizer=replace(request.tokenizer, vocab_size=tokenizer.vocab_size),
            corpus=TextCorpusInfo(
                name=corpus.name,
                sources=corpus.display_names,
                fingerprint=stats.fingerprint,
                training=training,
                validation=validation,
                characters=stats.characters,
                documents=unit,
                document_count=split.document_count,
                validation_from="" if request.validation else _origin(request, unit),
                validation_sources=request.validation.display_names if request.validation else None,
                validation_fingerprint=validation_fingerprint,
                speakers=(speakers.person, speakers.model) if speakers else None,
                turn_format=speakers.format if speakers else None,
                encoding_key=key,
            ),
            created=time.time(),
            versions=library_versions(),
            origin=origin,
        )
        run = publish_staged_run(staged, config, name)
    if unit != "none" and request.training.documents == "auto":
        notify(_documents_message(corpus, unit, split.document_count))
    if start is not None:
        notify(start.note(tokenizer))
    if recipe.reason:
        notify(recipe.reason)
    if unknown_share:
        notify(
            f"{unknown_share:.1%} of the words held out for validation are outside of the vocabulary of "
            f"{tokenizer.vocab_size:,}, and read as <unk>; bits per character count their spelling, too, by the "
            f"frequencies of characters"
        )
    if request.validation and validation_fingerprint == stats.fingerprint:
        names = few_names(request.validation.display_names)
        notify(f"{names}: the validation text is the training text, so the validation loss says nothing about new text")
    elif request.validation and (message := shared_files_message(corpus, request.validation)):
        notify(message)
    if message := copies_message(corpus, bool(validation.tokens) and request.validation is None):
        notify(message)
    if warning := split.warning():
        notify(f"{few_names(corpus.display_names)}: {warning}")
    return run


def open_language_model_start(
    request: LanguageModelRequest, checkpoints: Path
) -> tuple[LanguageModelRequest, LanguageModelStart | None]:
    """Open the run that a new one is trained on from, None if it begins with random weights.

    Returns the request with what follows from that run, too. Raises `UsageError` if the run is of another kind, or a
    setting that the user gave is not its own, `RunError` if there is no such run, or it has no weights or is broken.
    """
    request.training.check_mix()
    if not request.training.from_run:
        return request, None
    start, given = LanguageModelStart(request.training.from_run, checkpoints), request.given
    model, tokenizer = start.model_config(request.model, given), start.tokenizer_config(request.tokenizer, given)
    training = start.training_config(request.training, given)
    return replace(request, model=model, tokenizer=tokenizer, training=training), start


def turns_to_resume(name: str | None, checkpoints: Path, files: Sequence[str]) -> str:
    """Return the `--turns` by which a run to resume read its files; "auto" if no run has files of these names.

    Args:
        name: the name of the run; None takes the newest on these files.
        checkpoints: the folder of runs.
        files: the names of the files.
    """
    config = next(configs_on(LANGUAGE_MODEL, files, name, checkpoints), None)
    return config.training_as(LanguageModelTrainingConfig).turns if config is not None else "auto"


def resumable_language_model_run(
    corpus: Corpus | None, name: str | None, checkpoints: Path, accept_change: Callable[[str], None] | None = None
) -> RunFolder:
    """Return the language model that `--resume` selects; see `find_resumable_run`."""
    if corpus is None:
        return find_resumable_run(LANGUAGE_MODEL, None, name, checkpoints)

    once, *as_named = readings(corpus)
    for reading in (once, *as_named) if as_named else ():
        with contextlib.suppress(CorpusError, UsageError):  # raised again below if no reading fits
            return find_resumable_run(LANGUAGE_MODEL, _resumed_text(reading), name, checkpoints)
    return find_resumable_run(LANGUAGE_MODEL, _resumed_text(once, accept_change), name, checkpoints)


def _resumed_text(corpus: Corpus, accept_change: Callable[[str], None] | None = None) -> TrainingText:
    fingerprints = partial(corpus_fingerprints, corpus)
    return TrainingText(corpus.name, corpus.display_names, fingerprints, corpus.newlines, accept_change)


def _encoding_key(stats: CorpusStats, request: LanguageModelRequest, unit: DocumentUnit) -> str:
    """Return the key by which a later run finds the ids of the text; see `encoding_key`."""
    if request.validation is not None:
        return ""  # which are held out of another text
    held_out = f"{_origin(request, unit)} {request.training.validation_fraction}"
    return encoding_key(stats, request.tokenizer, unit, held_out)


def _write_prior(
    staged: RunFolder, training: TokenFile, origin: RunOrigin | None, vocab_size: int, length: int | None
) -> None:
    """Count the n-grams of the training text, and of that of a run that it is trained on from, into a file."""
    if not length:  # no prior is wanted
        return
    earlier = None
    if origin is not None and origin.training is not None:
        earlier = TokenFile(**vars(origin.training)).read(staged.origin_training_ids)
    prior = counted_once(training.read(staged.training_ids), vocab_size, length, earlier)
    save_arrays(staged.ngrams_file, prior.to_arrays(), {})


def _characters_of(
    staged: RunFolder, request: LanguageModelRequest
) -> contextlib.AbstractContextManager[CharacterFile | None]:
    """Return a file for the characters of the text while it is read; None where tokens are others."""
    return CharacterFile(staged.training_ids) if request.tokenizer.type == "char" else contextlib.nullcontext()


def _origin(request: LanguageModelRequest, unit: DocumentUnit) -> Origin:
    """Return where the held-out part comes from: documents are independent of each other, so any of them can be."""
    origin = request.training.validation_from
    if origin == "auto":
        return "end" if unit == "none" else "spread"
    return origin


def _split(corpus: Corpus, stats: CorpusStats, unit: DocumentUnit, request: LanguageModelRequest) -> CorpusSplit:
    """Split the corpus, and check the size of the parts before anything is written, where a token is a character."""
    fraction = request.training.validation_fraction if request.validation is None else 0.0
    if unit != "none":
        return split_documents(corpus, unit, fraction, _origin(request, unit))
    split = TextSplit(corpus, stats, fraction, _origin(request, unit) if fraction else "end")
    if request.tokenizer.type == "char":
        _check_tokens(split.training_characters, "training", request, corpus)
        if fraction:
            _check_tokens(split.validation_characters, "validation", request, corpus)
    return split


def _write_validation_text(
    corpus: Corpus, tokenizer: Tokenizer, unit: DocumentUnit, path: Path, notify: Callable[[str], None]
) -> TokenFile:
    """Encode the validation text into a file of ids."""
    validation, unknown = write_token_file(corpus, tokenizer, path, unit)
    if unknown:
        notify(f"{few_names(corpus.display_names)}: {unknown_characters_message(unknown)}")
    return validation


def _unknown_share(token_file: TokenFile, path: Path) -> float:
    """Return the fraction of the tokens of a file of words that are `<unk>`."""
    return float((token_file.read(path) == WordTokenizer.unknown_id).mean())


_UNIT_NAMES = {"line": "lines", "blank": "blocks between blank lines", "file": "files"}


def _documents_message(corpus: Corpus, unit: DocumentUnit, count: int) -> str:
    name = corpus.display_names[0] if len(corpus.display_names) == 1 else corpus.name
    return f"{name}: {count:,} {_UNIT_NAMES[unit]}, each a document (--documents none reads one long text)"


def _check_memory(model: LanguageModelConfig, training: LanguageModelTrainingConfig, vocab_size: int) -> None:
    """Raise `TrainingError` if a step surely needs more memory than there is, before the run is created."""
    from rnntui.training.device import choose_hardware
    from rnntui.training.step_memory import language_model_step_bytes, ngram_weights, require_step_memory

    hardware = choose_hardware(training.device, training.precision, None)
    step_bytes = language_model_step_bytes(model, vocab_size, training.batch_size * training.bptt, hardware)
    require_step_memory(step_bytes, ngram_weights(model, vocab_size), LANGUAGE_MODEL, hardware)


def _check_tokens(tokens: int, part: str, request: LanguageModelRequest, corpus: Corpus) -> None:
    """Raise `CorpusError` if the training or the validation part is too small."""
    needed = request.training.bptt + 1 if part == "training" else 2
    if tokens < needed:
        fraction = f"{request.training.validation_fraction:g}"
        advice = "a smaller --bptt" if part == "training" else f"a larger --validation-fraction than {fraction}"
        if part == "validation" and request.validation is not None:
            corpus, advice = request.validation, "hold out a part of the corpus, without --validation-text"
        names_are = few_names_with_verb(corpus.display_names, "is", "are")
        is_hopeless = part == "training" and tokens < 2  # a window of one step needs two tokens
        raise CorpusError(
            f"{names_are} too small: {tokens:,} token{'' if tokens == 1 else 's'} for {part}, at least "
            f"{2 if is_hopeless else needed:,} needed",
            hint="add text" if is_hopeless else f"add text or give {advice}",
        )
