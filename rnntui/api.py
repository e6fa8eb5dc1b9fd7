"""Python API: trained models as objects, training, and the list of runs.

`rnntui.load`, `rnntui.train` and `rnntui.runs` are these functions. The package itself imports nothing of this module
until one of them is used.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from rnntui.api_arguments import checked_callable, checked_path, checked_paths, checked_text, unknown_setting
from rnntui.api_models import ClassificationModel, GeneratedToken, TextModel, TranslationModel
from rnntui.config import Budget
from rnntui.errors import UsageError
from rnntui.kinds.registry import KINDS, kind_or_default
from rnntui.runs.lookup import checkpoints_folder, find_run
from rnntui.settings import Settings, settings_of, shown_value

if TYPE_CHECKING:
    from rnntui.inference.classifier import Classification
    from rnntui.inference.explanation import Explanation
    from rnntui.inference.scoring import LearningScorer, Score
    from rnntui.inference.text_sampler import SampledToken, SamplingRequest, TextSampler
    from rnntui.inference.text_state import TextState
    from rnntui.inference.translation import LineHypothesis, Translation
    from rnntui.kinds.model_kind import ModelKind
    from rnntui.runs.folder import RunFolder
    from rnntui.runs.listing import RunSummary
    from rnntui.training.events import Event

__all__ = [
    "Classification",
    "ClassificationModel",
    "Explanation",
    "GeneratedToken",
    "LearningScorer",
    "LineHypothesis",
    "RunSummary",
    "SampledToken",
    "SamplingRequest",
    "Score",
    "TextModel",
    "TextSampler",
    "TextState",
    "Translation",
    "TranslationModel",
    "load",
    "runs",
    "train",
]

# Types of arguments and results, which are imported when they are named: `rnntui.runs` needs no numpy.
_TYPES = {
    "Classification": "rnntui.inference.classifier",
    "Explanation": "rnntui.inference.explanation",
    "LearningScorer": "rnntui.inference.scoring",
    "LineHypothesis": "rnntui.inference.translation",
    "RunSummary": "rnntui.runs.listing",
    "SampledToken": "rnntui.inference.text_sampler",
    "SamplingRequest": "rnntui.inference.text_sampler",
    "Score": "rnntui.inference.scoring",
    "TextSampler": "rnntui.inference.text_sampler",
    "TextState": "rnntui.inference.text_state",
    "Translation": "rnntui.inference.translation",
}

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
    folder = checkpoints_folder(_optional_path("checkpoints", checkpoints), must_exist=True)
    found = find_run(_optional_path("run", run), folder, wanted)
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

    Raises `rnntui.errors.UsageError` if there is no such folder.

    >>> import rnntui
    >>> {"shakespeare", "en-es", "authors"} <= {run.name for run in rnntui.runs()}
    True
    """
    from rnntui.runs.listing import list_runs

    return list_runs(checkpoints_folder(_optional_path("checkpoints", checkpoints), must_exist=True))


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

    Raises `rnntui.errors.UsageError` for a setting that is unknown or out of bounds, or a file that does not exist,
    `CorpusError` if the corpus cannot be read, `TrainingError` if torch is missing or the training fails.
    """
    from rnntui.runs.creation import check_name
    from rnntui.runs.listing import summarize_run

    sources = checked_paths("corpus", corpus)
    run_name = None if name is None else checked_text("name", name)
    checked_callable("on_event", on_event)
    chosen, given = _settings(_kind(kind), settings)
    folder = checkpoints_folder(_optional_path("checkpoints", checkpoints))
    if run_name is not None:
        check_name(run_name, folder)
    from rnntui.api_training import TrainingRequest, create_and_train

    request = TrainingRequest(kind, sources, chosen, given)
    return summarize_run(create_and_train(request, folder, run_name, on_event))


def __getattr__(name: str) -> object:
    if name not in _TYPES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_TYPES[name]), name)


def _optional_path(name: str, value: object) -> str | None:
    return None if value is None else checked_path(name, value)


def _kind(kind: object) -> ModelKind:
    if not isinstance(kind, str) or kind not in KINDS:
        raise UsageError(f"kind must be one of {', '.join(KINDS)} (got {shown_value(kind)})", setting="kind")
    return kind_or_default(kind)


def _settings(kind: ModelKind, values: dict[str, Any]) -> tuple[dict[str, Settings], frozenset[str]]:
    """Return the settings objects of a kind by heading, and the option names of those that were given.

    A setting is known by its name on the command line, or by that of its field.
    """
    unknown, known, given = set(values), set[str](), set[str]()
    objects: dict[str, Settings] = {}
    for heading, config_class in kind.settings.items():
        chosen = {}
        for name, setting in settings_of(config_class).items():
            known |= {name, setting.option_name}
            key = next((key for key in (name, setting.option_name) if key in values), None)
            if key is not None:
                chosen[name] = values[key]
                unknown.discard(key)
                given.add(setting.option_name)
        objects[heading] = config_class(**chosen)
    if unknown:
        raise unknown_setting(min(unknown), known, f"see rnntui {kind.command} --help")
    budget = objects["Budget"]
    assert isinstance(budget, Budget)
    budget.check_max_epochs(given)
    return objects, frozenset(given)
