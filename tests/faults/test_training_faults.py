"""No work is lost where the disk fails or the process dies, at places from all over a training.

benchmarks/faults.py tries all places.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import disk_faults
import pytest

TRIALS = 9  # of each kind


@pytest.mark.timeout(600)  # many processes, on a machine that may be busy
@pytest.mark.skipif(sys.platform != "linux", reason="/proc, forks")
@pytest.mark.parametrize("kind", disk_faults.KINDS)
def test_nothing_is_lost_by_a_fault(tmp_path: Path, kind: str) -> None:
    arguments = [sys.executable, disk_faults.__file__, kind, str(TRIALS), str(tmp_path)]
    process = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    results = [json.loads(line) for line in process.stdout.splitlines()]
    assert [result for result in results if result["problem"]] == []
    outcomes = [result["outcome"] for result in results]
    assert len(outcomes) == TRIALS
    assert outcomes.count("killed") >= 3 and outcomes.count("failed") >= 3, outcomes
