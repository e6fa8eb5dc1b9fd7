"""Wrong values of settings in a settings file, the training form, sliders and the Python API."""

from __future__ import annotations

import inspect
import os
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from classifier_examples import make_classifier_run
from option_values import HUGE
from pair_runs import copy_rows, make_pair_run, write_weights
from tiny_runs import make_run

import rnntui
from rnntui.api_models import ClassificationModel, TextModel, TranslationModel
from rnntui.cli.main import run
from rnntui.config_generation import SamplingConfig
from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import RnntuiError, UsageError
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import KINDS
from rnntui.sessions.training_form import problems_in
from rnntui.settings import Setting, Settings, flag_of, is_bool, is_text, problem_with, settings_of
from rnntui.tui.chat.sliders import make_sliders

KIND_LIST = [*KINDS.values()]


class Unprintable:
    """An object whose representation raises."""

    def __repr__(self) -> str:
        raise ValueError


LONG = "x" * 3000  # too long for the name of a file
WRONG: list[Any] = [
    None, True, -1, 1.5, float("nan"), float("inf"), -float("inf"), 10**400, -(10**400), 10**5000, "", "no such", "\0",
    "\ud800", b"x", [""], ["a", None], [10**5000], {}, object(), Unprintable(), Path(), LONG,
]  # fmt: skip


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder to work in, in which nothing but what a test writes itself may be found at the end."""
    monkeypatch.setenv("RNNTUI_CHECKPOINTS", os.devnull)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    yield
    assert {path.name for path in Path.cwd().iterdir()} <= {"a.toml", "b.toml"}


def settings_of_kind(kind: ModelKind) -> Iterator[tuple[type[Settings], str, Setting]]:
    for config_class in kind.settings.values():
        for name, setting in settings_of(config_class).items():
            yield config_class, name, setting


def wrong_numbers(setting: Setting) -> list[float]:
    """Numbers just out of the bounds of a setting."""
    assert setting.low is not None and setting.high is not None
    return [setting.low - 1, setting.high * 1.001 + 1, 10**400, -(10**400), float("nan"), float("inf")]


def is_number(config_class: type[Settings], name: str, setting: Setting) -> bool:
    return not (setting.choices or is_text(config_class, name) or is_bool(config_class, name))


# -- settings files ----------------------------------------------------------------------------------------------------

TOML_VALUES = ["''", "'no such'", "nan", "-inf", "1e999", HUGE, "1979-05-27", "['a', '']", "{ a = 1 }", "-1.5", "true"]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The line that tells what is wrong with a command."""
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert not out and err.count("\n") == 1 and len(err) < 500
    return err


@pytest.mark.parametrize("kind", KIND_LIST, ids=lambda kind: kind.id)
def test_a_key_of_a_settings_file_takes_what_its_flag_takes(kind: ModelKind, capsys) -> None:
    others = [setting for other in KIND_LIST[: KIND_LIST.index(kind)] for *_, setting in settings_of_kind(other)]
    for config_class, name, setting in settings_of_kind(kind):
        if setting in others:
            continue
        key, is_a_number = setting.option_name, is_number(config_class, name, setting)
        for value in [*TOML_VALUES, *map(str, wrong_numbers(setting)[:2] if is_a_number else [])]:
            Path("a.toml").write_text(f"{key} = {value}\n")
            err = told(capsys, kind.command, "--config", "a.toml", "missing.txt")
            python = tomllib.loads(f"a = {value}")["a"]
            if problem_with(config_class, name, python):
                assert err.startswith(f"rnntui: a.toml: {key} must be "), (key, value, err)
            elif is_a_number:
                assert not is_wrong_number(setting, python), (key, value)


