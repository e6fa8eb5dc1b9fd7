"""Every test of the app has its own settings and its own empty folder, and waits no longer than the app works."""

from __future__ import annotations

from pathlib import Path

import pytest
import textual.app
import textual.pilot
from waiting import wait_for_idle

from rnntui.kinds.model_kind import ModelKind
from rnntui.sessions.training_form import FormOption, form_options
from rnntui.tui.train import form_screen as form_module

textual.app.wait_for_idle = textual.pilot.wait_for_idle = wait_for_idle


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of this test; its folder is the current one."""
    path = tmp_path / "settings" / "settings.json"
    monkeypatch.setenv("RNNTUI_SETTINGS", str(path))
    monkeypatch.delenv("RNNTUI_CHECKPOINTS", raising=False)
    monkeypatch.chdir(tmp_path)
    return path


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only some of the options, so that opening them all takes less time."""
    kept = {"tied", "seed", "steps", "encoding", "bptt", "label_smoothing", "validation_pairs"}

    def few_options(kind: ModelKind) -> list[FormOption]:
        options = form_options(kind)
        return [o for o in options if not o.heading or o.name in kind.first_options or o.name in kept]

    monkeypatch.setattr(form_module, "form_options", few_options)
