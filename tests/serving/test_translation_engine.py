"""Translations of several requests in common batches."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from fake_translator import FakeTranslator

from rnntui.config_seq2seq import BeamConfig
from rnntui.serving.api_errors import ApiError
from rnntui.serving.server_config import ServerConfig
from rnntui.serving.translation_engine import TranslationEngine


class GatedTranslator(FakeTranslator):
    """Such a translator as the engine calls it."""

    def translate(self, lines: Any, settings: Any, is_cancelled: Any = None, workers: int = 1) -> Any:  # type: ignore[override]
        return super().translate(lines, settings, is_cancelled)


async def test_requests_share_batches_and_a_book_does_not_stop_a_line() -> None:
    translator = GatedTranslator(gate=threading.Event())
    engine = TranslationEngine(translator, ServerConfig())  # type: ignore[arg-type]
    first = asyncio.create_task(engine.translate(["ab"], BeamConfig()))
    while not translator.asked:
        await asyncio.sleep(0.001)
    book = asyncio.create_task(engine.translate([f"line {number}" for number in range(200)], BeamConfig()))
    line = asyncio.create_task(engine.translate(["cd"], BeamConfig()))
    await asyncio.sleep(0.01)
    assert engine.is_busy and translator.gate is not None
    translator.gate.set()
    assert [each.text for each in await first] == ["ba"]
    assert [each.text for each in await line] == ["dc"]
    assert len(translator.asked[1]) == 33  # half a batch of the book, and the line
    assert [each.source for each in await book] == [f"line {number}" for number in range(200)]
    await asyncio.to_thread(engine.stop)


async def test_a_full_queue_a_failure_and_the_end() -> None:
    translator = GatedTranslator(gate=threading.Event(), fails="bad")
    engine = TranslationEngine(translator, ServerConfig(max_batch=1, max_queue=2))  # type: ignore[arg-type]
    waiting = asyncio.create_task(engine.translate(["ab", "bad"], BeamConfig()))
    await asyncio.sleep(0.01)
    with pytest.raises(ApiError, match="queue") as full:
        await engine.translate(["a", "b"], BeamConfig())
    assert full.value.status == 429 and translator.gate is not None
    translator.gate.set()
    with pytest.raises(ApiError, match="overflow"):
        await waiting
    translator.gate.clear()
    cut_off = asyncio.create_task(engine.translate(["ab"], BeamConfig()))
    await asyncio.sleep(0.01)
    await asyncio.to_thread(engine.stop)
    with pytest.raises(ApiError, match="shutting down"):
        await cut_off
    with pytest.raises(ApiError, match="shutting down"):
        await engine.translate(["ab"], BeamConfig())


async def test_a_line_that_fails_ends_its_own_request_alone() -> None:
    translator = GatedTranslator(gate=threading.Event(), fails="bad")
    engine = TranslationEngine(translator, ServerConfig())  # type: ignore[arg-type]
    first = asyncio.create_task(engine.translate(["ef"], BeamConfig()))
    while not translator.asked:
        await asyncio.sleep(0.001)
    guilty = asyncio.create_task(engine.translate(["ab", "bad"], BeamConfig()))
    innocent = asyncio.create_task(engine.translate(["cd"], BeamConfig()))
    await asyncio.sleep(0.01)
    assert translator.gate is not None
    translator.gate.set()
    assert [each.text for each in await innocent] == ["dc"]
    with pytest.raises(ApiError, match="overflow"):
        await guilty
    assert ["ab", "bad", "cd"] in translator.asked and [each.text for each in await first] == ["fe"]
    await asyncio.to_thread(engine.stop)


async def test_a_request_that_is_cancelled_is_dropped() -> None:
    translator = GatedTranslator(gate=threading.Event())
    engine = TranslationEngine(translator, ServerConfig())  # type: ignore[arg-type]
    request = asyncio.create_task(engine.translate(["ab"], BeamConfig()))
    await asyncio.sleep(0.01)
    request.cancel()
    async with asyncio.timeout(5):
        while engine.is_busy:
            await asyncio.sleep(0.005)
    assert request.cancelled() and len(translator.asked) == 1
    await asyncio.to_thread(engine.stop)
