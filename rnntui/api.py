"""Python API: trained models as objects, training, and the list of runs.

`rnntui.load`, `rnntui.train` and `rnntui.runs` are these functions. The package itself imports nothing of this module
until one of them is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, overload

from rnntui.api_models import ClassificationModel, GeneratedToken, TextModel, TranslationModel
from rnntui.config import Budget
from rnntui.errors import UsageError
from rnntui.inference.text_state import TextState
from rnntui.kinds.registry import KINDS, kind_or_default
from rnntui.runs.listing import RunSummary, list_runs, summarize_run
from rnntui.runs.lookup import checkpoints_folder, find_run
from rnntui.settings import Settings, settings_of

if TYPE_CHECKING:
    from rnntui.kinds.model_kind import ModelKind
    from rnntui.runs.folder import RunFolder
    from rnntui.training.events import Event

__all__ = [
    "ClassificationModel",
    "GeneratedToken",
    "RunSummary",
    "TextModel",
    "TextState",
    "TranslationModel",
    "load",
    "runs",
    "train",
]

KindId = Literal["language-model", "seq2seq", "classifier"]
Source = str | os.PathLike[str]


@overload
def load(
    run: Source | None = None, *, kind: Literal["language-model"], checkpoints: Source | None = None
) -> TextModel: ...
@overload
def load(
    run: Source | None = None, *, kind: Literal["seq2seq"], checkpoints: Source | None = None
) -> TranslationModel: ...
@overload
def load(
    run: Source | None = None, *, kind: Literal["classifier"], checkpoints: Source | None = None
) -> ClassificationModel: ...
@overload
def load(run: Source | None = None, *, kind: None = None, checkpoints: Source | None = None) -> Any: ...


def load(
    run: Source | None = None, *, kind: KindId | None = None, checkpoints: Source | None = None
) -> TextModel | TranslationModel | ClassificationModel:
    """Load the best weights of a run, by its name or path; a shipped model is a run, too.

    Args:
        run: name or path of the run; None takes the newest one of the kind, else the shipped one.
        kind: the kind that it must be of, which also tells a type checker what is returned; None allows any.
        checkpoints: the folder of runs; None is that of the command line.

    Raises `rnntui.errors.UsageError` for an unknown name or a run of another kind, `RunError` if it is broken.

    >>> import rnntui
    >>> rnntui.load("shakespeare").score("To be, or not to be").bits_per_character < 3
    True
    """
    wanted = None if kind is None else _kind(kind)
    folder = checkpoints_folder(None if checkpoints is None else os.fspath(checkpoints), must_exist=True)
    found = find_run(None if run is None else os.fspath(run), folder, wanted)
    kind_id = found.read_config().kind
    if kind_id not in KINDS:
        raise UsageError(f"run {found.name} is a {kind_id}; this rnntui loads {', '.join(KINDS)}")
    if wanted is not None and kind_id != wanted.id:
        raise UsageError(f"run {found.name} is a {KINDS[kind_id].title}, not a {wanted.title}")
    models: dict[str, Callable[[RunFolder], Any]] = {
        "language-model": TextModel,
        "seq2seq": TranslationModel,
        "classifier": ClassificationModel,
    }
    return models[kind_id](found)  # type: ignore[no-any-return]


def runs(checkpoints: Source | None = None) -> list[RunSummary]:
    """Return all runs of a folder and the shipped models, the newest first.

    >>> import rnntui
    >>> {"shakespeare", "en-es", "authors"} <= {run.name for run in rnntui.runs()}
    True
    """
    return list_runs(checkpoints_folder(None if checkpoints is None else os.fspath(checkpoints)))


def train(
    corpus: Source | Sequence[Source],
    *,
    kind: KindId = "language-model",
    name: str | None = None,
    checkpoints: Source | None = None,
    on_event: Callable[[Event], object] | None = None,
    **settings: Any,
) -> RunSummary:
    """Train a model, and return its run; the current folder of runs has it from the beginning.

    An interrupted training is saved, and `rnntui ... --resume` continues it.

    Args:
        corpus: files or folders: a text, a table of pairs, or a table of labelled texts.
        kind: the kind of model.
        name: name of the run; None takes the corpus's, with a number if that is taken.
        checkpoints: the folder of runs; None is that of the command line.
        on_event: receives each event of the training, see `rnntui.training.events`; training stops and saves once it
            returns False.
        settings: any setting of the training command, as in `minutes=5`, `hidden=256` or `from_run="shakespeare"`.

    Raises `rnntui.errors.UsageError` for a setting that is unknown or out of bounds, `CorpusError` if the corpus cannot
    be read, `TrainingError` if torch is missing or the training fails.
    """
    from rnntui.api_training import TrainingRequest, create_and_train

    sources = [corpus] if isinstance(corpus, str | os.PathLike) else corpus
    chosen, given = _settings(_kind(kind), settings)
    folder = checkpoints_folder(None if checkpoints is None else os.fspath(checkpoints))
    request = TrainingRequest(kind, [os.fspath(source) for source in sources], chosen, given)
    return summarize_run(create_and_train(request, folder, name, on_event))


def _kind(kind: str) -> ModelKind:
    if kind not in KINDS:
        raise UsageError(f"kind must be one of {', '.join(KINDS)} (got {kind!r})", setting="kind")
    return kind_or_default(kind)


def _settings(kind: ModelKind, values: dict[str, Any]) -> tuple[dict[str, Settings], frozenset[str]]:
    """Return the settings objects of a kind by heading, and the option names of those that were given.

    A setting is known by its name on the command line, or by that of its field.
    """
    unknown, given = set(values), set()
    objects: dict[str, Settings] = {}
    for heading, config_class in kind.settings.items():
        chosen = {}
        for name, setting in settings_of(config_class).items():
            key = next((key for key in (name, setting.option_name) if key in values), None)
            if key is not None:
                chosen[name] = values[key]
                unknown.discard(key)
                given.add(setting.option_name)
        objects[heading] = config_class(**chosen)
    if unknown:
        raise UsageError(f"unknown setting {min(unknown)!r}", hint=f"see rnntui {kind.command} --help")
    budget = objects["Budget"]
    assert isinstance(budget, Budget)
    budget.check_max_epochs(given)
    return objects, frozenset(given)


class _CallableRuns(ModuleType):
    """The package `rnntui.runs`, which is the function `rnntui.runs` when it is called: both have that name."""

    def __call__(self, checkpoints: Source | None = None) -> list[RunSummary]:
        return runs(checkpoints)


sys.modules["rnntui.runs"].__class__ = _CallableRuns
