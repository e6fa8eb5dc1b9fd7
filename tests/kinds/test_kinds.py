"""Every kind of model is complete, and its `ModelKind` alone puts it into form, list, facts, charts and `runs`."""

from __future__ import annotations

import inspect
import json
import math
from pathlib import Path

import pytest

from rnntui.charts.metric_charts import charts_of, in_order
from rnntui.cli import evaluate
from rnntui.cli.main import COMMANDS, run
from rnntui.config import Budget, RecurrentConfig, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.errors import UsageError
from rnntui.kinds.corpus_info import CorpusInfo, TokenFileInfo
from rnntui.kinds.inputs import InputChoice, InputFiles
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.metrics import Metric
from rnntui.kinds.model_kind import ModelKind, Use, resolve
from rnntui.kinds.registry import KINDS
from rnntui.kinds.samples import SampleField, sample_from_json, sample_parts, sample_to_json, shorten_sample
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import find_run, require_kind
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_status import RunStatus
from rnntui.runs.stopping import stop_run
from rnntui.sessions.run_facts import run_facts
from rnntui.sessions.run_watcher import RunWatcher
from rnntui.sessions.training_form import form_options, problems_in, resume_arguments, training_arguments
from rnntui.settings import record, setting_field
from rnntui.tui.tabs import TABS

ACCURACY = Metric("toy_accuracy", "Toy accuracy", "toy accuracy", "toy_accuracy", decimals=1, short="acc")


@record
class ToyConfig(RecurrentConfig):
    """A shape with a setting of its own."""

    classes: int = setting_field(2, "classes that there are", low=2, high=99)

    @property
    def summary(self) -> str:
        return f"{self.classes} classes"


TOY = ModelKind(
    id="toy",
    title="toy model",
    abbreviation="TOY",
    command="train-toy",
    example="labels.tsv",
    use=Use("play with it", "play", tab="chat"),
    model=ToyConfig,
    tokenizer=TokenizerConfig,
    training=LanguageModelTrainingConfig,
    inputs=(InputFiles("labels", "a table of labels"),),
    input_choices=(InputChoice("labels", missing="name a table of labels"),),
    first_options=("classes",),
    primary_metric=ACCURACY,
    memory_settings=("batch_size", "hidden"),
    metrics=(ACCURACY,),
    corpus_info=CorpusInfo,
    sample_fields=(SampleField("label", "is: "),),
    task="rnntui.training.language_model_task:LanguageModelTask",
    loader="rnntui.inference.loaded_model:load_language_model",
)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunFolder:
    """The toy kind, registered, and a run of it."""
    monkeypatch.setitem(KINDS, TOY.id, TOY)
    run = RunFolder(tmp_path / "checkpoints" / "mine")
    run.path.mkdir(parents=True)
    run.write_config(
        RunConfig(
            kind=TOY.id, model=ToyConfig(hidden=8, classes=7), training=LanguageModelTrainingConfig(),
            budget=Budget(steps=10), tokenizer=TokenizerConfig(vocab_size=9),
            corpus=CorpusInfo(name="labels", sources=("labels.tsv",)), created=1.0,
        )
    )  # fmt: skip
    run.write_status(RunStatus("done", step=10, steps=10, validation_loss=0.5, results={"toy_accuracy": 87.65}))
    row = {"step": 5, "tokens": 50, "seconds": 1.0, "toy_accuracy": 80.0, "sample": {"label": "good"}}
    run.metrics_file.write_text(json.dumps(row) + "\n")
    run.weights_file.touch()
    return run


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_references_of_a_kind_exist(kind: ModelKind) -> None:
    assert kind.command in COMMANDS and kind.use.command in COMMANDS and kind.use.tab in TABS
    assert callable(resolve(kind.loader)) and callable(resolve(kind.evaluator))
    assert {*kind.evaluate_options} <= {parameter.name for parameter in evaluate.command.params}
    task = resolve(kind.task)
    assert list(inspect.signature(task.from_run).parameters) == ["run", "config", "hardware"]
    options = {option.name for option in form_options(kind)}
    assert set(kind.first_options) <= options
    # The app starts no processes that could take local steps, whatever a run that it begins with has.
    assert "local_steps" not in options
    assert "--local-steps" not in training_arguments({"kind": kind.title, "local_steps": "8"}, Path("runs"))
    named = {choice.table for choice in kind.input_choices}
    named |= {column for choice in kind.input_choices for column in choice.columns}
    assert named == {files.name for files in kind.inputs}


def test_kinds_are_registered_under_their_ids() -> None:
    assert {name: kind.id for name, kind in KINDS.items()} == {name: name for name in KINDS}


def test_ids_commands_and_titles_tell_kinds_apart() -> None:
    for name in ("id", "title", "abbreviation", "command"):
        assert len({getattr(kind, name) for kind in KINDS.values()}) == len(KINDS)


