"""`config.json`: what a run is, fixed when it is made."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from rnntui.config import Budget, RecurrentConfig, TokenizerConfig, TrainerConfig
from rnntui.errors import RunError, UsageError
from rnntui.kinds.corpus_info import CorpusInfo
from rnntui.kinds.registry import KINDS, title_of
from rnntui.runs.format_1 import upgrade_config

FORMAT = 2

Part = TypeVar("Part")


@dataclass(frozen=True)
class RunConfig:
    """All of `config.json`.

    Args:
        kind: id of the kind of model.
        model: shape of the model.
        training: settings of the training.
        budget: how long to train, as the run was made.
        tokenizer: settings of the tokenizer; `vocab_size` is the size that it came out with.
        corpus: the text that the run was made of.
        created: seconds since 1970.
        versions: the libraries that made the run, with their versions.
    """

    kind: str
    model: RecurrentConfig
    training: TrainerConfig
    budget: Budget
    tokenizer: TokenizerConfig
    corpus: CorpusInfo
    created: float
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def vocab_size(self) -> int:
        """Tokens of the vocabulary. Raises `RunError` if the config does not say."""
        if self.tokenizer.vocab_size is None:
            raise RunError("config.json does not say the vocabulary's size")
        return self.tokenizer.vocab_size

    def model_as(self, cls: type[Part]) -> Part:
        """The shape of the model as that class. Raises `RunError` for a run of another kind."""
        return self._as(self.model, cls)

    def training_as(self, cls: type[Part]) -> Part:
        """The settings of the training as that class. Raises `RunError` for a run of another kind."""
        return self._as(self.training, cls)

    def tokenizer_as(self, cls: type[Part]) -> Part:
        """The settings of the tokenizer as that class. Raises `RunError` for a run of another kind."""
        return self._as(self.tokenizer, cls)

    def corpus_as(self, cls: type[Part]) -> Part:
        """The description of the text as that class. Raises `RunError` for a run of another kind."""
        return self._as(self.corpus, cls)

    def _as(self, section: object, cls: type[Part]) -> Part:
        if not isinstance(section, cls):
            raise RunError(f"the run is a {title_of(self.kind)}, where one with a {cls.__name__} is needed")
        return section

    def to_json(self) -> dict[str, Any]:
        """The object that `config.json` holds."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RunConfig:
        """Read a config of this format or an older one. Raises `RunError` if a section is missing or makes no sense."""
        if values.get("format") == 1:
            values = upgrade_config(values)
        elif values.get("format") != FORMAT:
            raise RunError(
                f"has format {values.get('format')!r}, this rnntui reads 1 and {FORMAT}",
                hint="use the one that wrote it",
            )
        try:
            kind, corpus, versions = values["kind"], values["corpus"], values.get("versions", {})
            if not (isinstance(kind, str) and isinstance(corpus, dict) and isinstance(versions, dict)):
                raise TypeError("kind, corpus or versions")
            # Whoever needs a kind that this rnntui knows says so; until then an unknown one reads as the first.
            page = KINDS.get(kind) or next(iter(KINDS.values()))
            created = float(values["created"])
            if not math.isfinite(created):
                raise ValueError("created")
            return cls(
                kind=kind,
                model=page.model.from_json(values["model"]),
                training=page.training.from_json(values["training"]),
                budget=Budget.from_json(values["budget"]),
                tokenizer=page.tokenizer.from_json(values["tokenizer"]),
                corpus=page.corpus_info.from_json(corpus),
                created=created,
                versions=versions,
            )
        except UsageError as error:
            raise RunError(str(error)) from error
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise RunError(f"lacks or garbles {error}") from error
