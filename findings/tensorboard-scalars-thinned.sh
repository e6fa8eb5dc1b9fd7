#!/usr/bin/env bash
# tensorboard 2.21.0, Python 3.11
#
# Guess: its own reader, EventAccumulator with its defaults, returns every scalar of an event file, in order.
# Seen: of a tag it keeps 10,000 values, drawn at random, so that of 30,000 steps two thirds are missing, the first step
#   among them; the last is always there. A best or first value that is computed from what it returns may be wrong.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check tensorboard==2.21.0
"$folder/venv/bin/python" - "$folder/log" 2> "$folder/errors" <<'PYTHON' || { cat "$folder/errors"; exit 1; }
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

STEPS = 30_000
writer = EventFileWriter(sys.argv[1])
for step in range(STEPS):
    value = Summary.Value(tag="loss", simple_value=1.0 / (step + 1))
    writer.add_event(Event(step=step, wall_time=float(step), summary=Summary(value=[value])))
writer.close()
reader = EventAccumulator(sys.argv[1])
reader.Reload()
steps = [scalar.step for scalar in reader.Scalars("loss")]
everything = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
everything.Reload()
print(f"{STEPS} scalars written, {len(steps)} read: steps {steps[:4]} ... {steps[-1]}")
print(f"with size_guidance of 0: {len(everything.Scalars('loss'))}")
is_thinned = len(steps) == 10_000 and steps[0] > 0 and steps[-1] == STEPS - 1
sys.exit(not (is_thinned and len(everything.Scalars("loss")) == STEPS))
PYTHON
