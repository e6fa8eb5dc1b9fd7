#!/usr/bin/env bash
# sentencepiece 0.2.3 and 0.2.1, Python 3.11
#
# Guess: after set_random_generator_seed(7), a model trained on a random sample of the lines (input_sentence_size) is
#   the same in each process, as it is without a sample.
# Seen: 0.2.1 gives one model in all processes. 0.2.3 gives another in each; the seed has no effect on the sample.
#   Without a sample, both versions give one model.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/train.py" <<'PYTHON'
import hashlib
import io
import random
import sys

import sentencepiece

draw = random.Random(1)
words = ["".join(draw.choices("abcdefghijklmnop", k=draw.randint(2, 7))) for _ in range(600)]
lines = [" ".join(draw.choices(words, k=8)) for _ in range(3000)]
sentencepiece.set_random_generator_seed(7)
model = io.BytesIO()
sentencepiece.SentencePieceTrainer.Train(
    sentence_iterator=iter(lines), model_writer=model, model_type="bpe", vocab_size=300, minloglevel=2,
    input_sentence_size=int(sys.argv[1]), shuffle_input_sentence=True,
)
print(hashlib.sha256(model.getvalue()).hexdigest()[:16])
PYTHON
# Number of different models from four processes, trained on a sample of so many lines; 0: on all lines
models() {
    for _ in 1 2 3 4; do "$folder/$1/bin/python" "$folder/train.py" "$2"; done | sort -u | wc -l
}
python3 -m venv "$folder/0.2.1"
python3 -m venv "$folder/0.2.3"
"$folder/0.2.1/bin/pip" install -q --disable-pip-version-check sentencepiece==0.2.1
"$folder/0.2.3/bin/pip" install -q --disable-pip-version-check sentencepiece==0.2.3
for version in 0.2.1 0.2.3; do
    sample=$(models $version 500) whole=$(models $version 0)
    echo "sentencepiece $version: different models of 4 processes: $sample with a sample, $whole without"
    test "$whole" = 1
    if [ $version = 0.2.1 ]; then test "$sample" = 1; else test "$sample" -gt 1; fi
done
