"""What the routes of a server share: its settings, its models, whether it is being stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rnntui.runs.folder import RunFolder
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
    """

    config: ServerConfig
    runs: ServedRuns
    api_key: str = ""
    write_log: LogWriter = write_to_stderr
    is_stopping: bool = False
    generation: EngineCache[GenerationEngine] = field(init=False)
    translation: EngineCache[TranslationEngine] = field(init=False)

    def __post_init__(self) -> None:
        self.generation = EngineCache(self._make_generation_engine)
        self.translation = EngineCache(lambda run: make_translation_engine(run, self.config))

    def _make_generation_engine(self, run: RunFolder) -> GenerationEngine:
        return make_generation_engine(run, self.config)

    @property
    def is_busy(self) -> bool:
        """True while a request is being worked on."""
        engines: list[Engine] = [*self.generation.engines, *self.translation.engines]
        return any(engine.is_busy for engine in engines)

    def stop_engines(self) -> None:
        """End every request that is being worked on with an error, and all threads."""
        self.generation.stop()
        self.translation.stop()
