from __future__ import annotations

import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
from textual.app import App
from textual.containers import VerticalScroll
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Button, Input, Select, Static
from train_host import STYLESHEETS
from waiting import wait_until

from rnntui.cli.train import command as train
from rnntui.cli.train_classifier import command as train_classifier
from rnntui.cli.train_seq2seq import command as train_seq2seq
from rnntui.config import Budget, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.errors import UsageError
from rnntui.kinds.classifier import CLASSIFIER
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import KINDS
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.sessions.training_form import (
    form_options,
    missing_files,
    named_files,
    problems_in,
    resume_arguments,
    training_arguments,
)
from rnntui.settings import bounds_text, settings_of
from rnntui.tui.train.budget_dialog import doubled, parse_budget
from rnntui.tui.train.form_fields import Field, complete_path, quote_completed
from rnntui.tui.train.form_screen import FormResult, TrainingFormScreen

CHECKPOINTS = Path("/runs")
TEXT, PAIRS = LANGUAGE_MODEL, SEQ2SEQ
COMMANDS = {LANGUAGE_MODEL.id: train, SEQ2SEQ.id: train_seq2seq, CLASSIFIER.id: train_classifier}


class Host(App[None]):
    CSS_PATH = STYLESHEETS

    def __init__(self, values: dict[str, str] | None = None, problem: str = "") -> None:
        super().__init__()
        self.form = TrainingFormScreen(CHECKPOINTS, values, problem)
        self.filled: list[FormResult | None] = []

    def on_mount(self) -> None:
        self.push_screen(self.form, self.filled.append)

    def field(self, name: str) -> Field:
        return next(field for field in self.form.query(Field) if field.option.name == name)

    def help(self, name: str) -> str:
        return str(self.field(name).query_one(".help", Static).render())


async def type_in(pilot: Pilot[Any], text: str) -> None:
    await pilot.press(*("space" if c == " " else "full_stop" if c == "." else "slash" if c == "/" else c for c in text))


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    """A text in the current folder."""
    (tmp_path / "corpus.txt").write_text("to be or not to be\n" * 100)
    return "corpus.txt"


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_option_of_the_command_is_in_the_form(kind: ModelKind) -> None:
    flags = {p.name for p in COMMANDS[kind.id].params if isinstance(p, click.Option)}
    main, *others = (option.name for option in kind.inputs)
    names = {option.name for option in form_options(kind)} - {"kind"}
    searches = {"find_learning_rate", "use_found_rate", "rate_curve"}  # which create no run, or print a curve
    resuming = {"resume", "accept_changed_corpus"}
    by_torchrun = {"local_steps"}
    assert (
        names == {main, *flags} - {"checkpoints", "debug", "config", "write_config"} - resuming - searches - by_torchrun
    )
    assert set(others) <= flags


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_help_and_bounds_come_from_the_settings(kind: ModelKind) -> None:
    settings = {s.option_name: s for config_class in kind.settings.values() for s in settings_of(config_class).values()}
    for option in form_options(kind):
        if option.name in settings:
            assert settings[option.name].help in option.help
            assert bounds_text(settings[option.name]) in option.help


def parsed(arguments: list[str]) -> dict[str, Any]:
    """Return the parameters that the command gets from the arguments."""
    (kind,) = (kind.id for kind in KINDS.values() if kind.command == arguments[0])
    return COMMANDS[kind].make_context(arguments[0], arguments[1:]).params


def test_columns_are_checked_and_passed() -> None:
    typed = {"kind": "Seq2Seq model", "pairs": "table.csv", "columns": "source,target"}
    assert not problems_in(typed)
    assert parsed(training_arguments(typed, CHECKPOINTS))["columns"] == "source,target"
    assert "--columns" not in training_arguments({**typed, "columns": " "}, CHECKPOINTS)
    problems = problems_in({**typed, "columns": "2"})
    assert list(problems) == ["columns"] and "must name two columns" in problems["columns"]


