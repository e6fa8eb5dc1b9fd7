"""Labelled texts of a run on disk, encoded: token ids, labels and n-gram features, memory-mapped for training.

training.ids       token ids of all texts, one text after the other
training.rows      safetensors: tokens, n-grams and label of each text
training.ngrams    records of n-gram and value, one text after the other
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnntui.atomic_files import sync_file
from rnntui.errors import RunError
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.text.ngram_features import NgramFeatures
from rnntui.text.token_ids import TokenFile
from rnntui.text.vocabulary import PAD
from rnntui.untrusted_files import check_regular, open_regular

Ids = NDArray[np.int64]

_NGRAM = np.dtype([("index", "<u4"), ("value", "<f4")])
_RECORDS_READ = 1 << 17  # at a time


@dataclass(frozen=True)
class LabelledBatch:
    """B labelled texts.

    Args:
        tokens: Token ids, one text a column, padded to the longest, `(S, B)`.
        lengths: Tokens of each text, `(B,)`.
        labels: Ids of their labels, `(B,)`.
        ngrams: Their n-gram features; without any if the model has no n-gram part.
    """

    tokens: Ids
    lengths: Ids
    labels: Ids
    ngrams: NgramFeatures

    def columns(self, columns: slice) -> LabelledBatch:
        """Return some of the texts, padded as before."""
        ngrams = self.ngrams.select(range(columns.start, columns.stop))
        return LabelledBatch(self.tokens[:, columns], self.lengths[columns], self.labels[columns], ngrams)


def write_labelled(
    ids_file: Path, encoded: Iterable[tuple[list[Ids], NgramFeatures]], labels: Ids, largest_id: int
) -> TokenFile:
    """Write the files of N labelled texts.

    Args:
        ids_file: The file of token ids; the others have the same name with other endings.
        encoded: Batches of the texts: token ids of each, `(S,)`, 1 or more, and their n-gram features.
        labels: The label's id of each text, `(N,)`.
        largest_id: The largest id of the vocabulary; it decides the integer type.
    """
    dtype = str(np.min_scalar_type(max(1, largest_id)).name)
    lengths, counts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    with ids_file.open("wb") as file, ids_file.with_suffix(".ngrams").open("wb") as ngrams_file:
        for batch, ngrams in encoded:
            lengths.append(np.array([len(ids) for ids in batch], dtype=np.int64))
            file.write(np.concatenate(batch).astype(dtype).data)
            records = np.empty(len(ngrams.indices), _NGRAM)
            records["index"], records["value"] = ngrams.indices, ngrams.values
            ngrams_file.write(records.data)
            counts.append(np.diff(ngrams.offsets))
        sync_file(file)
        sync_file(ngrams_file)
    arrays = {"lengths": np.concatenate(lengths), "labels": labels, "ngrams": np.concatenate(counts)}
    save_arrays(ids_file.with_suffix(".rows"), arrays, {})
    return TokenFile(int(arrays["lengths"].sum()), 0, dtype)


class LabelledDataset:
    """Memory-mapped dataset of N labelled texts; `lengths` and `labels` are `(N,)`.

    Args:
        token_file: Describes the file of ids.
        ids_file: That file.

    Raises `CorpusError` or `RunError` if the files are missing, broken or do not belong together.
    """

    def __init__(self, token_file: TokenFile, ids_file: Path) -> None:
        self._token_file, self._ids_file = token_file, ids_file
        self._ids = np.asarray(token_file.read(ids_file))  # a view: indexing a memmap costs several times as much
        rows_file, ngrams_file = ids_file.with_suffix(".rows"), ids_file.with_suffix(".ngrams")
        arrays, _ = load_arrays(rows_file)
        broken = RunError(
            f"{rows_file} does not belong to {ids_file}", hint="the run cannot be resumed; start a new one"
        )
        try:
            lengths, labels, counts = (arrays[name] for name in ("lengths", "labels", "ngrams"))
        except KeyError as error:
            raise broken from error
        if not all(array.dtype == np.int64 and array.shape == (len(lengths),) for array in (lengths, labels, counts)):
            raise broken
        self.lengths: Ids = lengths.astype(np.int64)
        self.labels: Ids = labels.astype(np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)])
        self._ngram_starts = np.concatenate([[0], np.cumsum(counts.astype(np.int64))])
        try:
            check_regular(ngrams_file)
            size = ngrams_file.stat().st_size
            empty = np.empty(0, _NGRAM)
            self._ngrams = np.asarray(np.memmap(ngrams_file, _NGRAM, "r")) if size else empty
        except (OSError, ValueError) as error:
            raise RunError(f"cannot read {ngrams_file}: {error}") from error
        if not len(lengths) or self.lengths.min() < 1 or self.labels.min() < 0:
            raise broken
        if self.lengths.max() > len(self._ids) or counts.max() > len(self._ngrams):  # their sums might overflow
            raise broken
        if self._starts[-1] != len(self._ids) or counts.min() < 0 or self._ngram_starts[-1] != len(self._ngrams):
            raise broken

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def largest_id(self) -> int:
        """The largest token id."""
        return self._token_file.largest_id(self._ids_file)

    @property
    def largest_ngram(self) -> int:
        """The largest index of an n-gram; -1 if there is none."""
        largest = -1
        with open_regular(self._ids_file.with_suffix(".ngrams")) as file:  # mapped pages would count as memory
            while len(records := np.fromfile(file, _NGRAM, _RECORDS_READ)):
                largest = max(largest, int(records["index"].max()))
        return largest

    def tokens(self, row: int) -> Ids:
        """Return the token ids of a text, `(S,)`."""
        return self._ids[self._starts[row] : self._starts[row + 1]].astype(np.int64)

    def batch(self, rows: NDArray[np.intp]) -> LabelledBatch:
        """Return the batch of the texts at `rows (B,)`."""
        lengths = self.lengths[rows]
        counts = self._ngram_starts[rows + 1] - self._ngram_starts[rows]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        records = self._ngrams[np.repeat(self._ngram_starts[rows] - offsets[:-1], counts) + np.arange(offsets[-1])]
        ngrams = NgramFeatures(offsets, records["index"].astype(np.int64), np.ascontiguousarray(records["value"]))
        positions = np.arange(lengths.max())[:, None]  # (S, 1)
        tokens = self._ids[self._starts[rows] + np.minimum(positions, lengths - 1)].astype(np.int64)
        tokens[positions >= lengths] = PAD
        return LabelledBatch(tokens, lengths, self.labels[rows], ngrams)
