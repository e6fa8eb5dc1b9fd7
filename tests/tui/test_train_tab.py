from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_training import make_logged, make_two_runs, row, write_status
from textual.content import Content
from textual.events import MouseScrollDown, MouseScrollUp
from textual.widgets import Static
from tiny_runs import make_run
from train_host import NARROW, WIDE, Host
from waiting import wait_until

from rnntui.charts.metrics_history import MetricsHistory
from rnntui.charts.palette import DARK, LIGHT
from rnntui.runs.folder import RunFolder
from rnntui.sessions import run_watcher
from rnntui.sessions.run_watcher import WatchedRun
from rnntui.sessions.training_session import PollResult
from rnntui.tui.keys import KEYS
from rnntui.tui.train import tab as tab_module
from rnntui.tui.train.chart_selector import ChartSelector
from rnntui.tui.train.dashboard import Preview
from rnntui.tui.train.run_details import RunDetailsView
from rnntui.tui.train.sample_list import SampleList
from rnntui.tui.train.tab import TrainTab


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the runs that a test makes; polled often."""
    monkeypatch.setattr(run_watcher, "shipped_runs", list)
    monkeypatch.setattr(tab_module, "POLL_SECONDS", 0.05)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs, `first` and `second`; the newer one is above."""
    return make_two_runs(tmp_path / "runs")


# -- the list ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_lists_runs_with_their_state(tmp_path: Path, size: tuple[int, int]) -> None:
    folder = tmp_path / "runs"
    stopped, running, failed = (make_run(folder, name) for name in ("stopped", "running", "failed"))
    make_run(folder, "done")
    write_status(stopped, "stopped", step=30, steps=120, validation_loss=1.25, bits_per_character=2.5)
    write_status(running, "running", step=5, steps=100)
    write_status(failed, "failed", step=1, message="the loss diverged")
    broken = make_run(folder, "bro\x1b[31mken")
    broken.config_file.write_text("{")
    app = Host(folder)
    with running.lock():
        async with app.run_test(size=size) as pilot:
            await wait_until(pilot, lambda: len(app.names) == 5)
            rows = {text.split()[0]: text for text in app.rows}
            assert "stopped  25%" in rows["stopped"] and "2.500 bits" in rows["stopped"]
            assert "running   5%" in rows["running"]
            assert "failed" in rows["failed"] and "done" in rows["done"] and "2.200 bits" in rows["done"]
            # What is below is the whole row, aligned: nothing of a name steers the terminal.
            assert "\x1b" not in "".join(app.rows) and "broken" in rows["bro\\x1b[31mken"]
            assert len({len(text) for text in app.rows}) == 1
            header = app.text("#columns")
            shown = next(text for text in app.text("#runs").splitlines() if "stopped" in text)
            assert header.index("state") == shown.index("stopped  25%")
            assert header.index("score") + len("score") == shown.index("2.500 bits") + len("2.500 bits")


async def test_a_broken_run_says_what_is_wrong(runs: Path) -> None:
    (runs / "first" / "config.json").write_text('{"format": 1}')
    app = Host(runs)
    async with app.run_test(size=WIDE) as pilot:
        await wait_until(pilot, lambda: any("broken" in text for text in app.rows))
        app.tab.run_list.go_to(str(runs / "first"))
        await wait_until(pilot, lambda: "config.jsonhasamissingorinvalid" in "".join(app.text("#about-side").split()))


async def test_runs_appear_and_disappear(runs: Path) -> None:
    app = Host(runs)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.names == ["second", "first"])
        await pilot.press("down", "space")
        make_run(runs, "another")
        await wait_until(pilot, lambda: app.names == ["second", "first", "another"])
        assert app.tab.run_list.current_path == str(runs / "first")
        shutil.rmtree(runs / "first")
        await wait_until(pilot, lambda: app.names == ["second", "another"])
        assert app.tab.run_list.current_path == str(runs / "another")
        assert "●" not in "".join(app.rows)


async def test_says_that_there_are_none(tmp_path: Path) -> None:
    app = Host(tmp_path / "nowhere")
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: any("no runs yet" in text for text in app.rows))
        for key in KEYS["train"]:
            if key.id not in ("train.start", "train.tunings"):  # which open something
                await app.run_action(key.action, app.tab)
        assert not app.notices and not app.opened