def test_the_columns_of_labelled_texts_are_checked_and_passed() -> None:
    typed = {"kind": "classifier", "texts": "table.csv", "label_column": "stars", "text_column": "2"}
    assert not problems_in(typed)
    values = parsed(training_arguments(typed, CHECKPOINTS))
    assert (values["label_column"], values["text_column"]) == ("stars", "2")
    problems = problems_in({**typed, "label_column": "0"})
    assert list(problems) == ["label_column"] and "number from 1" in problems["label_column"]


def test_only_what_differs_from_the_defaults_is_passed() -> None:
    groups = (LanguageModelConfig, LanguageModelTrainingConfig, TokenizerConfig)
    words = {"True": "yes", "False": "no"}
    typed = {f.name: words.get(str(f.default), str(f.default)) for kind in groups for f in fields(kind)
             if f.default is not None}  # fmt: skip
    typed |= {"corpus": "a.txt", "encoding": "utf-8", "errors": "strict", "name": " "}
    assert not problems_in(typed)
    assert training_arguments(typed, CHECKPOINTS) == ["train", "--checkpoints", "/runs", "--", "a.txt"]


def test_the_command_takes_what_was_typed() -> None:
    typed = {
        "corpus": "a.txt '-my file.txt' plays/*.txt", "name": "-odd", "cell": "gru", "layers": "2", "minutes": "0.5",
        "tied": "no", "learning_rate": "1e-3", "weight_decay": "0.15", "seed": "7", "errors": "replace",
        "encoding": "latin-1", "newlines": "keep", "vocab_size": " 500 ", "tokenizer": "bpe",
    }  # fmt: skip
    assert not problems_in(typed)
    values = parsed(training_arguments(typed, CHECKPOINTS))
    assert values["corpus"] == ("a.txt", "-my file.txt", "plays/*.txt")
    assert (values["name"], values["cell"], values["layers"], values["minutes"]) == ("-odd", "gru", 2, 0.5)
    assert (values["tied"], values["learning_rate"], values["seed"]) == (False, 0.001, 7)
    assert (values["errors"], values["encoding"], values["vocab_size"]) == ("replace", "latin-1", 500)
    assert values["newlines"] == "keep"
    assert "--weight-decay" not in training_arguments(typed, CHECKPOINTS)
    assert parsed(training_arguments(typed | {"tied": "yes"}, CHECKPOINTS))["tied"] is True


def test_a_home_is_put_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert training_arguments({"corpus": "~/a.txt ~no-such-user/b.txt"}, CHECKPOINTS)[-2:] == [
        "/home/me/a.txt", "~no-such-user/b.txt",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"corpus": ""}, "corpus", "name a text file"),
        ({"corpus": "-"}, "corpus", "standard input"),
        ({"corpus": "'open"}, "corpus", "a quote is not closed"),
        ({"hidden": "9999"}, "hidden", "--hidden must be between 1 and 8,192 (got 9999)"),
        ({"hidden": "many"}, "hidden", "--hidden must be a whole number between 1 and 8,192 (got 'many')"),
        ({"layers": "1.5"}, "layers", "--layers must be a whole number between 1 and 4 (got 1.5)"),
        ({"dropout": "nan"}, "dropout", "--dropout must be between 0 and 0.95"),
        ({"tied": "perhaps"}, "tied", "true or false"),
        ({"cell": "cnn"}, "cell", "one of lstm, gru, rnn"),
        ({"minutes": "5", "steps": "7"}, "minutes", "two budgets"),
        ({"tied": "yes"}, "tied", "--tied needs --embedding equal to --hidden (got 64 and 512)"),
        ({"nonlinearity": "relu"}, "nonlinearity", "is for --cell rnn"),
    ],
)
def test_problems_are_those_of_the_settings(values: dict[str, str], field: str, message: str) -> None:
    problems = problems_in({"corpus": "a.txt"} | values)
    assert list(problems) == [field]
    assert message in problems[field]


def test_every_problem_is_found_at_once() -> None:
    assert set(problems_in({"hidden": "0", "seed": "-1"})) == {"corpus", "hidden", "seed"}


