"""Training texts of the runs that a language model was trained on from (`--from`), as far as they can be had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rnntui.errors import RnntuiError, RunError
from rnntui.inference.loaded_model import read_tokenizer
from rnntui.inspection.training_text import BARRIER_POINT, CodePoints, find_training_text, text_of_token_file
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import run_with_weights
from rnntui.runs.run_config import RunConfig, RunOrigin


class _Step(NamedTuple):
    """A run, the origin that its config names, and the folder of that if it is at hand."""

    run: RunFolder
    config: RunConfig
    origin: RunOrigin
    folder: RunFolder | None


@dataclass
class EarlierTexts:
    """The training texts of the runs that a run was trained on from.

    Args:
        missing: names of the runs whose text is not to be had; complete once the blocks have been read.
        characters: about how many there are.
    """

    missing: list[str] = field(default_factory=list)
    characters: int = 0
    _texts: list[tuple[str, Iterator[CodePoints]]] = field(default_factory=list)

    @classmethod
    def of(cls, run: RunFolder) -> EarlierTexts:
        """Find the texts: from the run's own copy of the ids of its origin, or where that was found by its folder."""
        texts = cls()
        steps = _steps(run)
        for step in steps:
            origin, ids = step.origin, step.run.origin_training_ids
            try:
                if origin.training is not None and ids.is_file():
                    blocks = text_of_token_file(origin.training, ids, read_tokenizer(step.run, step.config))
                    texts._add(origin.run, blocks, origin.training.characters)
                elif step.folder is not None:
                    found = find_training_text(step.folder)
                    texts._add(origin.run, found.blocks, found.characters)
                else:
                    texts.missing.append(origin.run)
            except (RnntuiError, OSError, ValueError):
                texts.missing.append(origin.run)
        if steps and steps[-1].folder is None and steps[-1].origin.run not in texts.missing:
            # Whether that was trained on from another, its folder would tell.
            texts.missing.append(f"any run before {steps[-1].origin.run}")
        return texts

    def blocks(self) -> Iterator[CodePoints]:
        """Yield their code points `(N,)` in blocks, after a barrier each; to be read once.

        A text that cannot be read to its end counts as missing.
        """
        for name, blocks in self._texts:
            yield BARRIER_POINT
            try:
                yield from blocks
            except (RnntuiError, OSError, ValueError):
                self.missing.insert(0, name)

    def _add(self, name: str, blocks: Iterator[CodePoints], characters: int) -> None:
        self._texts.append((name, blocks))
        self.characters += characters


def earlier_runs(run: RunFolder) -> list[RunFolder]:
    """Return the folders of the runs that a run was trained on from, the last one first, as far as they are found."""
    return [step.folder for step in _steps(run) if step.folder is not None]


def unseen_copies(missing: Sequence[str]) -> str:
    """Return a line that says which earlier texts copies are not looked for in; empty if there are none."""
    if not missing:
        return ""
    return f"copies from the training text of {', '.join(missing)} are not seen, as that text is not at hand"


def _steps(run: RunFolder) -> list[_Step]:
    """Return the steps from a run back to the first of its origins, or to the first that is not found."""
    steps: list[_Step] = []
    current: RunFolder | None = run
    while current is not None and all(step.run.path != current.path for step in steps):
        try:
            config = current.read_config()
        except RunError:
            break  # of an origin alone: its text is not to be had either
        if config.origin is None:
            break
        steps.append(_Step(current, config, config.origin, _folder_of(config.origin, current)))
        current = steps[-1].folder
    return steps


def _folder_of(origin: RunOrigin, run: RunFolder) -> RunFolder | None:
    """Return the run of an origin, beside the run that was trained on from it or shipped; None if it is not there.

    One of that name with other weights is another run.
    """
    return run_with_weights(origin.run, origin.fingerprint, run.path.parent)
