"""Start of a language model from another one: its shape, its vocabulary, its weights and its data.

A vocabulary of characters grows by those of the new text; one of words or subwords stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rnntui.atomic_files import sync_file
from rnntui.config import TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.errors import UsageError
from rnntui.inference.loaded_model import read_tokenizer
from rnntui.kinds.corpus_info import DocumentUnit, TokenFileInfo
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.ngram_index import NgramIndex
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunOrigin
from rnntui.runs.weights_file import save_arrays
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.control_chars import one_line
from rnntui.text.token_ids import CorpusStats, TokenFile, smallest_dtype
from rnntui.text.tokenizer import Tokenizer
from rnntui.text.tokenizer_factory import character_counts
from rnntui.training.starting_run import StartingRun, Weights

LEARNING_RATE = 2e-3
"""Default peak learning rate of a language model that is trained on; see `benchmarks/RECIPES.md`."""

_SHAPE = ("cell", "nonlinearity", "layers", "hidden", "embedding", "tied", "ngrams", "ngram_buckets")
_MAX_LISTED = 12  # new characters in a message
_IDS = 1 << 20  # converted at a time


class LanguageModelStart:
    """A language model that is trained on.

    Raises `UsageError` if the run is of another kind, `RunError` if there is none, or it has no weights or is broken.

    Args:
        name: name or path of its run.
        checkpoints: the folder of runs.
    """

    def __init__(self, name: str, checkpoints: Path) -> None:
        self._start = StartingRun(name, checkpoints, LANGUAGE_MODEL)
        self.tokenizer: Tokenizer = read_tokenizer(self._start.run, self._start.config)
        self._shape = self._start.config.model_as(LanguageModelConfig).resolved(self.tokenizer.kind)

    def model_config(self, config: LanguageModelConfig, given: Collection[str]) -> LanguageModelConfig:
        """Return settings of a model with the run's shape; dropout and n-gram prior are their own.

        Raises `UsageError` if a size that was `given` on the command line differs.
        """
        own = {name: getattr(self._shape, name) for name in _SHAPE}
        self._start.require(config, own, given)
        if own["ngrams"] == 1:
            own["ngram_buckets"] = None
        return replace(config, **own)

    def tokenizer_config(self, config: TokenizerConfig, given: Collection[str]) -> TokenizerConfig:
        """Return the settings of the run's tokenizer. Raises `UsageError` if one that was `given` differs."""
        own: dict[str, Any] = {"type": self.tokenizer.kind, "vocab_size": self.tokenizer.vocab_size}
        self._start.require(config, own, given)
        return replace(config, type=self.tokenizer.kind, vocab_size=None)

    def training_config(
        self, config: LanguageModelTrainingConfig, given: Collection[str]
    ) -> LanguageModelTrainingConfig:
        """Return the settings of the training, with defaults that suit weights that are trained already.

        Raises `UsageError` if data is to be mixed in that is not at hand, or that no stream could read.
        """
        self._start.check_mix(config.mix)
        if config.mix and config.batch_size == 1:
            raise UsageError("--mix needs --batch-size 2 or more, as each stream reads one text", setting="mix")
        return config if "learning_rate" in given else replace(config, learning_rate=LEARNING_RATE)

    def document_unit(self, detected: DocumentUnit, is_given: bool) -> DocumentUnit:
        """Return what is a document of the new text: nothing, if the vocabulary has no `<eos>` and cannot get it.

        Raises `UsageError` if the user asks for documents nevertheless.
        """
        if detected == "none" or self.tokenizer.end_id is not None or self.tokenizer.kind == "char":
            return detected
        if is_given:
            raise UsageError(
                f"--documents {detected}: the vocabulary of --from {self._start.name} has no end of a document",
                setting="documents",
                hint="leave --documents out",
            )
        return "none"

    def vocabulary(self, stats: CorpusStats, unit: DocumentUnit) -> Tokenizer:
        """Return the tokenizer of the new run."""
        if isinstance(self.tokenizer, CharTokenizer):
            return self.tokenizer.grown(character_counts(stats, unit), unit != "none")
        return self.tokenizer

    def note(self, tokenizer: Tokenizer) -> str:
        """Return a message on the vocabulary of the new run, and on what will be said of forgetting."""
        old, size = self._start.config.tokenizer.summary, tokenizer.vocab_size - self.tokenizer.vocab_size
        text = f"trains on from {self._start.name}: its {old}"
        if not isinstance(tokenizer, CharTokenizer):
            text += " stay"
        elif size:
            characters = tokenizer.characters[len(cast(CharTokenizer, self.tokenizer).characters) :]
            text += f", and {size:,} new: {_listed(characters)}" if characters else ", and the end of a document"
        else:
            text += " have all of the text's"
        return f"{text}; {self._start.forgetting_note}"

    def weights(self, model: LanguageModelConfig, tokenizer: Tokenizer, seed: int) -> Weights:
        """Return the weights that the new run begins with, by name.

        New tokens get an embedding drawn around the mean of the others, and the mean row of the output layer, so that
        none of them takes much probability from what is known (Hewitt 2021, "Initializing New Word Embeddings for
        Pretrained Language Models").

        Args:
            model: shape of the new run.
            tokenizer: its tokenizer.
            seed: seed of the embeddings of new tokens.
        """
        ids = self._new_ids(tokenizer)
        weights = dict(self._start.weights)
        generator = np.random.default_rng(seed)
        for name in ("embedding.weight", "output.weight", "output.bias"):
            if name in weights:
                noise = generator if name == "embedding.weight" else None
                weights[name] = _grown(weights[name], ids, tokenizer.vocab_size, noise)
        if tokenizer.vocab_size > self.tokenizer.vocab_size:
            index = NgramIndex.of(model, tokenizer.vocab_size, tokenizer.end_id)
            for length in index.table_sizes:
                name = f"ngram_embeddings.{length}"
                weights[name] = _moved_ngrams(weights[name], length, index, ids)
        weights = {name: weight for name, weight in weights.items() if not name.startswith("prior_scale.")}
        if model.ngram_prior:
            # A model without a prior begins with predictions of its own alone.
            weights["prior_scale.weight"] = self._start.weights.get(
                "prior_scale.weight", np.zeros((1, model.hidden), np.float32)
            )
            weights["prior_scale.bias"] = self._start.weights.get("prior_scale.bias", np.zeros(1, np.float32))
        return weights

    def stage(
        self, staged: RunFolder, model: LanguageModelConfig, tokenizer: Tokenizer, training: LanguageModelTrainingConfig
    ) -> RunOrigin:
        """Write weights and data that the new run begins with into its folder, and return what its config records.

        An n-gram prior counts the run's training data, too, where it is at hand: a model of 128 units and 1.4 million
        characters of Shakespeare had 1.475 nats on that text before, and after 120 steps on Pride and Prejudice 1.537
        with such a prior, 2.302 with one of the new text alone. The new text cost 1.141 and 1.134. The counts of a run
        without data, which its n-gram model has, are not added: after 60 steps from the shipped model of Shakespeare,
        Pride and Prejudice cost 1.137 nats with them and 1.130 without (Shakespeare 1.61 and 2.15).

        Args:
            staged: the folder.
            model: shape of the new run.
            tokenizer: its tokenizer.
            training: its settings.
        """
        start = self._start
        save_arrays(staged.pretrained_file, self.weights(model, tokenizer, training.seed), {})
        new_training = new_validation = loss = None
        if (training.mix or model.ngram_prior) and start.training is not None:
            new_training = self._converted(
                start.training, start.run.training_ids, staged.origin_training_ids, tokenizer
            )
        if start.validation is not None:
            new_validation = self._converted(
                start.validation, start.run.validation_ids, staged.origin_validation_ids, tokenizer
            )
            loss = self._loss(TokenFile(**vars(start.validation)).read(start.run.validation_ids), training)
        return start.origin(new_training, new_validation, loss)

    def _loss(self, ids: NDArray[np.unsignedinteger], training: LanguageModelTrainingConfig) -> float:
        """Return the loss of the run on the first of its validation data, as evaluations of the new run compute it."""
        from rnntui.training.device import choose_hardware
        from rnntui.training.evaluate_language_model import load_torch_model
        from rnntui.training.evaluation import evaluate_streaming

        hardware = choose_hardware(training.device, training.precision, training.threads)
        model = load_torch_model(self._start.run, self._start.config, self.tokenizer).to(hardware.device)
        vocab_size = self.tokenizer.vocab_size
        return evaluate_streaming(model, ids[: training.eval_tokens + 1], vocab_size, hardware, 1.0).loss

    def _new_ids(self, tokenizer: Tokenizer) -> NDArray[np.int64]:
        """Return the id of each token of the run in the new vocabulary, `(V,)`: only that of `<eos>` may move."""
        ids = np.arange(self.tokenizer.vocab_size)
        if self.tokenizer.end_id is not None and tokenizer.end_id is not None:
            ids[self.tokenizer.end_id] = tokenizer.end_id
        return ids

    def _converted(self, info: TokenFileInfo, source: Path, target: Path, tokenizer: Tokenizer) -> TokenFile:
        """Write a file of the run's ids as ids of the new vocabulary, and return its description."""
        ids, new_ids = TokenFile(**vars(info)).read(source), self._new_ids(tokenizer)
        dtype = smallest_dtype(tokenizer)
        with target.open("wb") as file:
            for start in range(0, len(ids), _IDS):
                file.write(new_ids[ids[start : start + _IDS]].astype(dtype).data)
            sync_file(file)
        return TokenFile(info.tokens, info.characters, dtype, info.spelling_bits)


