"""Environment variables of the numerical libraries, set by the commands before they import numpy or torch."""

from rnntui import environment
from rnntui.cli.terminal import print_note


def use_one_blas_thread() -> None:
    """Run numpy's matrix products on one thread; see `rnntui.environment`."""
    environment.use_one_blas_thread()


def prepare_for_torch() -> None:
    """Neutralize variables that do harm, with a line on stderr for each; see `rnntui.environment`."""
    environment.prepare_for_torch(print_note)
