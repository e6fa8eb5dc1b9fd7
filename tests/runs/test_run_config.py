"""`config.json`: what is written is read again, and anything else is refused."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from run_examples import CONFIG, json_values, repeatable

from rnntui.config import Budget, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.errors import RunError
from rnntui.kinds.corpus_info import TextCorpusInfo, TokenFileInfo
from rnntui.kinds.metrics import ORIGIN_LOSS
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig, RunOrigin

whole_numbers = st.integers(1, 4)
configs = st.builds(
    RunConfig,
    kind=st.text(max_size=8),
    model=st.builds(
        LanguageModelConfig,
        cell=st.sampled_from(["lstm", "gru", "rnn"]),
        layers=whole_numbers,
        hidden=st.integers(1, 8192),
        embedding=st.none() | st.integers(1, 8192),
        dropout=st.floats(0.0, 0.95),
        tied=st.none() | st.booleans(),
    ),
    training=st.builds(
        LanguageModelTrainingConfig,
        learning_rate=st.floats(0.0, 10.0) | st.just(1),
        seed=st.integers(0, 2**32 - 1),
        threads=st.none() | whole_numbers,
    ),
    budget=st.one_of(
        st.builds(Budget, minutes=st.none() | st.floats(0.01, 1e5)),
        st.builds(Budget, steps=st.integers(1, 10**9)),
        st.builds(Budget, epochs=st.floats(0.001, 1e5)),
    ),
    tokenizer=st.builds(
        TokenizerConfig,
        type=st.sampled_from(["char", "bpe", "unigram"]),
        vocab_size=st.none() | st.integers(2, 65536),
    ),
    corpus=st.builds(
        TextCorpusInfo,
        name=st.text(max_size=5),
        sources=st.lists(st.text(max_size=5), max_size=3).map(tuple),
        characters=st.integers(0, 10**12),
        speakers=st.none() | st.just(("A", "B")),
    ),
    created=st.floats(allow_nan=False, allow_infinity=False),
    versions=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)


@pytest.mark.parametrize("created", [math.nan, -math.inf, "1", True, None])
def test_a_config_was_created_at_some_time(created: object) -> None:
    with pytest.raises(RunError, match="has a missing or invalid created"):
        RunConfig.from_json({**CONFIG.to_json(), "created": created})


@pytest.mark.parametrize("name", ["kind", "corpus", "versions"])
@pytest.mark.parametrize("value", [None, 7, []])
def test_a_part_of_a_config_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(RunError, match="has a missing or invalid kind, corpus or versions"):
        RunConfig.from_json({**CONFIG.to_json(), name: value})


def test_a_config_can_be_read_by_people_and_one_that_is_gone_is_told(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "a")
    run.path.mkdir()
    run.write_config(CONFIG)
    assert '\n  "kind": "' in run.config_file.read_text()
    run.config_file.unlink()
    with pytest.raises(RunError, match=r"cannot read .*a/config\.json: No such file"):
        run.read_config()
    run.path.rmdir()
    with pytest.raises(RunError, match=r"/a is gone: it was moved, renamed or deleted"):
        run.read_config()


def test_a_config_without_versions_has_none(tmp_path: Path) -> None:
    values = CONFIG.to_json()
    values.pop("versions", None)
    assert RunConfig.from_json(values).versions == {}


@repeatable
@given(configs)
def test_a_config_round_trips(scratch: Path, config: RunConfig) -> None:
    run = RunFolder(scratch)
    run.write_config(config)
    assert run.read_config() == config


def test_a_config_can_name_a_corpus_file_whose_name_is_not_utf_8(run: RunFolder) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    config = replace(CONFIG, corpus=TextCorpusInfo(sources=(name,)))
    run.write_config(config)
    assert run.read_config().corpus.sources == (name,)


def fields_of(values: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of the values of nested objects."""
    for name, value in values.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from fields_of(value, (*above, name))


FIELDS = list(fields_of(CONFIG.to_json()))


def config_with(where: tuple[str, ...], value: object) -> dict[str, Any]:
    """The JSON of a good configuration with one value replaced."""
    values: dict[str, Any] = deepcopy(CONFIG.to_json())
    inner = values
    for name in where[:-1]:
        inner = inner[name]
    inner[where[-1]] = value
    return values


@settings(repeatable, max_examples=160)
@given(st.sampled_from(FIELDS), json_values)
@example(("model", "cell"), [])
@example(("model", "hidden"), True)
@example(("training",), None)
@example(("format",), 3)
@example(("training", "seed"), math.inf)
@example(("created",), math.nan)
def test_any_value_in_a_config_is_read_or_refused_naming_the_file(
    scratch: Path, where: tuple[str, ...], value: object
) -> None:
    run = RunFolder(scratch)
    run.config_file.write_text(json.dumps(config_with(where, value)))
    try:
        config = run.read_config()
    except RunError as error:
        assert str(run.config_file) in str(error)  # noqa: PT017 -- either outcome is right
        return
    assert RunConfig.from_json(config.to_json()) == config
    if len(where) == 2 and where[0] in ("model", "training", "budget", "tokenizer"):
        assert getattr(getattr(config, where[0]), where[1]) == value