async def test_says_that_the_folder_cannot_be_read(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(folder: Path) -> list[RunFolder]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(run_watcher, "runs_in", refused)
    app = Host(runs)
    async with app.run_test(size=(120, 24)) as pilot:
        await wait_until(pilot, lambda: any("cannot read" in text for text in app.rows))


async def test_a_notification_when_a_run_ends(runs: Path) -> None:
    run = RunFolder(runs / "first")
    app = Host(runs)
    write_status(run, "running", step=10, steps=1000)
    async with app.run_test(size=NARROW) as pilot:
        for state, told in (
            ("done", "Training is finished: first: validation loss 1.2500"),
            ("failed", "Training failed: first: the loss diverged"),
            ("stopped", "Training has stopped: first is saved"),
        ):
            lock = run.lock()
            write_status(run, "running", step=10, steps=1000)
            await wait_until(pilot, lambda: any("running" in text for text in app.rows))
            message = "the loss diverged" if state == "failed" else ""
            write_status(run, state, step=10, steps=1000, validation_loss=1.25, message=message)
            lock.release()
            await wait_until(pilot, lambda told=told: any(notice.startswith(told) for notice in app.notices))


async def test_a_killed_run_counts_as_stopped(runs: Path) -> None:
    run = RunFolder(runs / "first")
    lock = run.lock()
    write_status(run, "running", step=10, steps=1000)
    app = Host(runs)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: any("running" in text for text in app.rows))
        lock.release()
        await wait_until(pilot, lambda: any("stopped" in text for text in app.rows))


async def test_shipped_runs_are_below(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = make_run(runs.parent / "shipped", "shakespeare")
    shipped.write_config(replace(shipped.read_config(), created=1e9))
    monkeypatch.setattr(run_watcher, "shipped_runs", lambda: [shipped])
    app = Host(runs)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.names == ["second", "first", "shakespeare"])
        assert "shipped" in app.rows[2]


# -- charts ------------------------------------------------------------------------------------------------------------


def curves(app: Host) -> dict[str, int]:
    """The names of the large chart's curves with their colours."""
    return {curve.name: curve.colour for curve in app.tab.dashboard.chart._curves}


def points(app: Host) -> int:
    return max((len(curve.series.values) for curve in app.tab.dashboard.chart._curves), default=0)


async def test_charts_follow_the_highlight_and_the_training(runs: Path) -> None:
    app = Host(runs)
    async with app.run_test(size=WIDE) as pilot:
        await wait_until(pilot, lambda: points(app) == 20)
        await pilot.press("down")
        await wait_until(pilot, lambda: points(app) == 10)
        assert curves(app) == {"training": 0, "validation": 1}
        with (runs / "first" / "metrics.jsonl").open("a") as file:
            file.write(row(110, train_loss=1.0, bleu=12.5) + row(120, validation_loss=1.0, sample="new\x1b[0m text"))
        await wait_until(pilot, lambda: points(app) == 11)
        assert "BLEU" in app.tab.dashboard.titles
        assert "120 new\\x1b[0m text" in app.text("#samples")
        # The newest text is above the older ones.
        shown = app.text("#samples")
        assert shown.index("new\\x1b") < shown.index("text of step 100") < shown.index("text of step 90")


async def test_a_live_run_shows_the_step_of_its_metrics(runs: Path) -> None:
    run = RunFolder(runs / "first")
    write_status(run, "running", step=50, steps=200, seconds=5.0, tokens=1)
    app = Host(runs)
    with run.lock():
        async with app.run_test(size=WIDE) as pilot:
            await wait_until(pilot, lambda: "running  50%" in "".join(app.rows))
            app.tab.run_list.go_to(str(run.path))
            await wait_until(pilot, lambda: "step 100 of 200 (50%), 5 s, 10 s left" in app.text("#about-side"))
            assert "9.0 k tokens/s" in app.text("#about-side")


@pytest.mark.parametrize(("size", "previews"), [((110, 30), 2), (WIDE, 3), ((200, 50), 4), (NARROW, 0)])
async def test_as_many_charts_as_fit(runs: Path, size: tuple[int, int], previews: int) -> None:
    app = Host(runs)
    async with app.run_test(size=size) as pilot:
        await wait_until(pilot, lambda: points(app) == 20)
        await pilot.pause()
        shown = [preview for preview in app.query(Preview) if preview.display]
        assert len(shown) == previews
        for chart in (app.tab.dashboard.chart, *shown):
            assert chart.region.width >= 20 and chart.region.height >= 6


