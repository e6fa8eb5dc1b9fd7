#!/usr/bin/env bash
# huggingface_hub 1.33.0, torch 2.13.0 (CPU build), safetensors 0.8.0, numpy 2.4.6, Python 3.11
#
# Guess: from_pretrained of a model with PyTorchModelHubMixin raises, or warns, if the saved file lacks weights of the model,
#   as torch's load_state_dict and safetensors' load_model do by default, and transformers warns.
# Seen: a model whose layer has since been renamed keeps the random weights of that layer, and nothing is said: no exception,
#   no warning, no line of a log. strict is False unless it is given. Weights of another shape do raise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  huggingface_hub==1.33.0 torch==2.13.0 safetensors==0.8.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder/model" <<'PYTHON'
import contextlib
import io
import logging
import sys
import warnings

import torch
from huggingface_hub import PyTorchModelHubMixin
from safetensors.torch import load_model
from torch import nn

folder = sys.argv[1]


class Model(nn.Module, PyTorchModelHubMixin):
    def __init__(self, name="rnn", hidden=16):
        super().__init__()
        self.add_module(name, nn.LSTM(8, hidden))
        self.output = nn.Linear(hidden, 5)


saved = Model()
saved.save_pretrained(folder)
messages = io.StringIO()
logging.getLogger().addHandler(logging.StreamHandler(messages))
logging.getLogger("huggingface_hub").addHandler(logging.StreamHandler(messages))
with warnings.catch_warnings(record=True) as warned, contextlib.redirect_stderr(messages):
    warnings.simplefilter("always")
    model = Model.from_pretrained(folder, name="lstm")
print(f"the LSTM has the saved weights: {torch.equal(model.lstm.weight_hh_l0, saved.rnn.weight_hh_l0)}")
print(f"the output layer has them: {torch.equal(model.output.weight, saved.output.weight)}")
print(f"messages: {messages.getvalue()!r}, warnings: {[str(warning.message) for warning in warned]}")
same = not torch.equal(model.lstm.weight_hh_l0, saved.rnn.weight_hh_l0)
same &= torch.equal(model.output.weight, saved.output.weight) and not messages.getvalue() and not warned
for name, load in {
    "from_pretrained(strict=True)": lambda: Model.from_pretrained(folder, name="lstm", strict=True),
    "from_pretrained(hidden=32)": lambda: Model.from_pretrained(folder, hidden=32),
    "safetensors load_model": lambda: load_model(Model("lstm"), f"{folder}/model.safetensors"),
}.items():
    try:
        load()
    except RuntimeError as error:
        print(f"{name}: {str(error).splitlines()[0]}")
    else:
        same = False
sys.exit(not same)
PYTHON