def test_a_registered_kind_is_in_the_form(toy: RunFolder, tmp_path: Path) -> None:
    (kinds,) = (option for option in form_options(LANGUAGE_MODEL) if option.name == "kind")
    assert "toy model" in kinds.choices
    typed = {"kind": "toy model", "labels": "labels.tsv", "classes": "100"}
    assert problems_in(typed) == {"classes": "--classes must be between 2 and 99 (got 100)"}
    assert problems_in({"kind": "toy model"}) == {"labels": "name a table of labels"}
    assert training_arguments({**typed, "classes": "9"}, tmp_path) == [
        "train-toy", "--checkpoints", str(tmp_path), "--classes", "9", "--", "labels.tsv",
    ]  # fmt: skip
    assert resume_arguments(TOY, "mine", tmp_path)[0] == "train-toy"


def test_a_registered_kind_is_in_runs_and_in_the_list(toy: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(toy.path.parent)
    assert run(["runs", "--checkpoints", folder]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert "acc" in heading.split()
    assert any("mine" in row and "87.7" in row for row in rows)
    assert run(["runs", "--checkpoints", folder, "--json"]) == 0
    values = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {value["name"]: value["toy_accuracy"] for value in values}["mine"] == 87.65
    assert all("bleu" in value for value in values)
    (watched,) = (seen for seen in RunWatcher(toy.path.parent).poll([]).runs if seen.name == "mine")
    assert watched.summary.primary == (ACCURACY, 87.65)
    facts = dict(run_facts(watched))
    assert facts["kind"] == "toy model" and facts["model"] == "lstm 1×8, 7 classes"
    assert facts["best"].startswith("toy accuracy 87.7")


def test_a_registered_kind_is_in_the_curves(toy: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert in_order(["learning_rate", "toy_accuracy", "bleu"]) == ["bleu", "toy_accuracy", "learning_rate"]
    assert charts_of(["toy_accuracy"]) == [("Toy accuracy", ["toy_accuracy"])]
    code = run(["curves", "mine", "--checkpoints", str(toy.path.parent), "--metric", "toy_accuracy"])
    assert code == 0 and "Toy accuracy" in capsys.readouterr().out


def test_a_registered_kind_is_found_and_other_commands_say_what_it_is_for(toy: RunFolder) -> None:
    assert find_run(None, toy.path.parent, TOY).path == toy.path
    with pytest.raises(UsageError, match=r"mine is a toy model, not a language model; play with it: rnntui play"):
        require_kind(toy, "toy", LANGUAGE_MODEL)
    with pytest.raises(Exception, match="mine is not being trained"):
        stop_run(toy)


def test_a_config_of_an_unknown_kind_reads_and_names_itself(toy: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    values = json.loads(toy.config_file.read_text())
    values["model"] = {"hidden": 8}
    toy.config_file.write_text(json.dumps(values))
    monkeypatch.delitem(KINDS, "toy")
    config = toy.read_config()
    assert config.kind == "toy" and isinstance(config.model, LanguageModelConfig)


def test_errors_carry_their_setting_and_hint() -> None:
    with pytest.raises(UsageError) as caught:
        Budget(minutes=1, steps=2)
    error = caught.value
    assert (error.setting, error.hint) == ("minutes", "give one")
    assert str(error) == f"{error.problem}; {error.hint}" == "--minutes and --steps are two budgets; give one"
    with pytest.raises(UsageError) as caught:
        TokenizerConfig(type="words")  # type: ignore[arg-type]
    assert caught.value.setting == "tokenizer" and str(caught.value).startswith("--tokenizer must be one of")


def test_table_and_columns_are_not_mixed() -> None:
    pairs = SEQ2SEQ.input_choices[0]
    for named, problem in (
        ({"source"}, "--source and --target go together; give both"),
        ({"pairs", "source", "target"}, "give a table of pairs, or --source and --target, not both"),
    ):
        with pytest.raises(UsageError, match=problem):
            pairs.check(named.__contains__)
    pairs.check({"source", "target"}.__contains__)
    with pytest.raises(UsageError, match="name a table of pairs"):
        pairs.require(set[str]().__contains__)
    pairs._replace(missing="").require(set[str]().__contains__)


def test_samples_are_data() -> None:
    translation = {"source": "a → b", "translation": "x", "reference": "(reference: y)"}
    assert sample_from_json(json.loads(json.dumps(sample_to_json(translation)))) == translation
    assert sample_to_json({"text": "once"}) == "once" and sample_from_json("once") == {"text": "once"}
    assert sample_to_json({}) is None
    for garbage in (None, 3, [], {}, {"source": 3}):
        assert sample_from_json(garbage) is None
    parts = [field.prefix + text for field, text in sample_parts(translation, SEQ2SEQ.sample_fields)]
    assert parts == ["a → b", "→ x", "reference: (reference: y)"]
    assert shorten_sample({"text": "12345"}, 4) == {"text": "123…"}


def test_a_file_of_ids_has_the_bits_of_unknown_words_if_there_are_any() -> None:
    plain = {"tokens": 5, "characters": 20, "dtype": "uint8"}
    for values in (plain, plain | {"spelling_bits": 7.5}):
        info = TokenFileInfo.from_json(values)
        assert info is not None and info.to_json() == values
        assert CorpusInfo.from_json(CorpusInfo(validation=info).to_json()).validation == info
        assert CorpusInfo(validation=info).to_json()["validation"] == values
    for garbage in (-1.0, "7", None, True, math.nan, math.inf):
        assert TokenFileInfo.from_json(plain | {"spelling_bits": garbage}) is None
