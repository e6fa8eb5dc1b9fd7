"""Starting, stopping and resuming from the tab; one training is real."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_training import FakeLauncher, make_resumable
from textual.widgets import Input, Label
from tiny_runs import make_run
from train_host import NARROW, Host
from waiting import wait_until

from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.run_status import RunStatus
from rnntui.sessions import run_watcher, training_session
from rnntui.sessions import training_process as process_module
from rnntui.sessions.training_form import training_arguments
from rnntui.tui.screens.dialogs import AskScreen
from rnntui.tui.train import tab as tab_module
from rnntui.tui.train.form_screen import TrainingFormScreen


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_watcher, "shipped_runs", list)
    monkeypatch.setattr(tab_module, "POLL_SECONDS", 0.05)


@pytest.fixture
def launcher(tmp_path: Path) -> FakeLauncher:
    return FakeLauncher(tmp_path)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text("to be or not to be, that is the question\n" * 60)
    return path


def fill_in(app: Host, **values: str) -> None:
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
        fill_in(app, corpus="corpus.txt", hidden="8", name="new")
        await pilot.press("enter")
        await wait_until(pilot, lambda: launcher.calls)
        assert launcher.calls == [
            ["train", "--checkpoints", str(folder), "--name=new", "--hidden", "8", "--", "corpus.txt"]
        ]
        await wait_until(pilot, lambda: "starting new …" in app.rows[0])
        assert app.tab.run_list.current_path == str(folder / "old")
        # The run is known by the process in its status, not by its name.
        run = make_run(folder, "corpus")
        said = {"state": "stopped", "process": launcher.processes[0].pid, "updated": 4e9}
        run.status_file.write_text(json.dumps(said))
        await wait_until(pilot, lambda: app.tab.run_list.current_path == str(run.path))
        await wait_until(pilot, lambda: "starting …" in app.rows[app.names.index("corpus")])
        launcher.processes[0].code = 0
        await wait_until(pilot, lambda: not any("starting" in text for text in app.rows))
        assert not app.notices and not launcher.outputs[0].exists()
        # The next one begins from the same settings, under another name.
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
        assert app.screen.values == {"corpus": "corpus.txt", "hidden": "8"}  # type: ignore[attr-defined]


async def test_a_training_that_fails_at_once(tmp_path: Path, launcher: FakeLauncher, corpus: Path) -> None:
    app = Host(tmp_path / "runs", launcher)
    problem = "corpus.txt is too small: 9 tokens for training, where 33 are needed; give more text " * 3
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
        fill_in(app, corpus="corpus.txt", name="mine")
        await pilot.press("enter")
        await wait_until(pilot, lambda: launcher.calls)
        launcher.outputs[0].write_text(f"some warning\nrnntui: {problem}\n")
        launcher.processes[0].code = 1
        await wait_until(pilot, lambda: app.notices)
        assert app.notices == [f"Training did not start: {problem.strip()}"]
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
        assert app.screen.values == {"corpus": "corpus.txt", "name": "mine"}  # type: ignore[attr-defined]
        assert "too small" in str(app.screen.query_one("#problem").render())  # type: ignore[attr-defined]
        await pilot.press("enter")
        await wait_until(pilot, lambda: len(launcher.calls) == 2)


async def test_without_torch_the_form_says_what_to_install_until_it_is_there(
    tmp_path: Path, launcher: FakeLauncher, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Host(tmp_path / "runs", launcher)
    async with app.run_test(size=NARROW) as pilot:
        with monkeypatch.context() as without:
            without.setitem(sys.modules, "torch", None)
            await pilot.press("n")
            await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
            shown = " ".join(app.text("#problem").split())
            assert shown.startswith("training needs torch, not installed here; pip install 'rnntui[train]'")
            fill_in(app, corpus="corpus.txt")
            await pilot.press("enter")
            await wait_until(pilot, lambda: app.notices)
            assert app.notices[0].startswith("Training did not start: training needs torch") and not launcher.calls
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
        assert app.text("#problem").strip() == "" and app.screen.values == {"corpus": "corpus.txt"}  # type: ignore[attr-defined]
        await pilot.press("enter")
        await wait_until(pilot, lambda: launcher.calls)


async def test_leaving_the_form_starts_nothing(tmp_path: Path, launcher: FakeLauncher) -> None:
    app = Host(tmp_path / "runs", launcher)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
        fill_in(app, name="half")
        await pilot.press("escape")
        await wait_until(pilot, lambda: not isinstance(app.screen, TrainingFormScreen))
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
        assert app.screen.values == {"name": "half"}  # type: ignore[attr-defined]
        assert not launcher.calls


# -- resuming ----------------------------------------------------------------------------------------------------------


async def test_resumes_a_stopped_run(tmp_path: Path, launcher: FakeLauncher) -> None:
    make_resumable(tmp_path, "run", "stopped")
    app = Host(tmp_path, launcher)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.names)
        await pilot.press("r")
        await wait_until(pilot, lambda: "resuming …" in app.rows[0])
        assert launcher.calls == [["train", "--resume", "--checkpoints", str(tmp_path), "--name=run"]]
        await pilot.press("r")
        await wait_until(pilot, lambda: any("already in training" in notice for notice in app.notices))


async def test_a_run_that_is_done_needs_a_budget(tmp_path: Path, launcher: FakeLauncher) -> None:
    make_resumable(tmp_path, "run", "done")
    app = Host(tmp_path, launcher)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.names)
        await pilot.press("r")
        await wait_until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("escape", "r")
        await wait_until(pilot, lambda: isinstance(app.screen, AskScreen))
        assert app.screen.query_one(Input).value == "20 steps"
        assert "run is done. New total budget" in str(app.screen.query_one(Label).render())
        # A wrong budget is refused in the dialog; the message goes away when it is mended.
        for answer, problem in (("much", "number of minutes"), ("", "number of minutes"), ("10 steps", "enter more")):
            app.screen.query_one(Input).value = answer
            await pilot.press("enter")
            label = app.screen.query_one(".problem", Label)
            assert problem in str(label.render()) and label.display, answer
            await pilot.press("x")
            assert not str(label.render()), answer
        assert not launcher.calls
        app.screen.query_one(Input).value = "3 epochs"
        await pilot.press("enter")
        await wait_until(pilot, lambda: launcher.calls)
        assert launcher.calls[0][-2:] == ["--epochs", "3"]


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
        snapshot = app.tab.session.snapshot
        await wait_until(pilot, lambda: app.tab.session.snapshot is not snapshot)
        assert "stopping …" in app.rows[0]
        run.write_status(RunStatus("stopped", step=10, steps=20))
        lock.release()
        await wait_until(pilot, lambda: "stopped  50%" in app.rows[0])


# -- one real training -------------------------------------------------------------------------------------------------


@pytest.fixture
def no_training_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ends the real trainings of a test that failed; they do not give way to what else the machine does."""
    monkeypatch.setattr(process_module, "NICENESS", 0)
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
        first.tab.session.form_values = typed
        first.tab._show_launched(first.tab.session.start(training_arguments(typed, folder)))
        await wait_until(pilot, lambda: any("running" in text for text in first.rows))
        assert first.tab.run_list.current_path == str(folder / "real")
        (process,) = first.tab.session.processes
        assert os.getsid(process.pid) == process.pid != os.getsid(0)
    # The app has gone; the training has not.
    run = RunFolder(folder / "real")
    assert process.process.poll() is None and run.is_locked()
    rows = len(read_metrics(run.metrics_file))

    second = Host(folder)
    async with second.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: any(row["step"] for row in read_metrics(run.metrics_file)[rows:]))
        await wait_until(pilot, lambda: any("running" in text for text in second.rows))
        await pilot.press("s")
        await wait_until(pilot, lambda: any("stopped" in text for text in second.rows))
        assert process.process.wait() == 130 and process.problem() == ""
        stopped = run.read_status()
        assert stopped.state == "stopped" and 0 < stopped.step < 1_000_000 and run.resume_file.is_file()
        await pilot.press("r")
        await wait_until(pilot, lambda: any("running" in text for text in second.rows))
        (again,) = second.tab.session.processes
        await wait_until(pilot, lambda: any(row["step"] > stopped.step for row in read_metrics(run.metrics_file)))
        await pilot.press("s")
        await wait_until(pilot, lambda: not second.tab.session.processes)
        assert again.process.returncode == 130
        assert run.read_status().step > stopped.step
        assert not any("did not" in notice or "failed" in notice for notice in second.notices)