def is_wrong_number(setting: Setting, value: object) -> bool:
    """Whether a value is no number, or out of bounds; by other means than the settings."""
    assert setting.low is not None and setting.high is not None
    return type(value) not in (int, float) or not setting.low <= value <= setting.high  # type: ignore[operator]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("hidden = 3\nhidden = 4\n", "is not TOML"),
        ("hiden = 3\n", "did you mean hidden?"),
        ("n_best = 3\n", "unknown key 'n_best'"),
        ("label_smoothing = 0.1\n", "unknown key 'label_smoothing'"),
        ("temperature = 0.1\n", "unknown key 'temperature'"),
        ("[train]\nhidden = 3\n", "a settings file has no sections"),
        ("hidden.x = 3\n", "hidden must be a whole number"),
        ("minutes = 1\nsteps = 3\n", "--minutes and --steps are two budgets"),
        ("corpus = ['']\n", "corpus must be a list of names"),
        ("corpus = ['a', '']\n", "corpus must be a list of names"),
        ("name = ''\n", "--name"),
        ("name = '\\u0000'\n", "--name"),
        ('name = "\\u0000"\n', "--name"),
        ('from = "\\u0000"\n', "no run"),
        ('corpus = ["\\u0000"]\n', "\\x00"),
        ('encoding = "\\u0000"\n', "encoding"),
        ("encoding = ''\n", "encoding"),
        ("turns = 'a,,b'\n", "--turns"),
        ("mix = 0.5\n", "--mix"),
        (f"hidden = {'9' * 5000}\n", "is not TOML"),
        ("a = " + "[" * 5000 + "\n", "is not TOML"),
        ("\0", "is not TOML"),
    ],
)
def test_a_settings_file_that_cannot_be_used_is_told_in_a_line(content: str, problem: str, capsys) -> None:
    Path("a.toml").write_bytes(content.encode())
    arguments = ["train", "--config", "a.toml", *([] if content.startswith("corpus") else ["missing.txt"])]
    assert problem in told(capsys, *arguments)


def test_the_last_of_two_settings_files_is_not_taken_for_both(capsys) -> None:
    Path("a.toml").write_text("hidden = 3\n")
    Path("b.toml").write_text("layers = 2\n")
    assert "--config" in told(capsys, "train", "--config", "a.toml", "--config", "b.toml", "missing.txt")


# -- the training form and the sliders ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KIND_LIST, ids=lambda kind: kind.id)
def test_a_field_of_the_form_refuses_what_the_flag_refuses(kind: ModelKind) -> None:
    files = {"kind": kind.title, kind.inputs[0].name: "a.txt"}
    for config_class, name, setting in settings_of_kind(kind):
        if not setting.in_form:
            continue
        texts = ["no such", "nan", "inf", "1e999", HUGE, f"-{HUGE}", "9" * 5000, "1,5", "\ud800", "\x1b[31m", "ⅷ"]
        if is_number(config_class, name, setting):
            texts += [str(value) for value in wrong_numbers(setting)]
        for text in texts:
            problems = problems_in({**files, setting.option_name: text})
            if is_number(config_class, name, setting) or setting.choices or is_bool(config_class, name):
                assert setting.option_name in problems, (setting.option_name, text)
                assert problems[setting.option_name].startswith(flag_of(setting.option_name)), setting.option_name
            assert all(len(problem) < 300 and "\n" not in problem for problem in problems.values())


def test_a_slider_refuses_what_its_setting_refuses() -> None:
    configs: dict[str, type[Settings]] = dict.fromkeys(settings_of(SamplingConfig), SamplingConfig)
    for slider in make_sliders():
        spec, name = slider.spec, str(slider.name)
        low, high = spec.low, spec.high
        texts = ["", "x", "nan", "inf", "-inf", "1e999", HUGE, f"-{HUGE}", "9" * 5000, "--", "1,5", "½"]
        for text in [*texts, str(low - 1), str(high + 1)]:
            assert spec.parse(text) is None and all(spec.problems(text)), (name, text)
        for value in (low, high):
            assert spec.parse(str(value)) == value
            assert name not in configs or not problem_with(configs[name], name, spec.clamp(value))
        for value in (float("nan"), float("inf")):
            with pytest.raises(ValueError, match="cannot be"):
                spec.clamp(value)


# -- the Python API ----------------------------------------------------------------------------------------------------


def refusal(call: Callable[[], object]) -> str:
    """Call a function until its first result; return the message of a `RnntuiError`, an empty one if there is none."""
    try:
        result = call()
        if inspect.isgenerator(result):
            next(result, None)
    except RnntuiError as error:
        message = str(error)
    else:
        message = ""
    assert len(message.replace(LONG, "")) < 400 and "\n" not in message
    return message


def was_taken(*_: object) -> None:
    raise AssertionError("a training was begun")


