"""Every test of the app has its own settings and its own empty folder, and waits no longer than the app works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import textual.app
import textual.pilot
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from waiting import wait_for_idle

from rnntui.kinds.model_kind import ModelKind
from rnntui.sessions.training_form import FormOption, form_options
from rnntui.tui.train import form_screen as form_module

textual.app.wait_for_idle = textual.pilot.wait_for_idle = wait_for_idle

_parse_rules, _parsed = Stylesheet._parse_rules, {}


def _parse_rules_once(self: Stylesheet, *arguments: Any, **options: Any) -> list[RuleSet]:
    """Parse each style sheet once for all tests, not for each app: that took an eighth of the time of an app."""
    key = (arguments, *sorted(options.items()), frozenset(self._variables.items()))
    if key not in _parsed:
        _parsed[key] = _parse_rules(self, *arguments, **options)
    return _parsed[key]


Stylesheet._parse_rules = _parse_rules_once  # type: ignore[method-assign]


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
