"""Starting, stopping and resuming from the tab; one training is real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from textual.widgets import Input
from tiny_runs import make_run
from train_host import NARROW, FakeLauncher, FakeProcess, Host, make_logged
from waiting import wait_until

from rnntui.errors import RnntuiError, RunError
from rnntui.runs import stopping
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.run_status import RunStatus
from rnntui.runs.stopping import stop_run
from rnntui.sessions import run_watcher, training_session
from rnntui.sessions import training_process as process_module
from rnntui.sessions.training_form import training_arguments
from rnntui.sessions.training_process import Training, launch
from rnntui.tui.screens.dialogs import AskScreen
from rnntui.tui.train import tab as tab_module
from rnntui.tui.train.form_screen import TrainingFormScreen


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_watcher, "shipped_runs", list)
    monkeypatch.setattr(tab_module, "EVERY", 0.05)


@pytest.fixture
def launcher(tmp_path: Path) -> FakeLauncher:
    return FakeLauncher(tmp_path)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text("to be or not to be, that is the question\n" * 60)
    return path


def find_resumable_run(folder: Path, name: str, state: str) -> RunFolder:
    run = make_logged(folder, name)
    run.resume_folder.mkdir()
    run.training_ids.touch()
    run.validation_ids.touch()
    run.write_status(RunStatus.from_json({"state": state, "step": 10, "steps": 10}))
    return run


def typed_in(app: Host, **values: str) -> None:
    assert isinstance(app.screen, TrainingFormScreen)
    for name, value in values.items():
        app.screen._field(name).value = value


# -- starting ----------------------------------------------------------------------------------------------------------


async def test_starts_and_goes_to_the_new_run(tmp_path: Path, launcher: FakeLauncher, corpus: Path) -> None:
    folder = tmp_path / "runs"
    make_run(folder, "old")
    app = Host(folder, launcher)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.names == ["old"])
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
        typed_in(app, corpus="corpus.txt", hidden="8", name="new")
        await pilot.press("enter")
        await wait_until(pilot, lambda: launcher.calls)
        assert launcher.calls == [
            ["train", "--checkpoints", str(folder), "--name=new", "--hidden", "8", "--", "corpus.txt"]
        ]
        await wait_until(pilot, lambda: "starting new …" in app.rows[0])
        assert app.tab.runs.current_path == str(folder / "old")
        # The run is known by the process in its status, not by its name.
        run = make_run(folder, "corpus")
        said = {"state": "stopped", "process": launcher.processes[0].pid, "updated": 4e9}
        run.status_file.write_text(json.dumps(said))
        await wait_until(pilot, lambda: app.tab.runs.current_path == str(run.path))
        await wait_until(pilot, lambda: "starting …" in app.rows[app.names.index("corpus")])
        launcher.processes[0].code = 0
        await wait_until(pilot, lambda: not any("starting" in text for text in app.rows))
        assert not app.notices and not launcher.outputs[0].exists()
        # The next one begins from the same settings, under another name.
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
        assert app.screen.typed == {"corpus": "corpus.txt", "hidden": "8"}  # type: ignore[attr-defined]


async def test_a_training_that_fails_at_once(tmp_path: Path, launcher: FakeLauncher, corpus: Path) -> None:
    app = Host(tmp_path / "runs", launcher)
    problem = "corpus.txt is too small: 9 tokens for training, where 33 are needed; give more text " * 3
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
        typed_in(app, corpus="corpus.txt", name="mine")
        await pilot.press("enter")
        await wait_until(pilot, lambda: launcher.calls)
        launcher.outputs[0].write_text(f"some warning\nrnntui: {problem}\n")
        launcher.processes[0].code = 1
        await wait_until(pilot, lambda: app.notices)
        assert app.notices == [f"Training did not start: {problem.strip()}"]
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
        assert app.screen.typed == {"corpus": "corpus.txt", "name": "mine"}  # type: ignore[attr-defined]
        assert "too small" in str(app.screen.query_one("#problem").render())  # type: ignore[attr-defined]
        await pilot.press("enter")
        await wait_until(pilot, lambda: len(launcher.calls) == 2)


async def test_leaving_the_form_starts_nothing(tmp_path: Path, launcher: FakeLauncher) -> None:
    app = Host(tmp_path / "runs", launcher)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
        typed_in(app, name="half")
        await pilot.press("escape")
        await wait_until(pilot, lambda: not isinstance(app.screen, TrainingFormScreen))
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
        assert app.screen.typed == {"name": "half"}  # type: ignore[attr-defined]
        assert not launcher.calls


async def test_no_process_can_be_started(tmp_path: Path) -> None:
    def refuses(*_: object) -> Training:
        raise RnntuiError("cannot start a training process: no memory")

    find_resumable_run(tmp_path, "run", "stopped")
    app = Host(tmp_path, cast(Any, refuses))
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.names)
        await pilot.press("r")
        await wait_until(pilot, lambda: any("no memory" in notice for notice in app.notices))


# -- resuming ----------------------------------------------------------------------------------------------------------


async def test_resumes_a_stopped_run(tmp_path: Path, launcher: FakeLauncher) -> None:
    run = find_resumable_run(tmp_path, "run", "stopped")
    app = Host(tmp_path, launcher)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.names)
        await pilot.press("r")
        await wait_until(pilot, lambda: "resuming …" in app.rows[0])
        assert launcher.calls == [["train", "--resume", "--checkpoints", str(tmp_path), "--name=run"]]
        await pilot.press("r")
        await wait_until(pilot, lambda: any("being trained already" in notice for notice in app.notices))
        with run.lock():
            run.write_status(RunStatus("running", step=10, steps=200))
            await wait_until(pilot, lambda: "running  50%" in app.rows[0])
            run.write_status(RunStatus("failed", step=10, steps=200, message="the loss diverged"))
            status = run.status_file.read_text().replace(str(os.getpid()), str(launcher.processes[0].pid))
            run.status_file.write_text(status)
            launcher.outputs[0].write_text("rnntui: the loss diverged\n")
            launcher.processes[0].code = 1
            await wait_until(pilot, lambda: not app.tab.session.jobs.trainings)
        # Told once, though both the run and its process say it.
        await wait_until(pilot, lambda: any("diverged" in notice for notice in app.notices))
        assert [notice for notice in app.notices if "diverged" in notice] == ["Training failed: run: the loss diverged"]


async def test_a_resumed_process_that_breaks_off_is_told(tmp_path: Path, launcher: FakeLauncher) -> None:
    find_resumable_run(tmp_path, "run", "stopped")
    app = Host(tmp_path, launcher)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.names)
        await pilot.press("r")
        await wait_until(pilot, lambda: launcher.calls)
        launcher.processes[0].code = -9
        await wait_until(pilot, lambda: app.notices)
        (notice,) = app.notices
        assert notice.startswith("Training has ended") and "signal 9" in notice and str(launcher.outputs[0]) in notice


async def test_a_run_that_is_done_needs_a_budget(tmp_path: Path, launcher: FakeLauncher) -> None:
    find_resumable_run(tmp_path, "run", "done")
    app = Host(tmp_path, launcher)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.names)
        for answer, key in (("never", "escape"), ("much", "enter")):
            await pilot.press("r")
            await wait_until(pilot, lambda: isinstance(app.screen, AskScreen))
            assert app.screen.query_one(Input).value == "20 steps"
            app.screen.query_one(Input).value = answer
            await pilot.press(key)
        # What was wrong is told, and what was typed is there still.
        await wait_until(
            pilot, lambda: isinstance(app.screen, AskScreen) and app.screen.query_one(Input).value == "much"
        )
        assert not launcher.calls
        app.screen.query_one(Input).value = "3 epochs"
        await pilot.press("enter")
        await wait_until(pilot, lambda: launcher.calls)
        assert launcher.calls[0][-2:] == ["--epochs", "3"]


async def test_a_run_without_its_text_cannot_be_resumed(tmp_path: Path, launcher: FakeLauncher) -> None:
    make_run(tmp_path, "run")
    app = Host(tmp_path, launcher)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.names)
        await pilot.press("r")
        await wait_until(pilot, lambda: any("cannot be resumed" in notice for notice in app.notices))
        assert not launcher.calls


# -- stopping ----------------------------------------------------------------------------------------------------------


async def test_stopping_is_shown_until_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[str] = []
    monkeypatch.setattr(training_session, "stop_run", lambda run: stopped.append(run.name))
    run = make_run(tmp_path, "run")
    lock = run.lock()
    run.write_status(RunStatus("running", step=10, steps=20))
    app = Host(tmp_path)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: "running" in app.rows[0] if app.rows else False)
        await pilot.press("s", "s")
        assert stopped == ["run"] and "stopping …" in app.rows[0]
        looks = app.tab.session.snapshot
        await wait_until(pilot, lambda: app.tab.session.snapshot is not looks)
        assert "stopping …" in app.rows[0]
        run.write_status(RunStatus("stopped", step=10, steps=20))
        lock.release()
        await wait_until(pilot, lambda: "stopped  50%" in app.rows[0])


async def test_what_is_not_running_cannot_be_stopped(tmp_path: Path) -> None:
    make_run(tmp_path, "run")
    app = Host(tmp_path)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.names)
        await pilot.press("s")
        await wait_until(pilot, lambda: any("nothing to stop" in notice for notice in app.notices))


class TestControl:
    """`stop_run` sends its signal to the training of that run, and to nothing else."""

    @pytest.fixture
    def sent(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        monkeypatch.setattr(stopping.os, "kill", lambda process, number: found.append((process, number)))
        return found

    @pytest.fixture
    def run(self, tmp_path: Path) -> RunFolder:
        run = make_run(tmp_path, "run")
        run.write_status(RunStatus("running"))  # by this process
        return run

    def test_stops_the_process_that_has_the_lock(self, run: RunFolder, sent: list[tuple[int, int]]) -> None:
        with run.lock():
            assert stop_run(run) == os.getpid()
        assert sent == [(os.getpid(), signal.SIGTERM)]

    def test_not_a_run_that_is_not_trained(self, run: RunFolder, sent: list[tuple[int, int]]) -> None:
        with pytest.raises(RunError, match="not being trained"):
            stop_run(run)
        assert not sent

    def test_not_another_process_that_took_the_number(self, run: RunFolder, sent: list[tuple[int, int]]) -> None:
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
            run.status_file.write_text(run.status_file.read_text().replace(str(os.getpid()), str(other.pid)))
            with run.lock(), pytest.raises(RunError, match="just starting"):
                stop_run(run)
            other.communicate(b"\n")
        assert not sent

    @pytest.mark.parametrize("number", [-1, 0, 1, 2**30])
    def test_not_a_number_that_is_no_process(self, run: RunFolder, sent: list[tuple[int, int]], number: int) -> None:
        run.status_file.write_text(run.status_file.read_text().replace(str(os.getpid()), str(number)))
        with run.lock(), pytest.raises(RunError, match="just starting"):
            stop_run(run)
        assert not sent

    def test_not_while_it_says_that_it_is_done(self, run: RunFolder, sent: list[tuple[int, int]]) -> None:
        run.write_status(RunStatus("done"))
        with run.lock(), pytest.raises(RunError, match="just starting"):
            stop_run(run)
        assert not sent

    @pytest.mark.parametrize(
        ("error", "message"), [(ProcessLookupError, "just ended"), (PermissionError, "another user")]
    )
    def test_the_system_refuses(
        self, run: RunFolder, monkeypatch: pytest.MonkeyPatch, error: type[OSError], message: str
    ) -> None:
        def refuse(process: int, number: int) -> None:
            raise error

        monkeypatch.setattr(stopping.os, "kill", refuse)
        with run.lock(), pytest.raises(RunError, match=message):
            stop_run(run)

    def test_not_where_a_signal_would_not_save(self, run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stopping, "_SIGNAL_SAVES", False)
        with run.lock(), pytest.raises(RunError, match="Ctrl-C"):
            stop_run(run)

    @pytest.mark.parametrize(
        ("said", "ours"),
        [("python -m rnntui train a.txt", True), ("/usr/bin/rnntui train --resume", True), ("vim train", False),
         ("rnntui sample", False), ("", False)],
    )  # fmt: skip
    def test_without_proc_its_command_tells(
        self, run: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, ours: bool
    ) -> None:
        monkeypatch.setattr(stopping, "_PROCESSES", tmp_path / "no-proc")
        done = subprocess.CompletedProcess[str]([], 0, said, "")
        monkeypatch.setattr(stopping.subprocess, "run", lambda *_, **__: done)
        assert stopping._holds(os.getpid(), run.lock_file) is ours

    def test_without_proc_and_ps_nothing_is_sure(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        def absent(*_: object, **__: object) -> None:
            raise FileNotFoundError("ps")

        monkeypatch.setattr(stopping, "_PROCESSES", tmp_path / "no-proc")
        monkeypatch.setattr(stopping.subprocess, "run", absent)
        assert not stopping._holds(os.getpid(), tmp_path)


# -- processes ---------------------------------------------------------------------------------------------------------


def ended(code: int, said: str, tmp_path: Path) -> Training:
    output = tmp_path / "output"
    output.write_text(said)
    fake = FakeProcess(1)
    fake.code = code
    return Training("starting", "x", output, cast(Any, fake))


@pytest.mark.parametrize(
    ("code", "said", "problem"),
    [(0, "done", ""), (130, "rnntui: interrupted", ""), (2, "note\nrnntui: no such file\n", "no such file"),
     (1, "Segmentation", "ended with exit code 1"), (-11, "", "ended by signal 11")],
)  # fmt: skip
def test_what_a_process_says_at_its_end(tmp_path: Path, code: int, said: str, problem: str) -> None:
    training = ended(code, said, tmp_path)
    told = training.problem()
    assert problem in told and bool(told) == bool(problem)
    # What is not told in the notice can be read.
    assert training.output.exists() == (str(training.output) in told)


def test_output_that_is_gone(tmp_path: Path) -> None:
    training = ended(1, "", tmp_path)
    training.output.unlink()
    assert "exit code 1" in training.problem()


@pytest.mark.parametrize("missing", ["python", "room"])
def test_nothing_to_start_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone" if missing == "room" else tmp_path))
    monkeypatch.setattr(process_module.sys, "executable", "/nowhere/python")
    with pytest.raises(RnntuiError, match="output" if missing == "room" else "cannot start"):
        launch(["train"], "starting", "x")
    assert not list(tmp_path.iterdir())


# -- one real training -------------------------------------------------------------------------------------------------


@pytest.fixture
def no_training_left() -> Iterator[None]:
    """Ends the real trainings of a test that failed."""
    yield
    for process in process_module._running:
        process.kill()
        process.wait()
    process_module._running.clear()


@pytest.mark.usefixtures("no_training_left")
async def test_a_real_training_outlives_the_app_is_stopped_and_goes_on(tmp_path: Path, corpus: Path) -> None:
    folder = tmp_path / "runs"
    typed = {"corpus": "corpus.txt", "name": "real", "steps": "1000000", "hidden": "8", "embedding": "4",
             "batch_size": "2", "bptt": "8", "eval_tokens": "256", "patience": "0", "evaluations": "2"}  # fmt: skip
    first = Host(folder)
    async with first.run_test(size=NARROW) as pilot:
        first.tab.session.typed = typed
        first.tab._began(first.tab.session.start(training_arguments(typed, folder)))
        await wait_until(pilot, lambda: any("running" in text for text in first.rows))
        assert first.tab.runs.current_path == str(folder / "real")
        (training,) = first.tab.session.jobs.trainings
        assert os.getsid(training.number) == training.number != os.getsid(0)
    # The app has gone; the training has not.
    run = RunFolder(folder / "real")
    assert training.process.poll() is None and run.is_locked()
    rows = len(read_metrics(run.metrics_file))

    second = Host(folder)
    async with second.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: len(read_metrics(run.metrics_file)) > rows)
        await wait_until(pilot, lambda: any("running" in text for text in second.rows))
        await pilot.press("s")
        await wait_until(pilot, lambda: any("stopped" in text for text in second.rows))
        assert training.process.wait() == 130 and training.problem() == ""
        stopped = run.read_status()
        assert stopped.state == "stopped" and 0 < stopped.step < 1_000_000 and run.resume_file.is_file()
        await pilot.press("r")
        await wait_until(pilot, lambda: any("running" in text for text in second.rows))
        (again,) = second.tab.session.jobs.trainings
        await wait_until(pilot, lambda: (run.read_status().step, run.read_status().state) > (stopped.step, ""))
        await pilot.press("s")
        await wait_until(pilot, lambda: not second.tab.session.jobs.trainings)
        assert again.process.returncode == 130
        assert run.read_status().step > stopped.step
        assert not any("did not" in notice or "failed" in notice for notice in second.notices)