@pytest.mark.parametrize(
    ("text", "arguments"),
    [("10 minutes", ["--minutes", "10"]), ("2.5m", ["--minutes", "2.5"]), ("4 epochs", ["--epochs", "4"]),
     ("20,000", ["--steps", "20000"]), ("20_000 S", ["--steps", "20000"]), ("3 epoch", ["--epochs", "3"])],
)  # fmt: skip
def test_budgets(text: str, arguments: list[str]) -> None:
    assert parse_budget(text, "steps") == arguments


@pytest.mark.parametrize("text", ["", "much", "10 weeks", "-3 steps", "0 steps", "1.5 steps", "1..5 minutes"])
def test_what_is_no_budget(text: str) -> None:
    with pytest.raises(UsageError):
        parse_budget(text, "steps")


def test_a_budget_doubled() -> None:
    assert doubled(Budget(steps=2_000_000)) == ("steps", "4000000 steps")
    assert doubled(Budget(epochs=0.75)) == ("epochs", "1.5 epochs")
    assert doubled(Budget(minutes=0.5)) == ("minutes", "1 minute")
    assert parse_budget("1 minute", "steps") == ["--minutes", "1"]
    assert Budget(minutes=1).summary == "1 minute" and Budget(epochs=1.5).summary == "1.5 epochs"
    assert doubled(Budget()) == ("minutes", "10 minutes")


def test_resume_arguments_are_those_of_the_command() -> None:
    values = parsed(resume_arguments(LANGUAGE_MODEL, "-odd", CHECKPOINTS, ["--steps", "9"]))
    assert values["resume"] and values["name"] == "-odd" and values["steps"] == 9 and values["checkpoints"] == "/runs"


# -- completion --------------------------------------------------------------------------------------------------------


def texts_completed(value: str) -> str | None:
    return complete_path(value, TEXT.inputs[0].endings)


def test_completion(tmp_path: Path) -> None:
    (tmp_path / "plays" / "old").mkdir(parents=True)
    for name in ("plays/hamlet.txt", "plays/.hidden.txt", "plays/my play.txt", "picture.png", "notes.md", "BIG.TXT"):
        (tmp_path / name).write_text("")
    assert texts_completed("pl") == "plays/"
    assert texts_completed("notes.md plays/ha") == "notes.md plays/hamlet.txt"
    assert texts_completed("plays/") == "plays/hamlet.txt"
    assert texts_completed("plays/m") == "plays/my\\ play.txt"
    assert texts_completed("plays/o") == "plays/old/"
    assert texts_completed("B") == "BIG.TXT"
    assert texts_completed("'pl") == "'plays/"
    assert texts_completed(f"{tmp_path}/no") == f"{tmp_path}/notes.md"
    for nothing in ("", "pi", "pl ", "nowhere/x", "notes.md", "~nobody-at-all/x", "\0/x"):
        assert texts_completed(nothing) is None


@pytest.mark.parametrize(
    "name",
    [
        "song [live].txt",
        "what? #1.txt",
        "Ann's book.txt",
        'a "quote".txt',
        "back\\slash.txt",
        "🎉 * $HOME ~.txt",
        "-x y.txt",
    ],
)
def test_a_name_with_any_characters_is_completed_and_found(name: str, tmp_path: Path) -> None:
    (tmp_path / "my [old] texts").mkdir()
    (tmp_path / "my [old] texts" / name).write_text("text")
    (tmp_path / "zz.txt").write_text("text")
    path = f"my [old] texts/{name}"
    assert named_files({"corpus": path}, "corpus") == [path]
    assert named_files({"corpus": f"zz.txt {shlex.quote(path)}"}, "corpus") == ["zz.txt", path]
    for start, before in (
        ("my\\ [o", []),
        ("'my [o", []),
        ("zz.txt my\\ [o", ["zz.txt"]),
        ('zz.txt "my [o', ["zz.txt"]),
    ):
        folder = texts_completed(start)
        assert folder is not None and folder.endswith("texts/")
        assert named_files({"corpus": texts_completed(folder) or ""}, "corpus") == [*before, path]
    assert texts_completed(path[:-5]) == path, "a name that is typed plainly is completed plainly"
    assert not missing_files({"corpus": f"zz.txt {shlex.quote(path)}"})


