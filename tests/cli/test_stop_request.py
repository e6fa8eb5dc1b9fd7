"""Ctrl-C during a training: the first is answered at once, the second ends it, further ones do no harm."""

from __future__ import annotations

import signal
import sys
import time
from importlib.abc import MetaPathFinder
from pathlib import Path

import pytest

from rnntui.__main__ import main
from rnntui.cli.progress import interrupted_lines, make_reporter
from rnntui.cli.stop_request import StopRequest
from rnntui.cli.training_command import train_and_report
from rnntui.training.events import Evaluating, Finished
from tests.tiny_runs import make_run

if sys.platform == "win32":
    pytest.skip("Windows sends no signals", allow_module_level=True)


class FakeReporter:
    """A reporter that records whether it was asked to acknowledge a stop."""

    acknowledged = 0

    def acknowledge_stop(self) -> None:
        self.acknowledged += 1


def test_the_first_is_acknowledged_by_a_thread_and_the_second_aborts() -> None:
    reporter = FakeReporter()
    with StopRequest() as stop, pytest.raises(KeyboardInterrupt):  # nothing is written yet
        signal.raise_signal(signal.SIGINT)
    with StopRequest() as stop:
        stop.begin_training(reporter)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert stop()
        deadline = time.monotonic() + 10
        while not reporter.acknowledged and time.monotonic() < deadline:
            time.sleep(0.01)
        assert reporter.acknowledged == 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # must not interrupt what is printed
        stop.end_training()


@pytest.mark.parametrize("place", ["rnntui.training.train_run.train_run", "rnntui.processors.usable_cpus"])
def test_an_abort_says_what_is_lost_and_how_to_continue(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also one before the first line of the training, while torch is imported."""
    run = make_run(tmp_path, "book")

    def interrupted(*arguments: object) -> Finished:
        raise KeyboardInterrupt

    monkeypatch.setattr(place, interrupted)
    with StopRequest() as stop:
        assert train_and_report(run, stop, None) == 130
    resume = f"rnntui: continue with: rnntui train --resume --name book --checkpoints {tmp_path}"
    assert capsys.readouterr().err.splitlines() == ["rnntui: stopped at once; nothing had been saved yet", resume]
    run.resume_folder.mkdir()
    run.resume_file.touch()
    assert interrupted_lines(run)[0] == "stopped at once; the steps after the last save, at step 10, are lost"


def test_a_pipe_gets_a_line_of_a_long_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with make_reporter(sys.stderr, make_run(tmp_path, "book")) as reporter:
        for seconds, fraction in ((1, 0.1), (11, 0.4), (12, 0.5), (13, 1.0)):
            now[0] = seconds
            reporter.report(Evaluating(20, fraction, is_final=True))
        reporter.acknowledge_stop()
    note = "rnntui: stopping after this evaluation; Ctrl-C again stops at once"
    assert capsys.readouterr().err.splitlines() == ["step 20  final evaluation  40%", note]


class InterruptedImport(MetaPathFinder):
    """Ctrl-C while a module is imported."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "rnntui.cli.main":
            raise KeyboardInterrupt


def test_ctrl_c_while_the_program_is_still_loaded_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "rnntui.cli.main", raising=False)
    monkeypatch.setattr(sys, "meta_path", [InterruptedImport(), *sys.meta_path])
    with pytest.raises(SystemExit, match="130"):
        main()
    assert capsys.readouterr().err == "rnntui: interrupted\n"
