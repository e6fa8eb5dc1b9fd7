"""No text, prompt or preference of the app is lost where the disk fails or the process dies, at any place.

benchmarks/faults.py app tries every fault at every place.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import app_faults
import pytest


@pytest.mark.timeout(600)  # many processes, on a machine that may be busy
@pytest.mark.skipif(sys.platform != "linux", reason="/proc, forks")
def test_nothing_that_the_app_writes_is_lost_by_a_fault(tmp_path: Path) -> None:
    arguments = [sys.executable, app_faults.__file__, str(tmp_path / "root"), "8"]
    process = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    results = [json.loads(line) for line in process.stdout.splitlines()]
    assert [result for result in results if result["problem"]] == []
    assert {result["kind"] for result in results} == set(app_faults.WORKS)
    outcomes = [result["outcome"] for result in results]
    assert outcomes.count("killed") > 25 and outcomes.count("failed") > 60