def test_names_with_spaces_need_no_quotes_where_only_one_reading_exists(tmp_path: Path) -> None:
    for name in ("b.txt", "my old play.txt", "Ann's book.txt", "old"):
        (tmp_path / name).write_text("text")
    for text, names in (
        ("my old play.txt b.txt", ["my old play.txt", "b.txt"]),
        ("b.txt my old play.txt *.md", ["b.txt", "my old play.txt", "*.md"]),
        ("b.txt Ann's book.txt", ["b.txt", "Ann's book.txt"]),
        ("b.txt old", ["b.txt", "old"]),
        ("my old song.txt", ["my", "old", "song.txt"]),
    ):
        assert named_files({"corpus": text}, "corpus") == names
    assert not missing_files({"corpus": "my old play.txt Ann's book.txt"})
    assert missing_files({"corpus": "my old song.txt"})["corpus"].endswith("; put a name with spaces in quotes")
    assert "quote" not in missing_files({"corpus": "song.txt"})["corpus"]
    assert texts_completed("b.txt my old p") == "b.txt my old play.txt"
    assert quote_completed("b.txt my old play.txt") == "b.txt 'my old play.txt'"
    assert quote_completed("Ann's book.txt") == shlex.quote("Ann's book.txt")
    for unchanged in ("b.txt", "my\\ old\\ play.txt", "'my old play.txt'", "my old song.txt", "'open"):
        assert quote_completed(unchanged) == unchanged


async def test_right_takes_the_completion_and_quotes_it(corpus: str, tmp_path: Path) -> None:
    (tmp_path / "my old play.txt").write_text("text")
    app = Host()
    async with app.run_test() as pilot:
        await type_in(pilot, "cor")
        entry = app.field("corpus").query_one(Input)
        await wait_until(pilot, lambda: entry._suggestion == corpus)
        await pilot.press("right")
        assert entry.value == corpus
        await type_in(pilot, " my old")
        await wait_until(pilot, lambda: entry._suggestion == f"{corpus} my old play.txt")
        await pilot.press("right")
        assert entry.value == f"{corpus} 'my old play.txt'" and entry.cursor_at_end


# -- the form ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24)])
async def test_fits_the_screen(size: tuple[int, int]) -> None:
    app = Host(problem="it did not go " * 12)
    async with app.run_test(size=size) as pilot:
        await pilot.press("ctrl+o")
        await wait_until(pilot, lambda: len(app.form.query(Field)) == len(form_options(TEXT)))
        await pilot.pause()
        for button in app.form.query("#buttons Button"):
            assert button.region.height == 1 and button.region.bottom < size[1]
        assert "it did not go" in str(app.form.query_one("#problem", Static).render())
        # Any option can be reached, and is wholly in view when it has the focus.
        app.field("encoding").take_focus()
        await pilot.pause()
        await wait_until(pilot, lambda: app.field("encoding").query_one(Input).region in app.form.query_one(
            "VerticalScroll").region)  # fmt: skip


async def test_starts_with_what_was_typed(corpus: str) -> None:
    app = Host()
    async with app.run_test() as pilot:
        await type_in(pilot, corpus)
        await pilot.press("tab", *"mine")
        await pilot.press("tab", "enter", "down", "enter")  # the next cell: gru
        await pilot.press("enter" if isinstance(app.focused, Input) else "tab", *"2")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.filled)
        (filled,) = app.filled
        assert filled is not None and filled.values == {"corpus": corpus, "name": "mine", "cell": "gru", "layers": "2"}
        assert filled.arguments is not None
        values = parsed(filled.arguments)
        assert (values["corpus"], values["name"], values["cell"], values["layers"]) == ((corpus,), "mine", "gru", 2)


