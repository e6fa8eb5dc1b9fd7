"""The LibreTranslate API: `/translate`, `/languages`, `/detect`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rnntui.config_seq2seq import BeamConfig
from rnntui.serving.access import is_right_key
from rnntui.serving.api_errors import ApiError
from rnntui.serving.disconnection import unless_disconnected
from rnntui.serving.engine_cache import lease_in_thread
from rnntui.serving.languages import LanguagePair, detector, languages_json, translators
from rnntui.serving.request_body import read_fields
from rnntui.serving.request_log import RequestRecord
from rnntui.serving.server_state import ServerState
from rnntui.settings import settings_of

if TYPE_CHECKING:
    from rnntui.inference.translation import Translation

_OTHER_FIELDS = "q, source, target, alternatives and api_key"
_MAX_ALTERNATIVES = int(settings_of(BeamConfig)["n_best"].high or 1) - 1


@dataclass(frozen=True)
class TranslationRequest:
    """A checked request: the texts, whether they came as an array, the languages, the number of alternatives."""

    texts: Sequence[str]
    is_array: bool
    source: str
    target: str
    alternatives: int

    @classmethod
    def parse(cls, fields: dict[str, object]) -> TranslationRequest:
        """Check the fields of a request. Raises `ApiError`."""
        q = fields.get("q")
        texts = q if isinstance(q, list) else [q]
        if q is None:
            raise ApiError(400, "Invalid request: missing q parameter")
        if not all(isinstance(text, str) for text in texts):
            raise ApiError(400, "Invalid request: q must be a string or an array of strings")
        source, target = (fields.get(name) for name in ("source", "target"))
        for name, value in (("source", source), ("target", target)):
            if not isinstance(value, str) or not value:
                raise ApiError(400, f"Invalid request: missing {name} parameter")
        if fields.get("format") not in (None, "", "text"):
            problem = f"{str(fields['format'])[:20]} format is not supported: format must be text, or absent"
            raise ApiError(400, f"{problem}. The other fields are {_OTHER_FIELDS}")
        count = str(fields.get("alternatives") or 0)
        if not count.isdecimal() or len(count) > 9 or int(count) > _MAX_ALTERNATIVES:
            raise ApiError(400, f"Invalid request: alternatives must be an integer from 0 to {_MAX_ALTERNATIVES}")
        return cls(cast(list[str], texts), isinstance(q, list), str(source), str(target), int(count))


async def translate(request: Request) -> Response:
    """`/translate`: texts in one language as texts in another."""
    state, fields = await _fields_of(request)
    parsed = TranslationRequest.parse(fields)
    return await unless_disconnected(request, lambda: _translated(request, state, parsed))


async def _translated(request: Request, state: ServerState, parsed: TranslationRequest) -> Response:
    source, response = parsed.source, dict[str, Any]()
    pairs = await asyncio.to_thread(translators, state.runs)
    if source == "auto":
        sources = {pair.source for pair in pairs if pair.target == parsed.target}
        if not sources:
            raise _unavailable(pairs, source, parsed.target)
        detected = (await _detected(state, "\n".join(parsed.texts), sources))[0]
        source = str(detected["language"])
        response["detectedLanguage"] = [detected] * len(parsed.texts) if parsed.is_array else detected
    run = pairs.get(LanguagePair(source, parsed.target))
    if run is None:
        raise _unavailable(pairs, source, parsed.target)
    split_texts = [re.split(r"(\r\n|\n|\r)", text) for text in parsed.texts]  # lines at even indices
    lines = [line for parts in split_texts for line in parts[::2]]
    record: RequestRecord = request.scope["rnntui.record"]
    record.model, record.amount = run.name, f"{len(lines)} lines"
    n_best = parsed.alternatives + 1
    settings = BeamConfig(n_best=n_best, beam=max(BeamConfig().beam, n_best))
    with await lease_in_thread(lambda: state.translation(run)) as lease:
        translations = iter(await lease.engine.translate(lines, settings))
    ranked: list[list[str]] = []
    for parts in split_texts:
        translated = [next(translations) for _ in parts[::2]]
        ranked.append([_joined(parts, translated, rank) for rank in range(n_best)])
    best = [each[0] for each in ranked]
    others = [list(dict.fromkeys(text for text in each if text != each[0])) for each in ranked]
    response["translatedText"] = best if parsed.is_array else best[0]
    if parsed.alternatives:
        response["alternatives"] = others if parsed.is_array else others[0]
    return JSONResponse(response)


def _unavailable(pairs: Collection[LanguagePair], source: str, target: str) -> ApiError:
    """Return the error for languages between which nothing translates."""
    for code in (source, target):
        if code != "auto" and not any(code in pair for pair in pairs):
            return ApiError(400, f"{code[:20]} is not supported")
    return ApiError(400, f"{target} ({source}) is not available as a target language")


async def languages(request: Request) -> Response:
    """`/languages`: the languages of the translators."""
    state, _ = await _fields_of(request)
    return JSONResponse(await asyncio.to_thread(languages_json, state.runs))


async def detect(request: Request) -> Response:
    """`/detect`: the language of a text, by a served classifier with languages as its labels."""
    state, fields = await _fields_of(request)
    q = fields.get("q")
    if not isinstance(q, str):
        raise ApiError(400, "Invalid request: missing q parameter")
    pairs = await asyncio.to_thread(translators, state.runs)
    return JSONResponse(await _detected(state, q, {pair.source for pair in pairs}))


async def _fields_of(request: Request) -> tuple[ServerState, dict[str, object]]:
    """Return the server's state and the fields of a request. Raises `ApiError` if it lacks the key.

    LibreTranslate also takes fields from the address, where the client deep-translator has all of them.
    """
    state: ServerState = request.app.state.server
    fields = {**request.query_params, **await read_fields(request, state.config.max_body)}
    if state.api_key and not request.scope.get("rnntui.has_key"):
        key = fields.get("api_key") or request.query_params.get("api_key")
        if not key:
            raise ApiError(400, "Please contact the server operator to get an API key")
        if not is_right_key(str(key), state.api_key):
            raise ApiError(403, "Invalid API key")
    return state, fields


def _joined(parts: Sequence[str], translations: Sequence[Translation], rank: int) -> str:
    """Return a text whose lines are replaced by their translations of a rank, or by the best where there are fewer."""
    texts = list(parts)
    for index, translation in enumerate(translations):
        hypotheses = translation.hypotheses
        texts[2 * index] = hypotheses[rank].text if rank < len(hypotheses) else translation.text
    return "".join(texts)


async def _detected(state: ServerState, text: str, sources: Collection[str]) -> list[dict[str, object]]:
    """Return the languages of a text as `/detect` lists them, the most probable first. Raises `ApiError`.

    Where the text tells nothing, as no detector is served or it is blank, the only one of `sources` is taken, with the
    confidence 0, which LibreTranslate gives to a language that it has not detected.
    """

    def compute() -> list[dict[str, object]]:
        run = detector(state.runs)
        if run is not None:
            with state.detection(run) as lease:
                detected = lease.engine.languages_of(text)
            if detected:
                return detected
        if len(sources) == 1:
            return [{"confidence": 0.0, "language": next(iter(sources))}]
        if run is not None:
            raise ApiError(400, "The text is blank")
        message = "Language detection needs a classifier whose labels are language codes, and none is served"
        raise ApiError(501, f"{message}; name the source: {', '.join(sorted(sources))}" if sources else message)

    return await asyncio.to_thread(compute)
