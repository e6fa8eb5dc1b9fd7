"""Export of a language model as ONNX: one step, and whole sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.exporting.language_model_graph import LanguageModelParts, language_model_graph
from rnntui.exporting.onnx_export import RunGraph, bits, difference, log_softmax, vocabulary_facts
from rnntui.exporting.onnx_readme import UseInPython
from rnntui.inference.generate import initial_context_ids
from rnntui.inference.loaded_model import load_language_model
from rnntui.inference.onnx_format import Graph
from rnntui.inference.run_ngrams import read_ngram_model
from rnntui.runs.folder import RunFolder, tokenizer_files
from rnntui.runs.weights_file import load_weights
from rnntui.text.tokenizer import Tokenizer

STEP, SEQUENCE = "step.onnx", "sequence.onnx"
_SHAPES = ((1, 1), (7, 3), (40, 2))  # steps and texts of the check
_WINDOW = 1024  # tokens of the user's text that are read at a time
_MAX_CHARACTERS = 200_000  # of the user's text
_MEASURED = (96, 16)  # steps and texts that measure the cost of int8 weights

_NOTES = """
`step.onnx` reads one token of each text, `sequence.onnx` as many as you like, from one on (of none, onnxruntime 1.31
gives another state back than it was given); both have the same weights. All that the model remembers is its state:
zeros before a text, and what comes out is given back in. `logits` are those of the next token.

Every text is read after the tokens `initial_tokens` of `model.json`. `vocabulary` has the text of each token by id;
{tokens} The token `unknown_id` is never to be sampled{end}.{prior}
"""

_CHARACTERS = "a character is a token, and one that is not in the table is `unknown_id`."
_SUBWORDS = """`tokenizer.model` turns text into tokens, by sentencepiece without any option. Some tokens are
single bytes of a character (`bytes`): decode bytes, not tokens."""
_WORDS = """a word is a token, with the space before it; rnntui's own function splits text into words."""

_ENCODERS = {
    "char": """ids = {token: i for i, token in enumerate(vocabulary["tokens"])}
prompt = [ids.get(character, vocabulary["unknown_id"]) for character in "Once "]""",
    "subwords": """from sentencepiece import SentencePieceProcessor

prompt = SentencePieceProcessor(model_file="tokenizer.model").encode("Once upon")""",
    "word": """from rnntui.text.tokenizer_factory import load_tokenizer

prompt = load_tokenizer(Path(), "word").encode("Once upon").tolist()""",
}

_PROGRAM = """
import json
from pathlib import Path

import numpy as np
import onnxruntime

model = json.loads(Path("model.json").read_text("utf-8"))
vocabulary = model["vocabulary"]
{encoder}

session = onnxruntime.InferenceSession("step.onnx")
shape = [1 if size == "batch" else size for size in model["files"]["step.onnx"]["inputs"]["state"]["shape"]]
state = np.zeros(shape, np.float32)
for token in [*model["initial_tokens"], *prompt]:
    logits, state = session.run(None, {{"tokens": np.array([token]), "state": state}})

random, temperature, text = np.random.default_rng(1), 0.8, b""
for _ in range(200):
    logits[0, vocabulary["unknown_id"]] = -np.inf
    probabilities = np.exp((logits[0] - logits.max()) / temperature)
    token = int(random.choice(len(probabilities), p=probabilities / probabilities.sum()))
    if token == vocabulary["end_id"]:
        break
    byte = vocabulary["bytes"].get(str(token))
    text += vocabulary["tokens"][token].encode() if byte is None else bytes([byte])
    logits, state = session.run(None, {{"tokens": np.array([token]), "state": state}})
print(text.decode("utf-8", "replace"))
"""


