"""The run that a new run is trained on from, of any kind. No torch: one that does not fit is reported at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.errors import UsageError
from rnntui.kinds.corpus_info import TokenFileInfo
from rnntui.kinds.model_kind import ModelKind
from rnntui.runs.checksums import read_checked_config
from rnntui.runs.fingerprint import run_fingerprint
from rnntui.runs.lookup import find_run, require_kind
from rnntui.runs.run_config import RunOrigin
from rnntui.runs.weights_file import load_weights
from rnntui.settings import Settings, flag_of, settings_of
from rnntui.untrusted_files import copy_regular

Weights = dict[str, NDArray[np.float32]]

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model")


class StartingRun:
    """A trained run whose weights a new run begins with.

    Args:
        name: its name or path.
        checkpoints: the folder of runs.
        kind: the kind that it must be of.

    Raises `UsageError` if the run is of another kind, `RunError` if there is none, or it has no weights or is broken.
    """

    def __init__(self, name: str, checkpoints: Path, kind: ModelKind) -> None:
        self.run = find_run(name, checkpoints, kind)
        self.config = read_checked_config(self.run)
        require_kind(self.run, self.config.kind, kind)
        self.weights: Weights = load_weights(self.run.weights_file)

    @property
    def name(self) -> str:
        return self.run.name

    def require(self, settings: Settings, own: Mapping[str, Any], given: Collection[str]) -> None:
        """Raise `UsageError` if a setting contradicts the run.

        Args:
            settings: settings of the new run.
            own: the run's own values of some of them, by field name.
            given: option names of the settings that the user set; others follow from the run.
        """
        for name, setting in settings_of(type(settings)).items():
            value, flag = getattr(settings, name), flag_of(setting.option_name)
            if name in own and setting.option_name in given and value != own[name]:
                raise UsageError(
                    f"{flag} {value} is not that of --from {self.name}, {own[name]}",
                    setting=setting.option_name,
                    hint=f"leave {flag} out",
                )

    def copy_tokenizer(self, folder: Path) -> None:
        """Copy the run's tokenizer into a run folder."""
        for file in _TOKENIZER_FILES:
            if (self.run.path / file).is_file():
                copy_regular(self.run.path / file, folder / file)

    @property
    def training(self) -> TokenFileInfo | None:
        """Its training data; None where it is not at hand, as that of a shipped model."""
        return self.config.corpus.training if self.run.training_ids.is_file() else None

    @property
    def validation(self) -> TokenFileInfo | None:
        """Its validation data; None where it is not at hand."""
        return self.config.corpus.validation if self.run.validation_ids.is_file() else None

    def check_mix(self, mix: float) -> None:
        """Raise `UsageError` if a share of its training data is to be mixed in, and it is not at hand."""
        if mix and self.training is None:
            raise UsageError(
                f"--mix {mix:g}: run {self.name} has no training data to mix in, as it is a copy without",
                setting="mix",
                hint="leave --mix out, or add its text to the corpus",
            )

    @property
    def forgetting_note(self) -> str:
        """Return the end of a sentence that says whether forgetting is measured."""
        if self.validation is None:
            return "what the model forgets is not measured, as its validation data is not here"
        return "its validation data is evaluated, too: the loss on the earlier data"

    def origin(
        self, training: TokenFileInfo | None = None, validation: TokenFileInfo | None = None, loss: float | None = None
    ) -> RunOrigin:
        """Return what the new run's config records of it; see `RunOrigin`."""
        return RunOrigin(self.name, run_fingerprint(self.run), training, validation, loss)
