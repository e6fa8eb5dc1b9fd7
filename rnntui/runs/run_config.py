"""`config.json`: the kind, settings and corpus of a run, fixed when it is created."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from rnntui.config import Budget, RecurrentConfig, TokenizerConfig, TrainerConfig
from rnntui.errors import RunError, UsageError
from rnntui.kinds.corpus_info import CorpusInfo, TokenFileInfo
from rnntui.kinds.metrics import ORIGIN_LOSS
from rnntui.kinds.registry import kind_or_default, title_of
from rnntui.runs.format_1 import upgrade_config
from rnntui.settings import Record, record, shown_value

FORMAT = 2

Part = TypeVar("Part")


@record
class RunOrigin(Record):
    """The run that a run was initialized from.

    Args:
        run: its name.
        fingerprint: see `runs.fingerprint`.
        training: its training data, for an n-gram prior and for mixing in; None where neither is wanted or possible.
        validation: its validation data, by which forgetting is measured; None where it is not at hand.
        loss: its loss on the first of its validation data, in nats a token, as it was; None where it is not at hand.
    """

    run: str
    fingerprint: str
    training: TokenFileInfo | None = None
    validation: TokenFileInfo | None = None
    loss: float | None = None

    @classmethod
    def from_json(cls, value: object) -> RunOrigin | None:
        """Return None if the value is not a valid `RunOrigin`."""
        if not isinstance(value, dict):
            return None
        run, fingerprint = value.get("run"), value.get("fingerprint")
        if not (isinstance(run, str) and isinstance(fingerprint, str)):
            return None
        training, validation = (TokenFileInfo.from_json(value.get(name)) for name in ("training", "validation"))
        loss = value.get("loss")
        loss = float(loss) if isinstance(loss, int | float) and math.isfinite(loss) else None
        return cls(run, fingerprint, training, validation, loss)

    @property
    def summary(self) -> str:
        """Return the run in a few words, for a list of facts."""
        return f"{self.run} (fingerprint {self.fingerprint[:12]})"


@dataclass(frozen=True)
class RunConfig:
    """All of `config.json`.

    Args:
        kind: id of the kind of model.
        model: shape of the model.
        training: settings of the training.
        budget: how long to train, as set when the run was created.
        tokenizer: settings of the tokenizer; `vocab_size` is its actual size.
        corpus: description of the text that the run is trained on.
        created: seconds since 1970.
        versions: versions of the libraries that created the run.
        origin: the run that it was initialized from; None for one that began with random weights.
    """

    kind: str
    model: RecurrentConfig
    training: TrainerConfig
    budget: Budget
    tokenizer: TokenizerConfig
    corpus: CorpusInfo
    created: float
    versions: dict[str, str] = field(default_factory=dict)
    origin: RunOrigin | None = None

    @property
    def vocab_size(self) -> int:
        """Number of tokens in the vocabulary. Raises `RunError` if the config does not say."""
        if self.tokenizer.vocab_size is None:
            raise RunError("config.json does not give the size of the vocabulary")
        return self.tokenizer.vocab_size

    def model_as(self, cls: type[Part]) -> Part:
        """Return the shape of the model as that class. Raises `RunError` for a run of another kind."""
        return self._as(self.model, cls)

    def training_as(self, cls: type[Part]) -> Part:
        """Return the settings of the training as that class. Raises `RunError` for a run of another kind."""
        return self._as(self.training, cls)

    def tokenizer_as(self, cls: type[Part]) -> Part:
        """Return the settings of the tokenizer as that class. Raises `RunError` for a run of another kind."""
        return self._as(self.tokenizer, cls)

    def corpus_as(self, cls: type[Part]) -> Part:
        """Return the description of the text as that class. Raises `RunError` for a run of another kind."""
        return self._as(self.corpus, cls)

    def _as(self, section: object, cls: type[Part]) -> Part:
        if not isinstance(section, cls):
            raise RunError(f"the run is a {title_of(self.kind)}, where one with a {cls.__name__} is needed")
        return section

    def forgetting(self, metrics: Mapping[str, float]) -> str:
        """Return in words how the loss on the data of the origin has changed; empty if it is not measured.

        Args:
            metrics: metrics of the weights by key.
        """
        if self.origin is None or self.origin.loss is None or ORIGIN_LOSS.key not in metrics:
            return ""
        before, after = self.origin.loss, metrics[ORIGIN_LOSS.key]
        return f"loss on the earlier data, of {self.origin.run}: {before:.4f} before, {after:.4f} now"

    def to_json(self) -> dict[str, Any]:
        """Return the object that `config.json` holds."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RunConfig:
        """Read a config of this format or an older one. Raises `RunError` if a section is missing or invalid."""
        if values.get("format") == 1:
            values = upgrade_config(values)
        elif values.get("format") != FORMAT:
            raise RunError(
                f"has format {shown_value(values.get('format'))}, but this version of rnntui reads only 1 and {FORMAT}",
                hint="use the version that wrote it",
            )
        try:
            kind_id, corpus, versions = values["kind"], values["corpus"], values.get("versions", {})
            if not (isinstance(kind_id, str) and isinstance(corpus, dict) and isinstance(versions, dict)):
                raise TypeError("kind, corpus or versions")
            # A run of an unknown kind is read as a language model, so that it can be listed; callers check `kind`.
            kind = kind_or_default(kind_id)
            created = values["created"]
            if type(created) not in (int, float) or not math.isfinite(created):
                raise ValueError("created")
            return cls(
                kind=kind_id,
                model=kind.model.from_json(values["model"]),
                training=kind.training.from_json(values["training"]),
                budget=Budget.from_json(values["budget"]),
                tokenizer=kind.tokenizer.from_json(values["tokenizer"]),
                corpus=kind.corpus_info.from_json(corpus),
                created=float(created),
                versions=versions,
                origin=RunOrigin.from_json(values.get("origin")),
            )
        except UsageError as error:
            raise RunError(f"is invalid: {error}") from error
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise RunError(f"has a missing or invalid {error}") from error
