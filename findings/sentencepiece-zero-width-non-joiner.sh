#!/usr/bin/env bash
# sentencepiece 0.2.3, Python 3.11
#
# Guess: the default normalization (nmt_nfkc) is NFKC with tidier spaces. The two joiners, U+200C and U+200D, which NFKC
#   leaves alone, stay; Persian needs the first within words.
# Seen: U+200C becomes a space, U+200D stays. A Persian verb, "می‌خواهم", is two words from then on, and decoding does not
#   bring the joiner back. U+200E, U+200F and U+200B become spaces, too: a word with a direction mark in it is divided.
#   The rules "nfkc" and "identity" keep all of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check sentencepiece==0.2.3
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys
import unicodedata

import sentencepiece

WORDS = {
    "\u200c": "می\u200cخواهم",
    "\u200d": "ශ\u0dca\u200dර\u0dd3",
    "\u200b": "ab\u200bc",
    "\u200e": "ab\u200ec",
    "\u200f": "אב\u200fג",
}
assert all(unicodedata.normalize("NFKC", character) == character for character in WORDS)
results = {}
for rule in ("nmt_nfkc", "nfkc", "identity"):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter([*WORDS.values(), "the cat sat on the mat"] * 100), model_writer=model,
        model_type="bpe", vocab_size=45, hard_vocab_limit=False, minloglevel=2,
        **({} if rule == "nmt_nfkc" else {"normalization_rule_name": rule}),  # nmt_nfkc is the default
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    results[rule] = {}
    for character, word in WORDS.items():
        outcomes = {word: "kept", word.replace(character, " "): "space"}
        results[rule][character] = outcomes.get(processor.decode(processor.encode(word)), "other")
    print(rule, {f"U+{ord(character):04X}": outcome for character, outcome in results[rule].items()})
kept = dict.fromkeys(WORDS, "kept")
same = results["nfkc"] == results["identity"] == kept
sys.exit(not (same and results["nmt_nfkc"] == dict.fromkeys(WORDS, "space") | {"\u200d": "kept"}))
PYTHON
