#!/usr/bin/env bash
# sacrebleu 2.6.0, Python 3.11
#
# Guess: BLEU of translations that equal their references is 100.0, the end of its scale. For lines of one word, which
#   have no sequences of four, the default smoothing (exp) keeps it above zero, or a warning says that they are too short.
# Seen: it is 100.00000000000004, so that "score <= 100" fails. For a hundred perfect lines of one word it is 0.0, as
#   for wrong ones, without a warning: the smoothing does nothing for orders that have no sequence at all. The command
#   line tool prints 0.0 and exits with 0. chrF is 100 for both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check sacrebleu==2.6.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from sacrebleu.metrics import BLEU, CHRF

sentences, words = ["the cat sat on the mat today"] * 10, ["yes"] * 100
bleu = {name: BLEU().corpus_score(lines, [lines]).score for name, lines in (("sentences", sentences), ("words", words))}
chrf = CHRF().corpus_score(words, [words]).score
print(f"BLEU of perfect translations: {bleu}; chrF of the words: {chrf}")
sys.exit(not (100 < bleu["sentences"] < 100.001 and bleu["words"] == 0 and chrf == 100))
PYTHON
for line in $(seq 100); do echo yes; done > "$folder/words.txt"
"$folder/venv/bin/sacrebleu" "$folder/words.txt" -i "$folder/words.txt" -b 2> "$folder/stderr" > "$folder/stdout"
echo "sacrebleu words.txt -i words.txt -b: $(cat "$folder/stdout"); bytes on stderr: $(wc -c < "$folder/stderr")"
test "$(cat "$folder/stdout")" = 0.0
