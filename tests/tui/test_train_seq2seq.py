"""Seq2Seq models in the Train tab: the form that starts them, the list, the charts, the texts; one training is real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_training import FakeLauncher, make_logged
from pair_runs import copy_rows, table
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, Select, Static
from train_host import NARROW, STYLESHEETS, WIDE, Host, make_pairs_logged
from waiting import wait_until

from rnntui.cli.train_seq2seq import command
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.folder import RunFolder
from rnntui.runs.listing import summarize_run
from rnntui.runs.run_status import RunStatus
from rnntui.sessions import run_watcher
from rnntui.sessions import training_process as process_module
from rnntui.sessions.run_facts import run_facts
from rnntui.sessions.run_watcher import RunWatcher
from rnntui.sessions.training_form import problems_in, training_arguments
from rnntui.sessions.training_session import Notice, end_notice
from rnntui.tui.screens.dialogs import AskScreen
from rnntui.tui.train import tab as tab_module
from rnntui.tui.train.form_fields import Field
from rnntui.tui.train.form_screen import FormResult, TrainingFormScreen
from rnntui.tui.train.run_list import score_text

CHECKPOINTS = Path("/runs")
KIND = {"kind": "Seq2Seq model"}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the runs that a test makes; looked at often."""
    monkeypatch.setattr(run_watcher, "shipped_runs", list)
    monkeypatch.setattr(tab_module, "POLL_SECONDS", 0.05)


@pytest.fixture
def pairs(tmp_path: Path) -> str:
    """A table in the current folder."""
    return table(tmp_path / "pairs.tsv", copy_rows(120)).name


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """A Seq2Seq run `pairs` above a language model `notes`."""
    folder = tmp_path / "runs"
    make_logged(folder, "notes")
    run = make_pairs_logged(folder, "pairs", 200)
    run.write_config(replace(run.read_config(), created=1000.0))
    return folder


# -- from what is typed to the command ---------------------------------------------------------------------------------


def parsed(arguments: list[str]) -> dict[str, Any]:
    """Return the parameters that `rnntui train-seq2seq` gets from the arguments."""
    assert arguments[0] == "train-seq2seq"
    return command.make_context("train-seq2seq", arguments[1:]).params


def test_a_table_with_a_validation_table() -> None:
    typed = KIND | {
        "pairs": "a.tsv 'my pairs.tsv'", "validation_pairs": "'-odd name.tsv'", "name": "-odd", "attention": "additive",
        "input_feeding": "yes", "tied": "no", "separate_vocab": "yes", "tokenizer": "char", "batch_tokens": "4000",
        "label_smoothing": "0", "selection_metric": "loss", "epochs": "2.5", "max_pair_tokens": "40",
        "errors": "replace",
        "bptt": "64",  # of the other kind, from before another was chosen
    }  # fmt: skip
    assert not problems_in(typed)
    values = parsed(training_arguments(typed, CHECKPOINTS))
    assert values["pairs"] == ("a.tsv", "my pairs.tsv") and values["validation_pairs"] == "-odd name.tsv"
    assert (values["name"], values["attention"], values["tokenizer"]) == ("-odd", "additive", "char")
    assert (values["input_feeding"], values["tied"], values["separate_vocab"]) == (True, False, True)
    assert (values["batch_tokens"], values["label_smoothing"], values["selection_metric"]) == (4000, 0, "loss")
    assert (values["epochs"], values["max_pair_tokens"], values["errors"]) == (2.5, 40, "replace")


