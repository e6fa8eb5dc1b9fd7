"""Reading of the fields of a request, with the errors of the OpenAI API for those that are wrong."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rnntui.serving.api_errors import ApiError
from rnntui.settings import shown_value

_TYPE_NAMES = {
    bool: "a boolean", int: "an integer", float: "a decimal", str: "a string", list: "an array", dict: "an object",
    type(None): "null",
}  # fmt: skip


class JsonFields:
    """The fields of a JSON object. A field that is null counts as absent, as in the API.

    Args:
        values: the object.
        path: where it is in the request, with a dot at the end; empty for the request itself.
    """

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self._values = {name: value for name, value in values.items() if value is not None}
        self._path = path

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(self, name: str) -> Any:
        """Return a field as it is; None if it is absent."""
        return self._values.get(name)

    def refuse_others(self, known: Collection[str]) -> None:
        """Raise `ApiError` for a field that is not in `known`."""
        unknown = next((name for name in self._values if name not in known), None)
        if unknown is not None:
            raise ApiError(400, f"Unrecognized request argument supplied: {self._path}{unknown[:80]}")

    def require(self, name: str) -> Any:
        """Return a field that must be there."""
        if name not in self._values:
            parameter = f"{self._path}{name}"
            raise ApiError(
                400, f"Missing required parameter: '{parameter}'.", parameter, code="missing_required_parameter"
            )
        return self._values[name]

    def text(self, name: str, default: str = "") -> str:
        """Return a string."""
        return str(self._typed(name, str, default))

    def boolean(self, name: str) -> bool:
        """Return a boolean, false if absent."""
        return bool(self._typed(name, bool, False))

    def integer(self, name: str, default: int, low: int | None = None, high: int | None = None) -> int:
        """Return an integer within bounds."""
        value = int(self._typed(name, int, default))
        self._check_bounds(name, value, low, high, "integer")
        return value

    def number(self, name: str, default: float, low: float | None = None, high: float | None = None) -> float:
        """Return a number within bounds; an integer is one."""
        number = self._typed(name, float, default)
        try:
            value = float(number)
        except OverflowError:  # of an integer of hundreds of digits
            value = math.inf
        if not math.isfinite(value):
            raise self.invalid(name, "must be a finite number")
        self._check_bounds(name, value, low, high, "decimal")
        return value

    def invalid(self, name: str, problem: str, code: str = "invalid_value") -> ApiError:
        """Return the error of a field whose value is wrong."""
        return ApiError(400, f"Invalid '{self._path}{name}': {problem}.", f"{self._path}{name}", code)

    def wrong_type(self, name: str, expected: str) -> ApiError:
        """Return the error of a field whose type is wrong."""
        kind = _TYPE_NAMES.get(type(self._values.get(name)), "something else")
        return ApiError(
            400, f"Invalid type for '{self._path}{name}': expected {expected}, but got {kind} instead.",
            f"{self._path}{name}", "invalid_type",
        )  # fmt: skip

    def objects(self, name: str) -> Sequence[JsonFields]:
        """Return the fields of the objects in an array that must be there."""
        values = self.require(name)
        if not isinstance(values, list):
            raise self.wrong_type(name, "an array of objects")
        fields = []
        for index, value in enumerate(values):
            path = f"{self._path}{name}[{index}]"
            if not isinstance(value, dict):
                raise JsonFields({path: value}).wrong_type(path, "an object")
            fields.append(JsonFields(value, f"{path}."))
        return fields

    def _typed(self, name: str, kind: type, default: object) -> Any:
        value = self._values.get(name, default)
        allowed: tuple[type, ...] = (int, float) if kind is float else (kind,)
        # JSON's true is no number, though Python says so.
        if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
            raise self.wrong_type(name, _TYPE_NAMES[kind])
        return value

    def _check_bounds(self, name: str, value: float, low: float | None, high: float | None, kind: str) -> None:
        if low is not None and value < low:
            problem = f"{kind} below minimum value. Expected a value >= {low}, but got {shown_value(value)} instead"
            raise self.invalid(name, problem, f"{kind}_below_min_value")
        if high is not None and value > high:
            problem = f"{kind} above maximum value. Expected a value <= {high}, but got {shown_value(value)} instead"
            raise self.invalid(name, problem, f"{kind}_above_max_value")