async def test_quantities_by_key_and_by_mouse(runs: Path) -> None:
    app = Host(runs)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: points(app) == 20)
        titles = app.tab.dashboard.titles
        assert titles[:2] == ["Loss", "Bits per character"] and titles[-2:] == ["Sample texts", "About"]
        for title in (*titles[1:], "Loss"):
            await pilot.press("right_square_bracket")
            assert title in app.text("#selector")
            if title not in titles[-2:]:
                assert title in app.text("#chart")
        await pilot.press("left_square_bracket")
        assert app.query_one("#about-run").display and "lstm 1×16" in app.text("#about-run")
        await pilot.press("left_square_bracket")
        assert "text of step 200" in app.text("#samples")
        await pilot.press("right_square_bracket", "right_square_bracket")
        await pilot.click("#selector", offset=(app.text("#selector").index("Learning") + 2, 0))
        assert "Learning rate" in app.text("#chart")
        await pilot.click("#selector", offset=(79, 0))
        assert "Learning rate" in app.text("#chart")


async def test_zooming_in_on_a_long_run_shows_all_of_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "runs", "long")
    losses = np.random.default_rng(1).normal(2, 0.1, 5000).tolist()
    run.metrics_file.write_text("".join(row(step, train_loss=loss) for step, loss in enumerate(losses)))
    monkeypatch.setattr(
        run_watcher, "_new_history", lambda path: MetricsHistory(RunFolder(Path(path)).metrics_file, max_rows=2000)
    )
    app = Host(tmp_path / "runs")
    async with app.run_test(size=WIDE) as pilot:

        def shown(low: int, high: int) -> list[float]:
            curves = app.tab.dashboard.chart.curves
            if not curves:
                return []
            steps = curves[0].series.axes["step"]
            return list(curves[0].series.values[(steps >= low) & (steps <= high)])

        await wait_until(pilot, lambda: len(shown(4999, 4999)) == 1)
        assert 0 < len(shown(2000, 2100)) < 101
        chart = app.tab.dashboard.chart
        chart.view = replace(chart.view, left=2000, right=2100)
        await wait_until(pilot, lambda: shown(2000, 2100) == losses[2000:2101])
        assert len(shown(0, 500)) < 501
        with run.metrics_file.open("a") as file:
            file.write(row(5000, train_loss=1.0))
        await wait_until(pilot, lambda: shown(5000, 5000) == [1.0])
        assert shown(2000, 2100) == losses[2000:2101]  # they stay


async def test_a_preview_is_looked_at_and_chosen(runs: Path) -> None:
    app = Host(runs)
    async with app.run_test(size=WIDE) as pilot:
        await wait_until(pilot, lambda: points(app) == 20)
        await pilot.press("tab", "l", "left", "plus")
        chart, preview = app.tab.dashboard.chart, app.query(Preview).first()
        assert chart.view.log and chart.view.cursor is not None and chart.view.left is not None
        await pilot.pause()
        assert preview.view.cursor == chart.view.cursor
        # The texts are those up to the cursor, in the middle of the training.
        assert "text of step 100" in app.text("#samples") and "text of step 110" not in app.text("#samples")
        before = preview.view
        for kind in (MouseScrollUp, MouseScrollDown):
            await pilot._post_mouse_events([kind], preview, button=0)
        assert preview.view == before
        await pilot.click(preview)
        assert "Bits per character" in app.text("#chart")
        assert not chart.view.log
        app.tab.dashboard.select("Loss")
        assert chart.view.log


async def test_marks_overlay_runs_in_the_colours_of_the_list(runs: Path) -> None:
    make_logged(runs, "third", 50)
    app = Host(runs)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: points(app) == 20)
        assert "●" not in "".join(app.rows)
        await pilot.press("space", "down")
        await wait_until(pilot, lambda: len(curves(app)) == 4)
        assert curves(app)["second training"] == 0 and curves(app)["first validation"] == 1
        assert [text[0] for text in app.rows] == ["●", "○", " "]
        await pilot.press("space", "down")
        await wait_until(pilot, lambda: len(curves(app)) == 6)
        assert curves(app)["first training"] == 1 and curves(app)["third training"] == 2
        first = app.tab.run_list.get_option_at_index(1).prompt
        assert isinstance(first, Content) and str(first.spans[0].style).startswith(DARK[1])
        app.theme = "textual-light"
        await wait_until(
            pilot,
            lambda: LIGHT[1] in str(app.tab.run_list.get_option_at_index(1).prompt.spans[0].style),  # type: ignore[union-attr]
        )
        # Whoever stays keeps the colour; a single quantity goes by the name of the run alone.
        await pilot.press("up", "up", "space", "down")
        await wait_until(pilot, lambda: len(curves(app)) == 2)
        assert curves(app) == {"first training": 1, "first validation": 1}
        await pilot.press("right_square_bracket")
        assert curves(app) == {"first": 1}
        await pilot.press("u")
        await wait_until(pilot, lambda: curves(app) == {"bits per character": 0})


