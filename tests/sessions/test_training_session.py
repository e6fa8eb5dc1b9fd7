"""The controller of the Train tab: jobs, notices, overlays, checks before resuming, the tab of a run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fake_training import FakeLauncher, make_logged, make_resumable, row
from tiny_runs import TINY, make_run

from rnntui.errors import RnntuiError, UsageError
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.runs import lookup
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_status import RunStatus
from rnntui.sessions import run_watcher, training_session
from rnntui.sessions.charted_runs import ChartedRun, loss_note
from rnntui.sessions.overlaid_runs import MAX_OVERLAYS
from rnntui.sessions.run_facts import run_facts
from rnntui.sessions.run_watcher import RunsSnapshot, RunWatcher, WatchedRun
from rnntui.sessions.training_process import TrainingProcess
from rnntui.sessions.training_session import Notice, TrainingSession


class User:
    """A session on a folder of runs, polled by hand."""

    def __init__(self, folder: Path) -> None:
        self.launcher = FakeLauncher(folder.parent)
        self.session = TrainingSession(folder, self.launcher)
        self.notices: list[Notice] = []

    def poll(self, current: str | None = None) -> list[TrainingProcess]:
        """Poll; return the processes whose run has appeared."""
        result = asyncio.run(self.session.poll(current))
        self.notices += result.notices
        return result.appeared

    def charted(self, name: str) -> list[ChartedRun]:
        """Return the runs in the charts while a run is highlighted."""
        with self.session.dashboard_data(self.run(name)) as data:
            return data.runs

    def run(self, name: str) -> WatchedRun:
        return next(run for run in self.session.snapshot.runs if run.name == name)

    @property
    def messages(self) -> list[str]:
        return [f"{notice.title}: {notice.text}" for notice in self.notices]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def user(folder: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setattr(run_watcher, "shipped_runs", list)
    return User(folder)


def set_process(run: RunFolder, pid: int) -> None:
    """Make the status of a run name another process than this one."""
    run.write_stamped_status(replace(run.read_status(), process=pid))


# -- starting ----------------------------------------------------------------------------------------------------------


def test_a_process_without_a_run_is_listed_until_its_run_appears(user: User, folder: Path) -> None:
    user.session.form_values = {"corpus": "corpus.txt", "name": "new"}
    assert user.session.start(["train"]) is None
    assert user.launcher.calls == [["train"]]
    assert user.poll() == [] and user.session.listing(None).notes == ["starting new …"]
    user.launcher.outputs[0].write_text("rnntui: row 2 is skipped\nstep 1\nrnntui: row 9 is skipped\n")
    # The run is recognized by the process in its status, not by its name.
    run = make_run(folder, "corpus")
    run.write_config(replace(run.read_config(), created=time.time()))
    run.status_file.unlink(missing_ok=True)
    # Until there is one, a run that has just been created is not a stopped one.
    assert user.poll() == [] and user.session.listing(None).notes == []
    assert user.session.activities == {str(run.path): "starting …"}
    run.write_status(RunStatus("stopped"))
    set_process(run, user.launcher.processes[0].pid)
    (process,) = user.poll()
    assert process.path == str(run.path)
    assert user.session.listing(None).notes == [] and user.session.activities == {str(run.path): "starting …"}
    assert user.messages == ["Training new: row 2 is skipped", "Training new: row 9 is skipped"]
    # The next run needs another name.
    assert user.session.form_values == {"corpus": "corpus.txt"}
    user.launcher.processes[0].code = 0
    assert user.poll() == [] and user.session.activities == {} and len(user.notices) == 2


def test_a_run_of_an_older_process_with_the_same_id_is_not_matched(user: User, folder: Path) -> None:
    run = make_run(folder, "old")
    user.session.start(["train"])
    set_process(run, user.launcher.processes[0].pid)
    user.session.processes[0].started += 3600
    assert user.poll() == [] and user.session.processes[0].path is None


def test_a_training_that_fails_before_it_has_a_run(user: User) -> None:
    user.session.form_values = {"corpus": "corpus.txt", "name": "mine"}
    user.session.start(["train"])
    user.launcher.outputs[0].write_text("some warning\nrnntui: corpus.txt is too small\n")
    user.launcher.processes[0].code = 1
    user.poll()
    assert user.messages == ["Training did not start: corpus.txt is too small"]
    assert user.session.form_problem == "corpus.txt is too small" and user.session.form_values["name"] == "mine"
    user.session.start(["train"])
    assert user.session.form_problem == ""


def test_a_process_that_cannot_be_started(folder: Path) -> None:
    def refuse(arguments: Sequence[str], activity: str, name: str, path: str | None) -> TrainingProcess:
        raise RnntuiError("cannot start a training process: no memory")

    session = TrainingSession(folder, refuse)
    assert session.start(["train"]) == Notice(
        "cannot start a training process: no memory", "Training did not start", "error"
    )
    assert session.processes == []


# -- resuming ----------------------------------------------------------------------------------------------------------


def test_a_resumed_run_that_fails_is_reported_once(user: User, folder: Path) -> None:
    run = make_resumable(folder, "run", "stopped")
    user.poll()
    assert user.session.check_resumable(user.run("run")) is None
    assert user.session.resume(user.run("run"), ["--steps", "20"]) is None
    assert user.launcher.calls == [["train", "--resume", "--checkpoints", str(folder), "--name=run", "--steps", "20"]]
    assert user.session.activities == {str(run.path): "resuming …"}
    refused = user.session.check_resumable(user.run("run"))
    assert refused is not None and "already in training" in refused.text
    with run.lock():
        run.write_status(RunStatus("running", step=10, steps=200))
        user.poll()
        assert user.session.activities == {}
        refused = user.session.check_resumable(user.run("run"))
        assert refused is not None and "already in training" in refused.text
        run.write_status(RunStatus("failed", step=10, steps=200, message="the loss diverged"))
        set_process(run, user.launcher.processes[0].pid)
        user.launcher.outputs[0].write_text("rnntui: the loss diverged\n")
        user.launcher.processes[0].code = 1
    user.poll()
    assert user.messages == ["Training failed: run: the loss diverged"] and user.session.processes == []


def test_a_resumed_process_that_is_killed_is_reported(user: User, folder: Path) -> None:
    make_resumable(folder, "run", "stopped")
    user.poll()
    user.session.resume(user.run("run"), [])
    user.launcher.processes[0].code = -9
    user.poll()
    (notice,) = user.notices
    assert notice.title == "Training has ended" and "signal 9" in notice.text
    assert str(user.launcher.outputs[0]) in notice.text
    assert user.session.form_problem == "", "the form did not start it"


def test_a_run_without_its_text_cannot_be_resumed(user: User, folder: Path) -> None:
    make_run(folder, "run")
    user.poll()
    notice = user.session.check_resumable(user.run("run"))
    assert notice is not None and notice.title == "Not resumed" and "cannot be resumed" in notice.text


# -- the end of a training ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (RunStatus("done", step=20, validation_loss=1.5), "Training is finished: run: validation loss 1.5000"),
        (RunStatus("stopped", step=10), "Training has stopped: run is saved; it can be resumed."),
        (RunStatus("failed", message="the loss diverged"), "Training failed: run: the loss diverged"),
    ],
)
def test_the_end_of_any_running_run_is_reported(user: User, folder: Path, status: RunStatus, message: str) -> None:
    run = make_run(folder, "run")
    with run.lock():
        run.write_status(RunStatus("running", step=5, steps=20))
        user.poll()
        run.write_status(status)
        user.poll()
        # Its process holds the run for some more seconds.
        assert user.messages == [] and user.session.activities == {str(run.path): "ending …"}
    user.poll()
    user.poll()
    assert user.messages == [message]


def test_a_run_that_is_said_to_have_stopped_can_be_resumed_at_once(user: User, folder: Path) -> None:
    run = make_resumable(folder, "run", "stopped")
    user.poll()
    user.session.resume(user.run("run"), [])
    with run.lock():
        run.write_status(RunStatus("running", step=10, steps=20))
        set_process(run, user.launcher.processes[0].pid)
        user.poll()
        run.write_status(RunStatus("stopped", step=10, steps=20))
        user.poll()
    user.poll()  # the run is free, but its process has not ended
    assert user.messages == [] and user.session.check_resumable(user.run("run")) is not None
    user.launcher.processes[0].code = 130
    user.poll()
    assert user.messages == ["Training has stopped: run is saved; it can be resumed."]
    assert user.session.check_resumable(user.run("run")) is None
    assert user.session.check_changeable(user.run("run"), "Not deleted") is None


# -- stopping ----------------------------------------------------------------------------------------------------------


def test_a_run_is_shown_as_stopping_until_it_has_stopped(
    user: User, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[str] = []
    monkeypatch.setattr(training_session, "stop_run", lambda run: stopped.append(run.name))
    run = make_run(folder, "run")
    with run.lock():
        run.write_status(RunStatus("running", step=10, steps=20))
        user.poll()
        assert user.session.stop(user.run("run")) is None
        assert user.session.stop(user.run("run")) is None
        assert stopped == ["run"], "it is asked once"
        user.poll()
        assert user.session.activities == {str(run.path): "stopping …"}
        run.write_status(RunStatus("stopped", step=10, steps=20))
    user.poll()
    assert user.session.activities == {}


def test_a_run_that_is_not_running_cannot_be_stopped(user: User, folder: Path) -> None:
    make_run(folder, "run")
    user.poll()
    notice = user.session.stop(user.run("run"))
    assert notice is not None and notice.title == "Not stopped" and "nothing to stop" in notice.text
    assert user.session.activities == {}


# -- showing -----------------------------------------------------------------------------------------------------------


def test_the_charts_show_the_current_run_or_the_marked_runs_and_it(user: User, folder: Path) -> None:
    first, second = (str(make_logged(folder, name).path) for name in ("first", "second"))
    user.poll(first)
    (charted,) = user.charted("first")
    assert charted.run.path == first and charted.colour is None and "train_loss" in charted.history.metric_keys
    # The metrics of another run are charted once a poll has read them.
    assert user.charted("second") == []
    assert user.session.toggle_overlay(first) is None
    user.poll(second)
    assert [(charted.name, charted.colour) for charted in user.charted("second")] == [("first", 0), ("second", 1)]
    marked = {path: overlay.marked for path, overlay in user.session.shown_overlays(second).items()}
    assert marked == {first: True, second: False}
    # A poll reads the new metrics of the marked runs too, not only of the current one.
    with (Path(first) / "metrics.jsonl").open("a") as file:
        file.write(row(200, train_loss=0.5))
    before, _ = (len(charted.history.series("train_loss").values) for charted in user.charted("second"))
    user.poll(second)
    after, _ = (len(charted.history.series("train_loss").values) for charted in user.charted("second"))
    assert after == before + 1
    assert user.session.toggle_overlay(first) is None
    assert [charted.name for charted in user.charted("second")] == ["second"]


def test_equal_versions_of_the_dashboard_are_equal_data(user: User, folder: Path) -> None:
    run = make_logged(folder, "run")

    def version() -> object:
        user.poll(str(run.path))
        with user.session.dashboard_data(user.run("run")) as data:
            return data.version

    unchanged = version()
    assert version() == unchanged
    with run.metrics_file.open("a") as file:
        file.write(row(200, train_loss=0.5))
    assert version() != unchanged


def test_too_many_marks_are_refused(user: User) -> None:
    assert all(user.session.toggle_overlay(f"run{index}") is None for index in range(MAX_OVERLAYS))
    notice = user.session.toggle_overlay("another")
    assert notice is not None and str(MAX_OVERLAYS) in notice.text
    # The current run keeps a colour of its own beside them.
    colours = [overlay.colour for overlay in user.session.shown_overlays("another").values()]
    assert sorted(colours) == list(range(MAX_OVERLAYS + 1))


def test_a_mark_ends_with_its_run(user: User, folder: Path) -> None:
    run = make_run(folder, "run")
    user.poll()
    user.session.toggle_overlay(str(run.path))
    (run.path / "config.json").unlink()
    user.poll()
    assert user.session.shown_overlays(None) == {} and user.session.listing(None).notes == ["no runs yet; n starts one"]


# -- order and filter --------------------------------------------------------------------------------------------------


def test_the_list_is_sorted_and_filtered(user: User, folder: Path) -> None:
    for created, (name, bits) in enumerate((("b", 2.0), ("a", 3.0), ("c", 1.0))):
        run = make_run(folder, name)
        run.write_config(replace(run.read_config(), created=float(created)))
        run.write_status(RunStatus("stopped" if name == "b" else "done", step=5, steps=10, bits_per_character=bits))
    (folder / "a" / "note.txt").write_text("Larger batches")
    user.poll()

    def names() -> str:
        return "".join(run.name for run in user.session.listing(None).runs)

    orders = {}
    for _ in range(4):
        orders[user.session.listing(None).order] = names()
        user.session.choose_next_order()
    assert orders == {"by age": "cab", "by name": "abc", "by score": "cba", "by state": "bca"}
    for words, listed in (("larger BATCH", "a"), ("lm done", "ca"), ("stopped", "b"), ("seq2seq", ""), ("", "cab")):
        user.session.filter = words
        assert names() == listed, words
    user.session.filter = "nothing"
    assert user.session.listing(None).notes == ["no run matches; Esc clears the filter"]


def test_runs_of_equal_names_are_told_apart(user: User, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = make_logged(folder.parent / "shipped", "shakespeare")
    monkeypatch.setattr(run_watcher, "shipped_runs", lambda: [shipped])
    own = make_logged(folder, "shakespeare")
    user.poll(str(own.path))
    assert user.session.listing(None).names == {
        str(own.path): "shakespeare", str(shipped.path): "shakespeare (shipped)",
    }  # fmt: skip
    user.session.toggle_overlay(str(shipped.path))
    user.poll(str(own.path))
    assert [charted.name for charted in user.charted("shakespeare")] == ["shakespeare (shipped)", "shakespeare"]


def test_losses_of_different_tokenizers_are_not_compared(user: User, folder: Path) -> None:
    for name, tokenizer in (("one", "char"), ("two", "char"), ("three", "bpe")):
        run = make_logged(folder, name)
        config = run.read_config()
        run.write_config(replace(config, tokenizer=replace(config.tokenizer, type=tokenizer, vocab_size=len(name))))
        user.session.toggle_overlay(str(run.path))
    user.poll()
    charted = user.charted("one")
    assert len(charted) == 3 and loss_note(charted[:2]) == "" and loss_note([]) == ""
    assert "compare bits per character" in loss_note(charted)


# -- managing ----------------------------------------------------------------------------------------------------------


def test_mark_and_charts_follow_a_renamed_run(user: User, folder: Path) -> None:
    old = make_logged(folder, "old")
    make_logged(folder, "other")
    user.poll(str(old.path))
    user.session.toggle_overlay(str(old.path))
    with pytest.raises(UsageError, match="exists"):
        user.session.rename(user.run("old"), "other")
    with pytest.raises(UsageError, match="not a valid name"):
        user.session.rename(user.run("old"), "a/b")
    assert user.session.rename(user.run("old"), "old") == str(old.path)
    path = user.session.rename(user.run("old"), "new")
    assert path == str(folder / "new") and user.session.shown_overlays(path)[path].marked
    assert user.run("new").path == path, "the list does not wait for the next poll"
    user.poll(path)
    assert [charted.name for charted in user.charted("new")] == ["new"]


def test_a_poll_that_began_before_a_deletion_does_not_bring_the_run_back(
    user: User, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_logged(folder, "stays")
    make_logged(folder, "goes")
    user.poll()
    read = run_watcher.RunWatcher.poll
    deleted: list[WatchedRun] = [user.run("goes")]

    def delete_meanwhile(watcher: RunWatcher, charted: Collection[str]) -> RunsSnapshot:
        snapshot = read(watcher, charted)
        if deleted:
            assert asyncio.run(user.session.delete(deleted.pop())) is None
        return snapshot

    monkeypatch.setattr(run_watcher.RunWatcher, "poll", delete_meanwhile)
    user.poll()
    assert [run.name for run in user.session.snapshot.runs] == ["stays"] and not (folder / "goes").exists()


def test_of_files_that_do_not_belong_to_a_run_those_go_that_the_question_has_named(user: User, folder: Path) -> None:
    make_logged(folder, "run")
    user.poll()
    (folder / "run" / "mine.txt").touch()
    question = asyncio.run(user.session.deletion_question(user.run("run")))
    assert "including files that do not belong to a run: mine.txt?" in str(question)
    (folder / "run" / "later.txt").touch()
    notice = asyncio.run(user.session.delete(user.run("run")))
    assert notice is not None and "holds files that do not belong to a run: later.txt; move them away" in notice.text
    assert sorted(path.name for path in (folder / "run").glob("*.txt")) == ["later.txt", "mine.txt"]
    question = asyncio.run(user.session.deletion_question(user.run("run")))
    assert ": later.txt, mine.txt?" in str(question)
    assert asyncio.run(user.session.delete(user.run("run"))) is None and list(folder.iterdir()) == []


def test_what_is_used_or_shipped_is_not_changed(user: User, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = make_run(folder.parent / "shipped", "shakespeare")
    for module in (run_watcher, lookup):
        monkeypatch.setattr(module, "shipped_runs", lambda: [shipped])
    run = make_run(folder, "run")
    with run.lock():
        run.write_status(RunStatus("running", step=5, steps=20))
        user.poll()
        for name, reason in (("run", "in training"), ("shakespeare", "shipped")):
            notice = user.session.check_changeable(user.run(name), "Not deleted")
            assert notice is not None and reason in notice.text and notice.title == "Not deleted"
            question = asyncio.run(user.session.deletion_question(user.run(name)))
            assert isinstance(question, Notice) and reason in question.text
        # A training that started since the last poll counts too.
        notice = asyncio.run(user.session.delete(user.run("run")))
        assert notice is not None and notice.severity == "error" and run.path.exists()
    with pytest.raises(RnntuiError, match="takes no note"):
        user.session.write_note(user.run("shakespeare"), "mine")


def test_a_note_is_shown_at_once_and_after_a_poll(user: User, folder: Path) -> None:
    make_run(folder, "run")
    user.poll()
    for text in ("first try", ""):
        user.session.write_note(user.run("run"), text)
        assert dict(run_facts(user.run("run"))).get("note", "") == text
        user.poll()
        assert user.run("run").summary.note == text


def test_marked_runs_are_compared(user: User, folder: Path) -> None:
    for layers, name in enumerate(("small", "large"), start=1):
        make_run(folder, name, model=replace(TINY, layers=layers))
    user.poll()
    small, large = (user.run(name).path for name in ("small", "large"))
    notice = asyncio.run(user.session.compare(small))
    assert isinstance(notice, Notice) and "Mark a run" in notice.text
    user.session.toggle_overlay(large)
    comparison = asyncio.run(user.session.compare(small))
    assert not isinstance(comparison, Notice) and comparison.names == ("large", "small")


def test_a_run_without_weights_cannot_be_used(user: User, folder: Path) -> None:
    run = make_run(folder, "run")
    user.poll()
    assert user.session.tab_for(user.run("run")) == LANGUAGE_MODEL.use.tab
    assert user.session.check_usable(user.run("run")) is None
    run.weights_file.unlink()
    notice = user.session.check_usable(user.run("run"))
    assert notice is not None and notice.text == "run has no weights yet."
