#!/usr/bin/env bash
# tokenizers 0.23.3, Python 3.11
#
# Guess: a tokenizer that is trained again on the same text with the same settings has the same vocabulary.
# Seen: for BPE it has. A WordPiece vocabulary is another one in every process, in its tokens and not only in their ids: of
#   300 tokens some dozens differ between four trainings on one small text. It has no seed, and one thread does not help.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check tokenizers==0.23.3
cat > "$folder/train.py" <<'PYTHON'
import json
import random

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

generator = random.Random(1)
words = ["".join(generator.choice("aeioubdglmnrst") for _ in range(generator.randint(2, 9))) for _ in range(400)]
text = [" ".join(generator.choice(words) for _ in range(20)) for _ in range(200)]
vocabularies = []
for model, trainer in ((models.BPE, trainers.BpeTrainer), (models.WordPiece, trainers.WordPieceTrainer)):
    tokenizer = Tokenizer(model())
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(text, trainer(vocab_size=300, show_progress=False))
    vocabularies.append(sorted(tokenizer.get_vocab()))
print(json.dumps(vocabularies))
PYTHON
for _ in 1 2 3 4; do
    RAYON_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false "$folder/venv/bin/python" "$folder/train.py"
done > "$folder/vocabularies.jsonl"
python3 - "$folder/vocabularies.jsonl" <<'PYTHON'
import json
import sys

trainings = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
differing = []
for name, vocabularies in zip(("BPE", "WordPiece"), zip(*trainings)):
    sets = [set(vocabulary) for vocabulary in vocabularies]
    differing.append(len(set.union(*sets) - set.intersection(*sets)))
    print(f"{name}: {differing[-1]} tokens are not in all four vocabularies")
sys.exit(not (differing[0] == 0 < differing[1]))
PYTHON
