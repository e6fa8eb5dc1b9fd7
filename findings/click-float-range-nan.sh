#!/usr/bin/env bash
# click 8.5.1, Python 3.11
#
# Guess: an option of type FloatRange(0, 1) refuses nan, as it refuses 1.5 and inf, and with clamp=True makes it a bound.
# Seen: nan is taken in both cases, for it is neither below the lower bound nor above the upper one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check click==8.5.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import click


def taken(text, clamp):
    @click.command()
    @click.option("--share", type=click.FloatRange(0, 1, clamp=clamp))
    def command(share):
        return repr(share)

    try:
        return command.main([f"--share={text}"], standalone_mode=False)
    except click.BadParameter:
        return "refused"


print("click", version("click"))
seen = {(text, clamp): taken(text, clamp) for text in ("0.5", "1.5", "inf", "nan") for clamp in (False, True)}
for (text, clamp), value in seen.items():
    print(f"--share={text}, clamp={clamp}: {value}")
values = [*seen.values()]
sys.exit(version("click") != "8.5.1" or values != ["0.5", "0.5", "refused", "1", "refused", "1", "nan", "nan"])
PYTHON