class LanguageModelExporter:
    """Exports a language model; see `OnnxExporter`."""

    main_file = SEQUENCE

    def __init__(self, run: RunFolder) -> None:
        loaded = load_language_model(run, precision="fp32")
        self._network, self._tokenizer = loaded.network, loaded.tokenizer
        self._model = LanguageModelParts(
            load_weights(run.weights_file),
            self._network.config,
            self._network.vocab_size,
            self._tokenizer.end_id,
            read_ngram_model(run, loaded.config),
        )
        self._context = initial_context_ids(self._tokenizer)
        self.text_files = tokenizer_files(run)
        self.facts: dict[str, Any] = {
            "initial_tokens": self._context.tolist(),
            "vocabulary": vocabulary_facts(self._tokenizer),
        }
        self.use = UseInPython(self._notes(), _PROGRAM.format(encoder=_ENCODERS[_form(self._tokenizer)]))

    def graphs(self, is_int8: bool) -> dict[str, Graph]:
        """Return the two graphs by file name."""
        return {
            name: language_model_graph(self._model, is_step, is_int8)
            for name, is_step in ((STEP, True), (SEQUENCE, False))
        }

    def largest_difference(self, run_graph: RunGraph) -> float:
        """Return the largest difference of a logit, in sequences and in a step after them, which reads their states."""
        random, network = np.random.default_rng(0), self._network
        differences = []
        for steps, batch in _SHAPES:
            tokens = random.integers(0, network.vocab_size, (steps + 1, batch))
            start = network.initial_state(batch)
            expected, state = network.forward(tokens[:-1], start)
            logits, exported_state = run_graph(SEQUENCE, {"tokens": tokens[:-1], "state": start})
            differences.append(difference(logits, expected))
            following, _ = network.step(tokens[-1], state)
            inputs = {"tokens": tokens[-1], "state": exported_state}
            differences.append(difference(run_graph(STEP, inputs)[0], following))
        return max(differences)

    def cost_of_rounding(self, run_graph: RunGraph, text: str) -> str:
        """Return the increase of the loss on a text of the user's, or without one what the model's own texts tell.

        That is the divergence of the predictions in texts that the model itself writes: the expected increase of the
        loss, were the model right about its texts.
        """
        if text:
            return self._cost_on(text, run_graph)
        tokens, logits, state = self._sampled(*_MEASURED)
        rounded, _ = run_graph(SEQUENCE, {"tokens": tokens, "state": state})
        per_token = bits(log_softmax(logits), log_softmax(rounded))
        characters = sum(len(self._tokenizer.decode(ids)) for ids in tokens.T)
        cost = per_token * tokens.size / max(1, characters)
        return f"{cost:.2g} bits per character, measured on {characters:,} characters that the model wrote"

    def _cost_on(self, text: str, run_graph: RunGraph) -> str:
        """Return the loss on the beginning of a text with weights of both kinds, in words."""
        ids = self._tokenizer.encode(text[:_MAX_CHARACTERS])
        tokens = np.concatenate([self._context, ids])
        state = rounded_state = self._network.initial_state(1)
        nats = np.zeros(2)
        for start in range(0, len(tokens) - 1, _WINDOW):
            window, targets = tokens[start : start + _WINDOW, None], tokens[start + 1 : start + _WINDOW + 1]
            logits, state = self._network.forward(window, state)
            rounded, rounded_state = run_graph(SEQUENCE, {"tokens": window, "state": rounded_state})
            steps = np.arange(len(targets))
            nats -= [log_softmax(each[: len(targets), 0])[steps, targets].sum() for each in (logits, rounded)]
        characters = len(text[:_MAX_CHARACTERS])
        before, after = nats / np.log(2) / characters
        return (
            f"{after - before:+.2g} bits per character, {before:.4f} to {after:.4f}, measured on {characters:,} "
            f"characters of the text"
        )

    def _sampled(self, steps: int, batch: int) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[Any]]:
        """Return sampled tokens `(T, B)`, the logits `(T, B, V)` after each, and the state before them."""
        network, random = self._network, np.random.default_rng(1)
        start = network.initial_state(batch)
        logits = network.logits_of(start)
        if len(self._context):
            logits, start = network.feed(np.repeat(self._context[:, None], batch, axis=1), start)
        state, sampled, after = start, [], []
        for _ in range(steps):
            scores = logits + random.gumbel(size=logits.shape)  # whose largest is at a token as often as it is probable
            scores[:, self._tokenizer.unknown_id] = -np.inf
            sampled.append(scores.argmax(axis=1))
            logits, state = network.step(sampled[-1], state)
            after.append(logits)
        return np.stack(sampled), np.stack(after), start

    def _notes(self) -> str:
        tokens = {"char": _CHARACTERS, "word": _WORDS}.get(self._tokenizer.kind, _SUBWORDS)
        end = "" if self._tokenizer.end_id is None else ", and `end_id` ends a text"
        history = self._network.config.history
        prior = ""
        if history:
            prior = (
                f" The last {history} columns of a state hold tokens, not units: leave them as they are. N-grams, "
                f"and with them the n-gram prior if the model has one, are part of the graphs. Compute with "
                f"onnxruntime: OpenVINO (2026.4.1) computes integers of 64 bits in 32, so that it finds other n-grams "
                f"and gives other logits, and says nothing."
            )
        return _NOTES.format(tokens=tokens, end=end, prior=prior)


def _form(tokenizer: Tokenizer) -> str:
    return tokenizer.kind if tokenizer.kind in ("char", "word") else "subwords"
