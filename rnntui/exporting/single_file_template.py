#!/usr/bin/env python3
"""A recurrent language model in one file, which needs numpy alone. The weights are in the comments below the code.

    python FILE "The beginning of a text" --length 500 --temperature 0.8

Read it from the bottom up: `main` samples tokens, `Model.step` reads one, the `*_cell` functions are the equations.
"""

import argparse
import base64
import codecs
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def sigmoid(a: Array) -> Array:
    return (1 + np.tanh(a / 2)) / 2


def lstm_cell(inputs: Array, recurrent: Array, state: list[Array]) -> list[Array]:
    """Long short-term memory: gates decide what the cell state c forgets, takes in and shows (Hochreiter 1997)."""
    i, f, g, o = np.split(inputs + recurrent, 4)
    c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def gru_cell(inputs: Array, recurrent: Array, state: list[Array]) -> list[Array]:
    """Gated recurrent unit: z mixes the old h with a candidate n, which sees as much of h as r lets it (Cho 2014)."""
    (r_x, z_x, n_x), (r_h, z_h, n_h) = np.split(inputs, 3), np.split(recurrent, 3)
    r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
    return [(1 - z) * np.tanh(n_x + r * n_h) + z * state[0]]


CELLS: dict[str, Any] = {"lstm": lstm_cell, "gru": gru_cell}
CELLS["tanh"] = lambda inputs, recurrent, _: [np.tanh(inputs + recurrent)]  # the plain network (Elman 1990)
CELLS["relu"] = lambda inputs, recurrent, _: [np.maximum(inputs + recurrent, 0)]
UNSAFE = (*range(9), *range(11, 32), *range(127, 160), *range(0x2028, 0x202F), *range(0x2066, 0x206A))  # on a terminal


class Model:
    """All that it remembers of a text: `state`, a few vectors for each layer, and `history`, its last tokens."""

    def __init__(self, settings: dict[str, Any], arrays: dict[str, Array]) -> None:
        self.settings, self.arrays = settings, arrays
        names = ("rnn.weight_ih_l", "rnn.weight_hh_l", "rnn.bias_ih_l", "rnn.bias_hh_l")
        self.layers = [[arrays[f"{name}{layer}"] for name in names] for layer in range(settings["layers"])]
        self.state = [[np.zeros(settings["hidden"], np.float32)] * 2 for _ in self.layers]  # h and, of an LSTM, c
        self.history = [0] * (settings["history"] + 1)  # the id + 1 of the last tokens, newest first; 0 for none

    def step(self, token: int) -> None:
        """Read a token: its embedding goes through the layers, each of which reads the h of the one below."""
        self.history = [token + 1, *self.history[:-1]]
        x = self.arrays["embedding.weight"][token]
        for table, row in ngram_rows(self.history, self.settings):
            x = x + self.arrays[table][row]
        for layer, (w_ih, w_hh, b_ih, b_hh) in enumerate(self.layers):
            recurrent = w_hh @ self.state[layer][0] + b_hh
            self.state[layer] = CELLS[self.settings["cell"]](w_ih @ x + b_ih, recurrent, self.state[layer])
            x = self.state[layer][0]

    def logits(self) -> Array:
        """Return the logits of the next token: an unnormalized log probability for each."""
        x = self.state[-1][0]
        logits = self.arrays["output.weight"] @ x + self.arrays["output.bias"]
        if "ngrams.keys" in self.arrays:
            scale = self.arrays["prior_scale.weight"] @ x + self.arrays["prior_scale.bias"]
            logits += scale * ngram_log_probs(self.history, self.arrays, self.settings)
        return logits


def ngram_rows(history: list[int], settings: dict[str, Any]) -> list[tuple[str, int]]:
    """Embeddings of the last 2, 3, ... tokens: the table of each length and the row, hashed if there are too many."""
    tokens = history[: settings["ngrams"]]
    cut = tokens.index(settings["end"]) + 1 if settings["end"] in tokens else len(tokens)
    tokens = tokens[:cut] + [0] * (len(tokens) - cut)  # no n-gram reaches over the end of a text
    rows, row, radix, hashed, size = [], tokens[0] - 1, settings["vocab_size"], 0, settings["buckets"]
    for length, token in enumerate(tokens, 1):
        hashed = (hashed ^ token) * 0x5BD1E995 % (1 << 31)
        hashed ^= hashed >> 15
        if length > 1:
            row, radix = row + radix * token, radix * (settings["vocab_size"] + 1)
            rows.append((f"ngram_embeddings.{length}", row if radix <= size else hashed % size))
    return rows


def ngram_log_probs(history: list[int], arrays: dict[str, Array], settings: dict[str, Any]) -> Array:
    """What followed the last tokens in the training text, counted: the longest context that was seen counts most."""
    probs = np.full(settings["vocab_size"], 1 / settings["vocab_size"], np.float32)
    (keys, tokens, all_counts), total_hash = (arrays[f"ngrams.{name}"] for name in ("keys", "tokens", "counts")), 0
    for length in range(settings["prior"] + 1):
        total_hash += history[length - 1] * pow(0x9E3779B97F4A7C15, length - 1, 1 << 64) if length else 0
        key = total_hash % (1 << 64)
        for shift, multiplier in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
            key = (key ^ key >> shift) * multiplier % (1 << 64)
        place = int(np.searchsorted(keys, np.uint64(key := key & settings["key_mask"])))
        if place == len(keys) or keys[place] != key or (length and not history[length - 1]):
            break
        entries = np.arange(arrays["ngrams.offsets"][place], arrays["ngrams.offsets"][place + 1])
        entries += (len(all_counts) - len(tokens)) * bool(length < settings["prior"] and history[length])
        counts = all_counts[entries].astype(np.float32)
        probs *= settings["discount"] * len(counts) / counts.sum()
        probs[tokens[entries % len(tokens)]] += (counts - settings["discount"]) / counts.sum()
    return np.log(np.maximum(probs, 1e-20))


