#!/usr/bin/env bash
# plotext 5.3.2, Python 3.11
#
# Guess: on a logarithmic axis a value of zero is left out, or drawn at the lower edge, as matplotlib does; a learning
#   rate begins and ends there, and an accuracy may begin there.
# Seen: one zero in the series and no chart is built: "math domain error", without the name of the axis. NaN, which has no
#   place on either axis, is a gap.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check plotext==5.3.2
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import plotext


def chart(values, scale):
    plotext.clear_figure()
    plotext.plot(values)
    plotext.plotsize(40, 8)
    plotext.yscale(scale)
    try:
        plotext.build()
    except ValueError as error:
        return str(error)
    return "drawn"


warm_up = [0.0, 0.001, 0.002, 0.001, 0.0]
seen = {
    "linear": chart(warm_up, "linear"),
    "log": chart(warm_up, "log"),
    "log, no zero": chart(warm_up[1:-1], "log"),
    "linear, NaN": chart([0.001, float("nan"), 0.001], "linear"),
}
for name, result in seen.items():
    print(f"{name}: {result}")
sys.exit(list(seen.values()) != ["drawn", "math domain error", "drawn", "drawn"])
PYTHON
