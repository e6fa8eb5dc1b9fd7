"""A small corpus, runs created from it, and processes that train together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from forks import Forks
from process_pairs import Pair
from tiny_runs import word_text

from rnntui.config import Budget, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.runs.folder import RunFolder
from rnntui.settings import settings_of
from rnntui.text.corpus import find_corpus
from rnntui.training.prepare_language_model import LanguageModelRequest, create_language_model_run
from rnntui.training.process_group import ProcessGroup

MakeRun = Callable[..., RunFolder]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Return a function that creates a run of a tiny model; it sorts settings into their groups by name."""

    def make(text: str | None = None, name: str | None = None, **settings: Any) -> RunFolder:
        path = tmp_path / "words.txt"
        path.write_text(word_text() if text is None else text, encoding="utf-8")
        defaults: dict[str, Any] = {
            "hidden": 24, "embedding": 8, "batch_size": 4, "bptt": 16, "eval_tokens": 512, "warmup": 5,
            "sample_length": 10, "evaluations": 4,
        }  # fmt: skip
        values = {**defaults, **settings}
        groups = []
        for config_class in (LanguageModelConfig, TokenizerConfig, LanguageModelTrainingConfig, Budget):
            names = {name: setting.option_name for name, setting in settings_of(config_class).items()}
            groups.append(
                config_class(**{name: values.pop(option) for name, option in names.items() if option in values})
            )
        assert not values, f"unknown settings {values}"
        request = LanguageModelRequest(*groups)  # type: ignore[arg-type]
        return create_language_model_run(find_corpus([str(path)]), request, tmp_path / "checkpoints", name)

    return make


@pytest.fixture
def pair(forks: Forks, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")  # whatever a test sets is undone
    monkeypatch.setenv("MASTER_PORT", "1")
    yield Pair(forks)
    ProcessGroup(0, 2).leave()
