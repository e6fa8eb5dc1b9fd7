"""Creation of a run of any kind: a folder in staging, to be filled with its files and published."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rnntui.config import TrainerConfig
from rnntui.runs.checksums import write_checksums
from rnntui.runs.creation import publish_run, staging_folder
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig


def check_hardware(training: TrainerConfig) -> None:
    """Raise `UsageError` if the hardware that the settings name is missing. It imports torch: check the data before."""
    from rnntui.training.device import choose_hardware

    choose_hardware(training.device, training.precision, None)


@contextmanager
def staged_run(checkpoints: Path) -> Iterator[RunFolder]:
    """Yield an empty run folder in staging, to be filled and then published; it is removed on an exception.

    Raises `RunError` if `checkpoints` cannot be written to.
    """
    with staging_folder(checkpoints) as folder:
        run = RunFolder(folder)
        run.resume_folder.mkdir()
        yield run


def publish_staged_run(staged: RunFolder, config: RunConfig, name: str | None) -> RunFolder:
    """Write the configuration of a staged run and move it to its name; it appears complete, or not at all.

    Args:
        staged: The folder that `staged_run` gave.
        config: Its configuration.
        name: Name of the run; None takes the corpus's, with a number if that is taken.

    Raises `UsageError` if the name has been taken meanwhile.
    """
    staged.write_config(config)
    write_checksums(staged)
    return RunFolder(publish_run(staged.path, staged.path.parent, name, config.corpus.name))
