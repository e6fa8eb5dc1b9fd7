#!/usr/bin/env bash
# transformers 5.24.0, torch 2.13.0 (CPU build), numpy 2.4.6, Python 3.11
#
# Guess: generate() with left padding and an attention_mask gives each row of a batch the text that it has alone, for models
#   with a recurrent state too, or warns, as RWKV does ("it is unused in this model"). Mamba's state skips the padding.
# Seen: RecurrentGemma's recurrent layers read the padding: only its attention heeds the mask. A prompt beside a longer one
#   gets another text than alone, and no warning. Its weights are random here; GPT-2 and Mamba, beside it, pass.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check transformers==5.24.0 torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io
import logging
import sys

import torch
import transformers

SPECIAL = {"vocab_size": 50, "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0, "tie_word_embeddings": False}
MODELS = {
    "GPT-2": lambda: transformers.GPT2LMHeadModel(
        transformers.GPT2Config(n_embd=32, n_layer=2, n_head=2, **SPECIAL)
    ),
    "Mamba": lambda: transformers.MambaForCausalLM(
        transformers.MambaConfig(hidden_size=32, num_hidden_layers=2, state_size=4, **SPECIAL)
    ),
    "RecurrentGemma": lambda: transformers.RecurrentGemmaForCausalLM(
        transformers.RecurrentGemmaConfig(
            hidden_size=32, num_hidden_layers=3, num_attention_heads=2, num_key_value_heads=1, intermediate_size=64,
            lru_width=32, attention_window_size=32, **SPECIAL,
        )
    ),
}  # fmt: skip
log = io.StringIO()
transformers.logging.get_logger("transformers").addHandler(logging.StreamHandler(log))


def continuation(model, prompts, mask):
    """Return the tokens after the first prompt."""
    settings = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    tokens = model.generate(torch.tensor(prompts), attention_mask=torch.tensor(mask), **settings)
    return tokens[0, len(prompts[0]) :].tolist()


same = True
for name, build in MODELS.items():
    torch.manual_seed(0)
    model = build().eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.3)  # so that each token depends on those before it
    log.truncate(log.seek(0))
    alone = continuation(model, [[5, 6, 7]], [[1] * 3])
    padded = continuation(model, [[0, 0, 0, 0, 5, 6, 7], [9, 8, 7, 6, 5, 4, 3]], [[0, 0, 0, 0, 1, 1, 1], [1] * 7])
    about_mask = [line for line in log.getvalue().splitlines() if "mask" in line or "padding" in line]
    print(f"{name}: alone {alone}, in a batch {padded}, warnings {about_mask}")
    same &= (alone == padded) == (name != "RecurrentGemma") and not about_mask
sys.exit(not same)
PYTHON
