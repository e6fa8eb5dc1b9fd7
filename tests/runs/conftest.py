"""Fixtures of the tests of runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnntui.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """An empty run folder."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    return RunFolder(folder)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the many files of a property test."""
    return tmp_path_factory.mktemp("scratch")
