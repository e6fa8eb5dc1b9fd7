#!/usr/bin/env bash
# tokenizers 0.23.3, Python 3.11
#
# Guess: a BPE tokenizer that was made without unk_token refuses a character that it does not know, as WordLevel, WordPiece
#   and Unigram do.
# Seen: it drops the character, without a word: "séa" is read as "s" and "a", and a text of another script as nothing at
#   all. A model gives every such text the answer that it gives to an empty one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check tokenizers==0.23.3
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

corpus = ["the old man and the sea went on and on until the sea was old"] * 5
EXPECTED = {
    "BPE": (["the", "s", "a"], []),  # guess: refused, as by the others
    "WordLevel": "refused",
    "WordPiece": "refused",
    "Unigram": "refused",
}
same = True
for name, expected in EXPECTED.items():
    tokenizer = Tokenizer(getattr(models, name)())
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = getattr(trainers, f"{name.replace('BPE', 'Bpe')}Trainer")(vocab_size=40, show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    try:
        seen = tuple(tokenizer.encode(text).tokens for text in ("the séa", "море"))
    except Exception as error:
        seen = "refused"
        print(f"{name}: {error}")
    print(f"{name}: 'the séa' and 'море' are {seen}")
    same &= seen == expected
sys.exit(not same)
PYTHON
