"""Two processes that train together: that of a test and a fork; comparison of the runs they leave."""

from __future__ import annotations

import os
import socket

import pytest
from forks import Forks

from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.weights_file import load_arrays
from rnntui.training.process_group import ProcessGroup
from rnntui.training.torchrun import TorchrunEnvironment

_FOLLOW = """
os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="{port}")
from rnntui.training.process_group import ProcessGroup
from rnntui.training.torchrun import TorchrunEnvironment
from rnntui.training.train_run import follow_run
group = ProcessGroup.join(TorchrunEnvironment(1, 2, 1))
for path, stop_after in {runs!r}:
    asked = 0
    def stop():
        global asked
        asked += 1
        return asked == stop_after
    print(follow_run(RunFolder(Path(path)), stop, ProcessGroup(1, 2)), flush=True)
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Pair:
    """This process, of rank 0, and a fork of rank 1."""

    def __init__(self, forks: Forks) -> None:
        self.forks = forks

    def start(self, runs: list[tuple[RunFolder, int]]) -> ProcessGroup:
        """Let the fork follow the training of runs, in each of which it asks for a stop in a step (0: in none)."""
        paths = [(str(run.path), stop_after) for run, stop_after in runs]
        return self.start_code(_FOLLOW, runs=paths)

    def start_code(self, code: str, **values: object) -> ProcessGroup:
        """Let the fork run code with a port and other values filled in."""
        port = free_port()
        self.forks.start(code.format(port=port, **values))
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
        return ProcessGroup.join(TorchrunEnvironment(0, 2, 0))


def assert_close(run: RunFolder, other: RunFolder) -> None:
    """Assert that two runs have the same metrics to 1e-4, and the same state."""
    rows, others = read_metrics(run.metrics_file), read_metrics(other.metrics_file)
    assert [row["step"] for row in rows] == [row["step"] for row in others]
    timed = {"seconds", "tokens_per_second", "threads", "slowdown", "thread_changes"}
    for row, expected in zip(rows, others, strict=True):
        assert row.keys() - timed == expected.keys() - timed
        for key in row.keys() - timed:
            if isinstance(row[key], float):
                assert row[key] == pytest.approx(expected[key], abs=1e-4, rel=1e-3), (row["step"], key)
    arrays, expected_arrays = load_arrays(run.resume_file)[0], load_arrays(other.resume_file)[0]
    assert arrays.keys() == expected_arrays.keys()
    for name in arrays:
        assert arrays[name].shape == expected_arrays[name].shape, name
        tolerance = 1e-3 if name.startswith(("model.", "average.", "task.state")) else 0.05
        if name == "random.cpu":
            assert (arrays[name] == expected_arrays[name]).all()
        assert arrays[name] == pytest.approx(expected_arrays[name], abs=tolerance), name
