"""ONNX models of a single operator, encoded as protocol buffers without the package onnx.

Field numbers are those of `onnx.proto3` (ONNX 1.16, IR version 9).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_IR_VERSION = 9
_OPSET_VERSION = 19
_ELEMENT_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6}  # TensorProto.DataType
_INT = 2  # AttributeProto.AttributeType


@dataclass(frozen=True)
class Node:
    """An operator with the names of its inputs; its output is named `y`."""

    operator: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, int] = field(default_factory=dict)
    domain: str = ""


def encode_model(node: Node, constants: Mapping[str, NDArray[Any]], types: tuple[Any, Any]) -> bytes:
    """Return a model with one node, which maps a matrix named `x` to a matrix `y`; `types` are those of x and y."""
    encoded_node = b"".join(
        [
            *(_text(1, name) for name in node.inputs),
            _text(2, "y"),
            _text(4, node.operator),
            *(
                _bytes(5, _text(1, name) + _integer(3, value) + _integer(20, _INT))
                for name, value in node.attributes.items()
            ),
            _text(7, node.domain),
        ]
    )
    graph = b"".join(
        [
            _bytes(1, encoded_node),
            _text(2, "product"),
            *(_bytes(5, _tensor(name, array)) for name, array in constants.items()),
            _bytes(11, _matrix_info("x", types[0])),
            _bytes(12, _matrix_info("y", types[1])),
        ]
    )
    opsets = [
        _text(1, domain) + _integer(2, version) for domain, version in (("", _OPSET_VERSION), ("com.microsoft", 1))
    ]
    return _integer(1, _IR_VERSION) + _bytes(7, graph) + b"".join(_bytes(8, opset) for opset in opsets)


def _tensor(name: str, array: NDArray[Any]) -> bytes:
    """A `TensorProto`; raw data is little-endian."""
    little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
    dimensions = b"".join(_integer(1, size) for size in array.shape)
    return (
        dimensions + _integer(2, _ELEMENT_TYPES[array.dtype.name]) + _text(8, name) + _bytes(9, little_endian.tobytes())
    )


def _matrix_info(name: str, dtype: Any) -> bytes:
    """A `ValueInfoProto` of a matrix of any size."""
    shape = b"".join(_bytes(1, _text(2, f"{name}{axis}")) for axis in range(2))
    tensor = _integer(1, _ELEMENT_TYPES[np.dtype(dtype).name]) + _bytes(2, shape)
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    """Seven bits to a byte, the lowest first; all bytes but the last have the eighth bit set."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