def test_two_files_with_two_for_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    typed = KIND | {"source": "~/a.en", "target": "a.es", "validation_source": "v.en", "validation_target": "v.es"}
    assert not problems_in(typed)
    values = parsed(training_arguments(typed, CHECKPOINTS))
    assert (values["source"], values["target"], values["pairs"]) == ("/home/me/a.en", "a.es", ())
    assert (values["validation_source"], values["validation_target"]) == ("v.en", "v.es")


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"pairs": ""}, "pairs", "name a table of pairs to learn from, or two files"),
        ({"pairs": "-"}, "pairs", "standard input"),
        ({"pairs": "", "source": "a b", "target": "c"}, "source", "one file"),
        ({"pairs": "", "source": "a"}, "source", "--source and --target go together"),
        ({"source": "a", "target": "b"}, "source", "a table of pairs, or --source and --target, not both"),
        ({"validation_target": "a"}, "validation_target", "--validation-source and --validation-target go together"),
        (
            {"validation_pairs": "v", "validation_source": "a", "validation_target": "b"},
            "validation_source",
            "not both",
        ),
        ({"encoder_hidden": "9999"}, "encoder_hidden", "--encoder-hidden must be between 1 and 8,192 (got 9999)"),
        ({"layers": "4"}, "layers", "--layers must be between 1 and 3 (got 4)"),
        ({"selection_metric": "ter"}, "selection_metric", "one of auto, bleu, chrf, exact, loss"),
        ({"input_feeding": "perhaps"}, "input_feeding", "true or false"),
        ({"attention": "dot", "hidden": "9"}, "attention", "--attention dot needs --hidden twice --encoder-hidden"),
        ({"nonlinearity": "relu"}, "nonlinearity", "is for --cell rnn"),
    ],
)
def test_problems_are_those_of_the_settings(values: dict[str, str], field: str, message: str) -> None:
    problems = problems_in(KIND | {"pairs": "a.tsv"} | values)
    assert list(problems) == [field]
    assert message in problems[field]


# -- the form ----------------------------------------------------------------------------------------------------------


class FormHost(App[None]):
    """Shows the form alone."""

    CSS_PATH = STYLESHEETS

    def __init__(self, values: dict[str, str] | None = None) -> None:
        super().__init__()
        self.form = TrainingFormScreen(CHECKPOINTS, values)
        self.filled: list[FormResult | None] = []

    def on_mount(self) -> None:
        self.push_screen(self.form, self.filled.append)

    @property
    def names(self) -> list[str]:
        return [field.option.name for field in self.form.query(Field)]

    def field(self, name: str) -> Field:
        return self.form._field(name)

    def help(self, name: str) -> str:
        return str(self.field(name).query_one(".help", Static).render())


async def choose_kind(pilot: Pilot[Any], title: str) -> None:
    pilot.app.screen._field("kind").query_one(Select).value = title  # type: ignore[attr-defined]
    main = "pairs" if title == "Seq2Seq model" else "corpus"
    await wait_until(pilot, lambda: any(field.option.name == main for field in pilot.app.screen.query(Field)))
    await pilot.pause()


async def test_a_kind_is_chosen_by_keyboard(pairs: str) -> None:
    app = FormHost()
    async with app.run_test(size=NARROW) as pilot:
        assert app.names == ["kind", "corpus", "name", "cell", "layers", "hidden", "minutes"]
        await pilot.press("shift+tab", "enter", "down", "enter")
        await wait_until(pilot, lambda: "pairs" in app.names)
        assert app.names == ["kind", "pairs", "source", "target", "name", "tokenizer", "hidden", "minutes"]
        assert isinstance(app.focused, Select) and app.focused.parent is app.field("kind")
        await pilot.pause()
        # All of it is in view, and so is the way to the rest of the options.
        assert app.form.query_one("VerticalScroll").max_scroll_y == 0  # type: ignore[attr-defined]
        await pilot.press("tab", *"pa")
        entry = app.field("pairs").query_one(Input)
        await wait_until(pilot, lambda: entry._suggestion == pairs)
        await pilot.press("right", "enter")
        await wait_until(pilot, lambda: app.filled)
        assert app.filled[0] is not None and app.filled[0].arguments == [
            "train-seq2seq", "--checkpoints", "/runs", "--", pairs,
        ]  # fmt: skip


@pytest.mark.usefixtures("few")
async def test_what_is_typed_stays_with_either_kind() -> None:
    app = FormHost({"corpus": "notes.txt", "hidden": "64", "bptt": "8"})
    async with app.run_test(size=(100, 50)) as pilot:
        await wait_until(pilot, lambda: "bptt" in app.names)
        await choose_kind(pilot, "Seq2Seq model")
        await wait_until(pilot, lambda: "label_smoothing" in app.names)  # all options stay open
        assert "bptt" not in app.names and "corpus" not in app.names
        assert app.field("hidden").value == "64"
        app.field("pairs").value, app.field("label_smoothing").value = "pairs.tsv", "0.2"
        await choose_kind(pilot, "language model")
        await wait_until(pilot, lambda: "bptt" in app.names)
        assert app.field("corpus").value == "notes.txt" and app.field("bptt").value == "8"
        await choose_kind(pilot, "Seq2Seq model")
        await wait_until(pilot, lambda: "label_smoothing" in app.names)
        assert app.field("pairs").value == "pairs.tsv" and app.field("label_smoothing").value == "0.2"
        app.form._clear()
        await wait_until(pilot, lambda: app.form.values == KIND | {"pairs": "pairs.tsv"})


