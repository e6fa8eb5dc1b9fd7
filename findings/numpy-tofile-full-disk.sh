#!/usr/bin/env bash
# numpy 2.4.6, Python 3.11
#
# Guess: ndarray.tofile raises an OSError if the disk is full, as file.write does at the latest when the file is closed.
# Seen: up to 4,095 bytes are lost without an error, neither from tofile nor from closing the file; the position of the
#   file is moved as if they were written, so that what a later call writes follows a gap of zeros. From 4,096 bytes on
#   there is an error, "4096 requested and 0 written", without an errno. /dev/full is the kernel's disk without room.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import resource
import signal
import sys

import numpy


def written(size, by_numpy):
    try:
        with open("/dev/full", "wb") as file:
            array = numpy.ones(size, "u1")
            array.tofile(file) if by_numpy else file.write(array.data)
    except OSError as error:
        return f"{error} (errno {error.errno})"
    return "no error"


seen = {(size, by_numpy): written(size, by_numpy) for size in (1, 4095, 4096) for by_numpy in (True, False)}
for (size, by_numpy), result in seen.items():
    print(f"{size} bytes by {'tofile' if by_numpy else 'write'}: {result}")

# A disk that gets room again: no file can grow beyond 10 bytes, then any can.
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open(f"{sys.argv[1]}/ids", "wb") as file:
    for limit in (10, resource.RLIM_INFINITY):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        numpy.ones(20, "u1").tofile(file)
ids = numpy.fromfile(f"{sys.argv[1]}/ids", "u1")
print(f"40 ones by two calls: {len(ids)} numbers, {int((ids == 0).sum())} of them 0")
lost = seen[1, True] == seen[4095, True] == "no error" and (len(ids), int((ids == 0).sum())) == (40, 10)
told = seen[4096, True] == "4096 requested and 0 written (errno None)" and "No space" in seen[1, False]
sys.exit(not (lost and told))
PYTHON
