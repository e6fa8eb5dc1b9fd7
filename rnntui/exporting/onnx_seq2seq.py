"""Export of a Seq2Seq model as ONNX: the encoder, and a decoder step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.metrics_history import MetricsHistory
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig
from rnntui.exporting.onnx_export import RunGraph, bits, difference, log_softmax, vocabulary_facts
from rnntui.exporting.onnx_readme import UseInPython
from rnntui.exporting.seq2seq_graph import Seq2SeqParts, decoder_step_graph, encoder_graph
from rnntui.inference.numpy_language_model import Ids
from rnntui.inference.onnx_format import Graph
from rnntui.inference.translator import load_translator, read_vocabularies
from rnntui.runs.folder import RunFolder, tokenizer_files
from rnntui.runs.weights_file import load_weights
from rnntui.text.vocabulary import BOS, EOS, PAD, Vocabulary

ENCODER, DECODER = "encoder.onnx", "decoder_step.onnx"
_MAX_LINES = 500  # of a text that measures the cost of weights of 8 bits
_BATCHES = (([1], 1), ([5, 12, 3], 1), ([4, 9], 3))  # lengths of sources, and hypotheses of each, in the check
_STEPS = 4
_MEASURED_SOURCES, _MEASURED_STEPS = 32, 24

_NOTES = """
The encoder reads whole sources, each with `</s>` at its end and padded to the longest. Its outputs are given to the
decoder at every step, which begins with `<s>`; `state` and `input_feed` that come out are given back in. For a beam of
K hypotheses, repeat `state` and `input_feed` K times, those of a source adjacent; `values`, `keys` and `padding` are
given once for each source. Never generate `<pad>`, `<s>` or `<unk>`.

`vocabulary` in `model.json` has the target's tokens by id, {vocabularies}. A tokenizer's own ids are three less, as
`<pad>`, `<s>` and `</s>` come first. {prefix}{form}
"""

_PROGRAM = """
import json
from pathlib import Path

import numpy as np
import onnxruntime
{imports}

model = json.loads(Path("model.json").read_text("utf-8"))
vocabulary = model["vocabulary"]
encoder, decoder = (onnxruntime.InferenceSession(f"{{name}}.onnx") for name in ("encoder", "decoder_step"))


def translate(source):
    ids = {encode}
    sources = np.array([[*ids, 2]])  # 2 is </s>
    values, keys, padding, state, feed = encoder.run(None, {{"sources": sources, "lengths": np.array([sources.size])}})
    token, text = 1, b""  # 1 is <s>
    for _ in range(100):
        inputs = {{"tokens": np.array([token]), "state": state, "input_feed": feed}}
        logits, state, feed, attention = decoder.run(
            None, {{**inputs, "values": values, "keys": keys, "padding": padding}}
        )
        logits[0, [0, 1, vocabulary["unknown_id"]]] = -np.inf
        token = int(logits[0].argmax())
        if token == 2:
            break
        byte = vocabulary["bytes"].get(str(token))
        text += vocabulary["tokens"][token].encode() if byte is None else bytes([byte])
    return text.decode("utf-8", "replace").strip()