@pytest.mark.usefixtures("few")
async def test_bounds_and_missing_files_are_told_at_their_fields(pairs: str) -> None:
    app = FormHost(KIND | {"pairs": pairs, "hidden": "0", "validation_pairs": "nowhere.tsv"})
    async with app.run_test(size=(100, 50)) as pilot:
        await wait_until(pilot, lambda: "validation_pairs" in app.names)
        await pilot.press("enter")
        await wait_until(pilot, lambda: "between 1 and 8,192 (got 0)" in app.help("hidden"))
        app.field("hidden").value = ""
        await pilot.press("enter")
        await wait_until(pilot, lambda: "nowhere.tsv: no such file" in app.help("validation_pairs"))
        assert app.focused is app.field("validation_pairs").query_one(Input) and not app.filled
        app.field("validation_pairs").value = pairs
        app.field("encoding").value = "no-such"
        await pilot.press("enter")
        await wait_until(pilot, lambda: "no-such" in app.help("encoding"))
        app.field("encoding").value = ""
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.filled)


# -- starting, resuming ------------------------------------------------------------------------------------------------


async def test_what_training_refuses_is_told_in_full(tmp_path: Path, pairs: str) -> None:
    launcher = FakeLauncher(tmp_path)
    app = Host(tmp_path / "runs", launcher)
    problem = (
        "pairs.tsv has no whole pair: row 1 of pairs.tsv, which has no tab: 'one' (a row is source, a tab, target)"
    )
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
        await choose_kind(pilot, "Seq2Seq model")
        app.screen._field("pairs").value = pairs  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await wait_until(pilot, lambda: launcher.calls)
        await wait_until(pilot, lambda: "starting pairs.tsv …" in app.rows[0])
        launcher.outputs[0].write_text(f"rnntui: {problem}\n")
        launcher.processes[0].code = 1
        await wait_until(pilot, lambda: app.notices == [f"Training did not start: {problem}"])
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
        assert problem in str(app.screen.query_one("#problem", Static).render())
        assert app.screen.values == KIND | {"pairs": pairs}  # type: ignore[attr-defined]


async def test_what_is_left_out_of_the_pairs_is_told(tmp_path: Path) -> None:
    launcher = FakeLauncher(tmp_path)
    folder = tmp_path / "runs"
    app = Host(folder, launcher)
    async with app.run_test(size=NARROW) as pilot:
        app.tab.session.form_values = {"pairs": "pairs.tsv"} | KIND
        app.tab._show_launched(app.tab.session.start(["train-seq2seq"]))
        launcher.outputs[0].write_text("rnntui: left out row 2 of pairs.tsv, which has no tab: 'x'\nrun pairs begins\n")
        run = make_pairs_logged(folder, "pairs")
        said = {"state": "running", "process": launcher.processes[0].pid, "updated": 4e9}
        with run.lock():
            run.status_file.write_text(json.dumps(said))
            await wait_until(pilot, lambda: app.notices)
            await wait_until(pilot, lambda: "running" in app.rows[0])
            assert app.notices == ["Training pairs.tsv: left out row 2 of pairs.tsv, which has no tab: 'x'"]
            launcher.processes[0].code = 0


