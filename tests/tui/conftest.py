"""Every test of the app has its own settings and its own empty folder, and waits no longer than the app works."""

from __future__ import annotations

from pathlib import Path

import pytest
import textual.app
import textual.pilot
from waiting import wait_for_idle

textual.app.wait_for_idle = textual.pilot.wait_for_idle = wait_for_idle


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of this test; its folder is the current one."""
    path = tmp_path / "settings" / "settings.json"
    monkeypatch.setenv("RNNTUI_SETTINGS", str(path))
    monkeypatch.delenv("RNNTUI_CHECKPOINTS", raising=False)
    monkeypatch.chdir(tmp_path)
    return path
