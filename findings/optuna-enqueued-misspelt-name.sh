#!/usr/bin/env bash
# optuna 5.0.0, Python 3.11
#
# Guess: enqueue_trial with a parameter that no trial asks for, such as a misspelt one, ends in an error or a warning, as
#   a value outside of the range does.
# Seen: nothing is said. The trial runs with a value that the sampler has drawn and counts as finished: what should have
#   been measured, such as the settings that were best so far, was not. The name is left in the trial's system attributes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check optuna==5.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import io
import logging
import sys
import warnings

import optuna

log = io.StringIO()
optuna.logging.disable_default_handler()
optuna.logging.get_logger("optuna").addHandler(logging.StreamHandler(log))
optuna.logging.set_verbosity(optuna.logging.WARNING)

seen = []
for enqueued in ({"dropout": 0.25}, {"drop_out": 0.25}, {"dropout": 2.5}):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    log.truncate(log.seek(0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        study.enqueue_trial(enqueued)
        study.optimize(lambda trial: trial.suggest_float("dropout", 0, 1), n_trials=1)
    said = len(caught) + len(log.getvalue().splitlines())
    [trial] = study.trials
    print(f"enqueued {enqueued}: {trial.params}, {trial.state.name}, warnings: {said}")
    seen.append((trial.params["dropout"] == 0.25, trial.state.name, said > 0))
sys.exit(seen != [(True, "COMPLETE", False), (False, "COMPLETE", False), (False, "COMPLETE", True)])
PYTHON
