"""Export of a language model as one Python file with weights and a sampler, to read and to learn from.

The code is `single_file_template.py` as it stands; the weights follow as comments, in float16.
"""

from __future__ import annotations

import base64
import io
import json
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnntui.atomic_files import write_user_file
from rnntui.config_language_model import NGRAM_BUCKETS
from rnntui.errors import UsageError
from rnntui.exporting import single_file_template
from rnntui.exporting.small_copy import half_precision
from rnntui.inference.generate import initial_context_ids
from rnntui.inference.loaded_model import LoadedLanguageModel, load_language_model
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.inference.run_ngrams import read_ngram_model
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import load_weights
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.ngram_model import DISCOUNT, NgramModel, key_mask
from rnntui.text.subword_tokenizer import SubwordTokenizer

_LINE = 117  # characters of base64
_UNKNOWN_PENALTY = 10.0  # of a character that no piece has, below the rarest piece: sentencepiece's own


class SingleFileResult(NamedTuple):
    """The result of an export.

    Args:
        size: of the file in bytes.
        code_lines: of the program.
        difference: the largest change of a logit by rounding the weights to float16; 0 if they were so already.
    """

    size: int
    code_lines: int
    difference: float


def export_single_file(run: RunFolder, target: Path) -> SingleFileResult:
    """Write a language model's best weights, its tokenizer and a sampler as one Python file.

    Raises `UsageError` if the file exists, or for a tokenizer or kind that it does not have, `RunError` or
    `TokenizerError` if the run is broken.
    """
    if target.exists():
        raise UsageError(f"{target} exists and is not replaced", hint="name another file")
    loaded = load_language_model(run, precision="fp32")
    if loaded.tokenizer.kind == "word":
        raise UsageError(
            f"run {run.name} is a model of words, which the sampler of a single file cannot split",
            hint="export it with --onnx, or train on characters or subwords",
        )
    weights = load_weights(run.weights_file)
    arrays: dict[str, NDArray[Any]] = dict(half_precision(weights, run.weights_file))
    prior = read_ngram_model(run, loaded.config)
    if prior is not None:
        arrays |= _ngram_arrays(prior)
    settings = json.dumps(_settings(loaded, prior), ensure_ascii=False)
    arrays["settings"] = np.frombuffer(settings.encode("utf-8", "surrogatepass"), np.uint8)
    archive = io.BytesIO()
    np.savez_compressed(archive, allow_pickle=False, **arrays)
    code = Path(single_file_template.__file__).read_text("utf-8")
    data = textwrap.wrap(base64.b64encode(archive.getvalue()).decode(), _LINE)
    text = code + "\n# The settings and weights:\n" + "".join(f"#: {line}\n" for line in data)
    write_user_file(target, text.encode())
    return SingleFileResult(len(text), len(code.splitlines()), _rounding_error(loaded, weights, prior))


def _settings(loaded: LoadedLanguageModel, prior: NgramModel | None) -> dict[str, Any]:
    """Return what the program needs to know beside the arrays."""
    config, tokenizer = loaded.network.config, loaded.tokenizer
    return {
        "cell": config.nonlinearity if config.cell == "rnn" else config.cell,
        "layers": config.layers,
        "hidden": config.hidden,
        "history": config.history,
        "ngrams": config.ngrams or 1,
        "buckets": config.ngram_buckets or NGRAM_BUCKETS,
        "prior": prior.context if prior is not None else 0,
        "key_mask": int(key_mask(loaded.network.vocab_size)),
        "discount": DISCOUNT,
        "vocab_size": loaded.network.vocab_size,
        "unknown": tokenizer.unknown_id,
        "end": None if tokenizer.end_id is None else tokenizer.end_id + 1,
        "initial": initial_context_ids(tokenizer).tolist(),
        "tokenizer": tokenizer.kind,
        **_pieces(tokenizer),
    }


def _pieces(tokenizer: object) -> dict[str, Any]:
    """Return the pieces of a vocabulary by id; None for those that no text is encoded to by their name."""
    if isinstance(tokenizer, SubwordTokenizer):
        table = tokenizer.piece_table()
        normal = [score for piece, score in zip(table.pieces, table.scores, strict=True) if piece is not None]
        return {
            "pieces": table.pieces,
            "scores": table.scores,
            "symbols": sorted(table.symbols, key=len, reverse=True),
            "bytes": list(tokenizer.byte_tokens.items()),
            "longest": max((len(piece) for piece in table.pieces if piece), default=1),
            "unknown_score": min(normal, default=0.0) - _UNKNOWN_PENALTY,
        }
    assert isinstance(tokenizer, CharTokenizer)
    pieces = [None, *tokenizer.characters, *([None] if tokenizer.end_id is not None else [])]
    return {"pieces": pieces, "scores": [0.0] * len(pieces), "bytes": []}


def _ngram_arrays(prior: NgramModel) -> dict[str, NDArray[Any]]:
    """Return the arrays of an n-gram model, with where the entries of each context begin."""
    contexts, entries = prior.parts()
    return {
        "ngrams.keys": contexts.keys,
        "ngrams.offsets": np.concatenate([[0], np.cumsum(contexts.types)]).astype(np.uint32),
        "ngrams.tokens": entries.tokens,
        "ngrams.counts": entries.counts.astype(np.min_scalar_type(int(entries.counts.max()))),
    }


def _rounding_error(
    loaded: LoadedLanguageModel, weights: dict[str, NDArray[np.float32]], prior: NgramModel | None
) -> float:
    """Return the largest change of a logit, over random tokens, by rounding weights to float16."""
    rounded = {name: array.astype(np.float16).astype(np.float32) for name, array in weights.items()}
    if all(np.array_equal(rounded[name], weights[name]) for name in weights):
        return 0.0
    network, size = loaded.network, loaded.network.vocab_size
    other = NumpyLanguageModel(rounded, network.config, size, loaded.tokenizer.end_id, prior=prior)
    tokens = np.random.default_rng(0).integers(0, size, (40, 2))
    (ours, _), (theirs, _) = (model.forward(tokens, model.initial_state(2)) for model in (network, other))
    return float(np.abs(ours - theirs).max())
