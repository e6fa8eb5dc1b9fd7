#!/usr/bin/env bash
# nltk 3.10.4, torchmetrics 1.9.0 with torch 2.13.0 (CPU build), sacrebleu 2.6.0, numpy 2.4.6, Python 3.11
#
# Guess: chrF of a text that equals its reference is 100%, however short it is.
# Seen: it is a sixth for each character up to six: 17% of one, 33% of "no", 67% of a sentence of four Chinese characters.
#   The n-grams that the text is too short for count as 0 and are averaged in; the score of a perfect model depends on
#   how long its lines are. Both libraries do so, with sentence_chrf and with CHRFScore. sacrebleu leaves these n-grams out:
#   100%.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    nltk==3.10.4 torchmetrics==1.9.0 torch==2.13.0 sacrebleu==2.6.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import sacrebleu
from nltk.translate.chrf_score import sentence_chrf
from torchmetrics.text import CHRFScore

same = True
for text in ("a", "no", "我喜欢猫", "thanks"):
    scores = {
        "nltk": 100 * sentence_chrf(text, text),
        "torchmetrics": 100 * CHRFScore(n_word_order=0)([text], [[text]]).item(),
        "sacrebleu": sacrebleu.sentence_chrf(text, [text]).score,
    }
    print(f"{text}, translated as {text}:", ", ".join(f"{name} {score:.1f}" for name, score in scores.items()))
    expected = {"nltk": len(text) / 6 * 100, "torchmetrics": len(text) / 6 * 100, "sacrebleu": 100}
    same &= all(abs(scores[name] - expected[name]) < 0.001 for name in scores)
sys.exit(not same)
PYTHON