def _listed(characters: Sequence[str]) -> str:
    listed = " ".join(one_line(character) for character in characters[:_MAX_LISTED])
    return listed + (" …" if len(characters) > _MAX_LISTED else "")


def _grown(
    rows: NDArray[np.float32], ids: NDArray[np.int64], vocab_size: int, noise: np.random.Generator | None
) -> NDArray[np.float32]:
    """Return the rows `(V, ...)` of a larger vocabulary; new ones are the mean of the others.

    Args:
        rows: those of the old one.
        ids: the place of each in the new one.
        vocab_size: size of the new one.
        noise: draws noise that tells new rows apart, as large as the deviation of the others; None for none.
    """
    known = rows[1:]  # without <unk>
    grown = np.repeat(known.mean(axis=0)[None], vocab_size, axis=0)
    if noise is not None:
        grown += noise.normal(size=grown.shape) * known.std(axis=0)
    grown[ids] = rows
    return grown.astype(np.float32)


def _moved_ngrams(
    table: NDArray[np.float32], length: int, index: NgramIndex, ids: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the table of the embeddings of n-grams for a larger vocabulary.

    Args:
        table: the table of the old vocabulary, `(rows, E)`.
        length: n.
        index: finds the rows of the new one.
        ids: the place of each old token in the new vocabulary, `(V,)`.
    """
    size = len(ids)
    if len(table) != size * (size + 1) ** (length - 1):  # hashed, as the larger one is then too
        return table
    rest, row = np.arange(len(table)), []
    for radix in [size, *[size + 1] * (length - 1)]:
        row.append(rest % radix)
        rest //= radix
    places = np.concatenate(([0], ids + 1))
    *_, new_rows = index.rows([ids[row[0]] + 1, *(places[earlier] for earlier in row[1:])])
    moved = np.zeros((index.table_sizes[length], table.shape[1]), np.float32)
    np.add.at(moved, new_rows, table)  # rows of n-grams that no text has are zeros, and may share a new row
    return moved
