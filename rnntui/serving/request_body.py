"""Reading of a request's body: limited in size, as JSON or as a form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from rnntui.atomic_files import parse_json
from rnntui.serving.api_errors import ApiError

if TYPE_CHECKING:
    from starlette.requests import Request

_DISCARDED_BODIES = 16  # times the longest body that is allowed


async def read_body(request: Request, max_kilobytes: int) -> bytes:
    """Return the body. Raises `ApiError` of status 413 if it is too long.

    Too long a body is read on and thrown away, up to a limit: most clients send all of it before they read the answer,
    and would see a broken connection in place of the status.
    """
    too_long = ApiError(413, f"The body of the request is longer than {max_kilobytes} KB.", code="request_too_large")
    limit = 1024 * max_kilobytes
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > _DISCARDED_BODIES * limit:
        raise too_long
    body, length = bytearray(), 0
    async for part in request.stream():
        length += len(part)
        if length <= limit:
            body += part
        elif length > _DISCARDED_BODIES * limit:
            raise too_long
    if length > limit:
        raise too_long
    return bytes(body)


def _parsed(body: bytes) -> Any:
    """Return a JSON value. Raises `ValueError`, too, for a lone surrogate, which no response could repeat."""
    values = parse_json(body)
    json.dumps(values, ensure_ascii=False).encode()
    return values


async def read_json(request: Request, max_kilobytes: int) -> object:
    """Return the JSON value in the body. Raises `ApiError`."""
    body = await read_body(request, max_kilobytes)
    try:
        return _parsed(body)
    except ValueError as error:
        message = f"We could not parse the JSON body of your request: {error}."
        raise ApiError(400, message, code="invalid_json") from error


async def read_fields(request: Request, max_kilobytes: int) -> dict[str, object]:
    """Return the fields of a body that is a JSON object or a form, whatever its content type says.

    Clients post forms with a content type and without one, and JSON with that of a form.
    """
    body = await read_body(request, max_kilobytes)
    if not body.strip():
        return {}
    if body.lstrip()[:1] == b"{":
        try:
            values = _parsed(body)
        except ValueError as error:
            raise ApiError(400, f"Invalid JSON format: {error}") from error
        return dict(values)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise ApiError(400, f"Invalid request: neither a JSON object nor a form: {error}") from error
    return dict(pairs)