async def test_mouse_in_the_list(runs: Path) -> None:
    app = Host(runs)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: len(app.names) == 2)
        await pilot.click("#runs", offset=(10, 1))
        assert app.tab.run_list.current_path == str(runs / "first")
        assert not app.tab.dashboard.full and "●" not in "".join(app.rows)
        await pilot.click("#runs", offset=(1, 0))
        assert app.rows[0][0] == "●"
        await pilot.click("#runs", offset=(1, 4))
        assert app.tab.run_list.current_path == str(runs / "second")


async def test_a_chart_takes_all_the_room(runs: Path) -> None:
    app = Host(runs)
    async with app.run_test(size=(110, 20)) as pilot:
        await wait_until(pilot, lambda: points(app) == 20)
        for key, back in (("z", "enter"), ("enter", "escape")):
            await pilot.press(key)
            assert app.focused is app.tab.dashboard.chart
            assert app.tab.dashboard.chart.size.width > 100 and not app.query_one("#samples").display
            await pilot.press(back)
            assert app.focused is app.tab.run_list and app.query_one("#samples").display
        await pilot.press("tab", "escape")
        assert app.focused is app.tab.run_list


async def test_turning_the_terminal_keeps_the_choice(runs: Path) -> None:
    app = Host(runs)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: points(app) == 20)
        app.tab.dashboard.select("About")
        await pilot.resize_terminal(*WIDE)
        await wait_until(pilot, lambda: app.tab.dashboard.chart.display)
        assert "About" not in app.tab.dashboard.titles and "Loss" in app.text("#chart")


# -- the rest ----------------------------------------------------------------------------------------------------------


async def test_chat_with_a_run(runs: Path) -> None:
    (runs / "second" / "model.safetensors").unlink()
    # What looks like markup is none.
    (runs / "second").rename(runs / "[second [b")
    app = Host(runs)
    async with app.run_test(size=NARROW, notifications=True) as pilot:
        await wait_until(pilot, lambda: len(app.names) == 2)
        await pilot.press("c", "down", "c", "i")
        await wait_until(pilot, lambda: len(app.opened) == 2)
        assert app.opened == [str(runs / "first")] * 2  # to chat with, and to inspect
        await wait_until(pilot, lambda: app.query("Toast"))
        assert "[second [b has no weights yet." in "".join(line.text for line in app.screen._compositor.render_strips())


async def test_polls_less_often_while_hidden(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Host(runs)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: len(app.names) == 2)
        polls: list[bool] = []
        poll = app.tab.session.poll

        async def counted_poll(current: str | None) -> PollResult:
            result = await poll(current)
            polls.append(app.tab.display)
            return result

        monkeypatch.setattr(app.tab.session, "poll", counted_poll)
        await wait_until(pilot, lambda: len(polls) >= 3)
        monkeypatch.setattr(tab_module, "_HIDDEN_POLL_SECONDS", 1000.0)
        app.tab.display = False
        await wait_until(pilot, lambda: polls[-1] is False)
        polls.clear()
        await pilot.pause(0.5)  # time for ten polls of a tab that is shown
        assert polls == []
        # Only polls of a hidden tab can find the run: the interval of a shown one is over a quarter of an hour now.
        monkeypatch.setattr(tab_module, "_HIDDEN_POLL_SECONDS", 0.01)
        monkeypatch.setattr(tab_module, "POLL_SECONDS", 1000.0)
        app.tab._wake.set()
        await wait_until(pilot, lambda: len(polls) >= 2)
        make_run(runs, "another")
        await wait_until(pilot, lambda: len(app.names) == 3)


async def test_widgets_without_anything_to_show(runs: Path) -> None:
    """Details, samples and selector show that there is nothing, as before the first poll."""
    app = Host(runs)
    async with app.run_test(size=WIDE) as pilot:
        await wait_until(pilot, lambda: len(app.names) == 2)
        app.query_one("#about-side", RunDetailsView).show(None)
        app.query_one(SampleList).show([])
        assert "no sample texts yet" in str(app.query_one(SampleList).query_one(Static).render())
        selector = app.query_one(ChartSelector)
        selector.show([], "nothing")
        assert selector._visible == []
        assert isinstance(app.tab, TrainTab) and isinstance(app.tab.run_list.current, WatchedRun)