async def test_a_problem_is_told_beside_its_field_and_nothing_is_lost(corpus: str) -> None:
    app = Host({"corpus": corpus, "hidden": "9999"})
    async with app.run_test() as pilot:
        await pilot.press("enter")
        await wait_until(pilot, lambda: "between 1 and 8,192 (got 9999)" in app.help("hidden"))
        assert app.focused is app.field("hidden").query_one(Input)
        assert app.field("corpus").value == corpus and not app.filled
        await pilot.press("8")  # replaces the value
        assert app.field("hidden").value == "8"
        await wait_until(pilot, lambda: app.help("hidden") == app.field("hidden").option.help)
        assert not app.field("hidden").has_class("-wrong")
        await pilot.click("#start")
        await wait_until(pilot, lambda: app.filled)


async def test_messages_follow_what_is_typed(corpus: str) -> None:
    app = Host({"corpus": "nowhere.txt"}, problem="task: nowhere.txt: no such file")
    async with app.run_test() as pilot:
        top, field = app.form.query_one("#problem"), app.field("corpus")
        await wait_until(pilot, lambda: "nowhere.txt: no such file" in app.help("corpus"))
        assert top.display and top.visible, "nothing has been changed yet"
        await pilot.press("tab")
        assert top.visible and field.has_class("-wrong")
        await pilot.press("shift+tab", "end", *["backspace"] * len("nowhere.txt"))
        await wait_until(pilot, lambda: "name a text file" in app.help("corpus"))
        assert not top.visible
        await type_in(pilot, corpus)
        await wait_until(pilot, lambda: not field.has_class("-wrong"))
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.filled)
        assert app.filled == [FormResult({"corpus": corpus})]


@pytest.mark.parametrize("size", [(80, 24), (120, 50)])
async def test_a_message_moves_no_button_from_under_the_pointer(corpus: str, size: tuple[int, int]) -> None:
    app = Host({"corpus": corpus, "hidden": "8"}, problem="it did not go")
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        before = {button.id: button.region for button in app.form.query(Button)}
        assert len(before) == 4
        app.field("corpus").value = "nowhere.txt"
        await pilot.press("tab")
        await wait_until(pilot, lambda: "nowhere.txt: no such file" in app.help("corpus"))
        app.field("hidden").take_focus()
        app.field("hidden").value = "99999"
        await pilot.press("tab")
        await wait_until(pilot, lambda: "99999" in app.help("hidden"))
        await pilot.pause()
        assert {button.id: button.region for button in app.form.query(Button)} == before
        app.field("hidden").value, app.field("corpus").value = "8", corpus
        await wait_until(pilot, lambda: not app.form.query(".-wrong"))
        await pilot.pause()
        assert {button.id: button.region for button in app.form.query(Button)} == before


@pytest.mark.usefixtures("few")
async def test_all_options_are_shown_where_the_screen_has_the_rows(corpus: str) -> None:
    app = Host({"corpus": corpus})
    async with app.run_test(size=(120, 60)) as pilot:
        await pilot.press("ctrl+o")
        await wait_until(pilot, lambda: app.form.query("#more Field"))
        await pilot.pause()
        scroll = app.form.query_one(VerticalScroll)
        assert scroll.max_scroll_y == 0
        tall = scroll.size.height
        await pilot.press("ctrl+o")
        await pilot.pause()
        assert scroll.max_scroll_y == 0 and scroll.size.height < tall
        await pilot.resize_terminal(80, 20)
        await pilot.pause()
        assert app.form.query_one("#start").region.bottom <= 20 and scroll.max_scroll_y > 0


@pytest.mark.usefixtures("few")
async def test_a_problem_of_two_fields_goes_away_with_either(corpus: str) -> None:
    app = Host({"corpus": corpus, "minutes": "2", "steps": "7"})
    async with app.run_test() as pilot:
        await pilot.press("enter")
        await wait_until(pilot, lambda: "two budgets" in app.help("minutes"))
        app.field("steps").value = ""
        await wait_until(pilot, lambda: not app.field("minutes").has_class("-wrong"))