@repeatable
@given(json_values)
def test_any_json_that_is_not_a_config_is_refused_naming_the_file(scratch: Path, value: object) -> None:
    run = RunFolder(scratch)
    run.config_file.write_text(json.dumps(value))
    with pytest.raises(RunError) as caught:
        run.read_config()
    assert str(run.config_file) in str(caught.value)


@pytest.mark.parametrize("where", [w for w in FIELDS if len(w) == 1 and w not in (("versions",), ("origin",))])
def test_a_config_without_a_section_is_refused_naming_file_and_section(where: tuple[str, ...], run: RunFolder) -> None:
    values = CONFIG.to_json()
    del values[where[0]]
    run.config_file.write_text(json.dumps(values))
    with pytest.raises(RunError, match=where[0]) as caught:
        run.read_config()
    assert str(run.config_file) in str(caught.value)


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("format",), 3, "format 3"),
        (("model", "hidden"), 0, "--hidden"),
        (("model", "bogus"), 1, "bogus"),
        (("training", "learning_rate"), "fast", "--learning-rate"),
        (("training", "seed"), 1.5, "--seed"),
        (("budget", "epochs"), 3, "--epochs and --steps"),
    ],
)
def test_an_invalid_setting_is_named(where: tuple[str, ...], value: object, said: str, run: RunFolder) -> None:
    run.config_file.write_text(json.dumps(config_with(where, value)))
    with pytest.raises(RunError, match=said) as caught:
        run.read_config()
    assert str(run.config_file) in str(caught.value)


@pytest.mark.parametrize("where", [("created",), ("training", "seed"), ("training", "learning_rate")])
def test_a_huge_number_is_refused_naming_the_file(where: tuple[str, ...], run: RunFolder) -> None:
    run.config_file.write_text(json.dumps(config_with(where, 10**400)))
    with pytest.raises(RunError) as caught:
        run.read_config()
    assert str(run.config_file) in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"\0" * 20, pytest.param(b"[" * 100_000, id="nested too deep")],
)
def test_a_config_that_is_not_json_is_refused_naming_the_file(content: bytes, run: RunFolder) -> None:
    run.config_file.write_bytes(content)
    with pytest.raises(RunError) as caught:
        run.read_config()
    assert str(run.config_file) in str(caught.value)


def test_a_missing_config_is_refused_naming_the_file(run: RunFolder) -> None:
    with pytest.raises(RunError) as caught:
        run.read_config()
    assert str(run.config_file) in str(caught.value)


def test_a_config_without_vocabulary_size_is_refused_when_that_is_needed() -> None:
    with pytest.raises(RunError, match="vocabulary"):
        _ = replace(CONFIG, tokenizer=TokenizerConfig()).vocab_size
    assert CONFIG.vocab_size == 30


def test_the_json_of_a_config_is_complete() -> None:
    values = CONFIG.to_json()
    assert values.pop("format") == 2
    assert values == asdict(CONFIG)


def test_the_origin_of_a_run_round_trips_and_its_forgetting_is_told() -> None:
    file = TokenFileInfo(100, 400, "uint8")
    origin = RunOrigin("old", "abcdef0123456789", file, file, 2.5)
    config = replace(CONFIG, origin=origin)
    assert RunConfig.from_json(json.loads(json.dumps(config.to_json()))).origin == origin
    assert origin.summary == "old (fingerprint abcdef012345)"
    assert config.forgetting({ORIGIN_LOSS.key: 2.75}) == "loss on the earlier data, of old: 2.5000 before, 2.7500 now"
    assert config.forgetting({}) == CONFIG.forgetting({ORIGIN_LOSS.key: 2.75}) == ""
    assert replace(config, origin=replace(origin, loss=None)).forgetting({ORIGIN_LOSS.key: 2.75}) == ""


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        (None, None), ([], None), ({"run": "a"}, None), ({"fingerprint": "b"}, None),
        ({"run": 1, "fingerprint": "b"}, None),
        ({"run": "a", "fingerprint": "b"}, RunOrigin("a", "b")),
        ({"run": "a", "fingerprint": "b", "loss": 2, "training": 5, "validation": {}}, RunOrigin("a", "b", loss=2.0)),
        ({"run": "a", "fingerprint": "b", "loss": math.inf}, RunOrigin("a", "b")),
        ({"run": "a", "fingerprint": "b", "loss": "2"}, RunOrigin("a", "b")),
    ],
)  # fmt: skip
def test_an_origin_of_any_json_is_read_or_none(value: object, origin: RunOrigin | None) -> None:
    assert RunOrigin.from_json(value) == origin


def test_sections_of_another_kind_are_refused() -> None:
    assert CONFIG.model_as(LanguageModelConfig) is CONFIG.model
    assert CONFIG.training_as(LanguageModelTrainingConfig) is CONFIG.training
    assert CONFIG.tokenizer_as(TokenizerConfig) is CONFIG.tokenizer
    assert CONFIG.corpus_as(TextCorpusInfo) is CONFIG.corpus
    for read in (CONFIG.model_as, CONFIG.training_as, CONFIG.tokenizer_as, CONFIG.corpus_as):
        with pytest.raises(RunError, match="the run is a language model, where one with a Budget is needed"):
            read(Budget)
    with pytest.raises(RunError, match="does not give the size of the vocabulary"):
        _ = replace(CONFIG, tokenizer=TokenizerConfig(vocab_size=None)).vocab_size
