"""The n-gram model of a run: reading it, and counting it from the run's own copy of its text exactly as it was.

Training counts again, as the file has no counts of folds, and a file that was deleted or damaged is written again. A
run was trained with the counts that it began with, so others will not do: `checksums.json` has their checksum. Runs of
older versions do not; how theirs were counted only the file itself tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnntui.config_language_model import LanguageModelConfig
from rnntui.errors import CorpusError, RunError
from rnntui.formatting import shell_quote
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.runs.weights_file import arrays_checksum, load_arrays, stored_checksum
from rnntui.text.ngram_model import NgramModel

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from rnntui.kinds.corpus_info import TokenFileInfo
    from rnntui.runs.folder import RunFolder
    from rnntui.runs.run_config import RunConfig

    Ids = NDArray[np.unsignedinteger]

_LOST = "put it back from a copy of the run, or start a new run"


def read_ngram_model(run: RunFolder, config: RunConfig) -> NgramModel | None:
    """Read the n-gram model of a language model, None if it has none. Raises `RunError` if it is missing or broken."""
    longest = config.model_as(LanguageModelConfig).ngram_prior
    if not longest:
        return None
    try:
        arrays, _ = load_arrays(run.ngrams_file)
        model = NgramModel.from_arrays(arrays, config.vocab_size)
        if model.context > longest:
            raise ValueError(f"contexts of {model.context} tokens, where config.json says {longest}")
    except RunError as error:
        problem = error.problem if run.ngrams_file.exists() else f"{run.ngrams_file} is missing"
        raise RunError(problem, hint=_way_out(run)) from error
    except ValueError as error:
        raise RunError(f"{run.ngrams_file}: {error}; the run is broken", hint=_way_out(run)) from error
    return model


def count_for_training(run: RunFolder, config: RunConfig, ids: Ids, earlier: Ids | None) -> NgramModel:
    """Return the n-gram model of a run as it was when the run began, with the counts of folds.

    Raises `RunError` if it would be another one, or the run's file of it is broken or another one.

    Args:
        run: a language model with an n-gram prior.
        config: its config.
        ids: the ids of its training text, `(N,)`.
        earlier: those of the text of the run that it was trained on from, if that is counted, too.
    """
    from rnntui.runs.checksums import recorded_arrays_checksum

    recorded = recorded_arrays_checksum(run, run.ngrams_file)
    has_continuations = None
    if run.ngrams_file.exists():
        stored = read_ngram_model(run, config)
        has_continuations = stored is None or stored.has_continuations
        if recorded is not None and stored_checksum(run.ngrams_file) != recorded:
            raise RunError(f"{run.ngrams_file} is not the one that the run was created with", hint=_way_out(run))
        del stored  # its memory is free before the counts are made
    if recorded is not None:
        model = _counted_as(config, ids, earlier, recorded)
        if model is None:
            raise RunError(
                f"this rnntui counts the n-grams of run {run.name} in another way than the version that began it",
                hint=f"go on with version {config.versions.get('rnntui', '?')}, or start a new run",
            )
        return model
    if has_continuations is None:
        raise RunError(
            f"{run.ngrams_file} is missing, and run {run.name}, of an older version, does not say how it was counted",
            hint=_LOST,
        )
    return _counted(config, ids, earlier, has_continuations)


def counted_again(run: RunFolder) -> dict[str, NDArray[Any]]:
    """Count the n-grams of a run whose file of them is missing or damaged; return the arrays of the file as it was.

    Raises `RunError` if they cannot be counted, or would be others.
    """
    config = run.read_config()
    if config.kind != LANGUAGE_MODEL.id or not config.model_as(LanguageModelConfig).ngram_prior:
        raise RunError("the n-grams of no text of the run can be counted")
    expected = _known_checksum(run)
    if expected is None:
        raise RunError("the run, of an older version, does not say how its n-grams were counted")
    origin = config.origin.training if config.origin is not None else None
    try:
        ids = _read_ids(config.corpus.training, run.training_ids, config.vocab_size)
        earlier = None if origin is None else _read_ids(origin, run.origin_training_ids, config.vocab_size)
    except CorpusError as error:
        raise RunError(error.problem) from error
    model = _counted_as(config, ids, earlier, expected)
    if model is None:
        raise RunError("this rnntui counts its n-grams in another way than the version that began it")
    return model.to_arrays()


def _counted_as(config: RunConfig, ids: Ids, earlier: Ids | None, checksum: str) -> NgramModel | None:
    """Return the n-gram model of a text whose arrays have a checksum; None if no way of counting leads to it."""
    for continuations in (True, False):
        model = _counted(config, ids, earlier, continuations)
        if arrays_checksum(model.to_arrays()) == checksum:
            return model
        del model  # its memory is free before the next is counted
    return None


def _counted(config: RunConfig, ids: Ids, earlier: Ids | None, continuations: bool) -> NgramModel:
    from rnntui.text.ngram_counts import counted_once

    context = config.model_as(LanguageModelConfig).ngram_prior
    assert context is not None
    return counted_once(ids, config.vocab_size, context, earlier, continuations)


def _known_checksum(run: RunFolder) -> str | None:
    """Return the checksum of the arrays that the file should hold: as recorded, or as a damaged file still says."""
    from rnntui.runs.checksums import recorded_arrays_checksum

    recorded = recorded_arrays_checksum(run, run.ngrams_file)
    if recorded is not None:
        return recorded
    try:
        return stored_checksum(run.ngrams_file)
    except RunError:
        return None


def _read_ids(info: TokenFileInfo | None, path: Path, vocab_size: int) -> Ids:
    from rnntui.text.token_ids import TokenFile

    if info is None:
        raise RunError("config.json does not describe the run's copy of its text")
    file = TokenFile(**vars(info))
    ids = file.read(path)
    if file.largest_id(path) >= vocab_size:
        raise RunError(f"{path} has ids that are not in the vocabulary")
    return ids


def _way_out(run: RunFolder) -> str:
    """Return what helps where the file of a run's n-gram model is missing or broken."""
    from rnntui.runs.lookup import is_shipped

    if is_shipped(run):
        return "install rnntui again"
    if run.training_ids.is_file() and _known_checksum(run) is not None:
        return f"rnntui verify {shell_quote(str(run.path))} --repair counts it again"
    return _LOST