class Tokenizer:
    """Pieces of text by id: characters, or subwords in which a space is written as U+2581, and single bytes."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings, self.bytes = settings, dict(settings["bytes"])  # the byte of each token that is one
        self.byte_ids = {byte: token for token, byte in settings["bytes"]}
        self.ids = {piece: token for token, piece in enumerate(settings["pieces"]) if piece is not None}
        self.scores = {piece: settings["scores"][token] for piece, token in self.ids.items()}

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        if self.settings["tokenizer"] == "char":
            return [self.ids.get(character, self.settings["unknown"]) for character in text]
        symbols = self.settings["symbols"]  # which are never joined with others
        split = re.split(f"({'|'.join(map(re.escape, symbols))})", text.replace(" ", "\u2581"))
        join = self._bpe if self.settings["tokenizer"] == "bpe" else self._unigram
        pieces = [piece for part in split for piece in ([part] if part in symbols else join(part))]
        return [i for p in pieces for i in ([self.ids[p]] if p in self.ids else [self.byte_ids[b] for b in p.encode()])]

    def _bpe(self, text: str) -> list[str]:
        """Byte-pair encoding: join the neighbours that were joined first in training, until none is left."""
        parts = list(text)
        while len(parts) > 1:
            i = max(range(len(parts) - 1), key=lambda i: self.scores.get(parts[i] + parts[i + 1], -np.inf))
            if (pair := parts[i] + parts[i + 1]) not in self.scores:
                break
            parts[i : i + 2] = [pair]
        return parts

    def _unigram(self, text: str) -> list[str]:
        """The most probable pieces, by dynamic programming: the best ones of each beginning of the text."""
        best: list[tuple[float, list[str]]] = [(0.0, [])]
        for end in range(1, len(text) + 1):
            pieces = [text[start:end] for start in range(max(0, end - self.settings["longest"]), end)]
            known = [piece for piece in pieces if piece in self.scores or len(piece) == 1]
            scores = [best[-len(p)][0] + self.scores.get(p, self.settings["unknown_score"]) for p in known]
            i = int(np.argmax(scores))
            best.append((scores[i], [*best[-len(known[i])][1], known[i]]))
        return best[-1][1]

    def decode(self, token: int) -> bytes:
        """Return the UTF-8 bytes of a token; those of a single byte may be a part of a character."""
        piece = (self.settings["pieces"][token] or "").replace("\u2581", " ")
        return bytes([self.bytes[token]]) if token in self.bytes else piece.encode()


def load(file: str = __file__) -> tuple[Model, Tokenizer]:
    """Read the arrays from the comments at the end of a file that begin with `#: `: a numpy archive in base64."""
    lines = Path(file).read_text("utf-8").splitlines()
    archive = np.load(io.BytesIO(base64.b64decode("".join(line[3:] for line in lines if line.startswith("#: ")))))
    arrays = {name: a.astype(np.float32) if a.dtype == np.float16 else a for name, a in archive.items()}
    settings = json.loads(arrays.pop("settings").tobytes())
    arrays.setdefault("output.weight", arrays["embedding.weight"])  # tied
    return Model(settings, arrays), Tokenizer(settings)


def main() -> None:
    if sys.stdout is None:
        sys.exit("standard output is closed")
    parser = argparse.ArgumentParser()
    parser.add_argument("prompt", nargs="?", default="")
    parser.add_argument("--length", type=int, default=500, help="tokens to sample")
    parser.add_argument("--temperature", type=float, default=0.8, help="0: always the most probable token")
    parser.add_argument("--seed", type=int)
    options, (model, tokenizer), decoder = parser.parse_args(), load(), codecs.getincrementaldecoder("utf-8")("replace")
    random, shown = np.random.default_rng(options.seed), {c: ascii(chr(c))[1:-1] for c in UNSAFE if sys.stdout.isatty()}
    for token in [*model.settings["initial"], *tokenizer.encode(options.prompt)]:
        model.step(token)
    print(options.prompt.translate(shown), end="")
    for _ in range(options.length):
        logits = model.logits()
        logits[model.settings["unknown"]] = -np.inf
        token = int(np.argmax(logits + options.temperature * random.gumbel(size=len(logits))))  # Gumbel-max trick
        if token + 1 == model.settings["end"]:
            break
        print(decoder.decode(tokenizer.decode(token)).translate(shown), end="", flush=True)
        model.step(token)
    print(flush=True)


if __name__ == "__main__":
    try:
        main()
    except (OSError, KeyboardInterrupt) as end:  # the reader has left, as `head` does; a full disk; Ctrl+C
        sys.stdout = io.StringIO()  # or what is left would be written again
        sys.exit({BrokenPipeError: 0, KeyboardInterrupt: 130}.get(type(end), str(end)))
