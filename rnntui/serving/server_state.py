"""What the routes of a server share: its settings, its models, whether it is being stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.folder import RunFolder
from rnntui.serving.api_errors import ApiError
from rnntui.serving.request_log import LogWriter, write_to_stderr
from rnntui.serving.served_models import Engine, EngineCache, ServedRuns, make_generation_engine
from rnntui.serving.server_config import ServerConfig
from rnntui.serving.translation_engine import TranslationEngine, make_translation_engine

if TYPE_CHECKING:
    from rnntui.serving.generation_engine import GenerationEngine


@dataclass(eq=False)
class ServerState:
    """The state of a server.

    Args:
        config: address and limits.
        runs: the runs that are served.
        api_key: the key that every request must have; empty for none.
        write_log: called at the end of each request.
        report: called with a line about a model that cannot be loaded.
    """

    config: ServerConfig
    runs: ServedRuns
    api_key: str = ""
    write_log: LogWriter = write_to_stderr
    report: Callable[[str], None] = print
    is_stopping: bool = False
    generation: EngineCache[GenerationEngine] = field(init=False)
    translation: EngineCache[TranslationEngine] = field(init=False)

    def __post_init__(self) -> None:
        self.generation = EngineCache(self._make_generation_engine)
        self.translation = EngineCache(lambda run: make_translation_engine(run, self.config))

    def _make_generation_engine(self, run: RunFolder) -> GenerationEngine:
        return make_generation_engine(run, self.config)

    def preload(self) -> None:
        """Load the models that were named, and otherwise numpy, so that the first request need not wait for it."""
        import rnntui.serving.generation_engine  # noqa: F401

        caches: tuple[tuple[ModelKind, EngineCache[Any]], ...]
        caches = (LANGUAGE_MODEL, self.generation), (SEQ2SEQ, self.translation)
        for kind, cache in caches if self.runs.names else ():
            for run in self.runs.of_kind(kind).values():
                try:
                    cache.get(run)
                except ApiError as error:
                    self.report(error.message)

    @property
    def is_busy(self) -> bool:
        """True while a request is being worked on."""
        engines: list[Engine] = [*self.generation.engines, *self.translation.engines]
        return any(engine.is_busy for engine in engines)

    def stop_engines(self) -> None:
        """End every request that is being worked on with an error, and all threads."""
        self.generation.stop()
        self.translation.stop()
