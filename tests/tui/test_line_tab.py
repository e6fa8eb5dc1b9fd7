"""What the tabs Classify and Translate share: what they say of a model that cannot be opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_classifier import FakeClassifier
from fake_translator import FakeTranslator
from line_tabs import LineTabUser, using_classify, using_translate

from rnntui.tui.lines.messages import ModelFailed

TABS: list[Any] = [pytest.param(using_classify, FakeClassifier, id="classify")]
TABS += [pytest.param(using_translate, FakeTranslator, id="translate")]

REASONS = "No classifier yet", "it is damaged"


def said(user: LineTabUser) -> tuple[str, str, str]:
    """What the panes and the session say of the model."""
    return user.tab.editor.placeholder, user.tab.results.placeholder, user.session.problem


async def fail(user: LineTabUser, *, none_yet: bool) -> None:
    user.tab.post_message(ModelFailed("it is damaged", none_yet))
    await user.pilot.pause()


@pytest.mark.parametrize(("using", "model"), TABS)
async def test_what_is_said_without_a_model_goes_once_one_is_open(tmp_path: Path, using: Any, model: Any) -> None:
    async with using(tmp_path) as user:
        await fail(user, none_yet=True)
        assert "rnntui train" in user.status and any(part in "".join(said(user)[:2]) for part in REASONS)
        await user.open_model("one", model())
        assert user.status.startswith("one")
        assert not user.session.problem and not any(part in "".join(said(user)) for part in REASONS)


@pytest.mark.parametrize(("using", "model"), TABS)
async def test_a_model_that_is_open_stays_when_another_cannot_be_opened(tmp_path: Path, using: Any, model: Any) -> None:
    async with using(tmp_path, model()) as user:
        opened, status = said(user), user.status
        await fail(user, none_yet=False)
        assert "it is damaged" in user.notices
        assert (said(user), user.status) == (opened, status)


@pytest.mark.parametrize(("using", "model"), TABS)
async def test_that_there_is_no_model_yet_is_no_notification(tmp_path: Path, using: Any, model: Any) -> None:
    async with using(tmp_path) as user:
        await fail(user, none_yet=True)
        assert user.notices == "" and user.session.problem in user.status