@pytest.mark.parametrize("kind", KIND_LIST, ids=lambda kind: kind.id)
def test_training_by_the_api_refuses_a_wrong_setting(kind: ModelKind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.api_training.create_and_train", was_taken)
    for config_class, name, setting in settings_of_kind(kind):
        numbers = wrong_numbers(setting) if is_number(config_class, name, setting) else []
        for value in [*WRONG, *numbers]:
            if not problem_with(config_class, name, value):
                continue
            message = refusal(lambda: rnntui.train("a.txt", kind=kind.id, **{setting.option_name: value}))  # noqa: B023
            assert message.startswith(flag_of(setting.option_name)), (setting.option_name, message)


@pytest.mark.parametrize("argument", ["corpus", "kind", "name", "checkpoints", "on_event"])
def test_training_by_the_api_refuses_a_wrong_argument(argument: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[object] = []
    monkeypatch.setattr("rnntui.api_training.create_and_train", lambda *_: begun.append(1) or was_taken())
    for value in WRONG:
        is_fine = (value is None and argument != "corpus") or (argument in ("corpus", "name") and value == "no such")
        if is_fine or (argument in ("corpus", "checkpoints") and value in ("no such", LONG, Path())):
            continue
        assert refusal(lambda: rnntui.train(**{"corpus": "a.txt", argument: value})), value  # noqa: B023
    assert not begun


def test_loading_by_the_api_refuses_a_wrong_argument() -> None:
    for argument in ("run", "kind", "checkpoints"):
        for value in WRONG:
            if value is not None and (argument, value) != ("checkpoints", Path()):
                assert refusal(lambda: rnntui.load(**{argument: value})), (argument, value)  # noqa: B023


EXAMPLES: dict[str, Any] = {
    "text": "a", "line": "a", "lines": ["a"], "texts": ["a"], "token_ids": [1], "token_id": 1, "path": "a.toml",
}  # fmt: skip


def models(folder: Path) -> list[Any]:
    pairs = make_pair_run(folder, copy_rows(20), "pairs")
    write_weights(pairs)
    classifier = make_classifier_run(folder, "labels", ["a dull film", "a dull book"], tokenizer="word")
    return [TextModel(make_run(folder, "letters")), TranslationModel(pairs), ClassificationModel(classifier)]


@pytest.mark.parametrize("index", [0, 1, 2], ids=["language-model", "seq2seq", "classifier"])
def test_a_models_methods_refuse_wrong_arguments(index: int, tmp_path: Path) -> None:
    """With every argument of every method: the result, or an error that names the argument."""
    model = models(tmp_path)[index]
    settings = {"generate": SamplingConfig, "translate": BeamConfig}
    for name, method in inspect.getmembers(model, callable):
        if name.startswith("_"):
            continue
        parameters = inspect.signature(method).parameters
        required = {each: EXAMPLES.get(each) for each, p in parameters.items() if p.default is p.empty and p.kind != 4}
        for argument, parameter in parameters.items():
            names = [argument]
            if parameter.kind is parameter.VAR_KEYWORD:
                names = [*settings_of(settings[name]), "no_such_setting"]
            for given in names:
                for value in WRONG:
                    message = refusal(lambda: method(**{**required, given: value}))  # noqa: B023
                    assert not message or given.replace("_", "-") in message.replace("_", "-") or argument == "path"
                    if isinstance(value, Unprintable | dict) and given not in ("stop", "lines", "texts", "token_ids"):
                        assert message, (name, given)
    for wrong in ("no such", 3, None):
        assert refusal(lambda: type(model)(wrong))  # noqa: B023


def test_the_precision_and_the_sentences_of_a_model_are_checked(tmp_path: Path) -> None:
    text, translation, _ = models(tmp_path)
    for value in WRONG:
        assert refusal(lambda: TextModel(text.run, value)).startswith("--precision")  # noqa: B023
        assert refusal(lambda: TranslationModel(translation.run, value)).startswith("--split-sentences")  # noqa: B023


def test_a_setting_that_does_not_exist_is_named_with_one_that_does() -> None:
    with pytest.raises(UsageError, match="unknown setting 'learning_rte'; did you mean learning_rate"):
        rnntui.train("a.txt", learning_rte=0.1)
