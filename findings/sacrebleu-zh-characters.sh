#!/usr/bin/env bash
# sacrebleu 2.6.0, Python 3.11
#
# Guess: the tokenizer "zh" sets off every Chinese character, those beyond U+FFFF too, which its list of ranges names
#   (U+20000 to U+2A6D6), and leaves words of other scripts as "13a" does.
# Seen: a row of characters beyond U+FFFF is one token. The list writes them as "\u20000", which Python reads as the two
#   characters U+2000 and "0"; the range therefore begins with the typographic dashes and quotes. "don’t" is three
#   tokens, a dash and each of “ ” is one; 13a has none of them. The same English lines thus have another BLEU.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check sacrebleu==2.6.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from sacrebleu.metrics import BLEU
from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh

CASES = {
    "我你好": "我 你 好",
    "我𠮷𠮷好": "我 𠮷𠮷 好",  # guess: 我 𠮷 𠮷 好
    "I don't know": "I don't know",
    "I don’t know": "I don ’ t know",  # guess: the same as with the ASCII apostrophe
    "he said—“no”": "he said — “ no ”",
}
tokenize = TokenizerZh()
same = True
for text, expected in CASES.items():
    print(f"{text} -> {tokenize(text)}")
    same = same and tokenize(text) == expected
english, reference = ["I don’t know what he’s saying today."], ["We don’t know what he’s saying today."]
scores = {name: BLEU(tokenize=name).corpus_score(english, [reference]).score for name in ("13a", "zh")}
print({name: round(score, 1) for name, score in scores.items()})
sys.exit(not (same and scores["zh"] > scores["13a"] + 1))
PYTHON
