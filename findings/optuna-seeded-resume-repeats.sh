#!/usr/bin/env bash
# optuna 5.0.0, Python 3.11
#
# Guess: a study that is continued from its storage, with a sampler of the same seed, goes on with new trials: what one
#   call of ten trials would have tried.
# Seen: the sampler begins its random sequence anew. While it still samples at random (the first ten trials), the trials
#   after a restart are those before it again, value by value, with nothing that says so: a search that is interrupted
#   after five trials spends the next five on the same settings.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check optuna==5.0.0
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

optuna.logging.set_verbosity(optuna.logging.ERROR)


def search(path, trials):
    """Run so many trials of the study in a file, as a fresh process would, and return all values tried so far."""
    study = optuna.create_study(
        study_name="s",
        storage=JournalStorage(JournalFileBackend(path)),
        sampler=optuna.samplers.TPESampler(seed=1),
        load_if_exists=True,
    )
    study.optimize(lambda trial: (trial.suggest_float("x", 0.0, 1.0) - 0.3) ** 2, n_trials=trials)
    return [round(trial.params["x"], 4) for trial in study.trials]


whole = search(f"{sys.argv[1]}/whole", 10)
search(f"{sys.argv[1]}/halves", 5)
halves = search(f"{sys.argv[1]}/halves", 5)
print("ten at once:      ", whole)
print("five, then five:  ", halves)
sys.exit(not (halves[5:] == halves[:5] == whole[:5] and len(set(whole)) == 10))
PYTHON
