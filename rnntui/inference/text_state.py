"""State of a text as a value: a language model goes on from it, later and in another process, without reading the text.

The file is a safetensors file of a few kilobytes. It may come from anywhere, so that everything in it is checked.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from rnntui.atomic_files import check_can_be_written
from rnntui.errors import RnntuiError, RunError, read_error
from rnntui.inference.cells import Array
from rnntui.inference.generate import Generation, generators_from
from rnntui.inference.loaded_model import LoadedLanguageModel
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.runs.fingerprint import run_fingerprint
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import run_with_weights
from rnntui.runs.weights_file import load_arrays, save_arrays

_FORMAT = "rnntui-state-1"
_MAX_EXTRA_BYTES = 1 << 20  # of a file beside the state itself
_MAX_RECENT = 100_000 * 3 // 2  # tokens: the most that a repetition penalty may look back at
_LARGEST = 1e6  # no state of a trained model holds a larger number


@dataclass(frozen=True)
class TextState:
    """All that a language model knows of a text that it has read.

    Args:
        state: `(L, C, 1, H + K)`; see `NumpyLanguageModel`.
        recent: the last token ids, which a repetition penalty looks back at.
        generator: state of the random generator.
        generated: the end of the text if the model generated it under a `CopyGuard`, which goes on from there.
        fingerprint: `run_fingerprint` of the model, to which alone the numbers mean anything; empty if it is not known.
    """

    state: Array = field(repr=False)
    recent: tuple[int, ...] = ()
    generator: int = 0
    generated: str = ""
    fingerprint: str = ""

    @classmethod
    def of(cls, generation: Generation, row: int = 0, fingerprint: str = "") -> TextState:
        """Return the state of the text of that index in a generation, by the model of that fingerprint."""
        state = generation.state[:, :, row : row + 1]
        generated = "" if generation.copy_guard is None else generation.copy_guard.ends[row]
        recent, generator = tuple(generation.recent[row]), generation.generators[row].state
        return cls(state, recent, generator, generated, fingerprint)

    def restore(self, generation: Generation, *, restores_generator: bool = True) -> None:
        """Put all texts of a generation into this state.

        Args:
            generation: its texts are replaced.
            restores_generator: the random generator of the first text goes on where it was, too.
        """
        batch = len(generation.generators)
        generation.state = np.repeat(self.state, batch, axis=2)
        generation.logits = np.repeat(generation.model.logits_of(self.state), batch, axis=0)
        generation.recent = [list(self.recent) for _ in range(batch)]
        if restores_generator:
            [generation.generators[0]] = generators_from(0, 1)
            generation.generators[0].state = self.generator


def check_state_can_be_saved(path: Path) -> None:
    """Raise `RnntuiError` if a state cannot be saved there, or would replace a file that is no state."""
    check_can_be_written(path)
    if path.is_file() and path.stat().st_size and not _is_state_file(path):
        raise RnntuiError(f"{path} exists already, and is no saved state", hint="name another file")


def _is_state_file(path: Path) -> bool:
    return _metadata_of(path).get("format") == _FORMAT


def _metadata_of(path: Path) -> dict[str, str]:
    """Return what a file says about itself, unchecked; nothing if it is no safetensors file."""
    try:
        if not path.is_file():  # a pipe would wait for a writer
            return {}
        with safe_open(path, framework="numpy") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError, ValueError):
        return {}


def run_of_state(path: Path, checkpoints: Path) -> RunFolder | None:
    """Return the run that saved a state, by its name among the runs of a folder and the shipped models.

    None if none of that name has the weights that the state belongs to, or if the file is no state.
    """
    metadata = _metadata_of(path)
    return run_with_weights(metadata.get("run"), metadata.get("fingerprint"), checkpoints)


def save_text_state(path: Path, state: TextState, run: RunFolder) -> None:
    """Write a state of a run's model to a file, atomically; without a fingerprint of its own, it gets that of the run.

    Raises `RnntuiError` if it cannot be written, or would replace a file that is no state.
    """
    check_state_can_be_saved(path)
    arrays: dict[str, NDArray[Any]] = {
        "state": np.asarray(state.state, np.float32),
        "recent": np.array(state.recent[-_MAX_RECENT:], np.int32),
    }
    metadata = {
        "format": _FORMAT,
        "run": run.name,
        "fingerprint": state.fingerprint or run_fingerprint(run),
        "generator": str(state.generator),
        **({"generated": state.generated} if state.generated else {}),
    }
    save_arrays(path, arrays, metadata)


def load_text_state(path: Path, fingerprint: str, loaded: LoadedLanguageModel) -> TextState:
    """Read the state of a text.

    Args:
        path: the file.
        fingerprint: `run_fingerprint` of the model that is to go on from it.
        loaded: that model.

    Raises `UsageError` if there is no such file, or it is a folder; `RunError` if it is broken, no state at all, or
    that of another model.
    """
    network = loaded.network
    expected = network.initial_state()
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not path.is_file() and path.exists():
            raise _not_a_state(path, "it is not even a file")
        if path.stat().st_size > 4 * expected.size + _MAX_EXTRA_BYTES:
            raise _not_a_state(path, "it is too large")
    except OSError as error:
        raise read_error(path, error) from error
    try:
        arrays, metadata = load_arrays(path)
    except RunError as error:
        raise _not_a_state(path, str(error.__cause__ or error.problem)) from error
    if metadata.get("format") != _FORMAT or set(arrays) != {"state", "recent"}:
        raise _not_a_state(path, f"it has the format {metadata.get('format', 'of something else')!r:.40}")
    if metadata.get("fingerprint") != fingerprint:
        raise RunError(
            f"{path} is a state of another model, {metadata.get('run', '?')!r:.60}, or of other weights of it",
            hint="name the run that saved it with --run, or read the text again",
        )
    state, recent, generator = arrays["state"], arrays["recent"], metadata.get("generator", "")
    if state.dtype != np.float32 or state.shape != expected.shape:
        raise _not_a_state(path, f"its state is {state.dtype} {state.shape}, not float32 {expected.shape}")
    numbers = state.astype(np.float32)
    if not (np.abs(numbers) < _LARGEST).all() or not _has_tokens(numbers, network):  # false for nan too
        raise _not_a_state(path, "its state holds numbers that no model has")
    if recent.dtype != np.int32 or recent.ndim != 1 or len(recent) > _MAX_RECENT:
        raise _not_a_state(path, "its recent tokens are not a list of ids")
    tokens = recent.tolist()
    if not all(0 <= token < network.vocab_size for token in tokens):
        raise _not_a_state(path, "its recent tokens are not in the vocabulary")
    if not (generator.isascii() and generator.isdigit() and len(generator) <= 20 and int(generator) < 1 << 64):
        raise _not_a_state(path, "the state of its random generator is no number of 64 bits")
    return TextState(numbers, tuple(tokens), int(generator), metadata.get("generated", ""), fingerprint)


def _has_tokens(state: Array, network: NumpyLanguageModel) -> bool:
    """Return True if the history of a state holds ids + 1, or zeros."""
    history = state[0, 0, :, network.config.hidden :]
    return bool(np.isin(history, np.arange(network.vocab_size + 1)).all())


def _not_a_state(path: Path, problem: str) -> RunError:
    return RunError(
        f"{path} is not a state that this model can go on from: {problem}", hint="name a file that was saved as one"
    )