@pytest.mark.parametrize("state", ["stopped", "done"])
async def test_resumes_by_its_own_command(both: Path, tmp_path: Path, state: str) -> None:
    run = RunFolder(both / "pairs")
    run.resume_folder.mkdir()
    run.training_ids.touch()
    run.validation_ids.touch()
    run.write_status(replace(run.read_status(), state=state))  # type: ignore[arg-type]
    launcher = FakeLauncher(tmp_path)
    app = Host(both, launcher)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.names == ["pairs", "notes"])
        await pilot.press("r")
        if state == "done":
            await wait_until(pilot, lambda: isinstance(app.screen, AskScreen))
            assert app.screen.query_one(Input).value == "400 steps"
            await pilot.press("enter")
        await wait_until(pilot, lambda: launcher.calls)
        budget = ["--steps", "400"] if state == "done" else []
        resumed = ["train-seq2seq", "--resume", "--checkpoints", str(both), "--name=pairs", *budget]
        assert launcher.calls == [resumed]
        assert parsed(launcher.calls[0])["resume"] is True


# -- list, charts and texts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_kind_and_score_are_in_the_list(both: Path, size: tuple[int, int]) -> None:
    app = Host(both)
    async with app.run_test(size=size) as pilot:
        await wait_until(pilot, lambda: len(app.names) == 2)
        await pilot.pause()
        pair, text = app.rows
        assert pair.split()[:2] == ["pairs", "S2S"] and "30.2 BLEU" in pair
        assert text.split()[:2] == ["notes", "LM"] and "2.200 bits" in text
        header = app.text("#columns")
        assert header.split()[:4] == ["run,", "by", "age", "kind"]
        shown = app.text("#runs").splitlines()[0]
        assert header.index("kind") == shown.index("S2S")
        assert header.index("score") + len("score") == shown.index("30.2 BLEU") + len("30.2 BLEU")


@pytest.mark.parametrize(
    ("metric", "results", "shown"),
    [
        ("bleu", {"bleu": 30.25, "exact": 9.0}, "30.2 BLEU"),
        ("exact", {"bleu": 30.25, "exact": 93.44}, "93.4 exact"),
        ("exact", {"bleu": 0.0, "exact": 100.0}, "100 exact"),
        ("chrf", {"bleu": 30.25, "chrf": 50.5}, "50.5 chrF"),
        ("loss", {"bleu": 30.25, "exact": 9.0}, "30.2 BLEU"),
        ("exact", {"bleu": 30.25}, "30.2 BLEU"),
        ("exact", {}, "2.900 bits"),
    ],
)
def test_the_score_in_the_list_is_that_which_selects_the_weights(
    tmp_path: Path, metric: str, results: dict[str, float], shown: str
) -> None:
    run = make_pairs_logged(tmp_path, "pairs", selection_metric=metric)
    run.write_status(RunStatus("done", step=3, bits_per_character=2.9, results=results))
    summary = summarize_run(run)
    assert score_text(summary) == shown
    assert {key: summary.to_json()[key] for key in ("bleu", "chrf", "exact")} == {
        key: results.get(key) for key in ("bleu", "chrf", "exact")
    }


def curves(app: Host) -> list[str]:
    return [curve.name for curve in app.tab.dashboard.chart._curves]


async def test_a_chart_says_which_of_the_marked_runs_are_not_in_it(both: Path) -> None:
    make_pairs_logged(both, "other", 100)
    app = Host(both)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: curves(app))
        assert app.tab.dashboard.titles[:4] == ["Loss", "Bits per character", "BLEU", "chrF"]
        assert "Loss, nats a token" in app.text("#chart")
        await pilot.press("space", "down", "space", "down", "space")
        await wait_until(pilot, lambda: len(curves(app)) == 6)
        assert app.text("#chart-note").startswith(" tokenizers differ: compare bits per character")
        await pilot.press("right_square_bracket", "right_square_bracket")
        await wait_until(pilot, lambda: sorted(curves(app)) == ["other", "pairs"])
        assert app.text("#chart-note") == " no BLEU: notes"
        shown = app.text("#chart")
        assert "BLEU" in shown and "pairs 20" in shown and "other 25" in shown  # the last ones, not the best
        await pilot.press("l")
        assert not app.tab.dashboard.chart.view.log  # a score is no quantity of many magnitudes
        app.tab.dashboard.select("Sample texts")
        assert not app.query_one("#chart-note").display


async def test_what_was_chosen_is_shown_again_where_there_is_any(both: Path) -> None:
    app = Host(both)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: curves(app))
        app.tab.dashboard.select("BLEU")
        assert curves(app) == ["BLEU"]
        await pilot.press("down")
        await wait_until(pilot, lambda: curves(app) == ["training", "validation"])
        await pilot.press("up")
        await wait_until(pilot, lambda: curves(app) == ["BLEU"])