@pytest.mark.usefixtures("few")
async def test_a_problem_among_all_options_opens_them(corpus: str) -> None:
    app = Host({"corpus": corpus, "encoding": "no-such"})
    async with app.run_test() as pilot:
        assert app.form.query_one("#more").display  # something in them was typed before
        await pilot.press("ctrl+o")
        assert not app.form.query_one("#more").display
        await pilot.press("enter")
        await wait_until(pilot, lambda: "no-such" in app.help("encoding"))
        assert app.form.query_one("#more").display
        assert app.focused is app.field("encoding").query_one(Input)


@pytest.mark.parametrize("problem", ["", "unreadable"])
async def test_a_corpus_that_is_none(problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if problem:

        def refuse(*_: object) -> None:
            raise PermissionError(13, problem, "secret.txt")

        monkeypatch.setattr("rnntui.text.corpus.check_sources", refuse)
    app = Host({"corpus": "nowhere.txt"})
    async with app.run_test() as pilot:
        await pilot.press("ctrl+s")
        told = f"secret.txt: {problem}" if problem else "nowhere.txt: no such file"
        await wait_until(pilot, lambda: told in app.help("corpus"))
        app.field("corpus").value = "elsewhere.txt"
        app.field("corpus").show_problem("")
        assert app.help("corpus") == app.field("corpus").option.help


@pytest.mark.usefixtures("few")
async def test_leaving_keeps_what_was_typed() -> None:
    app = Host({"seed": "5"})
    async with app.run_test() as pilot:
        await type_in(pilot, "half")
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.filled)
        assert app.filled == [FormResult({"corpus": "half", "seed": "5"})]


@pytest.mark.usefixtures("few")
async def test_defaults_and_close_by_mouse(tmp_path: Path) -> None:
    # The message for a missing file would come after a pause, and move a button away from a click that takes as long.
    (tmp_path / "a.txt").touch()
    app = Host({"corpus": "a.txt", "name": "mine", "hidden": "9", "cell": "rnn", "seed": "5", "tied": "yes"})
    async with app.run_test(size=(120, 40)) as pilot:
        assert app.field("tied").query_one(Select).value == "yes"
        await pilot.click("#defaults")
        await wait_until(pilot, lambda: app.form.values == {"corpus": "a.txt", "name": "mine"})
        more = app.form.query_one("#more")
        await pilot.click("#all")
        # A button that was just pressed takes no other click.
        await wait_until(pilot, lambda: not more.display and not app.form.query_one("#all").has_class("-active"))
        await pilot.click("#all")
        await wait_until(pilot, lambda: more.display)
        await pilot.click("#leave")
        await wait_until(pilot, lambda: app.filled)
        assert app.filled == [FormResult({"corpus": "a.txt", "name": "mine"})]


@pytest.mark.usefixtures("few")
async def test_what_is_typed_stays_when_options_are_hidden() -> None:
    app = Host()
    async with app.run_test() as pilot:
        await pilot.press("ctrl+o")
        app.field("seed").value = "5"
        app.field("tied").value = "no"
        await pilot.press("ctrl+o")
        assert app.form.values == {"seed": "5", "tied": "no"}
        assert app.form.query_one("#all", Button).label


async def test_what_is_typed_faster_than_it_is_handled_goes_to_the_field_that_tab_leads_to() -> None:
    app = Host()
    async with app.run_test() as pilot:
        await wait_until(pilot, lambda: app.form.is_current and app.focused is not None)
        keys = [*"ab", "tab", *"xyz", *["tab"] * 4, "1", "4", "shift+tab", "9"]
        for key in keys:
            app.post_message(Key(key, key if len(key) == 1 else None))
        await wait_until(pilot, lambda: bool(app.field("hidden").value))
        values = app.form.values
        assert (values["corpus"], values["name"], values["minutes"], values["hidden"]) == ("ab", "xyz", "14", "9")