print(translate({example}))
"""


class Seq2SeqExporter:
    """Exports a Seq2Seq model; see `OnnxExporter`."""

    main_file = ""

    def __init__(self, run: RunFolder) -> None:
        config = run.read_config()
        self._translator = load_translator(run)
        self._network = self._translator.model
        source, target = read_vocabularies(run, config)
        weights = load_weights(run.weights_file)
        self._target = target
        self._model = Seq2SeqParts(weights, config.model_as(Seq2SeqConfig), source.size, target.size)
        self._lines = _sample_lines(run)
        self.text_files = tokenizer_files(run)
        if run.known_words_file.exists():
            self.text_files.append(run.known_words_file)
        tokenizer = config.tokenizer_as(Seq2SeqTokenizerConfig)
        self.facts: dict[str, Any] = {
            "pad_id": PAD,
            "begin_id": BOS,
            "end_id": EOS,
            "is_source_lowercase": tokenizer.lowercase_source,
            "has_placeholders": tokenizer.placeholders,
            "vocabulary": _vocabulary_facts(target),
        }
        if source.tokenizer is not target.tokenizer:
            self.facts["source_vocabulary"] = _vocabulary_facts(source)
        self.use = UseInPython(self._notes(tokenizer), self._program(tokenizer))

    def graphs(self, is_int8: bool) -> dict[str, Graph]:
        """Return the two graphs by file name."""
        return {ENCODER: encoder_graph(self._model, is_int8), DECODER: decoder_step_graph(self._model, is_int8)}

    def largest_difference(self, run_graph: RunGraph) -> float:
        """Return the largest difference of a logit."""
        random = np.random.default_rng(0)
        differences = []
        for lengths, beam in _BATCHES:
            sources = [random.integers(3, self._model.source_size, length) for length in lengths]
            rows = random.integers(0, self._model.target_size, (_STEPS, len(lengths) * beam))
            ours, exported = self._logits(run_graph, sources, rows)
            differences.append(difference(exported, ours))
        return max(differences)

    def cost_of_rounding(self, run_graph: RunGraph, text: str) -> str:
        """Return the divergence of the predictions in translations of a text's lines, or of the run's samples."""
        lines = [line for line in text.splitlines() if line.strip()][:_MAX_LINES]
        sources = [self._translator.encode(line) for line in lines or self._lines]
        of = "lines of the text" if lines else "sentences of the run's samples"
        if not sources:
            random = np.random.default_rng(1)
            sources = [random.integers(3, self._model.source_size, 12) for _ in range(8)]
            of = "random sources, as the run has no samples"
        tokens = self._greedy(sources)
        ours, exported = self._logits(run_graph, sources, tokens)
        is_text = np.logical_and.accumulate(tokens != EOS, axis=0)
        if not is_text.any():
            is_text[:] = True
        cost = bits(log_softmax(ours)[is_text], log_softmax(exported)[is_text])
        agree = (ours.argmax(axis=-1) == exported.argmax(axis=-1))[is_text].mean()
        characters = sum(len(self._target.decode(ids[kept])) for ids, kept in zip(tokens.T, is_text.T, strict=True))
        per_character = cost * is_text.sum() / max(1, characters)
        return (
            f"{per_character:.2g} bits per character, {100 * agree:.1f}% of the best tokens stay the same, "
            f"measured on {len(sources)} {of}"
        )

    def _greedy(self, sources: Sequence[Ids]) -> Ids:
        """Return the tokens that a greedy decoder reads, `(T, B)`."""
        output, state = self._network.encode(sources)
        tokens = [np.full(len(sources), BOS)]
        for _ in range(_MEASURED_STEPS):
            _, state = self._network.step(tokens[-1], state, output)
            logits = self._network.logits(state)
            logits[:, list(self._target.banned_ids)] = -np.inf
            tokens.append(logits.argmax(axis=1))
        return np.stack(tokens)

    def _logits(self, run_graph: RunGraph, sources: Sequence[Ids], tokens: Ids) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return our logits and the exported model's, `(T, N, V)`, with `tokens (T, N)` as the decoder's inputs."""
        output, state = self._network.encode(sources)
        lengths = np.array([len(source) for source in sources])
        padded = np.full((len(sources), lengths.max()), PAD)
        for row, source in enumerate(sources):
            padded[row, : len(source)] = source
        values, keys, padding, recurrent, feed = run_graph(ENCODER, {"sources": padded, "lengths": lengths})
        rows = np.repeat(np.arange(len(sources)), tokens.shape[1] // len(sources))
        state, recurrent, feed = state.select(rows), recurrent[:, :, rows], feed[rows]
        ours, exported = [], []
        for row in tokens:
            _, state = self._network.step(row, state, output)
            ours.append(self._network.logits(state))
            inputs = {"tokens": row, "state": recurrent, "input_feed": feed}
            memory = {"values": values, "keys": keys, "padding": padding}
            logits, recurrent, feed, _ = run_graph(DECODER, inputs | memory)
            exported.append(logits)
        return np.stack(ours), np.stack(exported)

    def _notes(self, tokenizer: Seq2SeqTokenizerConfig) -> str:
        vocabularies = "which are those of the source too"
        if "source_vocabulary" in self.facts:
            vocabularies = "`source_vocabulary` those of the source"
        prefix = "" if tokenizer.type == "char" else "Subwords are made from the text with a space before it. "
        forms = []
        if tokenizer.lowercase_source:
            forms.append("sources are in lower case")
        if tokenizer.placeholders:
            forms.append(
                "in place of numbers, addresses and unknown names (words with a capital that are not in "
                "`known_words.txt`) the model reads and writes placeholders: `rnntui.text.placeholders` has them"
            )
        form = f"Texts are in the form of the training: {', and '.join(forms)}." if forms else ""
        return _NOTES.format(vocabularies=vocabularies, prefix=prefix, form=form)

    def _program(self, tokenizer: Seq2SeqTokenizerConfig) -> str:
        example = repr(self._lines[0] if self._lines else "a sentence")
        folder = "source/" if "source_vocabulary" in self.facts else ""
        text = "source.lower()" if tokenizer.lowercase_source else "source"
        if tokenizer.type == "char":
            table = f'model["{"source_" if folder else ""}vocabulary"]'
            encode = (
                f'[{table}["tokens"].index(c) if c in {table}["tokens"] else {table}["unknown_id"] for c in {text}]'
            )
            return _PROGRAM.format(imports="", encode=encode, example=example)
        imports = (
            "from sentencepiece import SentencePieceProcessor\n\n"
            f'tokenizer = SentencePieceProcessor(model_file="{folder}tokenizer.model")'
        )
        encode = f'[token + 3 for token in tokenizer.encode(" " + {text})]'
        return _PROGRAM.format(imports=imports, encode=encode, example=example)


def _vocabulary_facts(vocabulary: Vocabulary) -> dict[str, Any]:
    """Return a vocabulary for a description, with the special tokens."""
    facts, shift = vocabulary_facts(vocabulary.tokenizer), vocabulary.size - vocabulary.tokenizer.vocab_size
    return {
        **facts,
        "size": vocabulary.size,
        "unknown_id": facts["unknown_id"] + shift,
        "end_id": EOS,
        "tokens": [vocabulary.token_text(token) for token in range(vocabulary.size)],
        "bytes": {str(token): byte for token, byte in vocabulary.byte_tokens().items()},
    }


def _sample_lines(run: RunFolder) -> list[str]:
    """Return the sources of a run's samples, each once."""
    history = MetricsHistory(run.metrics_file)
    history.read_all()
    lines = dict.fromkeys(logged.sample.get("source", "").strip() for logged in history.samples)
    return [line for line in lines if line][:_MEASURED_SOURCES]
