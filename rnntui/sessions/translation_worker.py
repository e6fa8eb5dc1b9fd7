"""Translation worker: translates the lines of a text while it is typed, on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rnntui.config_seq2seq import BeamConfig
from rnntui.inference.batched_search import BATCH
from rnntui.inference.translation import Translation
from rnntui.inference.translator import Translator
from rnntui.sessions.line_worker import BatchSizes, LineWorker, too_long

MAX_LINE_LENGTH = 10_000
"""Characters of a line; a longer one would take minutes and gigabytes."""

_VISIBLE_BATCH = 8

CacheKey = tuple[Translator, BeamConfig]


@dataclass(frozen=True)
class LineTranslation:
    """The result for one line: the text of its best hypothesis, or the `problem` that prevented a translation.

    `translation` has all hypotheses with their attention; it is None where the cache has dropped it.
    """

    text: str
    translation: Translation | None = None
    problem: str = ""

    @property
    def is_complete(self) -> bool:
        """True if another search would add nothing."""
        return self.translation is not None or bool(self.problem)

    @property
    def detail_bytes(self) -> int:
        """Size of the attention."""
        return 0 if self.translation is None else self.translation.attention_bytes

    def without_detail(self) -> LineTranslation:
        """Return the result without the hypotheses and their attention."""
        return replace(self, translation=None)


@dataclass(frozen=True)
class TranslationRequest:
    """Lines to translate: first the one at `cursor`, then those from `first` to before `end`, then the others."""

    translator: Translator
    settings: BeamConfig
    lines: Sequence[str]
    cursor: int
    first: int
    end: int

    @property
    def cache_key(self) -> CacheKey:
        """All that a line's result depends on, except for the line. Blanks around a line change nothing."""
        return self.translator, self.settings


class TranslationComputation:
    """Beam search for the lines of a request."""

    batch_sizes = BatchSizes(_VISIBLE_BATCH, BATCH)
    blank = LineTranslation("")

    def compute(
        self,
        request: TranslationRequest,
        lines: Sequence[str],
        present: Mapping[str, LineTranslation],
        is_cancelled: Callable[[], bool],
    ) -> list[LineTranslation]:
        """Translate lines. Raises `CancelledError` where that is cancelled."""
        translations = request.translator.translate(lines, request.settings, is_cancelled=is_cancelled)
        return [LineTranslation(translation.text, translation) for translation in translations]

    def is_complete(self, request: TranslationRequest, result: LineTranslation) -> bool:
        """Return True if another search would add nothing."""
        return result.is_complete

    def failed(self, problem: str) -> LineTranslation:
        """Return the result of a line that cannot be translated."""
        return LineTranslation("", problem=problem)

    def refusal(self, line: str) -> str:
        """Return why a line is too long, or ""."""
        return too_long(line, MAX_LINE_LENGTH, "split it into sentences")


TranslationWorker = LineWorker[TranslationRequest, LineTranslation]


def translation_worker(on_results: Callable[[], None], on_error: Callable[[str, Exception], None]) -> TranslationWorker:
    """Return a worker that translates."""
    return LineWorker(TranslationComputation(), on_results, on_error)
