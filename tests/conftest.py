"""Settings for every test."""

import gc
import os
import sys
from collections.abc import Iterator

import hypothesis
import pytest
from forks import Forks

from rnntui.cli.environment import prepare_for_torch

# Small models gain nothing from a second thread, and threads that wait for one another crawl on a busy machine. Set
# before torch and numpy are first imported, and passed on to the processes that tests start.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_variable] = "1"

prepare_for_torch()  # as every command does that trains

# Modules are compiled once, and not by each of the processes that tests start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The same examples in every run: what a random search finds becomes a test of its own.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")

gc.disable()  # imports and the list of tests are many objects, and all of them live to the end


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Leave what was imported and collected out of every later garbage collection."""
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)  # a test of the app makes more objects than the 700 of a default collection
    gc.enable()


@pytest.fixture(autouse=True)
def denormal_numbers() -> Iterator[None]:
    """Allow denormal numbers again after a test that trained in this process: Hypothesis needs them."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Forks of a process that has imported torch."""
    forks = Forks()
    yield forks
    forks.close()


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name a parameter of bytes or of a long text by its argument.

    Archives hold the time, and parallel workers need the same names; some texts have a million characters.
    """
    return argname if isinstance(val, bytes) or (isinstance(val, str) and len(val) > 100) else None
