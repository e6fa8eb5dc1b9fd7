"""Errors of the HTTP interface, in the form of the OpenAI API."""

from __future__ import annotations


class ApiError(Exception):
    """An error that is sent to the client.

    Args:
        status: the HTTP status code.
        message: a sentence for people.
        param: the field of the request that is wrong, if one is.
        code: what programs tell errors apart by.
    """

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code

    @property
    def type(self) -> str:
        """OpenAI's class of the error."""
        if self.status == 429:
            return "requests"
        return "server_error" if self.status >= 500 else "invalid_request_error"

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the response."""
        if self.status == 401:
            return {"WWW-Authenticate": "Bearer"}
        return {"Retry-After": "1"} if self.status in (429, 503) else {}

    def to_json(self) -> dict[str, object]:
        """Return the body of an OpenAI response."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


def queue_is_full() -> ApiError:
    """Return the error of a request that finds the queue full."""
    return ApiError(429, "The queue of this model is full. Please try again in a moment.", code="rate_limit_exceeded")


def server_is_stopping() -> ApiError:
    """Return the error of a request that the end of the server cuts off, or that comes after it."""
    return ApiError(503, "The server is shutting down.", code="server_shutting_down")


def unexpected_failure(error: BaseException) -> ApiError:
    """Return the error of a request that failed by a fault of the server, or for lack of memory."""
    return ApiError(500, f"The server had an error: {type(error).__name__}: {error}", code="internal_error")