async def test_bleu_is_live(both: Path) -> None:
    run = RunFolder(both / "pairs")
    app = Host(both)
    async with app.run_test(size=WIDE) as pilot:
        await wait_until(pilot, lambda: curves(app))
        app.tab.dashboard.select("BLEU")
        with run.metrics_file.open("a") as file:
            file.write(json.dumps({"step": 210, "tokens": 2100, "seconds": 21.0, "bleu": 42.5}) + "\n")
        await wait_until(pilot, lambda: "BLEU 42.5" in app.text("#chart"))


async def test_a_translation_is_shown_below_its_source(both: Path) -> None:
    with (both / "pairs" / "metrics.jsonl").open("a") as file:
        file.write(
            json.dumps({"step": 300, "sample": {"source": "A\x1b → B.", "translation": "", "reference": ""}}) + "\n"
        )
        file.write(json.dumps({"step": 400, "sample": "no translation → at all"}) + "\n")
    app = Host(both)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: curves(app))
        app.tab.dashboard.select("Sample texts")
        await wait_until(pilot, lambda: "no translation" in app.text("#samples"))
        rows = [line[:70].strip() for line in app.text("#samples").splitlines()]  # without the bar
        assert rows[:7] == [
            "400 no translation → at all", "300 A\\x1b → B.", "→", "reference:", "200 The cat, 200.",
            "→ El gato, 200.", "reference: La gata, 200.",
        ]  # fmt: skip


def test_facts_of_a_run(tmp_path: Path) -> None:
    run = make_pairs_logged(tmp_path, "pairs", selection_metric="loss")
    config = json.loads(run.config_file.read_text())
    config["corpus"]["validation_sources"] = ["v.tsv"]
    config["tokenizer"]["separate_vocab"] = True
    run.config_file.write_text(json.dumps(config))
    (seen,) = RunWatcher(tmp_path).poll([]).runs
    shown = dict(run_facts(seen))
    assert (
        shown["kind"] == "Seq2Seq model" and shown["corpus"] == "pairs.tsv; 2,900 pairs, 100 for validation from v.tsv"
    )
    assert shown["model"] == "lstm 1×512, encoder 256 each way, embedding 256, attention general, dropout 0.3"
    assert shown["tokens"] == "1,000 unigram subwords, the source its own"
    assert shown["training"] == "48 pairs, rate 0.002, label smoothing 0.1 in the training loss"
    assert shown["selection"] == "validation loss; BLEU tokenizer 13a"
    assert shown["best"] == "BLEU 30.25, chrF 50.50, 2.9000 bits per character"
    told = Notice("pairs: BLEU 30.25, chrF 50.50, validation loss 4.4000", "Training is finished", "information")
    assert end_notice(seen) == told
    run.write_status(RunStatus("stopped", step=3, results={"bleu": 1.5}))
    (seen,) = RunWatcher(tmp_path).poll([]).runs
    assert dict(run_facts(seen))["best"] == "BLEU 1.50 so far"


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
async def test_a_real_training_from_the_form_to_its_end(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    table(tmp_path / "words.tsv", [*copy_rows(120), ("no target", "")])
    app = Host(folder)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingFormScreen))
        await choose_kind(pilot, "Seq2Seq model")
        typed = {"pairs": "words.tsv", "name": "real", "tokenizer": "char", "hidden": "8", "minutes": "0.02"}
        for name, value in typed.items():
            app.screen._field(name).value = value  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await wait_until(pilot, lambda: app.names == ["real"] and "done" in app.rows[0])
        assert "exact" in app.rows[0] and "S2S" in app.rows[0]  # the targets are words
        await wait_until(
            pilot, lambda: any(notice.startswith("Training real: left out row 121") for notice in app.notices)
        )
        await wait_until(pilot, lambda: not app.tab.session.processes)
        app.tab.dashboard.select("chrF")
        await wait_until(pilot, lambda: curves(app) == ["chrF"])
        config, status = RunFolder(folder / "real").read_config(), RunFolder(folder / "real").read_status()
        assert config.kind == SEQ2SEQ.id and config.model.hidden == 8 and status.state == "done" and status.step > 0
