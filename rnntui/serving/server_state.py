"""State that the routes of a server share: its settings, its models, whether it is being stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.folder import RunFolder
from rnntui.serving.api_errors import ApiError
from rnntui.serving.engine_cache import Engine, EngineCache, Lease
from rnntui.serving.languages import LanguageDetector, make_language_detector
from rnntui.serving.request_log import LogWriter, write_to_stderr
from rnntui.serving.served_models import ServedRuns, make_generation_engine
from rnntui.serving.server_config import ServerConfig
from rnntui.serving.translation_engine import TranslationEngine, make_translation_engine
from rnntui.system_memory import available_memory

if TYPE_CHECKING:
    from rnntui.serving.generation_engine import GenerationEngine

_SHARE_OF_MEMORY = 2  # models may take one in so many bytes of what is available when the server starts
_UNKNOWN_MEMORY = 2 << 30  # bytes of models where the system does not say how much is available
_MEGABYTE = 1 << 20


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
    make_generation_engine: Callable[[RunFolder, ServerConfig], GenerationEngine] = make_generation_engine
    make_translation_engine: Callable[[RunFolder, ServerConfig], TranslationEngine] = make_translation_engine
    engines: EngineCache = field(init=False)

    def __post_init__(self) -> None:
        self.engines = EngineCache(_max_bytes(self.config))

    def generation(self, run: RunFolder) -> Lease[GenerationEngine]:
        """Lease the engine of a language model; see `EngineCache.lease`."""
        return self.engines.lease(run, lambda run: self.make_generation_engine(run, self.config))

    def translation(self, run: RunFolder) -> Lease[TranslationEngine]:
        """Lease the engine of a Seq2Seq model; see `EngineCache.lease`."""
        return self.engines.lease(run, lambda run: self.make_translation_engine(run, self.config))

    def detection(self, run: RunFolder) -> Lease[LanguageDetector]:
        """Lease the language detector of a classifier; see `EngineCache.lease`."""
        return self.engines.lease(run, make_language_detector)

    def preload(self) -> None:
        """Load the models that were named, as far as there is room, else numpy: the first request need not wait."""
        import rnntui.serving.generation_engine  # noqa: F401

        leases: list[tuple[RunFolder, Callable[[RunFolder], Lease[Engine]]]] = []
        if self.runs.names:
            leases += [(run, self.generation) for run in self.runs.of_kind(LANGUAGE_MODEL).values()]
            leases += [(run, self.translation) for run in self.runs.of_kind(SEQ2SEQ).values()]
        for run, lease in leases:
            try:
                if self.engines.has_room(run):
                    lease(run).end()
            except ApiError as error:
                self.report(error.message)

    @property
    def is_busy(self) -> bool:
        """True while a request is being worked on."""
        return self.engines.is_busy

    def stop_engines(self) -> None:
        """End every request that is being worked on with an error, and all threads."""
        self.engines.stop()


def _max_bytes(config: ServerConfig) -> int:
    if config.max_memory is not None:
        return config.max_memory * _MEGABYTE
    available = available_memory()
    return _UNKNOWN_MEMORY if available is None else available // _SHARE_OF_MEMORY
