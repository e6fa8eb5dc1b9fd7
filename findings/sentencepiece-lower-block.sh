#!/usr/bin/env bash
# sentencepiece 0.2.3, Python 3.11
#
# Guess: a block element such as U+2584 or U+2585, which bar charts in plain text have, is a character like any other;
#   a word beside it is learnt.
# Seen: the trainer leaves out every line that holds U+2585 (its own mark of unknown characters), with nothing but a log
#   line: the letters that occur only beside it get no piece, and are encoded as unknown. U+2584 costs nothing. U+2581,
#   the mark of a space, is read as a space.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check sentencepiece==0.2.3
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

import sentencepiece


def unknown(mark: str) -> bool:
    """Return whether "zebra", in every fifth line and always beside the mark, has tokens that are unknown."""
    model = io.BytesIO()
    lines = [f"zebra {mark}", *["river stone"] * 4] * 300
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(lines), model_writer=model, model_type="bpe", vocab_size=24, minloglevel=2,
        character_coverage=1.0,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return processor.unk_id() in processor.EncodeAsIds("zebra")


seen = {f"U+{ord(mark):04X}": unknown(mark) for mark in "\u2581\u2584\u2585\u2586"}
print(f"sentencepiece {sentencepiece.__version__}: zebra unknown beside {seen}")
sys.exit(seen != {"U+2581": False, "U+2584": False, "U+2585": True, "U+2586": False})
PYTHON
