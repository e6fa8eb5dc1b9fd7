"""A run's config, any JSON, and a failure in the middle of a write, for the tests of runs."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from rnntui.config import Budget, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.runs.run_config import RunConfig

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=60)

CONFIG = RunConfig(
    kind="language-model",
    model=LanguageModelConfig(hidden=16, layers=2),
    training=LanguageModelTrainingConfig(bptt=8),
    budget=Budget(steps=10),
    tokenizer=TokenizerConfig(vocab_size=30),
    corpus=TextCorpusInfo(name="tiny", sources=("tiny.txt",)),
    created=1.5,
    versions={"numpy": "2"},
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


class Failure(Exception):
    """Stands for whatever may go wrong in the middle of a write."""


def fail(*_: object) -> None:
    raise Failure
