"""The models of a server: found among the runs, described as `/v1/models` lists them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rnntui.errors import RnntuiError, RunError, UsageError
from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import title_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import kind_id_of, named_run, runs_in, shipped_runs
from rnntui.serving.api_errors import ApiError
from rnntui.serving.server_config import ServerConfig

if TYPE_CHECKING:
    from rnntui.serving.generation_engine import GenerationEngine


def served_runs(folder: Path, names: Sequence[str]) -> dict[str, RunFolder]:
    """Return the trained runs to serve by name: those with some names or paths; without names, all there are.

    A run of the user's comes before a shipped one of the same name. Raises `UsageError` if there is no such run, or two
    of those that were named have the same name, by which clients could tell them apart.
    """
    runs = [named_run(name, folder) for name in names] if names else [*runs_in(folder), *shipped_runs()]
    by_name: dict[str, RunFolder] = {}
    for run in runs:
        if names and not run.weights_file.is_file():
            raise UsageError(f"run {run.name} has no weights yet", hint="wait for the first evaluation of its training")
        other = by_name.get(run.name)
        if names and other is not None and other.path.resolve() != run.path.resolve():
            raise UsageError(
                f"--run {other.path} and --run {run.path} have the same name, {run.name}, by which clients choose",
                setting="run", hint="rename one of them (rnntui rename), or serve them on two ports",
            )  # fmt: skip
        if other is None and run.weights_file.is_file():
            by_name[run.name] = run
    return by_name


class RunFacts(NamedTuple):
    """What the server wants to know of a run's config.

    Args:
        kind_id: its kind; None if its `config.json` is broken.
        created: when it was created, in seconds since 1970.
        labels: the labels of a classifier.
    """

    kind_id: str | None
    created: int = 0
    labels: tuple[str, ...] = ()


class ServedRuns:
    """The runs that a server answers for; without names, those that are trained while it runs are among them.

    It looks at the folders each time, as runs come and go, and reads a config once. Safe for threads: the server looks
    outside of its event loop.

    Args:
        folder: the folder of the user's runs.
        names: names or paths of the runs to serve; empty for all.
    """

    def __init__(self, folder: Path, names: Sequence[str] = ()) -> None:
        self.names = tuple(names)
        self._folder = folder
        self._facts: dict[Path, tuple[int, RunFacts]] = {}

    def of_kind(self, kind: ModelKind) -> dict[str, RunFolder]:
        """Return the runs of a kind by name."""
        return {name: run for name, run in self._all().items() if self.facts_of(run).kind_id == kind.id}

    def find(self, name: str, kind: ModelKind) -> RunFolder:
        """Return the run of that name. Raises `ApiError` if there is none, or it is of another kind."""
        run = self._all().get(name)
        kind_id = self.facts_of(run).kind_id if run is not None else None
        if run is not None and kind_id == kind.id:
            return run
        if run is not None:
            message = f"The model `{name}` is a {title_of(kind_id or '')}, not a {kind.title}."
        else:
            message = f"The model `{name[:80]}` does not exist. There are: {', '.join(self.of_kind(kind)) or 'none'}."
        raise ApiError(404, message, "model", "model_not_found")

    def facts_of(self, run: RunFolder) -> RunFacts:
        """Return the facts of a run; its config is read again once it has changed."""
        try:
            time = run.config_file.stat().st_mtime_ns
        except OSError:
            return RunFacts(None)
        known = self._facts.get(run.path)
        if known is None or known[0] != time:
            known = self._facts[run.path] = time, _read_facts(run)
        return known[1]

    def _all(self) -> dict[str, RunFolder]:
        by_name: dict[str, RunFolder] = {}
        for names in [[name] for name in self.names] or [[]]:
            try:
                by_name = served_runs(self._folder, names) | by_name
            except RnntuiError:  # the run was deleted while the server runs; the others are still there
                continue
        return by_name


def _read_facts(run: RunFolder) -> RunFacts:
    try:
        config = run.read_config()
    except RunError:  # of a format that this version cannot read, perhaps
        return RunFacts(kind_id_of(run))
    labels = config.corpus.labels if isinstance(config.corpus, LabelledCorpusInfo) else ()
    return RunFacts(config.kind, int(config.created), tuple(labels))


def make_generation_engine(run: RunFolder, config: ServerConfig) -> GenerationEngine:
    """Load a language model and start its engine."""
    from rnntui.inference.loaded_model import load_language_model
    from rnntui.serving.generation_engine import GenerationEngine

    return GenerationEngine(load_language_model(run), config, _fingerprint(run))


def _fingerprint(run: RunFolder) -> str:
    """Return what tells whether two responses came from the same weights."""
    return "fp_" + hashlib.blake2b(run.weights_file.read_bytes(), digest_size=5).hexdigest()


def model_json(name: str, facts: RunFacts) -> Mapping[str, Any]:
    """Return a model as `/v1/models` lists it."""
    return {"id": name, "object": "model", "created": facts.created, "owned_by": "rnntui"}


def language_models(runs: ServedRuns) -> list[Mapping[str, Any]]:
    """Return the language models as `/v1/models` lists them."""
    return [model_json(name, runs.facts_of(run)) for name, run in runs.of_kind(LANGUAGE_MODEL).items()]
